"""What each event makes of a household's file, folded in the order of versions."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from google.protobuf.message import Message

from services.registry.decider.file_content import CHANGES, Change
from tuopin.registry.v1 import monitoring_pb2 as monitoring
from tuopin.registry.v1.exit_pb2 import (
    ExitAnnounced,
    ExitAppraised,
    ExitDeclaredWrong,
    ExitFindingsRecorded,
    ExitReviewedAtCounty,
    ExitReviewedAtTownship,
    ExitStopped,
    ExitWithdrawn,
    HouseholdReinstated,
    SupportEnded,
)
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_ANNOUNCED,
    HOUSEHOLD_STATUS_EXIT_AGREED,
    HOUSEHOLD_STATUS_EXIT_ANNOUNCED,
    HOUSEHOLD_STATUS_EXIT_APPRAISED,
    HOUSEHOLD_STATUS_EXIT_COUNTY_REVIEWED,
    HOUSEHOLD_STATUS_EXIT_PROPOSED,
    HOUSEHOLD_STATUS_EXIT_TOWNSHIP_REVIEWED,
    HOUSEHOLD_STATUS_EXIT_VERIFIED,
    HOUSEHOLD_STATUS_EXITED,
    HOUSEHOLD_STATUS_RELAPSED,
    ExitAgreed,
    ExitProposed,
    ExitVerified,
    Household,
    HouseholdExited,
    HouseholdRegistered,
    HouseholdStatus,
)
from tuopin.registry.v1.identification_pb2 import (
    CountyReviewed,
    DisqualifyingFactOverridden,
    DisqualifyingFactRecorded,
    HouseholdAnnounced,
    HouseholdApplied,
    HouseholdSupplemented,
    IncomeProved,
    TownshipReviewed,
    VillageAppraised,
)
from tuopin.registry.v1.posting_pb2 import (
    ObjectionDismissed,
    ObjectionRaised,
    ObjectionUpheld,
    PostingClosed,
    PostingOpened,
    RelativeDeclared,
)
from tuopin.registry.v1.round_pb2 import HouseholdRemoved, RemovalAppraised, RemovalProposed

# Later than every day.
LAST_DAY = "9999-12-31"


MONITORING_EVENTS: tuple[type[Message], ...] = (
    monitoring.DifficultyReported,
    monitoring.WarningRaised,
    monitoring.WarningVisited,
    monitoring.WarningChecked,
    monitoring.WarningAppraised,
    monitoring.MonitoringPosted,
    monitoring.MonitoringReviewedAtTownship,
    monitoring.HouseholdMonitored,
    monitoring.WarningDismissed,
    monitoring.MonitoringClockRanOut,
    monitoring.MonitoringClockMoved,
    monitoring.MonitoredIncomeRecorded,
    monitoring.MonitoringCleared,
    monitoring.HouseholdCovered,
)


class Version(NamedTuple):
    """One event of a household."""

    version: int
    effective_on: str
    # Full name of the event's message.
    type: str
    event: bytes


Apply = Callable[[Household, Any, Version], None]


def fold(versions: Iterable[Version], as_of: str = LAST_DAY) -> Household | None:
    """The file after those of these versions, in their order, that count on a day; the later one
    wins. None when nothing had begun.

    A correction stands in the place of what it corrects: in the order, and in time.
    """
    told = list(versions)
    events = {each.version: _OF_TYPE[each.type].FromString(each.event) for each in told}
    places: dict[int, int] = {}
    since: dict[int, str] = {}
    for each in told:
        corrected = getattr(events[each.version], "corrects_version", 0)
        place = places[each.version] = places.get(corrected, each.version)
        since[place] = each.effective_on
    household: Household | None = None
    for each in sorted(told, key=lambda each: (places[each.version], each.version)):
        if since[places[each.version]] <= as_of:
            household = step(household, events[each.version], each)
    return household


def step(household: Household | None, event: Message, version: Version) -> Household | None:
    """The file after one more event, changed in place."""
    if household is None:
        if type(event) not in BIRTHS:
            return None
        household = Household()
    APPLIERS[type(event)](household, event, version)
    household.version = max(household.version, version.version)
    return household


def _status(status: HouseholdStatus.ValueType) -> Apply:
    def apply(household: Household, event: object, version: Version) -> None:
        household.status = status

    return apply


def _exited(household: Household, event: HouseholdExited, version: Version) -> None:
    household.status = HOUSEHOLD_STATUS_EXITED
    household.exited_on = version.effective_on
    household.support_until = event.support_until


def _reinstated(household: Household, event: HouseholdReinstated, version: Version) -> None:
    household.status = HOUSEHOLD_STATUS_RELAPSED
    household.exited_on = household.support_until = ""


def _filed(change: Change) -> Apply:
    def apply(household: Household, event: object, version: Version) -> None:
        change(household, event)

    return apply


def _own_status(household: Household, event: Any, version: Version) -> None:
    household.status = event.status


def _nothing(household: Household, event: object, version: Version) -> None:
    """The event says nothing of the file."""


# Events a household can begin with.
BIRTHS: tuple[type[Message], ...] = (HouseholdRegistered, HouseholdApplied)

APPLIERS: Mapping[type[Message], Apply] = {
    **{event: _filed(change) for event, change in CHANGES.items()},
    ExitProposed: _status(HOUSEHOLD_STATUS_EXIT_PROPOSED),
    ExitVerified: _status(HOUSEHOLD_STATUS_EXIT_VERIFIED),
    ExitAgreed: _status(HOUSEHOLD_STATUS_EXIT_AGREED),
    HouseholdExited: _exited,
    ExitAppraised: _status(HOUSEHOLD_STATUS_EXIT_APPRAISED),
    ExitFindingsRecorded: _nothing,
    ExitReviewedAtTownship: _status(HOUSEHOLD_STATUS_EXIT_TOWNSHIP_REVIEWED),
    ExitReviewedAtCounty: _status(HOUSEHOLD_STATUS_EXIT_COUNTY_REVIEWED),
    ExitAnnounced: _status(HOUSEHOLD_STATUS_EXIT_ANNOUNCED),
    ExitStopped: _own_status,
    ExitWithdrawn: _own_status,
    SupportEnded: _nothing,
    ExitDeclaredWrong: _nothing,
    HouseholdReinstated: _reinstated,
    # The watch has an answer of its own: views/monitoring.py.
    **dict.fromkeys(MONITORING_EVENTS, _nothing),
    PostingOpened: _own_status,
    PostingClosed: _nothing,
    ObjectionRaised: _nothing,
    ObjectionUpheld: _own_status,
    ObjectionDismissed: _nothing,
    RelativeDeclared: _nothing,
    IncomeProved: _nothing,
    DisqualifyingFactRecorded: _nothing,
    DisqualifyingFactOverridden: _nothing,
    VillageAppraised: _own_status,
    TownshipReviewed: _own_status,
    CountyReviewed: _own_status,
    HouseholdAnnounced: _status(HOUSEHOLD_STATUS_ANNOUNCED),
    HouseholdSupplemented: _nothing,
    RemovalProposed: _own_status,
    RemovalAppraised: _own_status,
    HouseholdRemoved: _own_status,
}

_OF_TYPE = {kind.DESCRIPTOR.full_name: kind for kind in APPLIERS}
