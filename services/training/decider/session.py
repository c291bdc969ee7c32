"""The rules of a training session: a course, so many places, a certificate for each."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from chassis.decider import Context, Decider
from chassis.rejection import require
from tuopin.training.v1.cadre_pb2 import (
    CompleteTraining,
    ScheduleSession,
    SessionScheduled,
    TrainingCompleted,
)

Command = ScheduleSession | CompleteTraining
Event = SessionScheduled | TrainingCompleted
Events = Iterator[Event]


@dataclass(frozen=True, slots=True)
class State:
    """One session and who has completed it."""

    session_id: str = ""
    region_id: str = ""
    course: str = ""
    hours: int = 0
    places: int = 0
    held_on: str = ""
    completed: frozenset[str] = frozenset()


def decide(state: State, command: Command, context: Context) -> Events:
    """Which rule a command is for."""
    match command:
        case ScheduleSession():
            return schedule(state, command, context)
        case CompleteTraining():
            return complete(state, command, context)


def schedule(state: State, command: ScheduleSession, context: Context) -> Events:
    """A session of a known course, not shorter than the course; the same again has no effect."""
    event = SessionScheduled(
        session_id=command.session_id,
        region_id=command.region_id,
        course=command.course,
        hours=command.hours,
        places=command.places,
        held_on=command.held_on,
    )
    if state.session_id and replace(state, completed=frozenset()) == evolve(State(), event):
        return
    require(not state.session_id, "session-already-scheduled", field="session_id")
    courses = context.parameters.table("courses")
    require(
        command.course in courses,
        "course-not-known",
        field="course",
        courses=", ".join(sorted(courses)),
    )
    fewest = courses[command.course]["hours"]
    require(command.hours >= fewest, "session-too-short", field="hours", fewest=fewest)
    yield event


def complete(state: State, command: CompleteTraining, context: Context) -> Events:
    """Attended to the end and passed: a certificate, while there are places."""
    require(state.session_id, "session-not-known", field="session_id")
    if command.cadre_id in state.completed:
        return
    require(
        state.held_on <= context.today.isoformat(), "session-not-held-yet", held_on=state.held_on
    )
    require(len(state.completed) < state.places, "session-full", places=state.places)
    months = context.parameters.table("courses")[state.course]["valid_months"]
    yield TrainingCompleted(
        session_id=state.session_id,
        cadre_id=command.cadre_id,
        region_id=state.region_id,
        course=state.course,
        hours=state.hours,
        certificate_id=context.new_id("certificate"),
        valid_until=months_later(date.fromisoformat(state.held_on), months).isoformat(),
        effective_on=state.held_on,
    )


def evolve(state: State, event: Event) -> State:
    """What an event changes."""
    match event:
        case SessionScheduled():
            return State(
                session_id=event.session_id,
                region_id=event.region_id,
                course=event.course,
                hours=event.hours,
                places=event.places,
                held_on=event.held_on,
            )
        case TrainingCompleted():
            return replace(state, completed=state.completed | {event.cadre_id})


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last day when it is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    last = calendar.monthrange(day.year + years, month + 1)[1]
    return date(day.year + years, month + 1, min(day.day, last))


DECIDER: Decider[State] = Decider(
    noun="session",
    topic="training",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={
        ScheduleSession: lambda command: str(command.session_id),
        CompleteTraining: lambda command: str(command.session_id),
    },
    events=(SessionScheduled, TrainingCompleted),
    region=lambda state: state.region_id,
)
