"""Events of postings and rounds -> deadlines and rows."""

from typing import Any

from google.protobuf.message import Message

from services.registry.decider.round import round_id_of
from services.registry.views import deadlines, postings, rounds
from services.registry.views.deadlines import SKEW_US
from tests.registry import applying as a
from tests.registry.stories import VILLAGE
from tests.services.memory_rows import MemoryRows
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import file_pb2, identification_pb2, lookback_pb2, round_pb2
from tuopin.registry.v1 import posting_pb2 as pb
from tuopin.registry.v1.rezoning_pb2 import HouseholdRezoned

OPENED = a.opened()
RAISED = a.objection_raised()
CLOSES = OPENED.closes_at_us


def dismissed(closes_at_us: int) -> pb.ObjectionDismissed:
    return pb.ObjectionDismissed(
        household_id=OPENED.household_id, posting_id=a.POSTING_ID, closes_at_us=closes_at_us
    )


class Clocks:
    """What a deadline projection leaves."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], tuple[int, Message]] = {}

    def set(self, name: str, key: str, due_at_us: int, command: Message) -> None:
        self.rows[name, key] = (due_at_us, command)

    def clear(self, name: str, key: str) -> None:
        self.rows.pop((name, key), None)


def clocks_after(*events: Any) -> dict[tuple[str, str], tuple[int, Message]]:
    clocks = Clocks()
    for event in events:
        deadlines.project(clocks, Envelope(), event)
    return clocks.rows


def due(at_us: int) -> dict[tuple[str, str], tuple[int, Message]]:
    return {("close-posting", a.POSTING_ID): (at_us + SKEW_US, a.close_posting(at_us))}


def test_a_posting_sets_its_clock() -> None:
    assert clocks_after(OPENED) == due(CLOSES)


def test_an_objection_stops_it() -> None:
    assert clocks_after(OPENED, RAISED) == {}
    assert clocks_after(OPENED, RAISED, RAISED, dismissed(0)) == {}


def test_the_last_dismissal_starts_it_again() -> None:
    assert clocks_after(OPENED, RAISED, dismissed(CLOSES + 5)) == due(CLOSES + 5)


def test_an_upheld_objection_ends_it() -> None:
    upheld = pb.ObjectionUpheld(posting_id=a.POSTING_ID)
    assert clocks_after(OPENED, RAISED, upheld) == {}


def test_a_notice_tells_its_clock_and_its_objections() -> None:
    rows = MemoryRows()
    for event in (OPENED, RAISED, RAISED, dismissed(0), dismissed(CLOSES + 5)):
        postings.project(rows, Envelope(), event)
    row = rows.tables["postings"][(a.POSTING_ID,)]
    assert (row["open_objections"], row["closes_at_us"], row["over"]) == (0, CLOSES + 5, False)
    postings.project(rows, Envelope(), a.closed(OPENED))
    assert rows.tables["postings"][(a.POSTING_ID,)]["over"] is True


def test_a_notice_holds_nothing_personal() -> None:
    assert set(postings.POSTINGS.columns.keys()) == {
        "posting_id", "village_id", "household_number", "purpose", "main_cause", "opened_at_us",
        "closes_at_us", "open_objections", "over",
    }  # fmt: skip


def test_a_round_counts_what_names_it_and_what_falls_into_its_year() -> None:
    round_id = round_id_of("433124", 2020)
    rows = MemoryRows()
    for event in (
        round_pb2.RemovalProposed(village_id=VILLAGE, effective_on="2020-05-01"),
        round_pb2.RoundOpened(round_id=round_id, county_id="433124", year=2020),
        round_pb2.HouseholdRemoved(round_id=round_id, member_count=4),
        identification_pb2.HouseholdSupplemented(round_id=round_id, member_count=3),
        lookback_pb2.SupplementProposed(village_id=VILLAGE, effective_on="2020-06-01"),
        lookback_pb2.SupplementProposed(village_id=VILLAGE, effective_on="2021-06-01"),
        file_pb2.MemberJoined(village_id=VILLAGE, effective_on="2020-07-01"),
        file_pb2.MemberLeft(village_id=VILLAGE, effective_on="2020-07-01"),
        file_pb2.MemberLeft(village_id=VILLAGE, effective_on="2020-12-31"),
        file_pb2.MemberJoined(
            village_id=VILLAGE, effective_on="2020-07-01", from_household_id="other"
        ),
    ):
        rounds.project(rows, Envelope(), event)
    row = rows.tables["rounds"][(round_id,)]
    assert {name: row[name] for name in rounds.COUNTED if row.get(name)} == {
        "removals_proposed": 1,
        "households_removed": 1,
        "people_removed": 4,
        "households_supplemented": 1,
        "people_supplemented": 3,
        "supplements_proposed": 1,
        "people_joined": 1,
        "people_left": 2,
    }


def test_a_notice_hangs_in_what_its_village_has_become() -> None:
    rows = MemoryRows()
    hanging = HouseholdRezoned(
        household_id=OPENED.household_id, village_id="433124110301", posting_id=a.POSTING_ID
    )
    for event in (OPENED, hanging, HouseholdRezoned(household_id="other", village_id=VILLAGE)):
        postings.project(rows, Envelope(), event)
    (row,) = rows.tables[postings.POSTINGS.name].values()
    assert row["village_id"] == "433124110301"
