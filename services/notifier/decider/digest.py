"""The rules of the digest: one message a day to whoever has something open, none to the others."""

from collections.abc import Iterator
from dataclasses import dataclass

from chassis.decider import Context, Decider, derived_id
from services.notifier.decider.calendar import calendar_of
from services.notifier.decider.times import day_of, micros
from tuopin.notifier.v1.digest_pb2 import DigestQueued, QueueDigest

Events = Iterator[DigestQueued]


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


def decide(state: State, command: QueueDigest, context: Context) -> Events:
    """Once a day, and only of something: who has nothing to do hears nothing.

    The next task that somebody gets sets the hour of the digest again.
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


def evolve(state: State, event: DigestQueued) -> State:
    """The latest one."""
    return State(event.day, event.message_id, event.region_id)


DECIDER: Decider[State] = Decider(
    noun="digest",
    topic="message",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={QueueDigest: lambda command: str(command.cadre_id)},
    events=(DigestQueued,),
    region=lambda state: state.region_id,
)
