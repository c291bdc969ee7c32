"""From the queue of messages to the chats: each attempt is begun once, whatever dies meanwhile.

Before the provider is asked the attempt stands in the ledger. Found there after a kill it is
uncertain: the service hears so, and the message is repeated once under the same reference.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import structlog
from opentelemetry import metrics, trace
from sqlalchemy import Row

from chassis.clock import Clock
from chassis.decider import derived_id
from chassis.failpoints import failpoint
from chassis.tracing import links
from chassis.viewstore import ViewStore
from services.notifier.chat.budget import Budget
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
from services.notifier.chat.provider import Provider
from services.notifier.chat.tasks import Shown, holds, shown_task
from services.notifier.views.assignments import OPEN, assignment_row
from services.notifier.views.messages import due
from tuopin.notifier.v1.message_pb2 import (
    Errored,
    RecordSending,
    Sent,
    SupersedeMessage,
    Uncertain,
    Unreachable,
)

# Read at once: two seconds' worth at the provider's limit.
ROUND_COUNT = 64
AT_ONCE = 16
IDLE_S = 0.1
# A provider that is away is asked less and less.
AWAY_AFTER_FAILURES = 3
AWAY_MAX_S = 30.0

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
        changed: Callable[[], None],
    ) -> None:
        self._provider = provider
        self._ledger = ledger
        self._commands = commands
        self._people = people
        self._views = views
        self._budget = budget
        self._clock = clock
        self._fence = fence
        self._changed = changed
        self._failures = 0
        self._lost: LeaseLost | None = None

    async def recover(self) -> None:
        """What an earlier bot began: recorded as it was answered, else as uncertain."""
        for row in await self._ledger.unrecorded(self._fence):
            if row.state == "answered":
                command = RecordSending.FromString(row.result)
            else:
                command = _record(row.message_id, row.attempt, Doubtful("restart"))
            await self._record(command)

    async def step(self) -> None:
        """Send what is due, in order of rank, one message a chat and second."""
        now_us = self._clock.now_us()
        rows = await self._views.query(partial(_due, now_us))
        begun = await self._ledger.started([_attempt(row) for row in rows])
        ready = [row for row in rows if _attempt(row) not in begun]
        sent = await self._send_all(ready)
        if not sent:
            await self._clock.sleep(IDLE_S)

    async def _send_all(self, rows: Sequence[Row[Any]]) -> int:
        """Paced by the budget; answers may be slower than the pace, so several wait at once."""
        at_once = asyncio.Semaphore(AT_ONCE)
        count = 0
        async with asyncio.TaskGroup() as group:
            for row in rows:
                chat_id = await self._people.opened(row.cadre_id, row.chat_id)
                if not chat_id or not self._budget.chat_ready(chat_id):
                    continue
                self._budget.use_chat(chat_id)
                await at_once.acquire()
                await self._budget.take()
                count += 1
                task = group.create_task(self._send(row, chat_id))
                task.add_done_callback(lambda _: at_once.release())
        await self._wait_out_failures()
        return count

    async def _send(self, row: Row[Any], chat_id: str) -> None:
        assignment = await self._views.query(partial(_assignment, row.assignment_id))
        if assignment is None:  # its lane is behind the message's
            return
        if assignment.status not in OPEN or not holds(assignment, row.cadre_id):
            await self._withdraw(row)
            return
        words = await self._people.words(assignment, row.cadre_id)
        shown = shown_task(assignment, row, words, repeated=row.state == "uncertain")
        attempt = row.attempts + 1
        if not await self._ledger.start_sending(
            self._provider.bot_id, self._fence, row.message_id, attempt
        ):
            return
        with _tracer.start_as_current_span(
            "send message", kind=trace.SpanKind.PRODUCER, links=links([row.traceparent])
        ):
            await self._ask(row, chat_id, shown, attempt)

    async def _ask(self, row: Row[Any], chat_id: str, shown: Shown, attempt: int) -> None:
        failpoint("bot.before-send")
        outcome = await self._provider.send(chat_id, shown)
        failpoint("bot.after-send")
        _sent.add(1, {"outcome": type(outcome).__name__.lower()})
        self._failures = self._failures + 1 if _away(outcome) else 0
        if isinstance(outcome, Throttled):
            self._budget.pause(outcome.wait_s)
            await self._ledger.not_sent(row.message_id, attempt)
            return
        copy = None
        if isinstance(outcome, Accepted):
            copy = Copy(row.cadre_id, outcome.provider_message_id, row.message_id, shown.digest)
        command = _record(row.message_id, attempt, outcome)
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
        await self._ledger.recorded(command.message_id, command.attempt)
        self._changed()

    async def _withdraw(self, row: Row[Any]) -> None:
        """The task was finished or went on before its message could be sent."""
        command = SupersedeMessage(
            command_id=derived_id("withdraw", row.message_id), message_id=row.message_id
        )
        await self._commands.do(command)

    async def _wait_out_failures(self) -> None:
        over = self._failures - AWAY_AFTER_FAILURES
        if over >= 0:
            await self._clock.sleep(min(2.0 ** min(over, 10), AWAY_MAX_S))


def _record(message_id: str, attempt: int, outcome: Outcome) -> RecordSending:
    """What the service hears of an attempt."""
    command = RecordSending(message_id=message_id, attempt=attempt)
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


def _assignment(assignment_id: str, connection: Any) -> Row[Any] | None:
    return assignment_row(connection, assignment_id)
