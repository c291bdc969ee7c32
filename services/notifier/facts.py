"""What a rule of the notifier needs to know of other services, read from its own copies."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from services.notifier.decider.link import Standing
from services.notifier.decider.policy import Posted, township_of
from services.notifier.decider.voicestate import EXIT, PLAN, POSTING, RECEIPT, Membership, Question
from services.notifier.views.assignments import village_of
from services.notifier.views.cadres import cadre_row, posted_at, posts_of, region_of
from services.notifier.views.links import channels_of
from services.notifier.views.messages import message_row
from services.notifier.views.questions import question
from services.notifier.views.voice import membership
from tuopin.notifier.v1.assignment_pb2 import EscalateAssignment, OfferAssignment
from tuopin.notifier.v1.link_pb2 import IssueLink
from tuopin.notifier.v1.linking_pb2 import BeginLink, ChooseChannels
from tuopin.notifier.v1.message_pb2 import RecordSending
from tuopin.notifier.v1.voice_pb2 import (
    ConfirmPaymentArrival,
    GiveExitAgreement,
    GivePlanAgreement,
    IssueHouseholdLink,
    RaisePostingObjection,
)


def candidates(connection: Connection, command: OfferAssignment) -> tuple[Posted, ...]:
    """Who holds a post in the village or its township."""
    return posted_at(connection, (command.village_id, township_of(command.village_id)))


def specialists(connection: Connection, command: EscalateAssignment) -> tuple[Posted, ...]:
    """Who holds a post in the township of the assignment's village."""
    village_id = village_of(connection, command.assignment_id)
    return posted_at(connection, (township_of(village_id),))


def appointed_by(connection: Connection, command: IssueLink | ChooseChannels) -> str:
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


def standing_of(connection: Connection, command: BeginLink) -> Standing:
    """Posts of the cadre, and whether there is a telephone to compare with."""
    row = cadre_row(connection, command.cadre_id)
    posts = tuple(each.post for each in posts_of(connection, command.cadre_id))
    return Standing(posts=posts, has_phone=row is not None and bool(row.phone))


def channels_of_message(connection: Connection, command: RecordSending) -> tuple[str, ...]:
    """By what the person whom the message is for can be reached."""
    row = message_row(connection, command.message_id)
    return channels_of(connection, row.cadre_id) if row is not None else ()


def posting_question(connection: Connection, command: RaisePostingObjection) -> Question | None:
    """Whether the notice hangs."""
    return question(connection, POSTING, command.posting_id)


FACTS: Mapping[type[Message], Callable[[Connection, Any], Any]] = {
    OfferAssignment: candidates,
    EscalateAssignment: specialists,
    IssueLink: appointed_by,
    BeginLink: standing_of,
    ChooseChannels: appointed_by,
    RecordSending: channels_of_message,
    IssueHouseholdLink: members,
    GivePlanAgreement: plan_question,
    GiveExitAgreement: exit_question,
    ConfirmPaymentArrival: payment_question,
    RaisePostingObjection: posting_question,
}
