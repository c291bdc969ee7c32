"""The rules of an assignment, from its cause to its end; who, what and when are modules beside."""

from chassis.decider import Context, Decider
from services.notifier.decider import answering, assigning
from services.notifier.decider.work import Phase, State, evolve, message_id_of
from tuopin.notifier.v1 import assignment_pb2 as pb
from tuopin.notifier.v1 import handling_pb2 as handling

__all__ = ["DECIDER", "Phase", "State", "evolve", "message_id_of"]

Command = (
    pb.OfferAssignment
    | pb.AcknowledgeAssignment
    | pb.AddEvidence
    | pb.FinishAssignment
    | pb.RemindAssignment
    | pb.EscalateAssignment
    | pb.VerifyAssignment
    | pb.ReturnAssignment
    | handling.ReleaseAssignment
    | handling.DeclineAssignment
    | handling.SnoozeAssignment
    | handling.ReassignAssignment
    | handling.HandOverAssignment
    | handling.StartAnswerClock
    | handling.CancelAssignment
    | handling.ExpireAssignment
    | handling.ReviewAssignment
)
Events = assigning.Events


def decide(state: State, command: Command, context: Context) -> Events:
    """The rule of each command."""
    match command:
        case pb.OfferAssignment():
            return assigning.offer(state, command, context)
        case handling.ReleaseAssignment():
            return assigning.release(state, context)
        case pb.AcknowledgeAssignment():
            return answering.acknowledge(state, command, context)
        case handling.DeclineAssignment():
            return answering.decline(state, command, context)
        case handling.SnoozeAssignment():
            return answering.snooze(state, command, context)
        case pb.AddEvidence():
            return answering.add_evidence(state, command, context)
        case pb.FinishAssignment():
            return answering.finish(state, command, context)
        case pb.VerifyAssignment():
            return answering.verify(state, command)
        case handling.ReviewAssignment():
            return answering.review(state, command, context)
        case pb.ReturnAssignment():
            return answering.give_back(state, command, context)
        case _:
            return decide_course(state, command, context)


def decide_course(state: State, command: Command, context: Context) -> Events:
    """What time, offices and the ends of causes and posts make of it."""
    match command:
        case pb.RemindAssignment():
            return assigning.remind(state, context)
        case pb.EscalateAssignment():
            return assigning.escalate(state, command, context)
        case handling.StartAnswerClock():
            return assigning.start_clock(state, command, context)
        case handling.ReassignAssignment():
            return assigning.reassign(state, command, context)
        case handling.HandOverAssignment():
            return assigning.hand_over(state, command, context)
        case handling.CancelAssignment():
            return answering.cancel(state, command)
        case handling.ExpireAssignment():
            return answering.expire(state, context)
    raise AssertionError(type(command))


DECIDER: Decider[State] = Decider(
    noun="task",
    topic="task",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={
        command: lambda c: str(c.assignment_id)
        for command in (
            pb.OfferAssignment,
            pb.AcknowledgeAssignment,
            pb.AddEvidence,
            pb.FinishAssignment,
            pb.RemindAssignment,
            pb.EscalateAssignment,
            pb.VerifyAssignment,
            pb.ReturnAssignment,
            handling.ReleaseAssignment,
            handling.DeclineAssignment,
            handling.SnoozeAssignment,
            handling.ReassignAssignment,
            handling.HandOverAssignment,
            handling.StartAnswerClock,
            handling.CancelAssignment,
            handling.ExpireAssignment,
            handling.ReviewAssignment,
        )
    },
    events=(
        handling.AssignmentScheduled,
        pb.AssignmentOffered,
        pb.AssignmentAcknowledged,
        pb.EvidenceAdded,
        pb.AssignmentDone,
        pb.AssignmentReminded,
        pb.AssignmentEscalated,
        pb.AssignmentVerified,
        pb.AssignmentReturned,
        handling.AssignmentDeclined,
        handling.AssignmentSnoozed,
        handling.AssignmentReassigned,
        handling.AnswerClockStarted,
        handling.AssignmentCancelled,
        handling.AssignmentExpired,
    ),
    region=lambda state: state.region_id,
)
