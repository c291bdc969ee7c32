"""Keeps what stands in the chats true: when a task changes, its messages are edited.

What a chat shows is in the ledger, so a kill between a change and its edit loses nothing.
"""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Row

from chassis.clock import MICROSECONDS, Clock
from chassis.viewstore import ViewStore
from services.notifier.chat.budget import Budget
from services.notifier.chat.ledger import Copy, Ledger
from services.notifier.chat.outcomes import Accepted, Blocked, Refused, Throttled
from services.notifier.chat.people import People
from services.notifier.chat.provider import Provider
from services.notifier.chat.tasks import Shown, shown_task
from services.notifier.views.assignments import assignment_row
from services.notifier.views.shown import shown_since

LOOK_EVERY_S = 0.25
# Looked at again when the bot starts: what changed while none was running.
AT_START_US = 7 * 86_400 * MICROSECONDS
# Lanes arrive in any order: a change may show up in the view this much after a later one.
OVERLAP_US = 60 * MICROSECONDS
SEEN_MAX = 100_000
AT_ONCE = 8

log = structlog.get_logger(__name__)


class Editor:
    """Compares what changed lately with what the chats show."""

    def __init__(
        self,
        provider: Provider,
        ledger: Ledger,
        people: People,
        views: ViewStore,
        budget: Budget,
        clock: Clock,
    ) -> None:
        self._provider = provider
        self._ledger = ledger
        self._people = people
        self._views = views
        self._budget = budget
        self._clock = clock
        self._since_us = clock.now_us() - AT_START_US
        # Versions of message and assignment, and copies, that are known to be shown as they are.
        self._seen: OrderedDict[str, tuple[int, int, int]] = OrderedDict()
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Something changed just now: look at once."""
        self._poked.set()

    async def step(self) -> None:
        """Bring up to date what changed since the last look."""
        self._poked.clear()
        now_us = self._clock.now_us()
        rows = await self._views.query(partial(_shown, self._since_us))
        copies = await self._copies(rows)
        stale = [row for row in rows if self._seen.get(row.message_id) != _key(row, copies)]
        at_once = asyncio.Semaphore(AT_ONCE)
        done = await asyncio.gather(
            *(self._refresh(row, copies.get(row.message_id, []), at_once) for row in stale)
        )
        for row, shown in zip(stale, done, strict=True):
            if shown:
                self._remember(row, copies)
        if all(done):
            self._since_us = max(self._since_us, now_us - OVERLAP_US)
        # Not wait_for: in Python 3.11 it may swallow the cancellation that ends the bot.
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._poked.wait()

    async def _copies(self, rows: Any) -> dict[str, list[Copy]]:
        found: dict[str, list[Copy]] = {}
        for copy in await self._ledger.copies({row.message_id for row in rows}):
            found.setdefault(copy.message_id, []).append(copy)
        return found

    async def _refresh(self, row: Row[Any], copies: list[Copy], at_once: asyncio.Semaphore) -> bool:
        """Whether every copy of the message shows how things are."""
        async with at_once:
            assignment = await self._views.query(partial(_assignment, row.assignment_id))
            if assignment is None:
                return False
            shown = shown_task(assignment, row, await self._people.words(assignment, row.cadre_id))
            known = {copy.provider_message_id for copy in copies}
            if row.provider_message_id not in known:
                copies = [*copies, _unknown(row)]
            stale = [copy for copy in copies if copy.digest != shown.digest]
            chat_id = await self._people.chat_of(row.cadre_id) if stale else ""
            return all([await self._edit(copy, chat_id, shown) for copy in stale])

    async def _edit(self, copy: Copy, chat_id: str, shown: Shown) -> bool:
        if chat_id:
            await self._budget.take()
            outcome = await self._provider.edit(chat_id, copy.provider_message_id, shown)
            if isinstance(outcome, Throttled):
                self._budget.pause(outcome.wait_s)
                return False
            final = isinstance(outcome, Refused) and outcome.final
            if not (final or isinstance(outcome, Accepted | Blocked)):
                return False
            if final:
                log.warning("bot.message-not-editable", message_id=copy.message_id)
        await self._ledger.put_copy(
            Copy(copy.cadre_id, copy.provider_message_id, copy.message_id, shown.digest)
        )
        return True

    def _remember(self, row: Row[Any], copies: dict[str, list[Copy]]) -> None:
        self._seen[row.message_id] = _key(row, copies)
        self._seen.move_to_end(row.message_id)
        while len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)


def _key(row: Row[Any], copies: dict[str, list[Copy]]) -> tuple[int, int, int]:
    return row.version, row.assignment_version, len(copies.get(row.message_id, ()))


def _unknown(row: Row[Any]) -> Copy:
    return Copy(row.cadre_id, row.provider_message_id, row.message_id, "")


def _shown(since_us: int, connection: Any) -> Any:
    return shown_since(connection, since_us)


def _assignment(assignment_id: str, connection: Any) -> Row[Any] | None:
    return assignment_row(connection, assignment_id)
