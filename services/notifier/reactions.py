"""What events of other services, and the notifier's own, make the notifier do."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from chassis.decider import derived_id
from chassis.reactions import Reaction
from chassis.times import end_of, micros
from services.notifier import unlinking, voicing
from services.notifier.decider.assignment import message_id_of
from services.notifier.views.cadres import post_name, posts_of
from services.notifier.views.gone import Event as Ending
from services.notifier.views.gone import ends, gone_at_us
from services.notifier.views.worklist import open_ids
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.funding.v1.ledger_pb2 import ReceiptConfirmed
from tuopin.notifier.v1.assignment_pb2 import (
    AssignmentEscalated,
    AssignmentOffered,
    AssignmentReminded,
    AssignmentReturned,
    EscalateAssignment,
    OfferAssignment,
    ReturnAssignment,
    VerifyAssignment,
)
from tuopin.notifier.v1.digest_pb2 import DigestQueued, ExpectDigest
from tuopin.notifier.v1.handling_pb2 import (
    AssignmentReassigned,
    CancelAssignment,
    HandOverAssignment,
    StartAnswerClock,
)
from tuopin.notifier.v1.message_pb2 import (
    MessageFailed,
    MessageSent,
    QueueMessage,
    SupersedeMessage,
)
from tuopin.notifier.v1.order_pb2 import TaskOrdered
from tuopin.planning.v1.plan_pb2 import PlanApproved, VisitRecorded
from tuopin.registry.v1.exit_pb2 import ExitStopped, ExitWithdrawn
from tuopin.registry.v1.household_pb2 import ExitVerified, HouseholdExited
from tuopin.registry.v1.monitoring_pb2 import WarningDismissed, WarningVisited
from tuopin.registry.v1.posting_pb2 import PostingClosed
from tuopin.training.v1.cadre_pb2 import CadreDeparted, PostEnded
from tuopin.types.v1.types_pb2 import ReactionRefused

# Kind of the tasks that an office writes by hand.
OFFICE_TASK = "office-task"
# Training's word for a post whose region is another now.
REZONED = "rezoned"

Told = AssignmentReminded | AssignmentEscalated | AssignmentReturned | AssignmentReassigned

# Rank of a message: an alert goes before a task, a task before a reminder, that before a digest.
ALERT, TASK, REMINDER, DIGEST = 0, 1, 2, 3

# Commands of the owners that carry the answer of an assignment.
ANSWERS = frozenset(
    {
        "tuopin.planning.v1.RecordVisit",
        "tuopin.funding.v1.ConfirmReceipt",
        "tuopin.registry.v1.VerifyExit",
        "tuopin.registry.v1.RecordWarningVisit",
    }
)


def tell_offer(envelope: Envelope, event: AssignmentOffered, facts: None) -> Iterator[QueueMessage]:
    """The one it was offered to hears of it."""
    if event.cadre_id:
        yield _message(envelope, event, "offer", _rank(event.terms.priority, TASK))


def tell_reminder(
    envelope: Envelope, event: AssignmentReminded, facts: None
) -> Iterator[QueueMessage | SupersedeMessage]:
    """The reminder takes the place of the offer; one by digest is no message of its own."""
    if event.by != "digest":
        yield from _instead(envelope, event, "reminder", _rank(event.priority, REMINDER))


def tell_escalation(
    envelope: Envelope, event: AssignmentEscalated, facts: None
) -> Iterator[QueueMessage | SupersedeMessage]:
    """The specialist hears of it; where nobody follows, there is nobody to tell."""
    if event.cadre_id:
        yield from _instead(envelope, event, "escalation", ALERT)


def tell_return(
    envelope: Envelope, event: AssignmentReturned, facts: None
) -> Iterator[QueueMessage | SupersedeMessage]:
    """Who did it hears that it must be done again, and why."""
    yield from _instead(envelope, event, "returned", _rank(event.priority, TASK))


def tell_reassigned(
    envelope: Envelope, event: AssignmentReassigned, facts: None
) -> Iterator[QueueMessage | SupersedeMessage]:
    """The next one hears of it; the message of the one before is no longer theirs."""
    yield from _instead(envelope, event, "reassigned", _rank(event.priority, TASK))


def expect_digest(
    envelope: Envelope, event: AssignmentOffered | Told, facts: None
) -> Iterator[ExpectDigest]:
    """Whoever was given something has it in the list of the next working day."""
    if event.cadre_id:
        yield ExpectDigest(cadre_id=event.cadre_id)


def tell_digest(
    envelope: Envelope, event: DigestQueued, facts: None
) -> Iterator[QueueMessage | SupersedeMessage]:
    """The day's list; yesterday's is of no use."""
    yield QueueMessage(
        message_id=event.message_id,
        cadre_id=event.cadre_id,
        template="digest",
        priority=DIGEST,
        village_id=event.region_id,
    )
    if event.supersedes_message_id:
        yield SupersedeMessage(
            message_id=event.supersedes_message_id, by_message_id=event.message_id
        )


def _rank(priority: str, otherwise: int) -> int:
    return ALERT if priority == "alert" else otherwise


def _instead(
    envelope: Envelope,
    event: Told,
    template: str,
    priority: int,
) -> Iterator[QueueMessage | SupersedeMessage]:
    message = _message(envelope, event, template, priority)
    yield message
    if event.supersedes_message_id:
        yield SupersedeMessage(
            message_id=event.supersedes_message_id, by_message_id=message.message_id
        )


def _message(
    envelope: Envelope,
    event: AssignmentOffered | Told,
    template: str,
    priority: int,
) -> QueueMessage:
    return QueueMessage(
        message_id=message_id_of(envelope.id, event.cadre_id),
        assignment_id=event.assignment_id,
        cadre_id=event.cadre_id,
        template=template,
        priority=priority,
        village_id=event.village_id,
        household_id=event.household_id,
    )


def escalate_unreachable(
    envelope: Envelope, event: MessageFailed, facts: None
) -> Iterator[EscalateAssignment]:
    """Nobody waits for the answer of one who cannot hear the question."""
    if event.unreachable and event.assignment_id:
        yield EscalateAssignment(
            assignment_id=event.assignment_id, reason="unreachable", cadre_id=event.cadre_id
        )


def start_clock(envelope: Envelope, event: MessageSent, facts: None) -> Iterator[StartAnswerClock]:
    """From here on an answer can be missing."""
    if event.assignment_id:
        yield StartAnswerClock(
            assignment_id=event.assignment_id,
            message_id=event.message_id,
            sent_at_us=envelope.recorded_at_us,
        )


def read_departed(connection: Connection, event: CadreDeparted) -> Sequence[str]:
    """What is open of the one who leaves."""
    return open_ids(connection, cadre_id=event.cadre_id)


def read_ended(connection: Connection, event: PostEnded) -> Sequence[str]:
    """What is open of them below the region of the post, when no post there is left."""
    if event.reason == REZONED:
        # Nobody went: the post has another region code now.
        return ()
    # Our own list of posts may be behind the event.
    ended = (event.region_id, post_name(event.post))
    left = [
        each.region_id
        for each in posts_of(connection, event.cadre_id)
        if (each.region_id, each.post) != ended
    ]
    if any(event.region_id.startswith(region_id) for region_id in left):
        return ()
    return open_ids(connection, cadre_id=event.cadre_id, region_id=event.region_id)


def hand_over(
    envelope: Envelope, event: CadreDeparted | PostEnded, assignment_ids: Sequence[str]
) -> Iterator[HandOverAssignment]:
    """Nothing stays with somebody who is not there."""
    for assignment_id in assignment_ids:
        yield HandOverAssignment(assignment_id=assignment_id, cadre_id=event.cadre_id)


def read_pointless(connection: Connection, event: Ending) -> Sequence[tuple[str, str]]:
    """What is open of the causes that an event ends, and why they end."""
    return [
        (assignment_id, end.reason)
        for end in ends(event)
        for assignment_id in (
            open_ids(connection, subject=end.subject, kinds=(end.kind,))
            if end.kind
            else open_ids(connection, household_id=end.subject)
        )
    ]


def read_pointless_offer(
    connection: Connection, event: AssignmentOffered
) -> Sequence[tuple[str, str]]:
    """The end of its cause overtook the offer: our list knew it not yet when it was asked."""
    gone_us = gone_at_us(connection, event.kind, event.subject, event.household_id)
    pointless = event.caused_at_us and gone_us > event.caused_at_us
    return [(event.assignment_id, "cause-gone")] if pointless else []


def cancel(
    envelope: Envelope, event: Ending | AssignmentOffered, pointless: Sequence[tuple[str, str]]
) -> Iterator[CancelAssignment]:
    """Nobody is asked for what is known or no longer wanted."""
    for assignment_id, reason in pointless:
        yield CancelAssignment(assignment_id=assignment_id, reason=reason, event_id=envelope.id)


def offer_ordered(envelope: Envelope, event: TaskOrdered, facts: None) -> Iterator[OfferAssignment]:
    """One task for each that the order reaches; what it is about stays in the system."""
    for ordinal, target in enumerate(event.targets):
        yield OfferAssignment(
            assignment_id=derived_id("assignment", OFFICE_TASK, envelope.id, ordinal),
            kind=OFFICE_TASK,
            village_id=target.village_id,
            subject=event.order_id,
            cadre_id=target.cadre_id,
            personally=bool(target.cadre_id),
            facts={"topic": event.topic},
            caused_at_us=envelope.recorded_at_us,
            due_at_us=micros(end_of(event.due_on)),
            proof=event.proof,
        )


def verify(
    envelope: Envelope,
    event: VisitRecorded | ReceiptConfirmed | ExitVerified | WarningVisited,
    facts: None,
) -> Iterator[VerifyAssignment]:
    """The owner accepted the answer; a visit or exit that no assignment asked for is not ours."""
    if event.assignment_id:
        yield VerifyAssignment(assignment_id=event.assignment_id, event_id=envelope.id)


def give_back(
    envelope: Envelope, event: ReactionRefused, facts: None
) -> Iterator[ReturnAssignment]:
    """The owner refused the answer: it goes back with the reason."""
    stream, _, _ = event.caused_by.rpartition("@")
    noun, _, assignment_id = stream.partition("-")
    if event.command_type in ANSWERS and noun == "task":
        yield ReturnAssignment(assignment_id=assignment_id, slug=event.slug)


REACTIONS: tuple[Reaction, ...] = (
    Reaction("offer-ordered", TaskOrdered, offer_ordered),
    Reaction("tell-offer", AssignmentOffered, tell_offer),
    Reaction("tell-reminder", AssignmentReminded, tell_reminder),
    Reaction("tell-escalation", AssignmentEscalated, tell_escalation),
    Reaction("tell-return", AssignmentReturned, tell_return),
    Reaction("tell-reassigned", AssignmentReassigned, tell_reassigned),
    Reaction("list-offer", AssignmentOffered, expect_digest),
    Reaction("list-escalation", AssignmentEscalated, expect_digest),
    Reaction("list-reassigned", AssignmentReassigned, expect_digest),
    Reaction("list-return", AssignmentReturned, expect_digest),
    Reaction("tell-digest", DigestQueued, tell_digest),
    Reaction("start-clock", MessageSent, start_clock),
    Reaction("escalate-unreachable", MessageFailed, escalate_unreachable),
    Reaction("verify-visit", VisitRecorded, verify),
    Reaction("verify-receipt", ReceiptConfirmed, verify),
    Reaction("verify-exit", ExitVerified, verify),
    Reaction("verify-warning", WarningVisited, verify),
    Reaction("give-back", ReactionRefused, give_back),
    Reaction("hand-over-all", CadreDeparted, hand_over, read_departed),
    Reaction("hand-over-post", PostEnded, hand_over, read_ended),
    Reaction("cancel-draft", PlanApproved, cancel, read_pointless),
    Reaction("cancel-receipt-check", ReceiptConfirmed, cancel, read_pointless),
    Reaction("cancel-verified-exit", ExitVerified, cancel, read_pointless),
    Reaction("cancel-exited", HouseholdExited, cancel, read_pointless),
    Reaction("cancel-withdrawn-exit", ExitWithdrawn, cancel, read_pointless),
    Reaction("cancel-stopped-exit", ExitStopped, cancel, read_pointless),
    Reaction("cancel-closed-posting", PostingClosed, cancel, read_pointless),
    Reaction("cancel-visited-warning", WarningVisited, cancel, read_pointless),
    Reaction("cancel-dismissed-warning", WarningDismissed, cancel, read_pointless),
    Reaction("cancel-at-birth", AssignmentOffered, cancel, read_pointless_offer),
    *voicing.REACTIONS,
    *unlinking.REACTIONS,
)
