"""Whom a task written by hand reaches: a person, the holders of a post, or every village."""

import asyncio
import gzip
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from chassis.viewstore import ViewStore
from services.notifier.decider.policy import Posted
from services.notifier.views.cadres import posted_below, posts_of, villages_posted
from services.notifier.views.editions import digest_in_force
from tuopin.notifier.v1.order_pb2 import OrderPreview, OrderTarget, OrderTask, PreviewOrder

VILLAGE_DIGITS = 12
SHOWN = 20


class Targets:
    """Resolved when the order is given: who comes to a post later was not meant."""

    def __init__(self, regions: Path, views: ViewStore) -> None:
        self._regions = regions
        self._views = views

    async def of(self, order: OrderTask | PreviewOrder) -> tuple[OrderTarget, ...]:
        """One target for each task."""
        if order.every_village:
            return tuple(
                OrderTarget(village_id=each) for each in await self._villages(order.region_id)
            )
        found = await self._views.query(lambda connection: _posted(connection, order))
        # A village before the township that it belongs to.
        by_length = sorted(found, key=lambda each: (len(each.region_id), each.region_id))
        nearest = {each.cadre_id: each for each in by_length}
        return tuple(
            OrderTarget(village_id=each.region_id, cadre_id=each.cadre_id)
            for each in sorted(nearest.values(), key=lambda each: (each.region_id, each.cadre_id))
        )

    async def preview(self, order: PreviewOrder) -> OrderPreview:
        """The dry run."""
        targets = await self.of(order)
        posted = await self._views.query(
            lambda connection: villages_posted(connection, order.region_id)
        )
        without = [each for each in targets if not each.cadre_id and each.village_id not in posted]
        return OrderPreview(
            count=len(targets), targets=targets[:SHOWN], without_cadre_count=len(without)
        )

    async def _villages(self, region_id: str) -> Sequence[str]:
        """By the adopted list; while there is none, the villages where somebody is posted."""
        digest = await self._views.query(digest_in_force)
        path = self._regions / f"{digest}.csv.gz"
        if digest and path.exists():
            return await asyncio.to_thread(_read, path, region_id)
        return sorted(await self._views.query(lambda c: villages_posted(c, region_id)))


def _posted(connection: Connection, order: OrderTask | PreviewOrder) -> Sequence[Posted]:
    if order.cadre_id:
        held = posts_of(connection, order.cadre_id)
        return [each for each in held if each.region_id.startswith(order.region_id)]
    return posted_below(connection, order.region_id, [order.post])


def _read(path: Path, region_id: str) -> list[str]:
    """Codes of the villages of a region, in the order of the list."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        codes = (line.partition(",")[0] for line in lines if line.startswith(region_id))
        return [code for code in codes if len(code) == VILLAGE_DIGITS]
