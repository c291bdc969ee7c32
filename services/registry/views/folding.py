"""What each event makes of a household's file, folded in the order of versions."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from google.protobuf.message import Message

from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_EXIT_AGREED,
    HOUSEHOLD_STATUS_EXIT_PROPOSED,
    HOUSEHOLD_STATUS_EXIT_VERIFIED,
    HOUSEHOLD_STATUS_EXITED,
    HOUSEHOLD_STATUS_REGISTERED,
    ExitAgreed,
    ExitProposed,
    ExitVerified,
    Household,
    HouseholdExited,
    HouseholdRegistered,
    HouseholdStatus,
    PersonErased,
)
from tuopin.registry.v1.posting_pb2 import (
    ObjectionDismissed,
    ObjectionRaised,
    ObjectionUpheld,
    PostingClosed,
    PostingOpened,
    RelativeDeclared,
)


class Version(NamedTuple):
    """One event of a household."""

    version: int
    effective_on: str
    # Full name of the event's message.
    type: str
    event: bytes


Apply = Callable[[Household, Any, Version], None]


def fold(versions: Iterable[Version]) -> Household | None:
    """The file after these versions; the later version wins. None when nothing ever began."""
    household: Household | None = None
    for each in versions:
        kind, _ = _OF_TYPE[each.type]
        household = step(household, kind.FromString(each.event), each)
    return household


def step(household: Household | None, event: Message, version: Version) -> Household | None:
    """The file after one more event, changed in place."""
    if household is None:
        if type(event) not in BIRTHS:
            return None
        household = Household()
    APPLIERS[type(event)](household, event, version)
    household.version = version.version
    return household


def _status(status: HouseholdStatus.ValueType) -> Apply:
    def apply(household: Household, event: object, version: Version) -> None:
        household.status = status

    return apply


def _registered(household: Household, event: HouseholdRegistered, version: Version) -> None:
    del household.members[:], household.other_causes[:]
    household.MergeFrom(
        Household(
            household_id=event.household_id,
            source=event.source,
            household_number=event.household_number,
            village_id=event.village_id,
            attribute=event.attribute,
            main_cause=event.main_cause,
            other_causes=event.other_causes,
            members=event.members,
            income=event.income,
            address=event.address,
            status=HOUSEHOLD_STATUS_REGISTERED,
            registered_on=event.effective_on,
            synthetic=event.synthetic,
            income_per_head_fen=event.income_per_head_fen,
            poverty_line_fen=event.poverty_line_fen,
        )
    )
    if event.HasField("living_conditions"):
        household.living_conditions.CopyFrom(event.living_conditions)


def _exited(household: Household, event: HouseholdExited, version: Version) -> None:
    household.status = HOUSEHOLD_STATUS_EXITED
    household.exited_on = version.effective_on
    household.support_until = event.support_until


def _own_status(household: Household, event: Any, version: Version) -> None:
    household.status = event.status


def _nothing(household: Household, event: object, version: Version) -> None:
    """The event says nothing of the file."""


# Events a household can begin with.
BIRTHS: tuple[type[Message], ...] = (HouseholdRegistered,)

APPLIERS: Mapping[type[Message], Apply] = {
    HouseholdRegistered: _registered,
    ExitProposed: _status(HOUSEHOLD_STATUS_EXIT_PROPOSED),
    ExitVerified: _status(HOUSEHOLD_STATUS_EXIT_VERIFIED),
    ExitAgreed: _status(HOUSEHOLD_STATUS_EXIT_AGREED),
    HouseholdExited: _exited,
    PersonErased: _nothing,
    PostingOpened: _own_status,
    PostingClosed: _nothing,
    ObjectionRaised: _nothing,
    ObjectionUpheld: _own_status,
    ObjectionDismissed: _nothing,
    RelativeDeclared: _nothing,
}

_OF_TYPE = {kind.DESCRIPTOR.full_name: (kind, apply) for kind, apply in APPLIERS.items()}
