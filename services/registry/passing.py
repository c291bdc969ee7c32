"""Waiting until the views have read all that was known at a moment: then its answer is final."""

from collections.abc import Sequence

from chassis.rejection import require
from chassis.viewstore import OWN_WRITE_S
from services.wiring import ServeParts
from tuopin.types.v1.types_pb2 import Position


async def lanes_passed(
    parts: ServeParts,
    known_at_us: int,
    views: Sequence[str],
    topic: str,
    partition: int | None = None,
) -> None:
    """Rejects a moment that has not come; ViewBehind when the views do not get there in time."""
    now_us = parts.clock.now_us()
    require(known_at_us <= now_us, "known-at-in-the-future", field="known_at_us")
    for head in await parts.store.heads(topic):
        if partition is None or head.partition == partition:
            position = Position(topic=topic, partition=head.partition, position=head.position)
            await parts.views.wait_for(views, position, OWN_WRITE_S)
