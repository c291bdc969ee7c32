"""From the queue of messages to the chats: each attempt is begun once, whatever dies meanwhile.

Before the provider is asked the attempt stands in the ledger. Found there after a kill it is
uncertain: the service hears so, and the message is repeated once under the same reference.
"""

import asyncio
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import structlog
from opentelemetry import metrics, trace
from sqlalchemy import Connection, Row

from chassis.clock import Clock
from chassis.decider import derived_id
from chassis.failpoints import failpoint
from chassis.sending import reason_of
from chassis.tracing import links
from chassis.viewstore import ViewStore
from services.notifier.chat.budget import Budget
from services.notifier.chat.channel import Channel, fitted
from services.notifier.chat.commands import Commands, Declined
from services.notifier.chat.ledger import Copy, LeaseLost, Ledger
from services.notifier.chat.outcomes import (
    Accepted,
    Blocked,
    Doubtful,
    Outcome,
    Refused,
    Throttled,
)
from services.notifier.chat.people import People
from services.notifier.chat.presence import SEND, Presence
from services.notifier.chat.provider import Provider
from services.notifier.chat.tasks import Shown, holds, shown_task
from services.notifier.decider.voicestate import EXIT, PLAN, POSTING, RECEIPT, Question
from services.notifier.views.assignments import OPEN, assignment_row
from services.notifier.views.links import DEFAULT_CHANNELS
from services.notifier.views.messages import alerts_due, due, to_try_again
from services.notifier.views.questions import question
from tuopin.notifier.v1.message_pb2 import (
    Errored,
    RecordSending,
    Sent,
    SupersedeMessage,
    Uncertain,
    Unreachable,
)

DIGEST = "digest"
# What a household is asked itself.
ASKED = (PLAN, EXIT, RECEIPT, POSTING)
# Read at once: two seconds' worth at the provider's limit.
ROUND_COUNT = 64
AT_ONCE = 16
# After so many the queue is asked for alerts: a quarter of a second's worth.
LOOK_EVERY = 8
ALERT = 0
IDLE_S = 0.1
# After so many failures in a row the provider is greeted, less and less often, and no message is
# wasted on it before it answers.
AWAY_AFTER_FAILURES = 3
AWAY_MAX_S = 30.0
# After a failure with nothing left to send, the provider is greeted after so long.
GREET_AFTER_S = 1.0

log = structlog.get_logger(__name__)
_meter = metrics.get_meter(__name__)
_sent = _meter.create_counter("tuopin_bot_sendings", unit="1")
_tracer = trace.get_tracer(__name__)


class Sender:
    """The only one that sends tasks with this token: it holds the lease."""

    def __init__(
        self,
        provider: Provider,
        ledger: Ledger,
        commands: Commands,
        people: People,
        views: ViewStore,
        budget: Budget,
        clock: Clock,
        fence: int,
        presence: Presence,
        others: Sequence[Channel] = (),
    ) -> None:
        self._provider = provider
        self._channels: dict[str, Channel] = {each.name: each for each in (provider, *others)}
        self._ledger = ledger
        self._commands = commands
        self._people = people
        self._views = views
        self._budget = budget
        self._clock = clock
        self._fence = fence
        self._presence = presence
        self._failures = 0
        self._lost: LeaseLost | None = None
        # Being sent by a task of ours, by message.
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        # Attempts that a fault of ours left without a result.
        self._left: set[tuple[str, int]] = set()

    async def run(self) -> None:
        """Send for ever; ends with LeaseLost."""
        await self._recover()
        try:
            while True:
                await self._round()
        finally:
            for task in self._in_hand.values():
                task.cancel()

    async def _recover(self, only: Collection[tuple[str, int]] | None = None) -> None:
        """What was begun and is in nobody's hand: recorded as it was answered, else uncertain."""
        for row in await self._ledger.unrecorded(self._fence, only):
            if row.state == "answered":
                command = RecordSending.FromString(row.result)
            else:
                command = _record(row.message_id, row.attempt, Doubtful("restart"))
            await self._record(command)

    async def _round(self) -> None:
        """Begin what is due, in order of rank, one message a chat and second.

        Paced by the budget; answers may be slower than the pace, so several wait at once.
        """
        if self._left:
            left, self._left = self._left, set()
            await self._recover(left)
        away = self._failures >= AWAY_AFTER_FAILURES
        if away and not await self._greeted():
            return
        rows = await self._views.query(partial(_due, self._clock.now_us()))
        begun = await self._ledger.started([_attempt(row) for row in rows])
        count = 0
        tried = False
        for row in rows:
            if row.message_id in self._in_hand or _attempt(row) in begun:
                continue
            if count and not count % LOOK_EVERY and await self._alert_waits(row, rows):
                break
            channel, address = await self._way(row)
            if channel is None or (tried and away and channel is self._provider):
                # One message is tried; the others follow when it has arrived.
                continue
            if channel.capabilities.per_second:
                if not self._budget.chat_ready(address):
                    continue
                self._budget.use_chat(address)
                await self._room()
                await self._budget.take()
            else:
                await self._room()
            self._take_in_hand(row, channel, address)
            tried = tried or channel is self._provider
            count += 1
        if not count:
            await self._idle()

    async def _greeted(self) -> bool:
        """Whether a provider that failed several times answers again."""
        over = self._failures - AWAY_AFTER_FAILURES
        await self._clock.sleep(min(2.0 ** min(over, 10), AWAY_MAX_S))
        if not _away(await self._provider.greet()):
            return True
        self._failures += 1
        return False

    async def _idle(self) -> None:
        """With nothing left to send, a greeting shows that the provider is there again."""
        if not self._failures or self._in_hand:
            await self._clock.sleep(IDLE_S)
            return
        await self._clock.sleep(GREET_AFTER_S)
        waiting = await self._views.query(to_try_again)
        if not waiting and not _away(await self._provider.greet()):
            self._met(away=False)

    def _met(self, *, away: bool) -> None:
        self._failures = self._failures + 1 if away else 0
        if away:
            self._presence.failed(SEND)
        else:
            self._presence.answered(SEND)

    async def _alert_waits(self, row: Row[Any], rows: Sequence[Row[Any]]) -> bool:
        """Whether something that passes all the others came while this round was sent."""
        if row.priority == ALERT:
            return False
        waiting = await self._views.query(partial(_alerts, self._clock.now_us()))
        return bool(waiting - {each.message_id for each in rows})

    async def _way(self, row: Row[Any]) -> tuple[Channel | None, str]:
        """The first channel of the person's that has an address, from the one in turn on."""
        order = tuple(row.channels.split(",")) if row.channels else DEFAULT_CHANNELS
        if row.channel in order:
            order = order[order.index(row.channel) :]
        for name in order:
            channel = self._channels.get(name)
            if channel is self._provider:
                chat_id = await self._chat_of(row)
                if chat_id:
                    return channel, chat_id
            elif channel is not None:
                return channel, str(row.cadre_id)
        return None, ""

    async def _chat_of(self, row: Row[Any]) -> str:
        if row.template in ASKED:
            return await self._people.opened_member(row.household_id, row.cadre_id, row.chat_id)
        return await self._people.opened(row.cadre_id, row.chat_id or "")

    async def _room(self) -> None:
        """Wait until less than AT_ONCE are in hand, and hear of what went wrong with them."""
        while len(self._in_hand) >= AT_ONCE:
            await asyncio.wait(self._in_hand.values(), return_when=asyncio.FIRST_COMPLETED)
        if self._lost is not None:
            raise self._lost

    def _take_in_hand(self, row: Row[Any], channel: Channel, address: str) -> None:
        task = asyncio.ensure_future(self._guarded(row, channel, address))
        self._in_hand[row.message_id] = task
        task.add_done_callback(lambda _: self._in_hand.pop(row.message_id, None))

    async def _guarded(self, row: Row[Any], channel: Channel, address: str) -> None:
        """One message's fault is not its neighbours'."""
        try:
            await self._send(row, channel, address)
        except LeaseLost as lost:
            self._lost = lost
        except Exception as error:
            log.error("bot.sending-failed", message_id=row.message_id, reason=reason_of(error))
            self._left.add(_attempt(row))

    async def _send(self, row: Row[Any], channel: Channel, address: str) -> None:
        if row.template == DIGEST:
            digest = await self._people.digest(row, self._clock.now_us())
            await self._begin(row, channel, address, digest)
            return
        if row.template in ASKED:
            await self._ask_household(row, channel, address)
            return
        assignment = await self._views.query(partial(_assignment, row.assignment_id))
        if assignment is None:  # its lane is behind the message's
            return
        if assignment.status not in OPEN or not holds(assignment, row.cadre_id):
            await self._withdraw(row)
            return
        words = await self._people.words(assignment, row.cadre_id)
        shown = shown_task(assignment, row, words, repeated=row.state == "uncertain")
        await self._begin(row, channel, address, shown)

    async def _ask_household(self, row: Row[Any], channel: Channel, address: str) -> None:
        """Unless the answer is there already."""
        asked = await self._views.query(partial(_question, row.template, row.subject))
        if asked is None:  # its lane is behind the message's
            return
        if asked.is_open:
            await self._begin(row, channel, address, await self._people.asked(row))
        else:
            await self._withdraw(row)

    async def _begin(self, row: Row[Any], channel: Channel, address: str, shown: Shown) -> None:
        attempt = row.attempts + 1
        if not await self._ledger.start_sending(
            self._provider.bot_id, self._fence, row.message_id, attempt
        ):
            return
        with _tracer.start_as_current_span(
            "send message", kind=trace.SpanKind.PRODUCER, links=links([row.traceparent])
        ):
            await self._ask(row, channel, address, shown, attempt)

    async def _ask(
        self, row: Row[Any], channel: Channel, address: str, shown: Shown, attempt: int
    ) -> None:
        failpoint("bot.before-send")
        outcome = await channel.send(address, fitted(shown, channel.capabilities))
        failpoint("bot.after-send")
        if channel is self._provider:
            self._met(away=_away(outcome))
        if isinstance(outcome, Throttled):
            self._budget.pause(outcome.wait_s)
            await self._ledger.not_sent(row.message_id, attempt)
            return
        copy = None
        if isinstance(outcome, Accepted) and outcome.provider_message_id:
            copy = Copy(row.cadre_id, outcome.provider_message_id, row.message_id, shown.digest)
        command = _record(row.message_id, attempt, outcome, channel.name)
        result = command.SerializeToString(deterministic=True)
        if await self._ledger.answered(self._fence, row.message_id, attempt, result, copy):
            await self._record(command)

    async def _record(self, command: RecordSending) -> None:
        failpoint("bot.before-record")
        try:
            await self._commands.do(command)
        except Declined as declined:  # nothing a later attempt would change
            log.error("bot.sending-not-recorded", slug=declined.slug)
        failpoint("bot.after-record")
        result = command.WhichOneof("result") or ""
        _sent.add(1, {"outcome": result, "channel": command.channel})
        await self._ledger.recorded(command.message_id, command.attempt)

    async def _withdraw(self, row: Row[Any]) -> None:
        """The task was finished or went on before its message could be sent."""
        command = SupersedeMessage(
            command_id=derived_id("withdraw", row.message_id), message_id=row.message_id
        )
        with _tracer.start_as_current_span("withdraw message", links=links([row.traceparent])):
            await self._commands.do(command)


def _record(message_id: str, attempt: int, outcome: Outcome, channel: str = "") -> RecordSending:
    """What the service hears of an attempt."""
    command = RecordSending(message_id=message_id, attempt=attempt, channel=channel)
    match outcome:
        case Accepted(provider_message_id=number):
            command.sent.CopyFrom(Sent(provider_message_id=number))
        case Doubtful(reason=reason):
            command.uncertain.CopyFrom(Uncertain(reason=reason))
        case Refused(reason=reason, final=final):
            command.errored.CopyFrom(Errored(reason=reason, final=final))
        case Blocked(reason=reason):
            command.unreachable.CopyFrom(Unreachable(reason=reason))
        case Throttled():
            raise AssertionError("an attempt that was none is not recorded")
    result = command.WhichOneof("result")
    command.command_id = derived_id("sending", message_id, attempt, result)
    return command


def _away(outcome: Outcome) -> bool:
    return isinstance(outcome, Doubtful) or (isinstance(outcome, Refused) and not outcome.final)


def _attempt(row: Row[Any]) -> tuple[str, int]:
    return row.message_id, row.attempts + 1


def _due(now_us: int, connection: Any) -> Sequence[Row[Any]]:
    return due(connection, now_us, ROUND_COUNT)


def _question(kind: str, subject: str, connection: Connection) -> Question | None:
    return question(connection, kind, subject)


def _alerts(now_us: int, connection: Any) -> set[str]:
    return alerts_due(connection, now_us)


def _assignment(assignment_id: str, connection: Any) -> Row[Any] | None:
    return assignment_row(connection, assignment_id)
