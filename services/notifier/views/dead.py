"""The answer to: which messages were given up, and why?"""

from typing import Any

from sqlalchemy import Connection, Row, func, select

from chassis.paging import below, page
from services.notifier.views.messages import MESSAGES
from tuopin.notifier.v1.resending_pb2 import DeadMessage, DeadMessagePage, ListDeadMessages

GIVEN_UP = ("failed", "unreachable")


def list_dead(connection: Connection, query: ListDeadMessages) -> DeadMessagePage:
    """Given up below a region, and not replaced by something newer."""
    wanted = select(MESSAGES).where(
        below(MESSAGES.c.village_id, query.region_id),
        MESSAGES.c.state.in_(GIVEN_UP),
        MESSAGES.c.superseded == 0,
    )
    key = (MESSAGES.c.village_id, MESSAGES.c.message_id)
    found = page(connection, wanted, key, query.page_size, query.page_token)
    return DeadMessagePage(
        messages=[_dead(row) for row in found.rows],
        next_page_token=found.next_page_token,
        total=found.total,
    )


def dead_counts(connection: Connection) -> dict[str, int]:
    """How many were given up, by how, and not replaced by something newer."""
    given_up = (
        select(MESSAGES.c.state, func.count())
        .where(MESSAGES.c.state.in_(GIVEN_UP), MESSAGES.c.superseded == 0)
        .group_by(MESSAGES.c.state)
    )
    return {row[0]: row[1] for row in connection.execute(given_up)}


def _dead(row: Row[Any]) -> DeadMessage:
    return DeadMessage(
        message_id=row.message_id,
        reference=row.reference,
        assignment_id=row.assignment_id,
        cadre_id=row.cadre_id,
        template=row.template,
        state=row.state,
        attempts=row.attempts,
        reason=row.reason,
        failed_at_us=row.changed_at_us,
        channel=row.channel or "",
        village_id=row.village_id,
    )
