"""The answer to: can this cadre be reached in a chat?"""

from collections.abc import Iterable

from sqlalchemy import Connection

from services.notifier.views.links import link_row
from services.notifier.views.messages import unreachable_since
from tuopin.notifier.v1.link_pb2 import Link


def get_link(connection: Connection, cadre_id: str) -> Link:
    """Whether the cadre has a chat, and whether the latest attempt to reach it failed for good."""
    row = link_row(connection, cadre_id)
    linked = row is not None and bool(row.chat_id)
    failed_at_us = unreachable_since(connection, cadre_id)
    since_us = row.linked_at_us if row is not None and linked else 0
    return Link(cadre_id=cadre_id, linked=linked, unreachable=failed_at_us > since_us)


def unreachable_of(connection: Connection, cadre_ids: Iterable[str]) -> frozenset[str]:
    """Which of these have no chat, or a chat that turned the latest message away."""
    return frozenset(
        cadre_id
        for cadre_id in cadre_ids
        if not (link := get_link(connection, cadre_id)).linked or link.unreachable
    )
