"""How fast the bot may write: 30 a second overall, 1 a second to one chat, 20 a minute to a group,
nothing after a 429.
"""

from collections import OrderedDict

from opentelemetry import metrics

from chassis.clock import MICROSECONDS, Clock

OVERALL_PER_S = 30
# After a stall so many may follow at once; the provider allows more.
OVERALL_BURST = 5
CHAT_EVERY_US = MICROSECONDS
GROUP_EVERY_US = 3 * MICROSECONDS
CHATS_KEPT = 10_000
# Those who wait for a turn are a few dozen; a turn later than this is none.
FAR_US = 10 * MICROSECONDS

_meter = metrics.get_meter(__name__)
_pauses = _meter.create_counter("tuopin_bot_pauses", unit="1")
_paused = _meter.create_counter("tuopin_bot_paused_seconds", unit="1")


class Budget:
    """Shared by everything that writes with one token."""

    def __init__(self, clock: Clock, per_s: float = OVERALL_PER_S) -> None:
        self._clock = clock
        self._every_us = round(MICROSECONDS / per_s)
        # The time at which the next one is due; up to a burst in the past.
        self._next_us = 0
        self._chats: OrderedDict[str, int] = OrderedDict()
        self._paused_until_us = 0

    async def take(self) -> None:
        """Wait for the next turn; turns are given in the order of asking."""
        now_us = self._clock.now_us()
        if self._next_us > now_us + FAR_US:  # the clock was set back
            self._next_us = now_us
        turn_us = max(self._next_us, now_us - self._every_us * OVERALL_BURST)
        self._next_us = turn_us + self._every_us
        await self._sleep_until(turn_us)
        while self._paused_until_us > self._clock.now_us():
            await self._sleep_until(self._paused_until_us)

    def chat_ready(self, chat_id: str) -> bool:
        """Whether the chat may get a message now."""
        now_us = self._clock.now_us()
        next_us = self._chats.get(chat_id, 0)
        return next_us <= now_us or next_us > now_us + _every_us(chat_id)

    def use_chat(self, chat_id: str) -> None:
        """A message goes to the chat now."""
        self._chats[chat_id] = self._clock.now_us() + _every_us(chat_id)
        self._chats.move_to_end(chat_id)
        while len(self._chats) > CHATS_KEPT:
            self._chats.popitem(last=False)

    async def take_chat(self, chat_id: str) -> None:
        """Wait until the chat may get a message, then for the next turn."""
        while not self.chat_ready(chat_id):
            await self._sleep_until(self._chats[chat_id])
        self.use_chat(chat_id)
        await self.take()

    def pause(self, seconds: float) -> None:
        """The provider asked for quiet."""
        now_us = self._clock.now_us()
        until_us = now_us + round(seconds * MICROSECONDS)
        # Several calls may be refused at once: the time is counted once.
        longer_us = max(0, until_us - max(self._paused_until_us, now_us))
        _pauses.add(1)
        _paused.add(longer_us / MICROSECONDS)
        self._paused_until_us = max(self._paused_until_us, until_us)

    async def _sleep_until(self, at_us: int) -> None:
        wait_us = at_us - self._clock.now_us()
        if wait_us > 0:
            await self._clock.sleep(wait_us / MICROSECONDS)


def _every_us(chat_id: str) -> int:
    """A group's number is negative."""
    return GROUP_EVERY_US if chat_id.startswith("-") else CHAT_EVERY_US
