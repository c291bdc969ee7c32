"""The answer to: how much was asked of a cadre in a week? Counted as rows per cadre and ISO week,
in the view's own transaction; the minutes follow from the programme's table when somebody looks.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Column, Connection, Index, Integer, MetaData, String, Table, func, select

from chassis.decider import PROGRAMME_ZONE, Parameters
from chassis.paging import below, page
from chassis.times import moment
from chassis.views import Rows, View
from services.notifier.views.assignments import ASSIGNMENTS
from services.notifier.views.messages import MESSAGES
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.assignment_pb2 import (
    AssignmentEscalated,
    AssignmentFound,
    AssignmentOffered,
    AssignmentReminded,
)
from tuopin.notifier.v1.burden_pb2 import Burden, BurdenPage, ListBurden
from tuopin.notifier.v1.handling_pb2 import AssignmentReassigned

METADATA = MetaData()

WEEKS = Table(
    "burden_weeks",
    METADATA,
    Column("cadre_id", String(60), primary_key=True),
    # ISO week in the programme's zone: 2026-W09.
    Column("week", String(8), primary_key=True),
    Column("questions", Integer, server_default="0"),
    Column("reminders", Integer, server_default="0"),
    Index("burden_weeks_by_week", "week", "cadre_id"),
)

KINDS = Table(
    "burden_kinds",
    METADATA,
    Column("cadre_id", String(60), primary_key=True),
    Column("week", String(8), primary_key=True),
    Column("kind", String(60), primary_key=True),
    Column("village_id", String(12), primary_key=True),
    Column("questions", Integer, server_default="0"),
    Index("burden_kinds_by_village", "week", "village_id"),
)

THRESHOLD = "questions-a-week-alarm-count"
OTHER, REMINDER = "other", "reminder"

Event = AssignmentOffered | AssignmentReassigned | AssignmentEscalated | AssignmentReminded


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """Who gets an assignment is asked something, whoever had it before."""
    if not event.cadre_id:
        return
    week = week_of(envelope.recorded_at_us)
    key = (event.cadre_id, week)
    if isinstance(event, AssignmentReminded):
        rows.add(WEEKS, key, reminders=1)
        return
    rows.add(WEEKS, key, questions=1)
    rows.add(KINDS, (*key, event.kind, event.village_id), questions=1)


VIEW = View(
    name="burden",
    tables=(WEEKS, KINDS),
    topics=("task",),
    project=project,
    events=(AssignmentOffered, AssignmentReassigned, AssignmentEscalated, AssignmentReminded),
)


def week_of(at_us: int) -> str:
    """The ISO week of a moment in the programme's zone."""
    year, week, _ = moment(at_us).astimezone(PROGRAMME_ZONE).isocalendar()
    return f"{year}-W{week:02}"


def burden_of(
    connection: Connection, cadre_ids: Sequence[str], week: str, parameters: Parameters
) -> list[Burden]:
    """Questions and minutes of these cadres in a week, in their order; zeros where nothing was."""
    minutes: Mapping[str, int] = parameters.table("burden")["minutes"]
    most = parameters.number(THRESHOLD, on=monday_of(week))
    counted = {
        row.cadre_id: (int(row.questions), int(row.reminders))
        for row in connection.execute(
            select(WEEKS).where(WEEKS.c.cadre_id.in_(cadre_ids), WEEKS.c.week == week)
        )
    }
    spent = dict.fromkeys(cadre_ids, 0)
    for row in connection.execute(
        select(KINDS.c.cadre_id, KINDS.c.kind, func.sum(KINDS.c.questions).label("questions"))
        .where(KINDS.c.cadre_id.in_(cadre_ids), KINDS.c.week == week)
        .group_by(KINDS.c.cadre_id, KINDS.c.kind)
    ):
        spent[row.cadre_id] += int(row.questions) * minutes.get(row.kind, minutes[OTHER])
    found = []
    for cadre_id in cadre_ids:
        questions, reminders = counted.get(cadre_id, (0, 0))
        found.append(
            Burden(
                cadre_id=cadre_id,
                week=week,
                questions=questions,
                reminders=reminders,
                minutes=spent[cadre_id] + reminders * minutes[REMINDER],
                over_limit=questions > most,
            )
        )
    return found


def list_burden(connection: Connection, query: ListBurden, parameters: Parameters) -> BurdenPage:
    """The cadres who were asked something about a region in a week; all that they were asked."""
    there = select(KINDS.c.cadre_id).where(
        KINDS.c.week == query.week, below(KINDS.c.village_id, query.region_id)
    )
    wanted = select(WEEKS).where(WEEKS.c.week == query.week, WEEKS.c.cadre_id.in_(there))
    if query.cadre_id:
        wanted = wanted.where(WEEKS.c.cadre_id == query.cadre_id)
    found = page(connection, wanted, (WEEKS.c.cadre_id,), query.page_size, query.page_token)
    cadre_ids = [row.cadre_id for row in found.rows]
    return BurdenPage(
        rows=burden_of(connection, cadre_ids, query.week, parameters),
        next_page_token=found.next_page_token,
        total=found.total,
    )


def find_assignment(connection: Connection, reference: str) -> AssignmentFound:
    """By id, or by the short reference of a message about it."""
    short = reference.removeprefix("#").upper()
    told = select(MESSAGES.c.assignment_id).where(MESSAGES.c.reference == short)
    row = connection.execute(
        select(ASSIGNMENTS.c.assignment_id, ASSIGNMENTS.c.village_id)
        .where(ASSIGNMENTS.c.assignment_id.in_(told) | (ASSIGNMENTS.c.assignment_id == reference))
        .limit(1)
    ).first()
    if row is None:
        return AssignmentFound()
    return AssignmentFound(assignment_id=row.assignment_id, village_id=row.village_id)


def monday_of(week: str) -> date:
    """First day of an ISO week."""
    year, _, number = week.partition("-W")
    return date.fromisocalendar(int(year), int(number), 1)
