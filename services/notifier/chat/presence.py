"""When nobody could be reached or heard: reported to the service, so that no answer is missed then.

An outage is one of the provider, or one of our own: no database, no bot.
"""

import asyncio
from contextlib import suppress

import structlog

from chassis.clock import MICROSECONDS, Clock
from chassis.decider import derived_id
from services.notifier.chat.commands import Commands
from tuopin.notifier.v1.outage_pb2 import ReportProvider

# Ways that can fail by themselves: people are written to, and listened to.
SEND, HEAR = "send", "hear"

log = structlog.get_logger(__name__)


class Presence:
    """What each way met last; `step` reports it once it has lasted, and its end at once."""

    def __init__(
        self, provider: str, commands: Commands, clock: Clock, *, lost_after_s: float
    ) -> None:
        self._provider = provider
        self._commands = commands
        self._clock = clock
        self._lost_after_us = round(lost_after_s * MICROSECONDS)
        # Since when each way fails.
        self._failing: dict[str, int] = {}
        # Outages that are over by the time they are known: when each began.
        self._missed: list[int] = []
        # What the service was told; None: by an earlier life, or nothing.
        self._told_away: bool | None = None
        self._changed = asyncio.Event()

    def failed(self, way: str) -> None:
        """No answer, or none that counts."""
        if way not in self._failing:
            self._failing[way] = self._clock.now_us()
            self._changed.set()

    def answered(self, way: str) -> None:
        """The way is open."""
        if self._failing.pop(way, None) is not None:
            self._changed.set()

    def fails(self, way: str) -> bool:
        """Whether the latest try of the way failed."""
        return way in self._failing

    def was_gone(self, seconds: float) -> None:
        """We ourselves could do nothing until now."""
        self._missed.append(self._clock.now_us() - round(seconds * MICROSECONDS))
        self._changed.set()

    async def step(self) -> None:
        """Report what is to be reported, then wait for the next change."""
        self._changed.clear()
        if self._missed:
            since_us = min(self._missed)
            await self._tell(away=True, since_us=since_us)
            self._missed.clear()
        began_us = min(self._failing.values(), default=0)
        if not began_us:
            if self._told_away is not False:
                await self._tell(away=False, since_us=self._clock.now_us())
            await self._changed.wait()
            return
        left_us = began_us + self._lost_after_us - self._clock.now_us()
        if self._told_away or left_us <= 0:
            if not self._told_away:
                await self._tell(away=True, since_us=began_us)
            await self._changed.wait()
            return
        # Not longer than asked for, whatever the clock does meanwhile.
        with suppress(TimeoutError):
            async with asyncio.timeout(min(left_us, self._lost_after_us) / MICROSECONDS):
                await self._changed.wait()

    async def _tell(self, *, away: bool, since_us: int) -> None:
        if away:
            log.warning("bot.provider-lost", since_us=since_us)
        else:
            log.info("bot.provider-found", since_us=since_us)
        command = ReportProvider(
            command_id=derived_id("provider", self._provider, away, since_us),
            provider=self._provider,
            away=away,
            since_us=since_us,
        )
        await self._commands.do(command)
        self._told_away = away
