"""From the provider's updates to commands: confirmed only after the commit, asked for or brought.

An update that comes again, after a kill or five times over, is the same command with the same id.
Chats go side by side, the updates of one chat in their order.
"""

import asyncio
import html
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from opentelemetry import metrics, trace
from sqlalchemy import Connection

from chassis.failpoints import failpoint
from chassis.sending import reason_of
from chassis.tracing import link_creation
from chassis.viewstore import ViewBehind, ViewStore
from services.notifier.chat.catalogue import ANSWER_MAX
from services.notifier.chat.incoming import (
    Doing,
    Incoming,
    Pictured,
    Placed,
    Shared,
    Started,
    Tapped,
    Wrote,
    touched,
)
from services.notifier.chat.ledger import Copy, Ledger
from services.notifier.chat.outcomes import ProviderAway
from services.notifier.chat.people import People
from services.notifier.chat.performing import Performer, Said
from services.notifier.chat.provider import Provider
from services.notifier.chat.replies import Replies
from services.notifier.chat.understanding import Understanding, Understood
from services.notifier.views.messages import replied_to, traceparents_of
from tuopin.types.v1.types_pb2 import Position

POLL_S = 25
CHATS_AT_ONCE = 32
# A tap is answered within this time, with its outcome when that is known by then.
ANSWER_WITHIN_S = 0.6
# A person's next word waits so long for the view to show what their last one did.
OWN_WRITE_WITHIN_S = 5.0
CHATS_KEPT = 10_000

# What may name or show somebody, a one-time code too.
TAKEN_AWAY = (Wrote, Pictured, Placed, Started, Shared)

log = structlog.get_logger(__name__)
_meter = metrics.get_meter(__name__)
_updates = _meter.create_counter("tuopin_bot_updates", unit="1")
_taken_away = _meter.create_counter("tuopin_bot_taken_away", unit="1")
_tracer = trace.get_tracer(__name__)


class _Promise:
    """A tap is answered in time, with the outcome or a word that it is being worked on."""

    def __init__(self) -> None:
        self.given = False
        self.task: asyncio.Task[None]


class Intake:
    """One loop per token."""

    def __init__(
        self,
        provider: Provider,
        ledger: Ledger,
        understanding: Understanding,
        performer: Performer,
        people: People,
        replies: Replies,
        views: ViewStore,
        changed: Callable[[str], None],
        *,
        poll_s: int = POLL_S,
    ) -> None:
        self._provider = provider
        self._ledger = ledger
        self._understanding = understanding
        self._performer = performer
        self._people = people
        self._replies = replies
        self._views = views
        # Somebody did something: messages in chats are to be looked at, this one in any case.
        self._changed = changed
        self._poll_s = poll_s
        self._offset: int | None = None
        self._at_once = asyncio.Semaphore(CHATS_AT_ONCE)
        # Taps whose outcome is not known yet.
        self._promises: dict[int, _Promise] = {}
        # Chats whose updates are being taken: lock, and how many want it.
        self._taking: dict[str, tuple[asyncio.Lock, int]] = {}
        # Where each chat's last command stands in the log.
        self._wrote: OrderedDict[str, Position] = OrderedDict()

    async def step(self, *, at_once: bool = False) -> None:
        """Take what has come, do it, and let the next call confirm it.

        `at_once`: the provider need not wait for something to come, its answer is what counts.
        """
        failpoint("bot.before-offset-move")
        updates = await self._provider.updates(self._offset, 0 if at_once else self._poll_s)
        failpoint("bot.after-offset-move")
        by_chat: dict[str, list[Incoming]] = {}
        for each in updates:
            self._promise(each)
            by_chat.setdefault(each.source.chat_id, []).append(each)
        try:
            await asyncio.gather(*(self._chat(chat) for chat in by_chat.values()))
        finally:
            for each in updates:
                self._forget_promise(each.source.update_id)
        if updates:
            self._offset = max(each.source.update_id for each in updates) + 1

    async def take(self, incoming: Incoming) -> None:
        """One update that was brought; returns when all that follows from it is committed.

        Chat by chat in the order of coming; the same update twice at once is done once.
        """
        chat_id = incoming.source.chat_id
        self._promise(incoming)
        lock, waiting = self._taking.get(chat_id, (asyncio.Lock(), 0))
        self._taking[chat_id] = (lock, waiting + 1)
        try:
            async with lock, self._at_once:
                await self._update(incoming)
        finally:
            _, waiting = self._taking.pop(chat_id)
            if waiting > 1:
                self._taking[chat_id] = (lock, waiting - 1)

    async def _chat(self, updates: Sequence[Incoming]) -> None:
        async with self._at_once:
            for each in sorted(updates, key=lambda u: u.source.update_id):
                await self._update(each)

    async def _update(self, incoming: Incoming) -> None:
        try:
            await self._update_once(incoming)
        finally:
            self._forget_promise(incoming.source.update_id)

    async def _update_once(self, incoming: Incoming) -> None:
        bot_id, update_id = self._provider.bot_id, incoming.source.update_id
        begun = await self._ledger.begun(bot_id, update_id)
        if begun is not None and begun.done:
            return
        with _tracer.start_as_current_span("chat update", kind=trace.SpanKind.CONSUMER):
            try:
                if begun is None:
                    await self._own_write(incoming.source.chat_id)
                    understood = await self._understanding.of(incoming)
                    await self._ledger.begin(bot_id, update_id, understood.kept())
                else:
                    understood = Understood.again(begun.understood)
                await self._link_span(understood)
                await self._do(incoming, understood)
                _updates.add(1, {"as": understood.do})
            except Exception as error:
                if not _is_ours(error):
                    raise
                # One update that we cannot handle must not keep all others from being heard.
                log.error("bot.update-failed", update_id=update_id, reason=reason_of(error))
                catalogue = await self._people.catalogue("", incoming.source.language)
                self._replies.put(incoming.source.chat_id, catalogue.text("fault.not-done"))
        await self._ledger.finish(bot_id, update_id)

    async def _link_span(self, understood: Understood) -> None:
        """The answer is linked to the span that queued the question."""
        span = trace.get_current_span()
        if span.is_recording() and understood.assignment_id:
            ids = (understood.assignment_id, understood.cadre_id)
            link_creation(span, await self._views.query(partial(_traceparents, *ids)))

    async def _own_write(self, chat_id: str) -> None:
        """What the person did a moment ago counts for what they do now."""
        position = self._wrote.get(chat_id)
        if position is None:
            return
        try:
            await self._views.wait_for(("assignments",), position, OWN_WRITE_WITHIN_S)
        except ViewBehind:
            log.warning("bot.view-behind")

    async def _do(self, incoming: Incoming, understood: Understood) -> None:
        work = asyncio.ensure_future(
            self._performer.said(incoming, understood, self._remember_write)
        )
        try:
            if isinstance(incoming.doing, Tapped):
                await self._answer(incoming, incoming.doing, work)
            else:
                said = await work
                self._reply(incoming, said)
                if said.kept or understood.person_id:
                    await self._take_away(incoming)
        finally:
            work.cancel()
        await self._remember_copy(incoming.doing, understood)
        self._changed("")

    async def _take_away(self, incoming: Incoming) -> None:
        """What a person sent is sealed here by now, or was not wanted: the chat need not keep it.

        Best effort: the provider may refuse, and nothing depends on it.
        """
        source = incoming.source
        if isinstance(incoming.doing, TAKEN_AWAY) and source.private and source.message_id:
            outcome = await self._provider.delete(source.chat_id, source.message_id)
            _taken_away.add(1, {"outcome": type(outcome).__name__.lower()})

    async def _answer(
        self, incoming: Incoming, tapped: Tapped, work: "asyncio.Future[Said]"
    ) -> None:
        """The outcome when it is known in time; else a word was said, and it comes later."""
        said = await work
        promise = self._promises.pop(incoming.source.update_id, None)
        if promise is not None and promise.given:
            self._reply(incoming, said)
            return
        if promise is not None:
            promise.task.cancel()
        # Not waited for: the person sees it or the query is too old, nothing depends on it.
        in_full = said.in_full or said.shown.below
        text = "" if in_full else html.unescape(said.shown.text)[:ANSWER_MAX]
        await self._provider.answer(tapped.callback_id, text)
        if in_full or said.instead_of or said.elsewhere:
            self._reply(incoming, said)

    def _promise(self, incoming: Incoming) -> None:
        """From its coming on a tap waits so long for its outcome, whatever else is being done."""
        update_id = incoming.source.update_id
        if isinstance(incoming.doing, Tapped) and update_id not in self._promises:
            promise = _Promise()
            promise.task = asyncio.ensure_future(self._promised(incoming, incoming.doing, promise))
            self._promises[update_id] = promise

    async def _promised(self, incoming: Incoming, tapped: Tapped, promise: "_Promise") -> None:
        await asyncio.sleep(ANSWER_WITHIN_S)
        promise.given = True
        catalogue = await self._people.catalogue("", incoming.source.language)
        await self._provider.answer(tapped.callback_id, catalogue.plain("tap.working"))

    def _forget_promise(self, update_id: int) -> None:
        promise = self._promises.pop(update_id, None)
        if promise is not None and not promise.given:
            promise.task.cancel()

    def _reply(self, incoming: Incoming, said: Said) -> None:
        self._replies.put(incoming.source.chat_id, said.shown, said.instead_of)
        for chat_id, shown in said.elsewhere:
            self._replies.put(chat_id, shown)

    async def _remember_copy(self, doing: Doing, understood: Understood) -> None:
        """A message whose sending was uncertain is known by its number once it is touched."""
        number, reference = touched(doing)
        if not understood.cadre_id or not number:
            return
        message = await self._views.query(
            lambda connection: replied_to(connection, understood.cadre_id, number, reference)
        )
        if message is not None and message.provider_message_id != number:
            copy = Copy(understood.cadre_id, number, message.message_id, "")
            await self._ledger.put_copy(copy)
            self._changed(message.message_id)

    def _remember_write(self, chat_id: str, position: Position) -> None:
        self._wrote[chat_id] = position
        self._wrote.move_to_end(chat_id)
        while len(self._wrote) > CHATS_KEPT:
            self._wrote.popitem(last=False)


def _traceparents(assignment_id: str, cadre_id: str, connection: Connection) -> list[str]:
    return traceparents_of(connection, assignment_id, cadre_id)


def _is_ours(error: Exception) -> bool:
    """A fault of the program, not of the world: the same again if it were tried again."""
    return not isinstance(error, (ProviderAway, OSError))
