"""The past of every lane a service hears, for those who replay it: verify and rebuild."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from chassis.feedtables import Lane
from chassis.store import Record, Store

READ_COUNT = 5_000


class History(Protocol):
    """Records by position, from the stores (embedded) or from Kafka."""

    async def heads(self, topics: Sequence[str]) -> dict[Lane, int]:
        """The last position of every lane of these topics that is not empty."""
        ...

    async def read(self, topic: str, partition: int, after: int, upto: int) -> list[Record]:
        """The next records behind `after`, none behind `upto`: some, but maybe not all of them;
        none only when there are none.
        """
        ...


class StoreHistory:
    """The past as the stores hold it. The hash of each record is there, as nowhere else."""

    def __init__(self, sources: Mapping[str, Store]) -> None:
        self._sources = sources

    async def heads(self, topics: Sequence[str]) -> dict[Lane, int]:
        found: dict[Lane, int] = {}
        for topic in topics:
            for head in await self._sources[topic].heads(topic):
                if head.position:
                    found[topic, head.partition] = head.position
        return found

    async def read(self, topic: str, partition: int, after: int, upto: int) -> list[Record]:
        count = min(READ_COUNT, upto - after)
        if count <= 0:
            return []
        return await self._sources[topic].read(topic, partition, after, count)
