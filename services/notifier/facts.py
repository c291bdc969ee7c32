"""What a rule of the notifier needs to know of other services, read from its own copies."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from services.notifier.decider.policy import Posted, township_of
from services.notifier.decider.voice import EXIT, PLAN, RECEIPT, Membership, Question
from services.notifier.views.assignments import village_of
from services.notifier.views.cadres import posted_at, region_of
from services.notifier.views.questions import question
from services.notifier.views.voice import membership
from tuopin.notifier.v1.assignment_pb2 import EscalateAssignment, OfferAssignment
from tuopin.notifier.v1.link_pb2 import IssueLink
from tuopin.notifier.v1.voice_pb2 import (
    ConfirmPaymentArrival,
    GiveExitAgreement,
    GivePlanAgreement,
    IssueHouseholdLink,
)


def candidates(connection: Connection, command: OfferAssignment) -> tuple[Posted, ...]:
    """Who holds a post in the village or its township."""
    return posted_at(connection, (command.village_id, township_of(command.village_id)))


def specialists(connection: Connection, command: EscalateAssignment) -> tuple[Posted, ...]:
    """Who holds a post in the township of the assignment's village."""
    village_id = village_of(connection, command.assignment_id)
    return posted_at(connection, (township_of(village_id),))


def appointed_by(connection: Connection, command: IssueLink) -> str:
    """The region the cadre belongs to."""
    return region_of(connection, command.cadre_id)


def members(connection: Connection, command: IssueHouseholdLink) -> Membership:
    """Where the household lives and who belongs to it."""
    return membership(connection, command.household_id)


def plan_question(connection: Connection, command: GivePlanAgreement) -> Question | None:
    """Whether the plan waits for its household's yes."""
    return question(connection, PLAN, command.plan_id)


def exit_question(connection: Connection, command: GiveExitAgreement) -> Question | None:
    """Whether the exit waits for the household's yes."""
    return question(connection, EXIT, command.household_id)


def payment_question(connection: Connection, command: ConfirmPaymentArrival) -> Question | None:
    """Whether the payment waits for its receipt."""
    return question(connection, RECEIPT, command.payment_id)


FACTS: Mapping[type[Message], Callable[[Connection, Any], Any]] = {
    OfferAssignment: candidates,
    EscalateAssignment: specialists,
    IssueLink: appointed_by,
    IssueHouseholdLink: members,
    GivePlanAgreement: plan_question,
    GiveExitAgreement: exit_question,
    ConfirmPaymentArrival: payment_question,
}
