"""The rules of a message: when it may go out, and what became of each attempt to reach a person."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum

from chassis.decider import Context, Decider
from chassis.rejection import require
from chassis.times import micros, moment
from services.notifier.decider.calendar import calendar_of
from services.notifier.decider.policy import limit, sending
from tuopin.notifier.v1.message_pb2 import (
    MessageErrored,
    MessageFailed,
    MessageQueued,
    MessageSent,
    MessageSuperseded,
    MessageUncertain,
    QueueMessage,
    RecordSending,
    SupersedeMessage,
)
from tuopin.notifier.v1.resending_pb2 import MessageRerouted, MessageResent, ResendMessage

COMMANDS = (QueueMessage, RecordSending, SupersedeMessage, ResendMessage)
EVENTS = (
    MessageQueued,
    MessageSent,
    MessageUncertain,
    MessageErrored,
    MessageFailed,
    MessageSuperseded,
    MessageRerouted,
    MessageResent,
)
Command = QueueMessage | RecordSending | SupersedeMessage | ResendMessage
Event = (
    MessageQueued
    | MessageSent
    | MessageUncertain
    | MessageErrored
    | MessageFailed
    | MessageSuperseded
    | MessageRerouted
    | MessageResent
)
Events = Iterator[Event]

# Rank of an alert: it passes quiet hours.
ALERT = 0
OFFER = "offer"


@dataclass(frozen=True, slots=True)
class Held:
    """Offers of the same household to the same person that wait: until when each does."""

    until_us: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ways:
    """By what the person can be reached, and whether the provider is away now."""

    channels: tuple[str, ...] = ()
    away: bool = False


class Phase(Enum):
    """QUEUED covers what was refused and waits for its next attempt."""

    UNKNOWN = "unknown"
    QUEUED = "queued"
    UNCERTAIN = "uncertain"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class State:
    """One message. Superseded stands beside the phase: what is in a chat already stays there."""

    phase: Phase = Phase.UNKNOWN
    queued: MessageQueued = field(default_factory=MessageQueued)
    attempts: int = 0
    superseded: bool = False
    # Attempts that count no more: before it was sent again by hand or went to another channel, and
    # those in an outage of the provider.
    attempts_before: int = 0


def decide(state: State, command: Command, context: Context) -> Events:
    """The rule of each command."""
    match command:
        case QueueMessage():
            return queue(state, command, context)
        case RecordSending():
            return record(state, command, context)
        case SupersedeMessage():
            return supersede(state, command)
        case ResendMessage():
            return resend(state, command)


def queue(state: State, command: QueueMessage, context: Context) -> Events:
    """To be sent as soon as its turn comes; what is no alert waits for the end of quiet hours.

    Tasks of one household wait a little for each other, so that they arrive together.
    """
    require(bool(command.cadre_id) != bool(command.person_id), "message-for-one", field="cadre_id")
    if state.phase is not Phase.UNKNOWN or _stale(command, context):
        return
    yield MessageQueued(
        message_id=command.message_id,
        assignment_id=command.assignment_id,
        cadre_id=command.cadre_id,
        template=command.template,
        priority=command.priority,
        village_id=command.village_id,
        not_before_us=_not_before_us(command, context),
        household_id=command.household_id,
        person_id=command.person_id,
        subject=command.subject,
    )


def _stale(command: QueueMessage, context: Context) -> bool:
    """A restored or replayed past is not asked about again."""
    oldest_us = micros(context.now - timedelta(seconds=limit("stale_after_s", context)))
    return 0 < command.asked_at_us < oldest_us


def record(state: State, command: RecordSending, context: Context) -> Events:
    """Each attempt counts once; what was sent or given up stays so."""
    require(state.phase is not Phase.UNKNOWN, "message-not-known", field="message_id")
    over = state.phase in (Phase.SENT, Phase.FAILED)
    if over or command.attempt <= state.attempts:
        return
    match command.WhichOneof("result"):
        case "sent":
            yield MessageSent(
                message_id=command.message_id,
                assignment_id=state.queued.assignment_id,
                cadre_id=state.queued.cadre_id,
                attempt=command.attempt,
                provider_message_id=command.sent.provider_message_id,
                channel=command.channel,
            )
        case "uncertain":
            yield uncertain(state, command, context)
        case "errored":
            yield errored(state, command, context)
        case "unreachable":
            yield unreachable(state, command, context)
        case None:
            require(False, "sending-without-result", field="result")


def uncertain(
    state: State, command: RecordSending, context: Context
) -> MessageUncertain | MessageFailed:
    """It may have arrived: one visible repeat, and when that is as uncertain, no third."""
    if state.phase is Phase.UNCERTAIN:
        return failed(state, command, command.uncertain.reason)
    return MessageUncertain(
        message_id=command.message_id,
        assignment_id=state.queued.assignment_id,
        cadre_id=state.queued.cadre_id,
        attempt=command.attempt,
        reason=command.uncertain.reason,
        next_try_at_us=_next_try_us(command.attempt, context),
    )


def errored(
    state: State, command: RecordSending, context: Context
) -> MessageErrored | MessageFailed:
    """It did not arrive: again after a while that doubles, and at last given up.

    No outage is so long that a message is given up for it.
    """
    most = sending(context)["attempts_max"]
    count = command.attempt - state.attempts_before
    away = _ways(context).away
    if command.errored.final or (count >= most and not away):
        return failed(state, command, command.errored.reason)
    return MessageErrored(
        message_id=command.message_id,
        assignment_id=state.queued.assignment_id,
        cadre_id=state.queued.cadre_id,
        attempt=command.attempt,
        reason=command.errored.reason,
        next_try_at_us=_next_try_us(count, context),
        provider_away=away,
    )


def unreachable(
    state: State, command: RecordSending, context: Context
) -> MessageRerouted | MessageFailed:
    """The person's next channel, while there is one."""
    channels = _ways(context).channels
    tried = command.channel
    later = channels[channels.index(tried) + 1 :] if tried in channels else ()
    if not later:
        return failed(state, command, command.unreachable.reason, unreachable=True)
    return MessageRerouted(
        message_id=command.message_id,
        assignment_id=state.queued.assignment_id,
        cadre_id=state.queued.cadre_id,
        attempt=command.attempt,
        reason=command.unreachable.reason,
        channel=later[0],
    )


def resend(state: State, command: ResendMessage) -> Events:
    """What was given up starts over, by the person's first channel."""
    require(state.phase is not Phase.UNKNOWN, "message-not-known", field="message_id")
    require(state.phase is Phase.FAILED, "message-not-given-up")
    require(not state.superseded, "message-superseded")
    yield MessageResent(
        message_id=command.message_id,
        assignment_id=state.queued.assignment_id,
        cadre_id=state.queued.cadre_id,
        village_id=state.queued.village_id,
    )


def failed(
    state: State, command: RecordSending, reason: str, *, unreachable: bool = False
) -> MessageFailed:
    """No further attempt."""
    return MessageFailed(
        message_id=command.message_id,
        assignment_id=state.queued.assignment_id,
        cadre_id=state.queued.cadre_id,
        attempt=command.attempt,
        reason=reason,
        unreachable=unreachable,
    )


def supersede(state: State, command: SupersedeMessage) -> Events:
    """Something newer takes its place; unsent it stays unsent."""
    require(state.phase is not Phase.UNKNOWN, "message-not-known", field="message_id")
    if state.superseded:
        return
    yield MessageSuperseded(
        message_id=command.message_id,
        assignment_id=state.queued.assignment_id,
        by_message_id=command.by_message_id,
        cadre_id=state.queued.cadre_id,
    )


def evolve(state: State, event: Event) -> State:
    """What each event changes."""
    match event:
        case MessageQueued():
            return replace(state, phase=Phase.QUEUED, queued=event)
        case MessageSent():
            return replace(state, phase=Phase.SENT, attempts=event.attempt)
        case MessageUncertain():
            return replace(state, phase=Phase.UNCERTAIN, attempts=event.attempt)
        case MessageErrored():
            before = state.attempts_before + event.provider_away
            return replace(state, attempts=event.attempt, attempts_before=before)
        case MessageFailed():
            return replace(state, phase=Phase.FAILED, attempts=event.attempt)
        case MessageSuperseded():
            return replace(state, superseded=True)
        case MessageRerouted():
            return replace(
                state,
                phase=Phase.QUEUED,
                attempts=event.attempt,
                attempts_before=event.attempt,
            )
        case MessageResent():
            return replace(state, phase=Phase.QUEUED, attempts_before=state.attempts)


def _ways(context: Context) -> Ways:
    return context.facts or Ways()


def _not_before_us(command: QueueMessage, context: Context) -> int:
    if command.priority == ALERT:
        return 0
    calendar = calendar_of(context)
    start = context.now
    if command.household_id and command.template == OFFER:
        held = context.facts or Held()
        # The first of them opened the window; the others go with it.
        window = start + calendar.seconds("grouping", "window_s")
        opened = [moment(each) for each in held.until_us if start < moment(each) < window]
        start = min(opened, default=window)
    allowed = calendar.awake(start)
    return micros(allowed) if allowed > context.now else 0


def _next_try_us(attempt: int, context: Context) -> int:
    numbers = sending(context)
    wait_s = min(numbers["backoff_s"] * 2 ** (attempt - 1), numbers["backoff_max_s"])
    return micros(context.now + timedelta(seconds=wait_s))


DECIDER: Decider[State] = Decider(
    noun="message",
    topic="message",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={command: lambda c: str(c.message_id) for command in COMMANDS},
    events=EVENTS,
    region=lambda state: state.queued.village_id,
)
