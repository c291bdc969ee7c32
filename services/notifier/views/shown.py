"""The answer to: which messages in a chat no longer say how things are?"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from services.notifier.views.assignments import ASSIGNMENTS
from services.notifier.views.messages import MESSAGES

_BOTH = MESSAGES.join(ASSIGNMENTS, ASSIGNMENTS.c.assignment_id == MESSAGES.c.assignment_id)
_ASSIGNMENT_VERSION = ASSIGNMENTS.c.version.label("assignment_version")


def changed_since(connection: Connection, changed_at_us: int) -> Sequence[Row[str, int, int]]:
    """Messages that stand in a chat and changed, or whose assignment did, with both versions.

    After an uncertain sending a message has no number here and may stand there all the same.
    """
    standing = (
        select(MESSAGES.c.message_id, MESSAGES.c.version, _ASSIGNMENT_VERSION)
        .select_from(_BOTH)
        .where(MESSAGES.c.attempts > 0)
    )
    changed = standing.where(MESSAGES.c.changed_at_us >= changed_at_us)
    moved = standing.where(ASSIGNMENTS.c.changed_at_us >= changed_at_us)
    return connection.execute(changed.union(moved)).all()


def standing(connection: Connection, message_ids: Sequence[str]) -> list[tuple[Row[Any], Row[Any]]]:
    """These messages, each with its assignment at the same moment."""
    messages = connection.execute(
        select(MESSAGES).where(MESSAGES.c.message_id.in_(message_ids))
    ).all()
    wanted = {row.assignment_id for row in messages}
    assignments = {
        row.assignment_id: row
        for row in connection.execute(
            select(ASSIGNMENTS).where(ASSIGNMENTS.c.assignment_id.in_(sorted(wanted)))
        )
    }
    return [
        (row, assignments[row.assignment_id])
        for row in messages
        if row.assignment_id in assignments
    ]
