"""Keeps what stands in the chats true: when a task changes, its messages are edited.

What a chat shows is in the ledger, so a kill between a change and its edit loses nothing.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from chassis.clock import MICROSECONDS, Clock
from chassis.viewstore import ViewStore
from services.notifier.chat.budget import Budget
from services.notifier.chat.ledger import Copy, Ledger
from services.notifier.chat.outcomes import Accepted, Blocked, Refused, Throttled
from services.notifier.chat.people import People
from services.notifier.chat.provider import Provider
from services.notifier.chat.tasks import Shown, shown_task
from services.notifier.views.shown import changed_since, standing

LOOK_EVERY_S = 0.25
# Looked at again when the bot starts: what changed while none was running.
AT_START_US = 7 * 86_400 * MICROSECONDS
# Lanes arrive in any order: a change may show up in the view this much after a later one.
OVERLAP_US = 60 * MICROSECONDS
SEEN_MAX = 100_000
# Edited in one step, so that a heap of old ones does not hold up a tap just made.
STEP_COUNT = 100
AT_ONCE = 8

Versions = tuple[int, int]

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
        # Versions of message and assignment that are known to be shown.
        self._seen: OrderedDict[str, Versions] = OrderedDict()
        # To be looked at in any case, however long ago they changed: a copy was found.
        self._wanted: set[str] = set()
        self._poked = asyncio.Event()

    def poke(self, message_id: str = "") -> None:
        """Something changed just now: look at once, and at this message in any case."""
        if message_id:
            self._wanted.add(message_id)
        self._poked.set()

    async def step(self) -> None:
        """Bring up to date what changed since the last look."""
        self._poked.clear()
        now_us = self._clock.now_us()
        # Who is asked for from here on is looked at in the next step, not forgotten by this one.
        wanted, self._wanted = self._wanted, set()
        changed = await self._views.query(partial(_changed, self._since_us))
        versions = {row.message_id: (row.version, row.assignment_version) for row in changed}
        stale = sorted(wanted)
        stale += [
            each
            for each in versions
            if each not in wanted and self._seen.get(each) != versions[each]
        ]
        try:
            shown = await self._refresh_all(stale[:STEP_COUNT])
        except BaseException:
            self._wanted |= wanted
            raise
        self._wanted |= wanted - shown
        for message_id in shown & versions.keys():
            self._remember(message_id, versions[message_id])
        if len(shown) == len(stale):
            # Not the later of both: the clock may have been set back.
            self._since_us = now_us - OVERLAP_US
        if len(stale) > STEP_COUNT:
            return
        # Not wait_for: in Python 3.11 it may swallow the cancellation that ends the bot.
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._poked.wait()

    async def _refresh_all(self, message_ids: Sequence[str]) -> set[str]:
        """Which of the messages now show how things are."""
        if not message_ids:
            return set()
        rows = await self._views.query(partial(_standing, message_ids))
        copies: dict[str, list[Copy]] = {each: [] for each in message_ids}
        for copy in await self._ledger.copies(message_ids):
            copies[copy.message_id].append(copy)
        at_once = asyncio.Semaphore(AT_ONCE)
        done = await asyncio.gather(
            *(
                self._refresh(message, assignment, copies[message.message_id], at_once)
                for message, assignment in rows
            )
        )
        return {message.message_id for (message, _), shown in zip(rows, done, strict=True) if shown}

    async def _refresh(
        self,
        message: Row[Any],
        assignment: Row[Any],
        copies: list[Copy],
        at_once: asyncio.Semaphore,
    ) -> bool:
        """Whether every copy of the message shows how things are."""
        async with at_once:
            words = await self._people.words(assignment, message.cadre_id)
            shown = shown_task(assignment, message, words)
            known = {0, *(copy.provider_message_id for copy in copies)}
            if message.provider_message_id not in known:
                copies = [*copies, _unknown(message)]
            stale = [copy for copy in copies if copy.digest != shown.digest]
            chat_id = await self._people.chat_of(message.cadre_id) if stale else ""
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

    def _remember(self, message_id: str, versions: Versions) -> None:
        self._seen[message_id] = versions
        self._seen.move_to_end(message_id)
        while len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)


def _unknown(message: Row[Any]) -> Copy:
    return Copy(message.cadre_id, message.provider_message_id, message.message_id, "")


def _changed(since_us: int, connection: Connection) -> Sequence[Row[str, int, int]]:
    return changed_since(connection, since_us)


def _standing(
    message_ids: Sequence[str], connection: Connection
) -> list[tuple[Row[Any], Row[Any]]]:
    return standing(connection, message_ids)
