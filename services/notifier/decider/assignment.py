"""The rules of an assignment: offered, taken, proved, done, accepted or returned by its owner."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

from chassis.decider import Context, Decider, derived_id
from chassis.rejection import require
from services.notifier.decider.policy import limit, policy_of, specialist, township_of, whom
from services.notifier.decider.times import micros, shown
from tuopin.notifier.v1.assignment_pb2 import (
    AcknowledgeAssignment,
    AddEvidence,
    AssignmentAcknowledged,
    AssignmentDone,
    AssignmentEscalated,
    AssignmentOffered,
    AssignmentReminded,
    AssignmentReturned,
    AssignmentVerified,
    EscalateAssignment,
    EvidenceAdded,
    FinishAssignment,
    OfferAssignment,
    RemindAssignment,
    ReturnAssignment,
    VerifyAssignment,
)
from tuopin.types.v1.types_pb2 import Blob, Evidence, Paper

Command = (
    OfferAssignment
    | AcknowledgeAssignment
    | AddEvidence
    | FinishAssignment
    | RemindAssignment
    | EscalateAssignment
    | VerifyAssignment
    | ReturnAssignment
)
Event = (
    AssignmentOffered
    | AssignmentAcknowledged
    | EvidenceAdded
    | AssignmentDone
    | AssignmentReminded
    | AssignmentEscalated
    | AssignmentVerified
    | AssignmentReturned
)
Events = Iterator[Event]


class Phase(Enum):
    """How far the work is. Returned work is acknowledged work that must be done again."""

    UNKNOWN = "unknown"
    OFFERED = "offered"
    ACKNOWLEDGED = "acknowledged"
    DONE = "done"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class State:
    """One assignment. `version` counts its events, as the store does."""

    phase: Phase = Phase.UNKNOWN
    version: int = 0
    offered: AssignmentOffered = field(default_factory=AssignmentOffered)
    cadre_id: str = ""
    # Who had it before nobody had it: may still take it.
    previous_cadre_id: str = ""
    reminded: bool = False
    escalated: bool = False
    evidence: tuple[Evidence, ...] = ()
    # Name of the witness as sealed for the paper.
    witness: str = ""
    # The message that the holder has in hand.
    message_id: str = ""
    done_at_us: int = 0

    @property
    def finished(self) -> bool:
        """Nobody need do anything."""
        return self.phase in (Phase.DONE, Phase.VERIFIED)

    @property
    def photo(self) -> Blob | None:
        """The latest picture."""
        photos = [each.photo for each in self.evidence if each.WhichOneof("kind") == "photo"]
        return photos[-1] if photos else None


def message_id_of(event_id: str, cadre_id: str) -> str:
    """A message follows from the event that it tells and the person that it is for."""
    return derived_id("message", event_id, cadre_id)


def decide(state: State, command: Command, context: Context) -> Events:
    """The rule of each command."""
    match command:
        case OfferAssignment():
            return offer(state, command, context)
        case AcknowledgeAssignment():
            return acknowledge(state, command, context)
        case AddEvidence():
            return add_evidence(state, command, context)
        case FinishAssignment():
            return finish(state, command, context)
        case RemindAssignment():
            return remind(state)
        case EscalateAssignment():
            return escalate(state, command, context)
        case VerifyAssignment():
            return verify(state, command)
        case ReturnAssignment():
            return give_back(state, command)


def offer(state: State, command: OfferAssignment, context: Context) -> Events:
    """To the first whom the policy names; when nobody is there the township has it."""
    if state.phase is not Phase.UNKNOWN:
        return
    policy = policy_of(command.kind, context)
    cadre_id = whom(policy, command.cadre_id, command.village_id, context.facts or ())
    yield AssignmentOffered(
        assignment_id=command.assignment_id,
        kind=command.kind,
        household_id=command.household_id,
        village_id=command.village_id,
        subject=command.subject,
        household_number=command.household_number,
        cadre_id=cadre_id,
        facts=command.facts,
        policy=policy.name,
        proof=policy.proof,
        remind_at_us=micros(context.now + policy.remind_after),
        escalate_at_us=micros(context.now + policy.escalate_after),
        due_at_us=micros(context.now + policy.due_after),
    )
    if not cadre_id:
        yield AssignmentEscalated(
            assignment_id=command.assignment_id,
            village_id=command.village_id,
            region_id=township_of(command.village_id),
            household_id=command.household_id,
            kind=command.kind,
            reason="no-cadre",
        )


def acknowledge(state: State, command: AcknowledgeAssignment, context: Context) -> Events:
    """The second tap of the one who has it changes nothing."""
    _require_open_for(state, command.cadre_id)
    if state.phase is Phase.ACKNOWLEDGED:
        return
    yield AssignmentAcknowledged(
        assignment_id=state.offered.assignment_id,
        cadre_id=command.cadre_id,
        village_id=state.offered.village_id,
        household_id=state.offered.household_id,
        kind=state.offered.kind,
        acknowledged_at_us=micros(context.now),
    )


def add_evidence(state: State, command: AddEvidence, context: Context) -> Events:
    """A note, a photo or a place, by the one who took the task and about its household."""
    _require_open_for(state, command.cadre_id)
    require(state.phase is Phase.ACKNOWLEDGED, "assignment-not-acknowledged")
    most = limit("evidence_max", context)
    require(len(state.evidence) < most, "evidence-too-much", most=most)
    household_id = _household_of(command.evidence)
    require(household_id, "evidence-empty", field="evidence")
    require(
        household_id == state.offered.household_id,
        "evidence-of-another-household",
        field="evidence",
    )
    event = EvidenceAdded(
        assignment_id=state.offered.assignment_id,
        cadre_id=command.cadre_id,
        evidence=command.evidence,
        household_id=state.offered.household_id,
        village_id=state.offered.village_id,
    )
    if state.offered.proof == "paper" and command.evidence.WhichOneof("kind") == "note":
        event.paper.household_id = state.offered.household_id
        event.paper.witness = command.evidence.note.text[:200]
    yield event


def finish(state: State, command: FinishAssignment, context: Context) -> Events:
    """Done when the proof that the policy demands is there."""
    _require_open_for(state, command.cadre_id)
    require(state.phase is Phase.ACKNOWLEDGED, "assignment-not-acknowledged")
    if state.offered.proof == "any":
        require(state.evidence, "assignment-without-evidence")
    event = AssignmentDone(
        assignment_id=state.offered.assignment_id,
        kind=state.offered.kind,
        household_id=state.offered.household_id,
        village_id=state.offered.village_id,
        subject=state.offered.subject,
        cadre_id=command.cadre_id,
        evidence=state.evidence,
        facts=state.offered.facts,
        effective_on=context.today.isoformat(),
        done_at_us=micros(context.now),
    )
    if state.offered.proof == "paper":
        event.paper.CopyFrom(_paper(state))
    yield event


def remind(state: State) -> Events:
    """Once, and only while nobody has answered."""
    if state.phase is not Phase.OFFERED or state.reminded or not state.cadre_id:
        return
    yield AssignmentReminded(
        assignment_id=state.offered.assignment_id,
        cadre_id=state.cadre_id,
        village_id=state.offered.village_id,
        household_id=state.offered.household_id,
        kind=state.offered.kind,
        supersedes_message_id=state.message_id,
    )


def escalate(state: State, command: EscalateAssignment, context: Context) -> Events:
    """To the township's specialist; when none is posted, or he cannot be reached, to its list.

    Only while nobody has answered, and only when the one it is about still has it.
    """
    if state.phase is not Phase.OFFERED or not state.cadre_id:
        return
    if command.cadre_id and command.cadre_id != state.cadre_id:
        return
    if state.escalated and command.reason != "unreachable":
        return
    village_id = state.offered.village_id
    found = specialist(village_id, context.facts or (), state.cadre_id, context)
    cadre_id = "" if state.escalated else found
    yield AssignmentEscalated(
        assignment_id=state.offered.assignment_id,
        village_id=village_id,
        region_id=township_of(village_id),
        cadre_id=cadre_id,
        previous_cadre_id=state.cadre_id,
        household_id=state.offered.household_id,
        kind=state.offered.kind,
        reason=command.reason or "no-answer",
        # Where nobody follows, the message in hand stays good: its reader may still take the task.
        supersedes_message_id=state.message_id if cadre_id else "",
    )


def verify(state: State, command: VerifyAssignment) -> Events:
    """The owner of the subject accepted the answer."""
    require(state.phase is not Phase.UNKNOWN, "assignment-not-known", field="assignment_id")
    if state.phase is Phase.VERIFIED:
        return
    require(state.phase is Phase.DONE, "assignment-not-done")
    yield AssignmentVerified(
        assignment_id=state.offered.assignment_id,
        cadre_id=state.cadre_id,
        event_id=command.event_id,
        household_id=state.offered.household_id,
        village_id=state.offered.village_id,
        kind=state.offered.kind,
    )


def give_back(state: State, command: ReturnAssignment) -> Events:
    """The owner refused the answer, and says why: it must be done again."""
    require(state.phase is not Phase.UNKNOWN, "assignment-not-known", field="assignment_id")
    if state.phase is not Phase.DONE:
        return
    yield AssignmentReturned(
        assignment_id=state.offered.assignment_id,
        cadre_id=state.cadre_id,
        slug=command.slug,
        household_id=state.offered.household_id,
        village_id=state.offered.village_id,
        kind=state.offered.kind,
        supersedes_message_id=state.message_id,
    )


def evolve(state: State, event: Event) -> State:
    """What each event changes."""
    state = replace(state, version=state.version + 1)
    match event:
        case AssignmentOffered():
            state = replace(state, phase=Phase.OFFERED, offered=event, cadre_id=event.cadre_id)
            return _told(state, event.cadre_id)
        case AssignmentAcknowledged():
            return replace(
                state, phase=Phase.ACKNOWLEDGED, cadre_id=event.cadre_id, previous_cadre_id=""
            )
        case EvidenceAdded():
            return replace(
                state,
                evidence=(*state.evidence, event.evidence),
                witness=event.paper.witness or state.witness,
            )
        case AssignmentDone():
            return replace(state, phase=Phase.DONE, done_at_us=event.done_at_us)
        case AssignmentReminded():
            return _told(replace(state, reminded=True), event.cadre_id)
        case AssignmentEscalated():
            state = replace(
                state,
                escalated=True,
                cadre_id=event.cadre_id,
                previous_cadre_id=event.previous_cadre_id,
            )
            return _told(state, event.cadre_id)
        case AssignmentVerified():
            return replace(state, phase=Phase.VERIFIED)
        case AssignmentReturned():
            return _told(replace(state, phase=Phase.ACKNOWLEDGED), event.cadre_id)


def _told(state: State, cadre_id: str) -> State:
    """The event just folded leads to a message, whose id follows from the event's."""
    if not cadre_id:
        return state
    event_id = f"task-{state.offered.assignment_id}@{state.version}"
    return replace(state, message_id=message_id_of(event_id, cadre_id))


def _require_open_for(state: State, cadre_id: str) -> None:
    require(state.phase is not Phase.UNKNOWN, "assignment-not-known", field="assignment_id")
    require(
        not state.finished,
        "assignment-already-done",
        cadre=state.cadre_id,
        at=shown(state.done_at_us),
    )
    holder = state.cadre_id or state.previous_cadre_id
    require(cadre_id == holder, "assignment-with-another-cadre", cadre=holder or "-")


def _household_of(evidence: Evidence) -> str:
    match evidence.WhichOneof("kind"):
        case "note":
            return evidence.note.household_id
        case "photo":
            return evidence.photo.subject_id
        case "location":
            return evidence.location.household_id
        case _:
            return ""


def _paper(state: State) -> Paper:
    """The household's signed paper: its picture, and the witness whom a note named."""
    require(state.photo is not None, "assignment-without-picture-of-paper")
    require(state.witness, "assignment-without-witness")
    return Paper(
        picture=state.photo, witness=state.witness, household_id=state.offered.household_id
    )


DECIDER: Decider[State] = Decider(
    noun="task",
    topic="task",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={
        command: lambda c: str(c.assignment_id)
        for command in (
            OfferAssignment,
            AcknowledgeAssignment,
            AddEvidence,
            FinishAssignment,
            RemindAssignment,
            EscalateAssignment,
            VerifyAssignment,
            ReturnAssignment,
        )
    },
    events=(
        AssignmentOffered,
        AssignmentAcknowledged,
        EvidenceAdded,
        AssignmentDone,
        AssignmentReminded,
        AssignmentEscalated,
        AssignmentVerified,
        AssignmentReturned,
    ),
    region=lambda state: state.offered.village_id,
)
