"""The answers to: what has a person to do, and what is open of a household?"""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select, tuple_

from chassis.paging import below, key_of, token_of
from services.notifier.views.assignments import (
    ASSIGNMENTS,
    OPEN,
    TO_FINISH,
    TO_TAKE,
    assignment_of,
    has,
)
from tuopin.notifier.v1.assignment_pb2 import AssignmentPage, AssignmentStatus

DIGEST_PAGE = 10


def open_ids(
    connection: Connection,
    *,
    cadre_id: str = "",
    household_id: str = "",
    subject: str = "",
    region_id: str = "",
    kinds: Sequence[str] = (),
) -> list[str]:
    """What is open or scheduled of a cadre, a household or a subject."""
    wanted = select(ASSIGNMENTS.c.assignment_id).where(
        ASSIGNMENTS.c.status.in_((*OPEN, AssignmentStatus.ASSIGNMENT_STATUS_SCHEDULED))
    )
    if cadre_id:
        wanted = wanted.where(has(cadre_id))
    if household_id:
        wanted = wanted.where(ASSIGNMENTS.c.household_id == household_id)
    if subject:
        wanted = wanted.where(ASSIGNMENTS.c.subject == subject)
    if region_id:
        wanted = wanted.where(below(ASSIGNMENTS.c.village_id, region_id))
    if kinds:
        wanted = wanted.where(ASSIGNMENTS.c.kind.in_(kinds))
    return list(connection.scalars(wanted.order_by(ASSIGNMENTS.c.assignment_id)))


def open_counts(connection: Connection, cadre_id: str, before_us: int) -> tuple[int, int, int]:
    """How much a cadre has to take, to finish, and of both what was due before a moment."""
    to_take = to_finish = overdue = 0
    for status, due_at_us in connection.execute(
        select(ASSIGNMENTS.c.status, ASSIGNMENTS.c.due_at_us).where(
            has(cadre_id), ASSIGNMENTS.c.status.in_(OPEN)
        )
    ):
        to_take += status in TO_TAKE
        to_finish += status in TO_FINISH
        overdue += due_at_us < before_us
    return to_take, to_finish, overdue


def digest_page(
    connection: Connection, cadre_id: str, page_size: int, page_token: str, now_us: int
) -> AssignmentPage:
    """What a cadre has to do, the most pressing first, page by page."""
    wanted = select(ASSIGNMENTS).where(has(cadre_id), ASSIGNMENTS.c.status.in_(OPEN))
    total = connection.scalar(wanted.with_only_columns(func.count(), maintain_column_froms=True))
    key = (ASSIGNMENTS.c.due_at_us, ASSIGNMENTS.c.assignment_id)
    after = key_of(page_token, len(key))
    if after:
        wanted = wanted.where(tuple_(*key) > tuple_(int(after[0]), after[1]))
    size = page_size or DIGEST_PAGE
    rows = connection.execute(wanted.order_by(*key).limit(size + 1)).all()
    more = len(rows) > size
    last = rows[size - 1] if more else None
    return AssignmentPage(
        assignments=[assignment_of(row, (), now_us) for row in rows[:size]],
        next_page_token=token_of(str(last.due_at_us), last.assignment_id) if last else "",
        total=total or 0,
    )
