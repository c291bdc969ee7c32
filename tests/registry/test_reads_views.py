"""Events of access -> rows and deadlines."""

from random import Random
from typing import Any

import pytest
from google.protobuf.message import Message

from services.registry.views import clocks, reads
from services.registry.views.clocks import SKEW_US
from tests.services.feeds import Log, rows_of
from tuopin.access.v1.access_pb2 import PersonalDataRead
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import access_pb2 as pb

GLASS, REGION = "glass-1", "433124"
EXPIRES = 1_600_000_000_000_000
OPENED = pb.BreakGlassOpened(
    break_glass_id=GLASS,
    reader="zhao",
    reason="disaster",
    note="洪水",
    region_id=REGION,
    opened_at_us=EXPIRES - 7_200_000_000,
    expires_at_us=EXPIRES,
)
EXPIRED = pb.BreakGlassExpired(break_glass_id=GLASS, region_id=REGION)
REVIEWED = pb.BreakGlassReviewed(
    break_glass_id=GLASS,
    region_id=REGION,
    finding=pb.BREAK_GLASS_FINDING_JUSTIFIED,
    reviewed_by="li",
)


def read(read_id: str, **changes: Any) -> PersonalDataRead:
    fields: dict[str, Any] = {
        "read_id": read_id,
        "reader": "zhao",
        "purpose": "case-work",
        "method": "tuopin.registry.v1.RegistryService.GetHousehold",
        "subject_ids": ["p-1", "h-1"],
        "fields": ["name"],
        "region_id": REGION,
    }
    return PersonalDataRead(**{**fields, **changes})


def story() -> Log:
    """Reads of three services, two of them beneath a break-glass access."""
    log = Log()
    log.append("access", f"breakglass-{GLASS}", OPENED)
    for number in range(4):
        broken = GLASS if number % 2 else ""
        event = read(f"r-{number}", break_glass_id=broken)
        log.append("access", f"access-r-{number}", event)
    log.append("cadre", "access-r-8", read("r-8", subject_ids=["cadre-1"], reader="li"))
    log.append("complaint", "access-r-9", read("r-9", subject_ids=["complaint-1"]))
    log.append("access", f"breakglass-{GLASS}", EXPIRED)
    log.append("access", f"breakglass-{GLASS}", REVIEWED)
    return log


def test_a_read_is_a_row_and_a_row_for_each_of_its_people() -> None:
    rows = rows_of(reads.VIEW, story())
    assert [row["read_id"] for row in rows["reads"]] == ["r-0", "r-1", "r-2", "r-3", "r-8", "r-9"]
    first = rows["reads"][0]
    assert (first["reader"], first["method"], first["subjects"]) == ("zhao", "GetHousehold", 2)
    assert first["read_at"].startswith("1970-01-01T08:00:00")
    of_person = [row["read_id"] for row in rows["read_subjects"] if row["subject_id"] == "p-1"]
    assert of_person == ["r-0", "r-1", "r-2", "r-3"]
    assert {row["subject_id"] for row in rows["read_subjects"]} == {
        "p-1",
        "h-1",
        "cadre-1",
        "complaint-1",
    }


def test_a_break_glass_access_counts_what_it_opened() -> None:
    (glass,) = rows_of(reads.VIEW, story())["break_glasses"]
    assert (glass["reads"], glass["open"], glass["finding"]) == (2, False, 1)
    assert (glass["reader"], glass["reviewed_by"]) == ("zhao", "li")
    assert glass["note"] != OPENED.note


@pytest.mark.parametrize("seed", range(4))
def test_any_interleaving_of_lanes_gives_the_same_rows(seed: int) -> None:
    assert rows_of(reads.VIEW, story(), Random(seed)) == rows_of(reads.VIEW, story())


class Clocks:
    """What the projection of deadlines leaves."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], tuple[int, Message]] = {}

    def set(self, name: str, key: str, due_at_us: int, command: Message) -> None:
        self.rows[name, key] = (due_at_us, command)

    def clear(self, name: str, key: str) -> None:
        self.rows.pop((name, key), None)


def clocks_after(*events: pb.BreakGlassOpened | pb.BreakGlassReviewed) -> list[Any]:
    left = Clocks()
    for event in events:
        clocks.project_break_glass(left, Envelope(), event)
    return list(left.rows.values())


def test_its_end_is_a_deadline_unless_it_was_reviewed_before() -> None:
    due = (EXPIRES + SKEW_US, pb.ExpireBreakGlass(break_glass_id=GLASS))
    assert clocks_after(OPENED) == [due]
    assert clocks_after(OPENED, REVIEWED) == []
