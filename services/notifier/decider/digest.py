"""The rules of the digest: one message a day to whoever has something open, none to the others."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chassis.decider import Context, Decider, derived_id
from chassis.times import day_of, micros
from services.notifier.decider.calendar import calendar_of
from tuopin.notifier.v1.digest_pb2 import (
    DigestQueued,
    DigestScheduled,
    ExpectDigest,
    QueueDigest,
)

Command = ExpectDigest | QueueDigest
Event = DigestScheduled | DigestQueued
Events = Iterator[Event]


@dataclass(frozen=True, slots=True)
class Open:
    """What a person has to do, from the notifier's own list."""

    to_take: int = 0
    to_finish: int = 0
    # Of both: due before the day began.
    overdue: int = 0
    # Region that appointed the person.
    region_id: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """The digests of one person."""

    day: str = ""
    message_id: str = ""
    region_id: str = ""
    # When the next one is to go out.
    next_at_us: int = 0


def decide(state: State, command: Command, context: Context) -> Events:
    """The rule of each command."""
    match command:
        case ExpectDigest():
            return expect(state, command, context)
        case QueueDigest():
            return queue(state, command, context)


def expect(state: State, command: ExpectDigest, context: Context) -> Events:
    """On the next working day, unless one is to come already."""
    if state.next_at_us > micros(context.now):
        return
    at_us = micros(calendar_of(context).next_digest(context.now))
    yield DigestScheduled(cadre_id=command.cadre_id, day=day_of(at_us), at_us=at_us)


def queue(state: State, command: QueueDigest, context: Context) -> Events:
    """Once a day, and only of something: who has nothing to do hears nothing.

    The next task that somebody gets brings the digest back.
    """
    found = context.facts
    assert isinstance(found, Open), "the facts of a digest are what is open"
    if command.day <= state.day or not found.to_take + found.to_finish:
        return
    next_at_us = micros(calendar_of(context).next_digest(context.now))
    yield DigestQueued(
        cadre_id=command.cadre_id,
        day=command.day,
        message_id=derived_id("message", "digest", command.cadre_id, command.day),
        to_take_count=found.to_take,
        to_finish_count=found.to_finish,
        overdue_count=found.overdue,
        supersedes_message_id=state.message_id,
        next_at_us=next_at_us,
        next_day=day_of(next_at_us),
        region_id=found.region_id,
    )


def evolve(state: State, event: Event) -> State:
    """The latest one, and when the next is to come."""
    match event:
        case DigestScheduled():
            return replace(state, next_at_us=event.at_us)
        case DigestQueued():
            return State(event.day, event.message_id, event.region_id, event.next_at_us)


DECIDER: Decider[State] = Decider(
    noun="digest",
    topic="message",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={command: lambda c: str(c.cadre_id) for command in (ExpectDigest, QueueDigest)},
    events=(DigestScheduled, DigestQueued),
    region=lambda state: state.region_id,
)
