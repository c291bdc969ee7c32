"""From the provider's updates to commands: the offset moves only after the commit.

An update that comes again, after a kill or five times over, is the same command with the same id.
Chats go side by side, the updates of one chat in their order.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import structlog
from google.protobuf.message import Message
from opentelemetry import metrics, trace
from sqlalchemy import Connection

from chassis.failpoints import failpoint
from chassis.sending import reason_of
from chassis.tracing import link_creation
from chassis.viewstore import ViewBehind, ViewStore
from services.notifier.chat import members
from services.notifier.chat.catalogue import ANSWER_MAX, Catalogue
from services.notifier.chat.commands import Commands, Declined
from services.notifier.chat.incoming import (
    Doing,
    Incoming,
    Pictured,
    Placed,
    Started,
    Tapped,
    Wrote,
    touched,
)
from services.notifier.chat.ledger import Copy, Ledger
from services.notifier.chat.outcomes import ProviderAway
from services.notifier.chat.people import People
from services.notifier.chat.pictures import MEBIBYTE, PICTURE_BYTES_MAX
from services.notifier.chat.provider import Provider
from services.notifier.chat.replies import Replies
from services.notifier.chat.tasks import short_cadre, shown_list
from services.notifier.chat.understanding import Understanding, Understood, command_of
from services.notifier.views.assignments import open_of
from services.notifier.views.messages import replied_to, traceparents_of
from tuopin.types.v1.types_pb2 import Position

POLL_S = 25
CHATS_AT_ONCE = 32
# A tap is answered within this time, with its outcome when that is known by then.
ANSWER_WITHIN_S = 0.8
# A person's next word waits so long for the view to show what their last one did.
OWN_WRITE_WITHIN_S = 5.0
CHATS_KEPT = 10_000

# What is said when a command is done.
DONE = {
    "take": "tap.taken",
    "done": "tap.done",
    "note": "evidence.note",
    "photo": "evidence.photo",
    "place": "evidence.location",
    "link": "link.done",
}

# What may name or show somebody, a one-time code too.
TAKEN_AWAY = (Wrote, Pictured, Placed, Started)

log = structlog.get_logger(__name__)
_meter = metrics.get_meter(__name__)
_updates = _meter.create_counter("tuopin_bot_updates", unit="1")
_taken_away = _meter.create_counter("tuopin_bot_taken_away", unit="1")
_tracer = trace.get_tracer(__name__)


class Said(NamedTuple):
    """What is said in return; `kept` when what the person sent is on record now."""

    text: str
    kept: bool = False


class Intake:
    """One loop per token."""

    def __init__(
        self,
        provider: Provider,
        ledger: Ledger,
        understanding: Understanding,
        commands: Commands,
        people: People,
        replies: Replies,
        views: ViewStore,
        changed: Callable[[str], None],
        *,
        poll_s: int = POLL_S,
        page_address: str = "",
    ) -> None:
        self._provider = provider
        self._ledger = ledger
        self._understanding = understanding
        self._commands = commands
        self._people = people
        self._replies = replies
        self._views = views
        # Somebody did something: messages in chats are to be looked at, this one in any case.
        self._changed = changed
        self._poll_s = poll_s
        self._page_address = page_address
        self._offset: int | None = None
        self._at_once = asyncio.Semaphore(CHATS_AT_ONCE)
        # Where each chat's last command stands in the log.
        self._wrote: OrderedDict[str, Position] = OrderedDict()

    async def step(self) -> None:
        """Take what has come, do it, and let the next call confirm it."""
        failpoint("bot.before-offset-move")
        updates = await self._provider.updates(self._offset, self._poll_s)
        failpoint("bot.after-offset-move")
        by_chat: dict[str, list[Incoming]] = {}
        for each in updates:
            by_chat.setdefault(each.source.chat_id, []).append(each)
        await asyncio.gather(*(self._chat(chat) for chat in by_chat.values()))
        if updates:
            self._offset = max(each.source.update_id for each in updates) + 1

    async def _chat(self, updates: Sequence[Incoming]) -> None:
        async with self._at_once:
            for each in sorted(updates, key=lambda u: u.source.update_id):
                await self._update(each)

    async def _update(self, incoming: Incoming) -> None:
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
        if isinstance(incoming.doing, Tapped):
            work = asyncio.ensure_future(self._said(incoming, understood))
            try:
                await self._answer(incoming, incoming.doing, work)
            finally:
                work.cancel()
        else:
            said = await self._said(incoming, understood)
            self._replies.put(incoming.source.chat_id, said.text)
            if said.kept or understood.person_id:
                await self._take_away(incoming)
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
        """Right away: the outcome when it is known in time, else a word now and it later."""
        done, _ = await asyncio.wait({work}, timeout=ANSWER_WITHIN_S)
        if not done:
            catalogue = await self._people.catalogue("", incoming.source.language)
            await self._provider.answer(tapped.callback_id, catalogue.plain("tap.working"))
            self._replies.put(incoming.source.chat_id, (await work).text)
            return
        # Not waited for: the person sees it or the query is too old, nothing depends on it.
        await self._provider.answer(tapped.callback_id, work.result().text[:ANSWER_MAX])

    async def _said(self, incoming: Incoming, understood: Understood) -> "Said":
        """Do it, and return what to say."""
        catalogue = await self._catalogue(incoming, understood)
        if understood.do == "tasks":
            return Said(await self._tasks(understood.cadre_id, catalogue))
        if understood.do == "bad-code":
            return Said(self._people.sentence("link-code-not-known", catalogue, {}))
        if understood.do == "member-page" and not self._page_address:
            return Said(catalogue.text("voice.no-page"))
        command = self._command(incoming, understood)
        if command is None:
            most = PICTURE_BYTES_MAX // MEBIBYTE
            return Said(catalogue.text(understood.say, most=most))
        failpoint("bot.before-command")
        try:
            receipt = await self._commands.do(command, understood.cadre_id or understood.person_id)
        except Declined as declined:
            return Said(self._why(declined, catalogue))
        failpoint("bot.after-command")
        if receipt.HasField("position") and receipt.position.topic == "task":
            self._remember_write(incoming.source.chat_id, receipt.position)
        if understood.do == "link":
            # The language is the cadre's own from now on.
            catalogue = await self._people.catalogue(understood.cadre_id)
        if understood.do in members.DONE:
            key = members.DONE[understood.do]
            return Said(catalogue.text(key, url=self._page_url(incoming)), kept=True)
        return Said(catalogue.text(understood.say or DONE[understood.do]), kept=True)

    async def _catalogue(self, incoming: Incoming, understood: Understood) -> Catalogue:
        language = incoming.source.language
        if understood.person_id:
            ids = (understood.household_id, understood.person_id)
            return await self._people.catalogue_of_member(*ids, language)
        return await self._people.catalogue(understood.cadre_id, language)

    def _command(self, incoming: Incoming, understood: Understood) -> Message | None:
        bot_id = self._provider.bot_id
        if understood.person_id:
            ids = (understood.household_id, understood.person_id)
            return members.command_of(understood.do, bot_id, incoming, *ids, self._people.sign)
        return command_of(bot_id, incoming, understood)

    def _page_url(self, incoming: Incoming) -> str:
        """The address of the page that this update opened."""
        update_id = incoming.source.update_id
        token = members.token_of(self._provider.bot_id, update_id, self._people.sign)
        return f"{self._page_address}/h/{token}"

    def _why(self, declined: Declined, catalogue: Catalogue) -> str:
        details = dict(declined.details)
        if "cadre" in details:
            details["cadre"] = short_cadre(details["cadre"])
        return self._people.sentence(declined.slug, catalogue, details)

    async def _tasks(self, cadre_id: str, catalogue: Catalogue) -> str:
        rows = await self._views.query(lambda connection: open_of(connection, cadre_id))
        places = await self._people.places.names(row.village_id for row in rows)
        return shown_list(rows, places, catalogue)

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
