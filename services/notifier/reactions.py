"""What events of other services, and the notifier's own, make the notifier do."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection

from chassis.decider import derived_id
from chassis.reactions import Reaction
from chassis.rejection import FactMissing
from services.notifier import voicing
from services.notifier.decider.assignment import message_id_of
from services.notifier.views.households import helper_of, household_row
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.funding.v1.ledger_pb2 import MoneyPaid, ReceiptConfirmed
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
from tuopin.notifier.v1.message_pb2 import MessageFailed, QueueMessage, SupersedeMessage
from tuopin.planning.v1.plan_pb2 import PlanApproved, VisitRecorded
from tuopin.registry.v1.household_pb2 import ExitProposed, ExitVerified
from tuopin.types.v1.types_pb2 import ReactionRefused

# Which event makes which kind of assignment; programme/policies.toml says the rest.
KINDS = {PlanApproved: "first-visit", MoneyPaid: "receipt-check", ExitProposed: "verify-exit"}

# Rank of a message: an alert goes before a task, a task before a reminder.
ALERT, TASK, REMINDER = 0, 1, 2

# Commands of the owners that carry the answer of an assignment.
ANSWERS = frozenset(
    {
        "tuopin.planning.v1.RecordVisit",
        "tuopin.funding.v1.ConfirmReceipt",
        "tuopin.registry.v1.VerifyExit",
    }
)


class Household(NamedTuple):
    """What an offer says about the household."""

    household_number: str
    head_id: str
    helper_id: str


def read_household(connection: Connection, event: PlanApproved | ExitProposed) -> Household:
    """The household must be known; it may have no helper yet."""
    row = household_row(connection, event.household_id)
    helper_id = helper_of(connection, event.household_id)
    return Household(row.household_number, row.head_id, helper_id or "")


def read_helped_household(connection: Connection, event: MoneyPaid) -> Household:
    """Money is paid on a plan in force, so the helper's name is at most on its way."""
    if helper_of(connection, event.household_id) is None:
        raise FactMissing("plan", event.plan_id)
    row = household_row(connection, event.household_id)
    return Household(
        row.household_number, row.head_id, helper_of(connection, event.household_id) or ""
    )


def offer_first_visit(
    envelope: Envelope, event: PlanApproved, facts: Household
) -> Iterator[OfferAssignment]:
    """A plan in force: the helper goes and sees."""
    yield _offer(
        envelope, event, facts, subject=event.plan_id, cadre_id=event.helper_id, facts_of={}
    )


def offer_receipt_check(
    envelope: Envelope, event: MoneyPaid, facts: Household
) -> Iterator[OfferAssignment]:
    """Money was paid: the helper asks the household whether it arrived."""
    facts_of = {
        "ledger_id": event.ledger_id,
        "region_id": event.region_id,
        "year": str(event.year),
        "payment_id": event.payment_id,
        "measure_id": event.measure_id,
        "amount_fen": str(event.amount_fen),
        "given_by": facts.head_id,
    }
    yield _offer(
        envelope,
        event,
        facts,
        subject=event.payment_id,
        cadre_id=facts.helper_id,
        facts_of=facts_of,
    )


def offer_verify_exit(
    envelope: Envelope, event: ExitProposed, facts: Household
) -> Iterator[OfferAssignment]:
    """An exit was proposed: it is verified on site."""
    yield _offer(
        envelope,
        event,
        facts,
        subject=event.household_id,
        cadre_id=facts.helper_id,
        facts_of={},
    )


def _offer(
    envelope: Envelope,
    event: PlanApproved | MoneyPaid | ExitProposed,
    household: Household,
    *,
    subject: str,
    cadre_id: str,
    facts_of: dict[str, str],
) -> OfferAssignment:
    kind = KINDS[type(event)]
    return OfferAssignment(
        assignment_id=derived_id("assignment", kind, envelope.id),
        kind=kind,
        household_id=event.household_id,
        village_id=event.village_id,
        subject=subject,
        household_number=household.household_number,
        cadre_id=cadre_id,
        facts=facts_of,
    )


def tell_offer(envelope: Envelope, event: AssignmentOffered, facts: None) -> Iterator[QueueMessage]:
    """The one it was offered to hears of it."""
    if event.cadre_id:
        yield _message(envelope, event, "offer", TASK)


def tell_reminder(
    envelope: Envelope, event: AssignmentReminded, facts: None
) -> Iterator[QueueMessage | SupersedeMessage]:
    """The reminder takes the place of the offer."""
    yield from _instead(envelope, event, "reminder", REMINDER)


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
    yield from _instead(envelope, event, "returned", TASK)


def _instead(
    envelope: Envelope,
    event: AssignmentReminded | AssignmentEscalated | AssignmentReturned,
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
    event: AssignmentOffered | AssignmentReminded | AssignmentEscalated | AssignmentReturned,
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
    )


def escalate_unreachable(
    envelope: Envelope, event: MessageFailed, facts: None
) -> Iterator[EscalateAssignment]:
    """Nobody waits for the answer of one who cannot hear the question."""
    if event.unreachable:
        yield EscalateAssignment(
            assignment_id=event.assignment_id, reason="unreachable", cadre_id=event.cadre_id
        )


def verify(
    envelope: Envelope, event: VisitRecorded | ReceiptConfirmed | ExitVerified, facts: None
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
    Reaction("offer-first-visit", PlanApproved, offer_first_visit, read_household),
    Reaction("offer-receipt-check", MoneyPaid, offer_receipt_check, read_helped_household),
    Reaction("offer-verify-exit", ExitProposed, offer_verify_exit, read_household),
    Reaction("tell-offer", AssignmentOffered, tell_offer),
    Reaction("tell-reminder", AssignmentReminded, tell_reminder),
    Reaction("tell-escalation", AssignmentEscalated, tell_escalation),
    Reaction("tell-return", AssignmentReturned, tell_return),
    Reaction("escalate-unreachable", MessageFailed, escalate_unreachable),
    Reaction("verify-visit", VisitRecorded, verify),
    Reaction("verify-receipt", ReceiptConfirmed, verify),
    Reaction("verify-exit", ExitVerified, verify),
    Reaction("give-back", ReactionRefused, give_back),
    *voicing.REACTIONS,
)
