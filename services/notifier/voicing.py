"""What events make the household's voice do: hear what it is asked, end with its person, take back
a refused word.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from chassis.decider import derived_id
from chassis.reactions import Reaction
from services.notifier.decider.voicestate import EXIT, PLAN, POSTING, RECEIPT
from services.notifier.views.voice import household_links
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.funding.v1.ledger_pb2 import MoneyPaid
from tuopin.notifier.v1.message_pb2 import QueueMessage
from tuopin.notifier.v1.voice_pb2 import ReturnWord, UnlinkHousehold
from tuopin.planning.v1.plan_pb2 import PlanDrafted
from tuopin.registry.v1.file_pb2 import MemberLeft
from tuopin.registry.v1.household_pb2 import ExitVerified, PersonErased
from tuopin.registry.v1.posting_pb2 import PostingOpened
from tuopin.types.v1.types_pb2 import ReactionRefused

# Commands of the owners that carry a household's word.
WORDS = frozenset(
    {
        "tuopin.planning.v1.ConsentToPlan",
        "tuopin.registry.v1.AgreeToExit",
        "tuopin.funding.v1.ConfirmReceipt",
        "tuopin.registry.v1.RaiseObjection",
    }
)


# Rank of a task.
TASK = 1

# What asks a household for its own word, and which field names the matter.
ASKS: dict[type[Any], tuple[str, str]] = {
    PlanDrafted: (PLAN, "plan_id"),
    ExitVerified: (EXIT, "household_id"),
    MoneyPaid: (RECEIPT, "payment_id"),
    PostingOpened: (POSTING, "posting_id"),
}
Asks = PlanDrafted | ExitVerified | MoneyPaid | PostingOpened


def read_linked(connection: Connection, event: Asks) -> Sequence[str]:
    """Members of the household who have a chat."""
    links = household_links(connection, event.household_id)
    return [each.person_id for each in links if each.linked]


def ask_household(
    envelope: Envelope, event: Asks, person_ids: Sequence[str]
) -> Iterator[QueueMessage]:
    """Whoever of the household has a chat hears that something waits for its word."""
    template, subject = ASKS[type(event)]
    for person_id in person_ids:
        yield QueueMessage(
            message_id=derived_id("message", envelope.id, person_id),
            person_id=person_id,
            household_id=event.household_id,
            village_id=event.village_id,
            template=template,
            subject=getattr(event, subject),
            priority=TASK,
            asked_at_us=envelope.recorded_at_us,
        )


def unlink_erased(
    envelope: Envelope, event: PersonErased, facts: None
) -> Iterator[UnlinkHousehold]:
    """Whoever is erased has no chat here."""
    yield UnlinkHousehold(
        household_id=event.household_id, person_id=event.person_id, ground="erased"
    )


def unlink_left(envelope: Envelope, event: MemberLeft, facts: None) -> Iterator[UnlinkHousehold]:
    """Whoever is no member any more does not speak for the household, nor see its page."""
    yield UnlinkHousehold(
        household_id=event.household_id, person_id=event.person_id, ground="moved"
    )


def take_back(envelope: Envelope, event: ReactionRefused, facts: None) -> Iterator[ReturnWord]:
    """The owner refused what the household said: it may be said again."""
    stream, _, _ = event.caused_by.rpartition("@")
    noun, _, household_id = stream.partition("-")
    if event.command_type in WORDS and noun == "voice":
        yield ReturnWord(household_id=household_id, event_id=event.caused_by, slug=event.slug)


REACTIONS: tuple[Reaction, ...] = (
    *(
        Reaction(f"ask-{template}", event, ask_household, read_linked)
        for event, (template, _) in ASKS.items()
    ),
    Reaction("unlink-erased", PersonErased, unlink_erased),
    Reaction("unlink-left", MemberLeft, unlink_left),
    Reaction("take-back", ReactionRefused, take_back),
)
