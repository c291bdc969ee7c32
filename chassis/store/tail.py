"""The newest records of this process's own commits: whoever follows the store closely reads them
here, without a database and without another thread.
"""

from collections import deque
from collections.abc import Sequence

from chassis.store.group import EventRow, Lane
from chassis.store.model import Record

TAIL_BYTES = 2 * 1024 * 1024


class Tail:
    """A bounded window over the end of each lane; used in the event loop only."""

    def __init__(self, most_bytes: int = TAIL_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lanes: dict[Lane, dict[int, Record]] = {}
        self._oldest_first: deque[tuple[Lane, int]] = deque()

    def add(self, events: Sequence[EventRow]) -> None:
        """Committed events, in the order of their positions."""
        for event in events:
            lane, position = event.lane, event.position
            record = Record(*lane, position, event.record, event.hash)
            self._lanes.setdefault(lane, {})[position] = record
            self._oldest_first.append((lane, position))
            self._bytes += len(event.record)
        while self._bytes > self._most_bytes:
            lane, position = self._oldest_first.popleft()
            self._bytes -= len(self._lanes[lane].pop(position).envelope)

    def read(self, lane: Lane, after: int, limit: int) -> list[Record]:
        """What follows `after` without a gap; empty when that is not here (any more)."""
        held = self._lanes.get(lane)
        if not held:
            return []
        records: list[Record] = []
        while len(records) < limit:
            record = held.get(after + 1 + len(records))
            if record is None:
                break
            records.append(record)
        return records
