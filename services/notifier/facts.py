"""What a rule of the notifier needs to know of other services, read from its own copies."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.rejection import FactMissing
from chassis.times import micros, start_of
from services.notifier.decider.digest import Open
from services.notifier.decider.link import Standing
from services.notifier.decider.message import Held, Ways
from services.notifier.decider.policy import World, regions_of
from services.notifier.decider.voicestate import EXIT, PLAN, POSTING, RECEIPT, Membership, Question
from services.notifier.views.assignments import assignment_row
from services.notifier.views.cadres import (
    cadre_row,
    departed,
    known_region_of,
    posted_at,
    posts_of,
    region_of,
)
from services.notifier.views.gone import gone_at_us
from services.notifier.views.households import helper_of
from services.notifier.views.links import channels_of
from services.notifier.views.messages import held_until, message_row
from services.notifier.views.outages import latest
from services.notifier.views.questions import question
from services.notifier.views.reachable import unreachable_of
from services.notifier.views.voice import membership
from services.notifier.views.worklist import open_counts
from tuopin.notifier.v1.assignment_pb2 import (
    EscalateAssignment,
    OfferAssignment,
    RemindAssignment,
)
from tuopin.notifier.v1.digest_pb2 import QueueDigest
from tuopin.notifier.v1.handling_pb2 import (
    DeclineAssignment,
    HandOverAssignment,
    ReassignAssignment,
    ReleaseAssignment,
)
from tuopin.notifier.v1.link_pb2 import IssueLink
from tuopin.notifier.v1.linking_pb2 import BeginLink, ChooseChannels
from tuopin.notifier.v1.message_pb2 import QueueMessage, RecordSending
from tuopin.notifier.v1.voice_pb2 import (
    ConfirmPaymentArrival,
    GiveExitAgreement,
    GivePlanAgreement,
    IssueHouseholdLink,
    RaisePostingObjection,
)

Of = (
    ReleaseAssignment
    | RemindAssignment
    | EscalateAssignment
    | DeclineAssignment
    | HandOverAssignment
    | ReassignAssignment
)


def world_of_offer(connection: Connection, command: OfferAssignment) -> World:
    """Who could be asked, and whether the cause still stands."""
    world = _world(connection, command.village_id, command.cadre_id)
    gone = gone_at_us(connection, command.kind, command.subject, command.household_id)
    return replace(world, gone_at_us=gone)


def world_of_assignment(connection: Connection, command: Of) -> World:
    """Who could be asked next about an assignment, and when the provider was away."""
    row = assignment_row(connection, command.assignment_id)
    if row is None:
        raise FactMissing("assignment", command.assignment_id)
    helper_id = helper_of(connection, row.household_id) or ""
    chosen_id = command.cadre_id if isinstance(command, ReassignAssignment) else ""
    world = _world(connection, row.village_id, helper_id, row.cadre_id, chosen_id)
    return replace(world, outages=latest(connection))


def _world(connection: Connection, village_id: str, *cadre_ids: str) -> World:
    posted = posted_at(connection, regions_of(village_id))
    everyone = sorted({each.cadre_id for each in posted} | set(filter(None, cadre_ids)))
    return World(
        posted=posted,
        unreachable=unreachable_of(connection, everyone),
        departed=departed(connection, everyone),
    )


def held_offers(connection: Connection, command: QueueMessage) -> Held:
    """What of the household waits for the same person."""
    if not command.household_id:
        return Held()
    return Held(held_until(connection, command.cadre_id, command.household_id))


def open_now(connection: Connection, command: QueueDigest) -> Open:
    """What the person has to do, and what of it was due before the day."""
    begins_us = micros(start_of(command.day))
    counts = open_counts(connection, command.cadre_id, begins_us)
    return Open(*counts, region_id=known_region_of(connection, command.cadre_id))


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


def ways_of_message(connection: Connection, command: RecordSending) -> Ways:
    """By what the person whom the message is for can be reached, and whether nobody can be now."""
    row = message_row(connection, command.message_id)
    channels = channels_of(connection, row.cadre_id) if row is not None else ()
    return Ways(channels, away=any(not ended_us for _, ended_us in latest(connection)))


def posting_question(connection: Connection, command: RaisePostingObjection) -> Question | None:
    """Whether the notice hangs."""
    return question(connection, POSTING, command.posting_id)


FACTS: Mapping[type[Message], Callable[[Connection, Any], Any]] = {
    OfferAssignment: world_of_offer,
    ReleaseAssignment: world_of_assignment,
    RemindAssignment: world_of_assignment,
    EscalateAssignment: world_of_assignment,
    DeclineAssignment: world_of_assignment,
    HandOverAssignment: world_of_assignment,
    ReassignAssignment: world_of_assignment,
    QueueMessage: held_offers,
    QueueDigest: open_now,
    IssueLink: appointed_by,
    BeginLink: standing_of,
    ChooseChannels: appointed_by,
    RecordSending: ways_of_message,
    IssueHouseholdLink: members,
    GivePlanAgreement: plan_question,
    GiveExitAgreement: exit_question,
    ConfirmPaymentArrival: payment_question,
    RaisePostingObjection: posting_question,
}
