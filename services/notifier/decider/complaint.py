"""The rules of a complaint: filed by a member, answered by a level in time, else by the next one.

Who filed it and what it says are sealed under a key of the complaint's own; nothing here names a
household but the number that a named complaint shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from chassis.decider import Claim, Context, Decider, Decision
from chassis.rejection import reject, require
from chassis.times import micros
from tuopin.notifier.v1.complaint_pb2 import (
    AnswerComplaint,
    ComplainantRevealed,
    ComplaintAnswered,
    ComplaintAssigned,
    ComplaintFiled,
    FileComplaint,
    PassOnComplaint,
    RevealComplainant,
)

Command = FileComplaint | PassOnComplaint | AnswerComplaint | RevealComplainant
Event = ComplaintFiled | ComplaintAssigned | ComplaintAnswered | ComplainantRevealed
Decisions = Iterator[Decision]

# Kind of claim: from a household's n-th complaint to its id. Only a keyed digest is kept.
COMPLAINT = "complaint-of"


@dataclass(frozen=True, slots=True)
class State:
    """One complaint."""

    complaint_id: str = ""
    village_id: str = ""
    kind: str = ""
    anonymous: bool = False
    # Level that must answer.
    region_id: str = ""
    answered: bool = False
    revealed_to: frozenset[str] = frozenset()


def complaint_key(household_id: str, ordinal: int) -> str:
    """How a household's own page finds its complaints."""
    return f"{household_id}/{ordinal}"


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rule of each command."""
    match command:
        case FileComplaint():
            return file(state, command, context)
        case PassOnComplaint():
            return pass_on(state, context)
        case AnswerComplaint():
            return answer(state, command, context)
        case RevealComplainant():
            return reveal(state, command, context)


def file(state: State, command: FileComplaint, context: Context) -> Decisions:
    """Anonymous, it shows no number; the level follows from what it is about."""
    if state.complaint_id:
        return
    kinds = _table(context)["kinds"]
    if command.kind not in kinds:
        reject("complaint-kind-not-listed", field="kind", kinds=", ".join(kinds))
    household_id = command.complainant.partition("/")[0]
    yield Claim(
        kind=COMPLAINT,
        key=complaint_key(household_id, command.ordinal),
        owner=command.complaint_id,
        rejection="complaint-number-taken",
    )
    yield ComplaintFiled(
        complaint_id=command.complaint_id,
        village_id=command.village_id,
        kind=command.kind,
        text=command.text,
        complainant=command.complainant,
        anonymous=command.anonymous,
        household_number="" if command.anonymous else command.household_number,
    )
    yield _assigned(
        replace(
            state,
            complaint_id=command.complaint_id,
            village_id=command.village_id,
            kind=command.kind,
        ),
        int(kinds[command.kind]),
        "filed",
        context,
    )


def pass_on(state: State, context: Context) -> Decisions:
    """Silence moves it up; above the last level nobody is left, and it stays overdue there."""
    if not state.complaint_id or state.answered:
        return
    levels = [int(each) for each in _table(context)["levels"]]
    above = levels[levels.index(len(state.region_id)) + 1 :]
    if above:
        yield _assigned(state, above[0], "overdue", context)


def answer(state: State, command: AnswerComplaint, context: Context) -> Decisions:
    """Once, by the level that must or one above it."""
    _require_known(state)
    require(not state.answered, "complaint-already-answered")
    yield ComplaintAnswered(
        complaint_id=state.complaint_id,
        village_id=state.village_id,
        region_id=state.region_id,
        answer=command.answer,
        answered_by=context.actor.subject,
        kind=state.kind,
    )


def reveal(state: State, command: RevealComplainant, context: Context) -> Decisions:
    """Each one who is told is on record, with the reason."""
    _require_known(state)
    who = context.actor.subject
    if who in state.revealed_to:
        return
    yield ComplainantRevealed(
        complaint_id=state.complaint_id,
        village_id=state.village_id,
        reason=command.reason,
        revealed_to=who,
    )


def evolve(state: State, event: Event) -> State:
    """What each event changes."""
    match event:
        case ComplaintFiled():
            return replace(
                state,
                complaint_id=event.complaint_id,
                village_id=event.village_id,
                kind=event.kind,
                anonymous=event.anonymous,
            )
        case ComplaintAssigned():
            return replace(state, region_id=event.region_id)
        case ComplaintAnswered():
            return replace(state, answered=True)
        case ComplainantRevealed():
            return replace(state, revealed_to=state.revealed_to | {event.revealed_to})


def _assigned(state: State, digits: int, reason: str, context: Context) -> ComplaintAssigned:
    table = _table(context)
    within_s = int(table["answer_within_s"][list(table["levels"]).index(digits)])
    return ComplaintAssigned(
        complaint_id=state.complaint_id,
        village_id=state.village_id,
        region_id=state.village_id[:digits],
        due_at_us=micros(context.now + timedelta(seconds=within_s)),
        reason=reason,
        kind=state.kind,
    )


def _require_known(state: State) -> None:
    require(state.complaint_id, "complaint-not-known", field="complaint_id")


def _table(context: Context) -> Any:
    return context.parameters.table("voice")["complaints"]


DECIDER: Decider[State] = Decider(
    noun="complaint",
    topic="complaint",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={
        command: lambda c: str(c.complaint_id)
        for command in (FileComplaint, PassOnComplaint, AnswerComplaint, RevealComplainant)
    },
    events=(ComplaintFiled, ComplaintAssigned, ComplaintAnswered, ComplainantRevealed),
    region=lambda state: state.region_id,
)
