"""The answer to: what is late below these regions, and who has how much to do there?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, case, func, or_, select

from services.notifier.views.assignments import ASSIGNMENTS, OPEN


@dataclass(frozen=True, slots=True)
class Load:
    """What one cadre has to do; cadre_id "" is what nobody has."""

    cadre_id: str
    open_count: int
    overdue_count: int


def overdue_below(
    connection: Connection, region_ids: Sequence[str], now_us: int, most: int
) -> Sequence[Row[Any]]:
    """What should have been done by now, the oldest first."""
    return connection.execute(
        select(ASSIGNMENTS)
        .where(_below(region_ids), ASSIGNMENTS.c.status.in_(OPEN), ASSIGNMENTS.c.due_at_us < now_us)
        .order_by(ASSIGNMENTS.c.due_at_us, ASSIGNMENTS.c.assignment_id)
        .limit(most)
    ).all()


def team_of(connection: Connection, region_ids: Sequence[str], now_us: int) -> list[Load]:
    """Everybody who has something to do there, who is behind the most first."""
    late = func.sum(case((ASSIGNMENTS.c.due_at_us < now_us, 1), else_=0)).label("late")
    rows = connection.execute(
        select(ASSIGNMENTS.c.cadre_id, func.count().label("count"), late)
        .where(_below(region_ids), ASSIGNMENTS.c.status.in_(OPEN))
        .group_by(ASSIGNMENTS.c.cadre_id)
        .order_by(late.desc(), func.count().desc(), ASSIGNMENTS.c.cadre_id)
    )
    return [Load(cadre_id or "", count, overdue) for cadre_id, count, overdue in rows]


def _below(region_ids: Sequence[str]) -> Any:
    return or_(*(ASSIGNMENTS.c.village_id.startswith(each) for each in region_ids))
