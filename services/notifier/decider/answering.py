"""What the one who has an assignment answers, and what its owner makes of it."""

from collections.abc import Iterator
from datetime import timedelta

from chassis.decider import Context
from chassis.rejection import reject, require
from chassis.times import micros, minute_of, moment
from services.notifier.decider.assigning import pass_on
from services.notifier.decider.calendar import calendar_of
from services.notifier.decider.clocks import REMIND, running_clock
from services.notifier.decider.policy import limit, listed
from services.notifier.decider.work import Event, Phase, State, evolve
from tuopin.notifier.v1.assignment_pb2 import (
    AcknowledgeAssignment,
    AddEvidence,
    AssignmentAcknowledged,
    AssignmentDone,
    AssignmentReturned,
    AssignmentVerified,
    EvidenceAdded,
    FinishAssignment,
    ReturnAssignment,
    VerifyAssignment,
)
from tuopin.notifier.v1.handling_pb2 import (
    AnswerClock,
    AssignmentCancelled,
    AssignmentDeclined,
    AssignmentExpired,
    AssignmentSnoozed,
    CancelAssignment,
    DeclineAssignment,
    ReviewAssignment,
    SnoozeAssignment,
)
from tuopin.types.v1.types_pb2 import Evidence, Paper

Events = Iterator[Event]


def acknowledge(state: State, command: AcknowledgeAssignment, context: Context) -> Events:
    """The second tap of the one who has it changes nothing."""
    _require_open_for(state, command.cadre_id)
    if state.taken:
        return
    yield AssignmentAcknowledged(
        assignment_id=state.assignment_id,
        cadre_id=command.cadre_id,
        village_id=state.offered.village_id,
        household_id=state.offered.household_id,
        kind=state.offered.kind,
        acknowledged_at_us=micros(context.now),
        clock=_progress(state, context),
    )


def decline(state: State, command: DeclineAssignment, context: Context) -> Events:
    """With a reason, and the next by policy has it at once."""
    _require_open_for(state, command.cadre_id)
    reasons = listed("decline_reasons", context)
    require(command.reason in reasons, "decline-reason-not-known", field="reason")
    declined = AssignmentDeclined(
        assignment_id=state.assignment_id,
        cadre_id=command.cadre_id,
        reason=command.reason,
        note=command.note,
        household_id=state.offered.household_id,
        village_id=state.offered.village_id,
        kind=state.offered.kind,
    )
    yield declined
    yield from pass_on(evolve(state, declined), "declined", context)


def snooze(state: State, command: SnoozeAssignment, context: Context) -> Events:
    """So often, so long, and never past the day it is due."""
    _require_open_for(state, command.cadre_id)
    terms = state.terms
    require(
        state.snoozes < terms.snoozes_max, "assignment-snoozed-too-often", most=terms.snoozes_max
    )
    require(
        command.for_s <= terms.snooze_max_s,
        "snooze-too-long",
        field="for_s",
        hours=terms.snooze_max_s // 3600,
    )
    until = context.now + timedelta(seconds=command.for_s)
    due = moment(state.offered.due_at_us)
    require(until <= due, "snooze-past-due", field="for_s", due=minute_of(state.offered.due_at_us))
    # The morning after quiet hours may be too late: then it is asked again in the night.
    wake = min(calendar_of(context).awake(until), due)
    yield AssignmentSnoozed(
        assignment_id=state.assignment_id,
        cadre_id=command.cadre_id,
        until_us=micros(until),
        ordinal=state.snoozes + 1,
        clock=AnswerClock(started_at_us=micros(wake), next_at_us=micros(wake), next_step=REMIND),
        household_id=state.offered.household_id,
        village_id=state.offered.village_id,
        kind=state.offered.kind,
    )


def add_evidence(state: State, command: AddEvidence, context: Context) -> Events:
    """A note, a photo or a place, by the one who took the task and about its subject."""
    _require_open_for(state, command.cadre_id)
    require(state.taken, "assignment-not-acknowledged")
    most = limit("evidence_max", context)
    require(len(state.evidence) < most, "evidence-too-much", most=most)
    subject_id = _subject_of(command.evidence)
    require(subject_id, "evidence-empty", field="evidence")
    require(subject_id == state.subject_id, "evidence-of-another-household", field="evidence")
    event = EvidenceAdded(
        assignment_id=state.assignment_id,
        cadre_id=command.cadre_id,
        evidence=command.evidence,
        household_id=state.offered.household_id,
        village_id=state.offered.village_id,
        clock=_progress(state, context),
    )
    if state.offered.proof == "paper" and command.evidence.WhichOneof("kind") == "note":
        event.paper.household_id = state.offered.household_id
        event.paper.witness = command.evidence.note.text[:200]
    yield event


def finish(state: State, command: FinishAssignment, context: Context) -> Events:
    """Done when the proof that the policy demands is there."""
    _require_open_for(state, command.cadre_id)
    require(state.taken, "assignment-not-acknowledged")
    if state.offered.proof == "any":
        require(state.evidence, "assignment-without-evidence")
    if state.offered.proof == "photo":
        require(state.photo is not None, "assignment-without-photo")
    event = AssignmentDone(
        assignment_id=state.assignment_id,
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
    if state.terms.verified_by == "nobody":
        yield _verified(evolve(state, event))


def verify(state: State, command: VerifyAssignment) -> Events:
    """The owner of the subject has what was asked for; who is asked no more need not answer."""
    require(state.phase is not Phase.UNKNOWN, "assignment-not-known", field="assignment_id")
    if state.phase is Phase.VERIFIED:
        return
    require(state.phase is Phase.DONE, "assignment-not-done")
    yield _verified(state, event_id=command.event_id)


def review(state: State, command: ReviewAssignment, context: Context) -> Events:
    """An office's word on an answer that no other service judges."""
    require(state.phase is not Phase.UNKNOWN, "assignment-not-known", field="assignment_id")
    require(state.terms.verified_by == "office", "assignment-not-for-office")
    if state.phase is Phase.VERIFIED and command.accepted:
        return
    require(state.phase is Phase.DONE, "assignment-not-done")
    if command.accepted:
        yield _verified(state, verified_by=context.actor.subject)
        return
    reasons = listed("return_reasons", context)
    require(command.reason in reasons, "return-reason-not-known", field="reason")
    yield _returned(state, f"returned-{command.reason}", context)


def give_back(state: State, command: ReturnAssignment, context: Context) -> Events:
    """The owner refused the answer, and says why: it must be done again."""
    require(state.phase is not Phase.UNKNOWN, "assignment-not-known", field="assignment_id")
    if state.phase is not Phase.DONE:
        return
    yield _returned(state, command.slug, context)


def cancel(state: State, command: CancelAssignment) -> Events:
    """Nobody need do it any more; what is done stays done."""
    require(state.phase is not Phase.UNKNOWN, "assignment-not-known", field="assignment_id")
    if not (state.open or state.phase is Phase.SCHEDULED):
        return
    yield AssignmentCancelled(
        assignment_id=state.assignment_id,
        cadre_id=state.cadre_id or state.previous_cadre_id,
        reason=command.reason,
        event_id=command.event_id,
        household_id=state.offered.household_id or state.scheduled.household_id,
        village_id=state.region_id,
        kind=state.offered.kind or state.scheduled.kind,
    )


def expire(state: State, context: Context) -> Events:
    """Nobody did it in time, and now it is of no use."""
    ends_us = state.offered.expire_at_us
    if not state.open or not ends_us or micros(context.now) < ends_us:
        return
    yield AssignmentExpired(
        assignment_id=state.assignment_id,
        cadre_id=state.cadre_id or state.previous_cadre_id,
        household_id=state.offered.household_id,
        village_id=state.offered.village_id,
        kind=state.offered.kind,
    )


def _verified(state: State, event_id: str = "", verified_by: str = "") -> AssignmentVerified:
    return AssignmentVerified(
        assignment_id=state.assignment_id,
        cadre_id=state.cadre_id,
        event_id=event_id,
        household_id=state.offered.household_id,
        village_id=state.offered.village_id,
        kind=state.offered.kind,
        verified_by=verified_by,
    )


def _returned(state: State, slug: str, context: Context) -> AssignmentReturned:
    return AssignmentReturned(
        assignment_id=state.assignment_id,
        cadre_id=state.cadre_id,
        slug=slug,
        household_id=state.offered.household_id,
        village_id=state.offered.village_id,
        kind=state.offered.kind,
        supersedes_message_id=state.message_id,
        clock=_progress(state, context),
        priority=state.terms.priority,
        due_at_us=state.offered.due_at_us,
        expire_at_us=state.offered.expire_at_us,
    )


def _progress(state: State, context: Context) -> AnswerClock:
    """Acknowledged is not done: silence from here on is noticed as well."""
    return running_clock(state.terms, 0, context.now, context, taken=True)


def _require_open_for(state: State, cadre_id: str) -> None:
    require(
        state.phase not in (Phase.UNKNOWN, Phase.SCHEDULED),
        "assignment-not-known",
        field="assignment_id",
    )
    if state.phase is Phase.CANCELLED:
        reject("assignment-cancelled")
    if state.phase is Phase.EXPIRED:
        reject("assignment-expired", at=minute_of(state.offered.expire_at_us))
    require(
        state.open, "assignment-already-done", cadre=state.cadre_id, at=minute_of(state.done_at_us)
    )
    holder = state.cadre_id or state.previous_cadre_id
    require(cadre_id == holder, "assignment-with-another-cadre", cadre=holder or "-")


def _subject_of(evidence: Evidence) -> str:
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
