"""Time enters here: the system's clock, and one that a test or a simulation moves by hand."""

import asyncio
import heapq
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from chassis.times import moment

MICROSECONDS = 1_000_000


class Clock(Protocol):
    """What everything that needs time is given."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        ...

    def now(self) -> datetime:
        """The same as an aware datetime in UTC."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def now(self) -> datetime:
        return moment(self.now_us())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """Stands still until `advance`; sleepers wake by their time, then in the order they came."""

    def __init__(self, start: datetime | None = None) -> None:
        start = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._now_us = int(start.timestamp()) * MICROSECONDS + start.microsecond
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._coming = 0

    def now_us(self) -> int:
        return self._now_us

    def now(self) -> datetime:
        return moment(self._now_us)

    @property
    def next_wake_us(self) -> int | None:
        """When the first sleeper is due; a simulation jumps there."""
        return self._sleepers[0][0] if self._sleepers else None

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        self._coming += 1
        waker = asyncio.get_running_loop().create_future()
        due_us = self._now_us + round(seconds * MICROSECONDS)
        heapq.heappush(self._sleepers, (due_us, self._coming, waker))
        await waker

    async def advance(self, seconds: float) -> None:
        """Move time on, let each sleeper run at its own moment, and give what it starts a turn."""
        until_us = self._now_us + round(seconds * MICROSECONDS)
        while self._sleepers and self._sleepers[0][0] <= until_us:
            due_us, _, waker = heapq.heappop(self._sleepers)
            self._now_us = max(self._now_us, due_us)
            if not waker.done():
                waker.set_result(None)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        self._now_us = until_us
        await asyncio.sleep(0)

    def set_back(self, seconds: float) -> None:
        """The machine's clock was corrected backwards; nobody wakes for it."""
        self._now_us -= round(seconds * MICROSECONDS)


class OffsetClock:
    """The machine's clock, ahead by the seconds in a file: how a demo lets days pass.

    A sleep is real time, so whoever waits for a due time looks again now and then.
    """

    LOOK_EVERY_S = 0.1

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset_us = 0
        self._look_at_s = 0.0

    def now_us(self) -> int:
        if time.monotonic() >= self._look_at_s:
            self._look_at_s = time.monotonic() + self.LOOK_EVERY_S
            if self._path.exists():
                self._offset_us = round(float(self._path.read_text()) * MICROSECONDS)
        return time.time_ns() // 1000 + self._offset_us

    def now(self) -> datetime:
        return moment(self.now_us())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
