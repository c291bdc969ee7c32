"""When silence is noticed, a task is due or ends, a scheduled one begins, and the digest goes out.

One step at a time: each event of an assignment says when the next one is, and sets the row anew.
"""

from chassis.deadlines import DeadlineView
from chassis.views import Deadlines
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.assignment_pb2 import (
    AssignmentAcknowledged,
    AssignmentDone,
    AssignmentEscalated,
    AssignmentOffered,
    AssignmentReminded,
    AssignmentReturned,
    EscalateAssignment,
    EvidenceAdded,
    RemindAssignment,
)
from tuopin.notifier.v1.digest_pb2 import DigestQueued, DigestScheduled, QueueDigest
from tuopin.notifier.v1.handling_pb2 import (
    AnswerClock,
    AnswerClockStarted,
    AssignmentCancelled,
    AssignmentExpired,
    AssignmentReassigned,
    AssignmentScheduled,
    AssignmentSnoozed,
    ExpireAssignment,
    ReleaseAssignment,
)

# Of events from before an assignment carried its clock: both are set at the offer.
REMIND = "remind"
ESCALATE = "escalate"
# The next step on silence.
ANSWER = "answer"
# Statutory: due, and of no use any more.
DUE, EXPIRY = "due", "expiry"
BEGIN = "begin"
DIGEST = "digest"

RUNNING = (
    AssignmentOffered,
    AssignmentAcknowledged,
    EvidenceAdded,
    AssignmentReminded,
    AssignmentEscalated,
    AssignmentReturned,
    AssignmentSnoozed,
    AssignmentReassigned,
    AnswerClockStarted,
)
Running = (
    AssignmentOffered
    | AssignmentAcknowledged
    | EvidenceAdded
    | AssignmentReminded
    | AssignmentEscalated
    | AssignmentReturned
    | AssignmentSnoozed
    | AssignmentReassigned
    | AnswerClockStarted
)
ENDED = (AssignmentDone, AssignmentCancelled, AssignmentExpired)
Ended = AssignmentDone | AssignmentCancelled | AssignmentExpired


def project(
    deadlines: Deadlines, envelope: Envelope, event: Running | Ended | AssignmentScheduled
) -> None:
    """What an event says of time; what ends the work ends every wait."""
    key = event.assignment_id
    if isinstance(event, AssignmentScheduled):
        deadlines.set(BEGIN, key, event.offer_at_us, ReleaseAssignment(assignment_id=key))
        return
    if isinstance(event, AssignmentReturned):
        _statutory(deadlines, event, envelope.recorded_at_us)
    if isinstance(event, AssignmentOffered):
        deadlines.clear(BEGIN, key)
        _statutory(deadlines, event, 0)
        if not event.HasField("terms"):
            _before_clocks(deadlines, event)
            return
    elif not isinstance(event, AssignmentReminded):
        deadlines.clear(REMIND, key)
        deadlines.clear(ESCALATE, key)
    if isinstance(event, ENDED):
        for name in (ANSWER, DUE, EXPIRY, BEGIN):
            deadlines.clear(name, key)
        return
    _next_step(deadlines, key, event.cadre_id, event.clock)


def _next_step(deadlines: Deadlines, key: str, cadre_id: str, clock: AnswerClock) -> None:
    match clock.next_step:
        case "remind":
            command = RemindAssignment(assignment_id=key)
            deadlines.set(ANSWER, key, clock.next_at_us, command)
        case "escalate":
            up = EscalateAssignment(assignment_id=key, reason="no-answer", cadre_id=cadre_id)
            deadlines.set(ANSWER, key, clock.next_at_us, up)
        case _:
            deadlines.clear(ANSWER, key)


def _statutory(
    deadlines: Deadlines, event: AssignmentOffered | AssignmentReturned, now_us: int
) -> None:
    """What has passed before the work came back has been said; its own clock watches it now."""
    key, expire_at_us = event.assignment_id, event.expire_at_us
    if expire_at_us > now_us:
        deadlines.set(EXPIRY, key, expire_at_us, ExpireAssignment(assignment_id=key))
    # An offer from before there were terms goes up once, on silence.
    ends_there = 0 < expire_at_us <= event.due_at_us
    if event.HasField("clock") and event.due_at_us > now_us and not ends_there:
        up = EscalateAssignment(assignment_id=key, reason="overdue")
        deadlines.set(DUE, key, event.due_at_us, up)


def _before_clocks(deadlines: Deadlines, event: AssignmentOffered) -> None:
    key = event.assignment_id
    if event.cadre_id:
        remind = RemindAssignment(assignment_id=key)
        escalate = EscalateAssignment(assignment_id=key, reason="no-answer")
        deadlines.set(REMIND, key, event.remind_at_us, remind)
        deadlines.set(ESCALATE, key, event.escalate_at_us, escalate)


def project_digest(
    deadlines: Deadlines, envelope: Envelope, event: DigestScheduled | DigestQueued
) -> None:
    """One row for each person; while something is open there is a next day."""
    if isinstance(event, DigestScheduled):
        day, at_us = event.day, event.at_us
    else:
        day, at_us = event.next_day, event.next_at_us
    command = QueueDigest(cadre_id=event.cadre_id, day=day)
    deadlines.set(DIGEST, event.cadre_id, at_us, command)


DEADLINES: tuple[DeadlineView, ...] = (
    DeadlineView(
        name="silence",
        topics=("task",),
        events=(*RUNNING, *ENDED, AssignmentScheduled),
        project=project,
    ),
    DeadlineView(
        name="digests",
        topics=("message",),
        events=(DigestScheduled, DigestQueued),
        project=project_digest,
    ),
)
