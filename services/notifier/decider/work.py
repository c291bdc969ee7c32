"""The state of an assignment, folded from its events."""

from dataclasses import dataclass, field, replace
from enum import Enum

from chassis.decider import derived_id
from tuopin.notifier.v1.assignment_pb2 import (
    AssignmentAcknowledged,
    AssignmentDone,
    AssignmentEscalated,
    AssignmentOffered,
    AssignmentReminded,
    AssignmentReturned,
    AssignmentVerified,
    EvidenceAdded,
)
from tuopin.notifier.v1.handling_pb2 import (
    AnswerClock,
    AnswerClockStarted,
    AssignmentCancelled,
    AssignmentDeclined,
    AssignmentExpired,
    AssignmentReassigned,
    AssignmentScheduled,
    AssignmentSnoozed,
    Terms,
)
from tuopin.types.v1.types_pb2 import Blob, Evidence

Event = (
    AssignmentScheduled
    | AssignmentOffered
    | AssignmentAcknowledged
    | EvidenceAdded
    | AssignmentDone
    | AssignmentReminded
    | AssignmentEscalated
    | AssignmentVerified
    | AssignmentReturned
    | AssignmentDeclined
    | AssignmentSnoozed
    | AssignmentReassigned
    | AnswerClockStarted
    | AssignmentCancelled
    | AssignmentExpired
)


class Phase(Enum):
    """How far the work is. Returned work is acknowledged work that must be done again."""

    UNKNOWN = "unknown"
    SCHEDULED = "scheduled"
    OFFERED = "offered"
    ACKNOWLEDGED = "acknowledged"
    DONE = "done"
    VERIFIED = "verified"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


OPEN = (Phase.OFFERED, Phase.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class State:
    """One assignment. `version` counts its events, as the store does."""

    phase: Phase = Phase.UNKNOWN
    version: int = 0
    scheduled: AssignmentScheduled = field(default_factory=AssignmentScheduled)
    offered: AssignmentOffered = field(default_factory=AssignmentOffered)
    cadre_id: str = ""
    # Who had it before nobody had it: may still take it.
    previous_cadre_id: str = ""
    # Who has had it and is not asked again: declined, left, unreachable, silent.
    tried: frozenset[str] = frozenset()
    # Steps of the terms taken; reminders of the step in hand.
    level: int = 0
    reminders: int = 0
    clock: AnswerClock = field(default_factory=AnswerClock)
    snoozes: int = 0
    snoozed: bool = False
    evidence: tuple[Evidence, ...] = ()
    # Name of the witness as sealed for the paper.
    witness: str = ""
    # The message that the holder has in hand.
    message_id: str = ""
    done_at_us: int = 0

    @property
    def open(self) -> bool:
        """Somebody has yet to do something."""
        return self.phase in OPEN

    @property
    def taken(self) -> bool:
        return self.phase is Phase.ACKNOWLEDGED

    @property
    def assignment_id(self) -> str:
        return self.offered.assignment_id or self.scheduled.assignment_id

    @property
    def region_id(self) -> str:
        return self.offered.village_id or self.scheduled.village_id

    @property
    def terms(self) -> Terms:
        return self.offered.terms

    @property
    def subject_id(self) -> str:
        """Under whose key the evidence is sealed."""
        return self.offered.household_id or self.offered.subject

    @property
    def photo(self) -> Blob | None:
        """The latest picture."""
        photos = [each.photo for each in self.evidence if each.WhichOneof("kind") == "photo"]
        return photos[-1] if photos else None


def message_id_of(event_id: str, cadre_id: str) -> str:
    """A message follows from the event that it tells and the person that it is for."""
    return derived_id("message", event_id, cadre_id)


def with_terms(event: AssignmentOffered) -> AssignmentOffered:
    """An offer from before there were terms: what held for all of them then."""
    if event.HasField("terms"):
        return event
    offered = AssignmentOffered()
    offered.CopyFrom(event)
    offered.helper_id = event.cadre_id
    wait_s = max(0, event.escalate_at_us - event.remind_at_us) // 1_000_000
    offered.terms.CopyFrom(
        Terms(
            priority="task",
            remind_after_s=[0],
            remind_by=["message"],
            escalate_after_s=wait_s,
            steps=["TOWNSHIP_SPECIALIST"],
            verified_by="owner",
        )
    )
    offered.clock.CopyFrom(
        AnswerClock(
            started_at_us=event.remind_at_us, next_at_us=event.remind_at_us, next_step="remind"
        )
    )
    return offered


def evolve(state: State, event: Event) -> State:
    """What each event changes."""
    state = replace(state, version=state.version + 1)
    match event:
        case AssignmentScheduled():
            return replace(state, phase=Phase.SCHEDULED, scheduled=event)
        case AssignmentOffered():
            event = with_terms(event)
            state = replace(state, phase=Phase.OFFERED, offered=event, cadre_id=event.cadre_id)
            return _told(replace(state, clock=event.clock), event.cadre_id)
        case AssignmentAcknowledged():
            return replace(
                state,
                phase=Phase.ACKNOWLEDGED,
                cadre_id=event.cadre_id,
                previous_cadre_id="",
                reminders=0,
                snoozed=False,
                clock=event.clock,
            )
        case EvidenceAdded():
            return replace(
                state,
                evidence=(*state.evidence, event.evidence),
                witness=event.paper.witness or state.witness,
                reminders=0,
                clock=event.clock,
            )
        case AssignmentDone():
            return replace(
                state, phase=Phase.DONE, done_at_us=event.done_at_us, clock=AnswerClock()
            )
        case AssignmentReminded():
            return _reminded(state, event)
        case AssignmentEscalated():
            return _escalated(state, event)
        case AssignmentVerified():
            return replace(state, phase=Phase.VERIFIED)
        case AssignmentReturned():
            state = replace(state, phase=Phase.ACKNOWLEDGED, reminders=0, clock=event.clock)
            return _told(state, event.cadre_id)
        case AssignmentDeclined():
            return replace(state, tried=state.tried | {event.cadre_id})
        case AssignmentSnoozed():
            return replace(state, snoozes=event.ordinal, snoozed=True, clock=event.clock)
        case AssignmentReassigned():
            return _reassigned(state, event)
        case AnswerClockStarted():
            return replace(state, clock=event.clock)
        case AssignmentCancelled():
            return replace(state, phase=Phase.CANCELLED, clock=AnswerClock())
        case AssignmentExpired():
            return replace(state, phase=Phase.EXPIRED, clock=AnswerClock())


def _reminded(state: State, event: AssignmentReminded) -> State:
    # An event from before there were several has no number and came as a message.
    reminders = event.ordinal or state.reminders + 1
    clock = event.clock
    if not event.HasField("clock"):
        at_us = state.offered.escalate_at_us
        clock = AnswerClock(started_at_us=at_us, next_at_us=at_us, next_step="escalate")
    state = replace(state, reminders=reminders, snoozed=False, clock=clock)
    return state if event.by == "digest" else _told(state, event.cadre_id)


def _escalated(state: State, event: AssignmentEscalated) -> State:
    # Where nobody follows, whoever had it may still take it, unless they are gone.
    previous_cadre_id = "" if event.reason == "left" else event.previous_cadre_id
    tried = {event.previous_cadre_id} if event.cadre_id and event.previous_cadre_id else set()
    state = replace(
        state,
        phase=Phase.OFFERED,
        cadre_id=event.cadre_id,
        previous_cadre_id=previous_cadre_id,
        tried=state.tried | tried,
        level=max(event.level, 1),
        reminders=0,
        snoozed=False,
        clock=event.clock,
    )
    return _told(state, event.cadre_id)


def _reassigned(state: State, event: AssignmentReassigned) -> State:
    tried = {event.previous_cadre_id} if event.previous_cadre_id else set()
    state = replace(
        state,
        phase=Phase.OFFERED,
        cadre_id=event.cadre_id,
        previous_cadre_id="",
        # Whom an office chose may have had it before.
        tried=(state.tried | tried) - {event.cadre_id},
        reminders=0,
        snoozed=False,
        clock=event.clock,
    )
    return _told(state, event.cadre_id)


def _told(state: State, cadre_id: str) -> State:
    """The event just folded leads to a message, whose id follows from the event's."""
    if not cadre_id:
        return state
    event_id = f"task-{state.assignment_id}@{state.version}"
    return replace(state, message_id=message_id_of(event_id, cadre_id))
