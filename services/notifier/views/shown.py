"""The answer to: which messages in a chat no longer say how things are."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from services.notifier.views.assignments import ASSIGNMENTS
from services.notifier.views.messages import MESSAGES


def shown_since(connection: Connection, changed_at_us: int) -> Sequence[Row[Any]]:
    """Messages that stand in a chat and changed, or whose assignment did, since then."""
    standing = (
        select(MESSAGES, ASSIGNMENTS.c.version.label("assignment_version"))
        .join(ASSIGNMENTS, ASSIGNMENTS.c.assignment_id == MESSAGES.c.assignment_id)
        .where(MESSAGES.c.provider_message_id > 0)
    )
    changed = standing.where(MESSAGES.c.changed_at_us >= changed_at_us)
    moved = standing.where(ASSIGNMENTS.c.changed_at_us >= changed_at_us)
    return connection.execute(changed.union(moved)).all()
