"""What events make the household's voice do: end with its person, take back a refused word."""

from collections.abc import Iterator

from chassis.reactions import Reaction
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.voice_pb2 import ReturnWord, UnlinkHousehold
from tuopin.registry.v1.file_pb2 import MemberLeft
from tuopin.registry.v1.household_pb2 import PersonErased
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
    Reaction("unlink-erased", PersonErased, unlink_erased),
    Reaction("unlink-left", MemberLeft, unlink_left),
    Reaction("take-back", ReactionRefused, take_back),
)
