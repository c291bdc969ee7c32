"""The watch as rows, and the clocks that events set."""

from random import Random
from typing import Any

import pytest
from google.protobuf.message import Message
from sqlalchemy import create_engine, insert

from chassis.rejection import Rejected
from services.registry.views.clocks import MONITORING as MONITORING_CLOCK
from services.registry.views.clocks import SUPPORT, after_us
from services.registry.views.monitoring import MONITORING, get_monitoring, list_monitoring
from services.registry.views.monitoring import VIEW as WATCH
from services.registry.views.residents import DEPARTED, RESIDENTS, villages_of
from services.registry.views.residents import VIEW as CADRES
from tests.registry.leaving import EXITED
from tests.registry.stories import HOUSEHOLD_ID, VILLAGE
from tests.registry.watching import (
    CHECKED,
    REVIEWED,
    SHOWN,
    STEADY,
    WARNED,
    WARNING,
    WATCHED,
    WHERE,
)
from tests.services.feeds import Log, rows_of
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import exit_pb2 as exits
from tuopin.registry.v1 import monitoring_pb2 as pb
from tuopin.registry.v1.rezoning_pb2 import HouseholdRezoned
from tuopin.training.v1 import cadre_pb2 as cadre

STREAM = f"household-{HOUSEHOLD_ID}"
CLEARED = (*WATCHED, *STEADY, pb.MonitoringCleared(**WARNING))
RAN_OUT = pb.MonitoringClockRanOut(**WARNING, step=pb.MONITORING_STEP_VISIT)


def log_of(story: tuple[Message, ...]) -> Log:
    log = Log()
    for event in story:
        log.append("household", STREAM, event)
    return log


@pytest.mark.parametrize(
    ("story", "stage", "due_on", "overdue"),
    [
        (WARNED, pb.MONITORING_STAGE_WARNED, "2020-05-04", False),
        ((*WARNED, RAN_OUT), pb.MONITORING_STAGE_WARNED, "2020-05-04", True),
        ((*WARNED, RAN_OUT, *CHECKED[-2:]), pb.MONITORING_STAGE_CHECKED, "2020-05-12", False),
        (SHOWN, pb.MONITORING_STAGE_POSTED, "2020-05-23", False),
        (REVIEWED, pb.MONITORING_STAGE_TOWNSHIP_REVIEWED, "2020-05-25", False),
        (WATCHED, pb.MONITORING_STAGE_MONITORED, "", False),
        (CLEARED, pb.MONITORING_STAGE_CLEARED, "", False),
        ((*WARNED, pb.WarningDismissed(**WARNING)), pb.MONITORING_STAGE_DISMISSED, "", False),
    ],
)
def test_a_row_says_how_far_a_household_is_and_who_is_late(
    story: tuple[Message, ...], stage: int, due_on: str, overdue: bool
) -> None:
    (row,) = rows_of(WATCH, log_of(story))["monitoring"]
    assert (row["stage"], row["due_on"], row["overdue"]) == (stage, due_on, overdue)


def test_the_row_carries_measures_and_the_last_income() -> None:
    (row,) = rows_of(WATCH, log_of(CLEARED))["monitoring"]
    assert row["measures"] == '["public-work-post"]'
    assert (row["income_per_head_fen"], row["monitoring_line_fen"]) == (650_000, 600_000)


def test_any_interleaving_gives_the_same_rows() -> None:
    log = log_of(CLEARED)
    for n in range(4):
        event = pb.WarningRaised(household_id=f"h-{n}", warning_id="w", village_id=VILLAGE)
        log.append("household", f"household-h-{n}", event)
    expected = rows_of(WATCH, log)
    assert all(rows_of(WATCH, log, Random(seed)) == expected for seed in range(5))


def test_the_list_can_be_asked_for_those_who_are_late() -> None:
    log = log_of((*WARNED, RAN_OUT))
    log.append("household", "household-h-2", pb.WarningRaised(household_id="h-2", village_id="51"))
    engine = create_engine("sqlite://")
    MONITORING.create(engine)
    with engine.begin() as connection:
        for row in rows_of(WATCH, log)["monitoring"]:
            connection.execute(insert(MONITORING).values(row))
        late = list_monitoring(connection, pb.ListMonitoring(overdue=True))
        assert [row.household_id for row in late.households] == [HOUSEHOLD_ID]
        here = list_monitoring(connection, pb.ListMonitoring(region_id="51"))
        assert [row.household_id for row in here.households] == ["h-2"]
        stage = pb.ListMonitoring(stage=pb.MONITORING_STAGE_CLEARED)
        assert not list_monitoring(connection, stage).households


def test_a_watched_household_is_listed_where_its_village_is_now_and_no_other_is() -> None:
    log = log_of(WARNED)
    log.append("household", STREAM, HouseholdRezoned(household_id=HOUSEHOLD_ID, village_id="51"))
    unwarned = HouseholdRezoned(household_id="h-2", village_id="51")
    log.append("household", "household-h-2", unwarned)
    engine = create_engine("sqlite://")
    MONITORING.create(engine)
    with engine.begin() as connection:
        for row in rows_of(WATCH, log)["monitoring"]:
            connection.execute(insert(MONITORING).values(row))
        here = list_monitoring(connection, pb.ListMonitoring(region_id="51"))
        assert [row.household_id for row in here.households] == [HOUSEHOLD_ID]
        with pytest.raises(Rejected, match="household-never-warned-of"):
            get_monitoring(connection, "h-2")


# Clocks


class Clocks:
    """What a projection of deadlines sets and clears."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, str], tuple[int, Message]] = {}

    def set(self, name: str, key: str, due_at_us: int, command: Message) -> None:
        self.open[name, key] = (due_at_us, command)

    def clear(self, name: str, key: str) -> None:
        self.open.pop((name, key), None)


def clocks_of(view: Any, story: tuple[Message, ...]) -> list[tuple[int, Message]]:
    clocks = Clocks()
    for event in story:
        if isinstance(event, view.events):
            view.project(clocks, Envelope(), event)
    return list(clocks.open.values())


@pytest.mark.parametrize(
    ("story", "step", "due_on"),
    [
        (WARNED, pb.MONITORING_STEP_VISIT, "2020-05-04"),
        (CHECKED, pb.MONITORING_STEP_APPRAISAL, "2020-05-12"),
        (SHOWN, pb.MONITORING_STEP_TOWNSHIP, "2020-05-23"),
        (REVIEWED, pb.MONITORING_STEP_COUNTY, "2020-05-25"),
    ],
)
def test_each_step_sets_the_clock_of_the_next(
    story: tuple[Message, ...], step: pb.MonitoringStep.ValueType, due_on: str
) -> None:
    ((due_at_us, command),) = clocks_of(MONITORING_CLOCK, story)
    assert due_at_us == after_us(due_on)
    assert command == pb.RunOutMonitoringClock(
        household_id=HOUSEHOLD_ID, warning_id=WARNING["warning_id"], step=step, due_on=due_on
    )


def test_the_end_of_the_path_clears_the_clock() -> None:
    assert clocks_of(MONITORING_CLOCK, WATCHED) == []


def test_a_clock_that_was_moved_runs_on() -> None:
    moved = pb.MonitoringClockMoved(**WARNING, step=4, due_on="2020-05-29")
    ((due_at_us, _),) = clocks_of(MONITORING_CLOCK, (*SHOWN, moved))
    assert due_at_us == after_us("2020-05-29")


def test_support_has_a_clock_until_the_household_is_back() -> None:
    ((due_at_us, command),) = clocks_of(SUPPORT, EXITED)
    assert due_at_us == after_us("2020-03-28")
    assert command == exits.EndSupport(household_id=HOUSEHOLD_ID, support_until="2020-03-28")
    assert clocks_of(SUPPORT, (*EXITED, exits.HouseholdReinstated(**WHERE))) == []


# Who is resident where


def villages(*events: Message) -> frozenset[str]:
    log = Log()
    for event in events:
        log.append("cadre", "cadre-c-1", event)
    engine = create_engine("sqlite://")
    RESIDENTS.metadata.create_all(engine)
    with engine.begin() as connection:
        rows = rows_of(CADRES, log)
        for table in (RESIDENTS, DEPARTED):
            for row in rows[table.name]:
                connection.execute(insert(table).values(row))
        return villages_of(connection, "c-1")


def posted(post: cadre.Post.ValueType) -> cadre.CadrePosted:
    return cadre.CadrePosted(cadre_id="c-1", region_id=VILLAGE, post=post)


@pytest.mark.parametrize("post", [cadre.POST_FIRST_SECRETARY, cadre.POST_RESIDENT_TEAM])
def test_secretary_and_team_are_resident_until_the_post_ends(post: cadre.Post.ValueType) -> None:
    assert villages(posted(post)) == {VILLAGE}
    ended = cadre.PostEnded(cadre_id="c-1", region_id=VILLAGE, post=post)
    assert villages(posted(post), ended) == frozenset()
    assert villages(posted(post), cadre.CadreDeparted(cadre_id="c-1")) == frozenset()


def test_a_helper_is_not_resident() -> None:
    assert villages(posted(cadre.POST_HELPER)) == frozenset()
