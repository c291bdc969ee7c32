"""The words in which tests speak of assignments."""

from datetime import datetime, timedelta

from chassis.times import micros
from services.notifier.decider import assignment
from services.notifier.decider.policy import Posted, World, terms_of
from tests.given import NOW, sealed
from tests.notifier.policies import KINDS, TABLES
from tuopin.notifier.v1.assignment_pb2 import (
    AcknowledgeAssignment,
    AddEvidence,
    AssignmentAcknowledged,
    AssignmentDone,
    AssignmentEscalated,
    AssignmentOffered,
    AssignmentReturned,
    EvidenceAdded,
    FinishAssignment,
    OfferAssignment,
)
from tuopin.notifier.v1.handling_pb2 import AnswerClock
from tuopin.types.v1.types_pb2 import Blob, Evidence, Location, Note, Paper

ID = "11111111-1111-4111-8111-111111111111"
HOUSEHOLD = "household-1"
VILLAGE = "433124103206"
TOWNSHIP = "433124103"
HELPER = "cadre-helper"
RESIDENT = "cadre-resident"
SPECIALIST = "cadre-specialist"
COUNTY = "433124"
LEADER = "cadre-leader"
QUEUED_S = TABLES["hours"]["answer"]["queued_at_most_s"]
SPECIALIST_POSTED = Posted(SPECIALIST, "TOWNSHIP_SPECIALIST", TOWNSHIP)
LEADER_POSTED = Posted(LEADER, "COUNTY_LEADER", COUNTY)
BOTH = World(posted=(SPECIALIST_POSTED, LEADER_POSTED))
FIRST_MESSAGE = assignment.message_id_of(f"task-{ID}@1", HELPER)


def offer(kind: str = "first-visit", helper: str = HELPER) -> OfferAssignment:
    return OfferAssignment(
        assignment_id=ID,
        kind=kind,
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        subject="plan-1",
        household_number="0001",
        cadre_id=helper,
        facts={"year": "2020"},
    )


def offered(
    kind: str = "first-visit", proof: str = "any", cadre_id: str = HELPER
) -> AssignmentOffered:
    event = AssignmentOffered(
        assignment_id=ID,
        kind=kind,
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        subject="plan-1",
        household_number="0001",
        cadre_id=cadre_id,
        helper_id=HELPER,
        facts={"year": "2020"},
        policy=f"{kind}@policies-cn:test",
        proof=proof,
        due_at_us=micros(NOW + timedelta(seconds=KINDS[kind]["due_after_s"])),
        terms=terms_of(KINDS[kind], queued_at_most_s=QUEUED_S),
        caused_at_us=micros(NOW),
    )
    if cadre_id:
        event.clock.CopyFrom(waiting(KINDS[kind]["remind_after_s"][0]))
    return event


def clock(started: datetime, delay_s: int, step: str = "remind") -> AnswerClock:
    """A clock over working days none of which is a holiday."""
    return AnswerClock(
        started_at_us=micros(started),
        next_at_us=micros(started + timedelta(seconds=delay_s)),
        next_step=step,
        delay_s=delay_s,
    )


def waiting(delay_s: int, step: str = "remind", at: datetime = NOW) -> AnswerClock:
    """The clock of a step that was queued just now."""
    return clock(at + timedelta(seconds=QUEUED_S), delay_s, step)


def progress(kind: str = "first-visit", at: datetime = NOW) -> AnswerClock:
    """The clock of one who has taken a task."""
    return clock(at, KINDS[kind]["progress_after_s"])


def acknowledged(cadre_id: str = HELPER) -> AssignmentAcknowledged:
    return AssignmentAcknowledged(
        assignment_id=ID,
        cadre_id=cadre_id,
        village_id=VILLAGE,
        household_id=HOUSEHOLD,
        kind="first-visit",
        acknowledged_at_us=micros(NOW),
        clock=progress(),
    )


def note(text: str = "all is well", household_id: str = HOUSEHOLD) -> Evidence:
    return Evidence(note=Note(text=text, household_id=household_id))


def photo() -> Evidence:
    return Evidence(photo=Blob(sha256="a" * 64, media_type="image/jpeg", subject_id=HOUSEHOLD))


def place() -> Evidence:
    return Evidence(
        location=Location(
            latitude_e7="285000000", longitude_e7="1095000000", household_id=HOUSEHOLD
        )
    )


def added(evidence: Evidence, witness: str = "") -> EvidenceAdded:
    event = EvidenceAdded(
        assignment_id=ID,
        cadre_id=HELPER,
        evidence=evidence,
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        clock=progress(),
    )
    if witness:
        event.paper.CopyFrom(Paper(witness=witness, household_id=HOUSEHOLD))
    return event


def done(*evidence: Evidence) -> AssignmentDone:
    return AssignmentDone(
        assignment_id=ID,
        kind="first-visit",
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        subject="plan-1",
        cadre_id=HELPER,
        evidence=[sealed(each) for each in evidence],
        facts={"year": "2020"},
        effective_on="2020-03-02",
        done_at_us=micros(NOW),
    )


def returned() -> AssignmentReturned:
    return AssignmentReturned(
        assignment_id=ID,
        cadre_id=HELPER,
        slug="plan-not-in-force",
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        kind="first-visit",
        supersedes_message_id=FIRST_MESSAGE,
        clock=progress(),
        priority="task",
        due_at_us=offered().due_at_us,
    )


def take(cadre_id: str = HELPER) -> AcknowledgeAssignment:
    return AcknowledgeAssignment(assignment_id=ID, cadre_id=cadre_id)


def add(evidence: Evidence, cadre_id: str = HELPER) -> AddEvidence:
    return AddEvidence(assignment_id=ID, cadre_id=cadre_id, evidence=evidence)


def finish(cadre_id: str = HELPER) -> FinishAssignment:
    return FinishAssignment(assignment_id=ID, cadre_id=cadre_id)


def escalated(
    cadre_id: str = SPECIALIST, reason: str = "no-answer", at: datetime = NOW
) -> AssignmentEscalated:
    return AssignmentEscalated(
        assignment_id=ID,
        village_id=VILLAGE,
        region_id=TOWNSHIP if cadre_id else COUNTY,
        cadre_id=cadre_id,
        previous_cadre_id=HELPER,
        household_id=HOUSEHOLD,
        kind="first-visit",
        reason=reason,
        supersedes_message_id=FIRST_MESSAGE if cadre_id else "",
        clock=waiting(KINDS["first-visit"]["remind_after_s"][0], at=at)
        if cadre_id
        else AnswerClock(),
        level=1 if cadre_id else 2,
    )
