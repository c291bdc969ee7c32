"""Which task a chat is talking about, when a word answers no message of ours, restart or not."""

from chassis.clock import MICROSECONDS, Clock
from chassis.sealing import Sealer
from services.notifier.chat.ledger import Ledger

# Whoever pressed "send proof" means this task for so long.
KEPT_US = 1_800 * MICROSECONDS


class Talks:
    """Kept in the bot's ledger under a keyed digest of the chat."""

    def __init__(self, ledger: Ledger, sealer: Sealer, clock: Clock) -> None:
        self._ledger = ledger
        self._sealer = sealer
        self._clock = clock

    async def begin(self, chat_id: str, assignment_id: str) -> None:
        """From now on words, pictures and places are about this task."""
        await self._put(self._key("task", chat_id), assignment_id)

    async def begin_album(self, chat_id: str, album: str, assignment_id: str) -> bool:
        """The pictures of the album are about this task; True for the first of them."""
        key = self._key(f"album-{album}", chat_id)
        if await self._about(key):
            return False
        await self._put(key, assignment_id)
        return True

    async def task(self, chat_id: str, album: str = "") -> str:
        """The assignment that is talked about, "" when none is."""
        if album and (found := await self._about(self._key(f"album-{album}", chat_id))):
            return found
        return await self._about(self._key("task", chat_id))

    async def _about(self, key: str) -> str:
        found = await self._ledger.dialogue(key)
        since_us = self._clock.now_us() - KEPT_US
        return str(found["assignment_id"]) if found and found["at_us"] > since_us else ""

    async def _put(self, key: str, assignment_id: str) -> None:
        about = {"assignment_id": assignment_id, "at_us": self._clock.now_us()}
        await self._ledger.put_dialogue(key, about)

    def _key(self, what: str, chat_id: str) -> str:
        return f"{what[:30]}:{self._sealer.blind('dialogue', chat_id).hex()[:64]}"
