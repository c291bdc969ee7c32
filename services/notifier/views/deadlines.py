"""When silence is noticed: a reminder, then the township; an answer clears both."""

from chassis.deadlines import DeadlineView
from chassis.views import Deadlines
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.assignment_pb2 import (
    AssignmentAcknowledged,
    AssignmentDone,
    AssignmentEscalated,
    AssignmentOffered,
    EscalateAssignment,
    RemindAssignment,
)

REMIND = "remind"
ESCALATE = "escalate"

EVENTS = (AssignmentOffered, AssignmentAcknowledged, AssignmentEscalated, AssignmentDone)
Event = AssignmentOffered | AssignmentAcknowledged | AssignmentEscalated | AssignmentDone


def project(deadlines: Deadlines, envelope: Envelope, event: Event) -> None:
    """Set when offered to somebody; whoever answers, or gets it, ends the wait."""
    key = event.assignment_id
    if isinstance(event, AssignmentOffered):
        if event.cadre_id:
            remind = RemindAssignment(assignment_id=key)
            escalate = EscalateAssignment(assignment_id=key, reason="no-answer")
            deadlines.set(REMIND, key, event.remind_at_us, remind)
            deadlines.set(ESCALATE, key, event.escalate_at_us, escalate)
        return
    deadlines.clear(REMIND, key)
    deadlines.clear(ESCALATE, key)


DEADLINES: tuple[DeadlineView, ...] = (
    DeadlineView(name="silence", topics=("task",), events=EVENTS, project=project),
)
