"""The burden meter: questions and minutes per cadre and week, for whoever looks."""

from datetime import UTC, datetime

from chassis.alarms import AlarmRunner
from chassis.clock import ManualClock
from chassis.viewstore import ViewStore
from services.notifier.alarming import alarms
from services.notifier.views import assignments, burden, messages
from services.notifier.views.burden import list_burden, week_of
from tests.given import FixedParameters
from tests.notifier import tasks as task
from tests.services.feeds import Log
from tuopin.notifier.v1.assignment_pb2 import AssignmentReminded
from tuopin.notifier.v1.burden_pb2 import BurdenPage, ListBurden
from tuopin.notifier.v1.handling_pb2 import AssignmentReassigned

PARAMETERS = FixedParameters(
    numbers={burden.THRESHOLD: 2},
    tables={"burden": {"minutes": {"first-visit": 60, "other": 30, "reminder": 1}}},
)
TOWNSHIP = task.TOWNSHIP


def stored(*offered: tuple[str, str]) -> tuple[ViewStore, str]:
    """Questions (cadre, kind) of one week, one reminder for the first cadre; the week."""
    log = Log()
    for number, (cadre_id, kind) in enumerate(offered):
        event = task.offered(kind, cadre_id=cadre_id)
        event.assignment_id = f"t-{number}"
        log.append("task", f"task-t-{number}", event)
    reminded = AssignmentReminded(assignment_id="t-0", cadre_id=offered[0][0])
    last = log.append("task", "task-t-0", reminded)
    views = ViewStore("sqlite://", [assignments.VIEW, messages.VIEW, burden.VIEW])
    views.create()
    for batches in log.batches(("task",)):
        views.apply(batches)
    return views, week_of(last.recorded_at_us)


def listed(views: ViewStore, week: str, **query: str) -> BurdenPage:
    request = ListBurden(week=week, **query)
    return views.read(lambda connection: list_burden(connection, request, PARAMETERS))


def test_questions_are_counted_and_minutes_follow_from_the_kind() -> None:
    views, week = stored(("c-1", "first-visit"), ("c-1", "measure-check"), ("c-2", "first-visit"))
    first, second = listed(views, week, region_id=TOWNSHIP).rows
    assert (first.cadre_id, first.questions, first.reminders) == ("c-1", 2, 1)
    assert (first.minutes, second.minutes) == (60 + 30 + 1, 60)
    assert not first.over_limit


def test_another_region_or_week_shows_nothing() -> None:
    views, week = stored(("c-1", "first-visit"))
    assert listed(views, week, region_id="51").total == 0
    assert listed(views, "2001-W05", region_id=TOWNSHIP).total == 0
    assert listed(views, week, cadre_id="c-1").total == 1


def test_who_takes_over_from_somebody_else_is_asked_too() -> None:
    log = Log()
    log.append("task", "task-t-0", task.offered(cadre_id="c-1"))
    taken = AssignmentReassigned(
        assignment_id=task.ID,
        cadre_id="c-2",
        previous_cadre_id="c-1",
        kind="first-visit",
        village_id=task.VILLAGE,
    )
    last = log.append("task", "task-t-0", taken)
    views = ViewStore("sqlite://", [assignments.VIEW, messages.VIEW, burden.VIEW])
    views.create()
    for batches in log.batches(("task",)):
        views.apply(batches)
    rows = listed(views, week_of(last.recorded_at_us), region_id=TOWNSHIP).rows
    assert [(row.cadre_id, row.questions, row.minutes) for row in rows] == [
        ("c-1", 1, 60),
        ("c-2", 1, 60),
    ]


async def test_too_much_in_one_week_raises_an_alarm() -> None:
    views, week = stored(*[("c-1", "first-visit")] * 3)

    class Programme:
        number = staticmethod(PARAMETERS.number)

    clock = ManualClock()
    runner = AlarmRunner(views.engine, alarms(Programme(), clock), clock)  # type: ignore[arg-type]
    runner.create()
    (raised,) = await runner.evaluate()
    assert (raised.key, raised.count) == (("c-1", week), 3)
    assert listed(views, week).rows[0].over_limit


def test_a_week_is_the_programmes_own() -> None:
    sunday_evening_utc = datetime(2026, 3, 1, 17, 0, tzinfo=UTC)
    assert week_of(int(sunday_evening_utc.timestamp() * 1e6)) == "2026-W10"
