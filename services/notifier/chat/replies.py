"""Short words in return to a person: best effort, within the same budget as messages.

Nothing depends on them: what was done stands in the task's message, which is edited until it does.
"""

import asyncio
from collections import deque

import structlog
from opentelemetry import metrics

from services.notifier.chat.budget import Budget
from services.notifier.chat.outcomes import Accepted, Throttled
from services.notifier.chat.provider import Provider
from services.notifier.chat.tasks import Shown

WAITING_MAX = 2_000
AT_ONCE = 8
ATTEMPTS = 3

log = structlog.get_logger(__name__)
_meter = metrics.get_meter(__name__)
_dropped = _meter.create_counter("tuopin_bot_replies_dropped", unit="1")


class Replies:
    """A queue in memory, in order for each chat; a kill loses what is in it."""

    def __init__(self, provider: Provider, budget: Budget) -> None:
        self._provider = provider
        self._budget = budget
        self._count = 0
        # What waits for each chat; a chat stands in the queue once, however much waits for it.
        self._waiting: dict[str, deque[tuple[Shown, int]]] = {}
        self._chats: asyncio.Queue[str] = asyncio.Queue()

    def put(self, chat_id: str, said: Shown | str, instead_of: int = 0) -> None:
        """Say it when its turn comes, as a new message or in place of this one of ours."""
        shown = Shown(said) if isinstance(said, str) else said
        if not shown.text:
            return
        if self._count >= WAITING_MAX:
            _dropped.add(1)
            return
        self._count += 1
        if chat_id not in self._waiting:
            self._waiting[chat_id] = deque()
            self._chats.put_nowait(chat_id)
        self._waiting[chat_id].append((shown, instead_of))

    async def run(self) -> None:
        """Several chats side by side, so that one that must wait does not hold up the others."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._run())

    async def _run(self) -> None:
        while True:
            chat_id = await self._chats.get()
            shown, instead_of = self._waiting[chat_id].popleft()
            self._count -= 1
            try:
                await self._say(chat_id, shown, instead_of)
            finally:
                # Behind the chats that came meanwhile.
                if self._waiting[chat_id]:
                    self._chats.put_nowait(chat_id)
                else:
                    del self._waiting[chat_id]

    async def _say(self, chat_id: str, shown: Shown, instead_of: int) -> None:
        for _ in range(ATTEMPTS):
            await self._budget.take_chat(chat_id)
            if instead_of:
                outcome = await self._provider.edit(chat_id, instead_of, shown)
            else:
                outcome = await self._provider.send(chat_id, shown)
            if isinstance(outcome, Throttled):
                self._budget.pause(outcome.wait_s)
                continue
            if not isinstance(outcome, Accepted):
                log.warning("bot.reply-not-sent", outcome=type(outcome).__name__)
            break
