"""Where a household is on its way out: the order of the steps, and what the rules keep of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tuopin.registry.v1.exit_pb2 import ExitCheck
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_EXIT_AGREED,
    HOUSEHOLD_STATUS_EXIT_ANNOUNCED,
    HOUSEHOLD_STATUS_EXIT_APPRAISED,
    HOUSEHOLD_STATUS_EXIT_COUNTY_REVIEWED,
    HOUSEHOLD_STATUS_EXIT_POSTED,
    HOUSEHOLD_STATUS_EXIT_PROPOSED,
    HOUSEHOLD_STATUS_EXIT_TOWNSHIP_REVIEWED,
    HOUSEHOLD_STATUS_EXIT_VERIFIED,
    HOUSEHOLD_STATUS_EXITED,
    HOUSEHOLD_STATUS_REGISTERED,
    HOUSEHOLD_STATUS_RELAPSED,
    HouseholdStatus,
)

# Every step of the procedure, and what is said when it has not been taken, and when it has.
STEPS: Mapping[HouseholdStatus.ValueType, tuple[str, str]] = {
    HOUSEHOLD_STATUS_EXIT_PROPOSED: ("exit-not-proposed", "exit-already-proposed"),
    HOUSEHOLD_STATUS_EXIT_APPRAISED: ("exit-not-appraised", "exit-already-appraised"),
    HOUSEHOLD_STATUS_EXIT_VERIFIED: ("exit-not-verified", "exit-already-verified"),
    HOUSEHOLD_STATUS_EXIT_AGREED: ("exit-not-agreed", "exit-already-agreed"),
    HOUSEHOLD_STATUS_EXIT_POSTED: ("exit-not-posted", "exit-already-posted"),
    HOUSEHOLD_STATUS_EXIT_TOWNSHIP_REVIEWED: (
        "exit-not-reviewed-by-township",
        "exit-already-reviewed-by-township",
    ),
    HOUSEHOLD_STATUS_EXIT_COUNTY_REVIEWED: (
        "exit-not-reviewed-by-county",
        "exit-already-reviewed-by-county",
    ),
    HOUSEHOLD_STATUS_EXIT_ANNOUNCED: ("exit-not-announced", "exit-already-announced"),
    HOUSEHOLD_STATUS_EXITED: ("exit-not-completed", "household-already-exited"),
}
ORDER = tuple(STEPS)
# On the way out, and still counted as registered.
UNDERWAY = frozenset(ORDER) - {HOUSEHOLD_STATUS_EXITED}
# An exit can be proposed from here.
REGISTERED = frozenset({HOUSEHOLD_STATUS_REGISTERED, HOUSEHOLD_STATUS_RELAPSED})
IN_REGISTER = REGISTERED | UNDERWAY


@dataclass(frozen=True, slots=True)
class Leaving:
    """The exit under way, or the last one."""

    # By the whole procedure; one begun by the abridged procedure starts over.
    full: bool = False
    # What the household is again when the exit stops.
    returns_to: HouseholdStatus.ValueType = HOUSEHOLD_STATUS_REGISTERED
    # Checks on site and whether they passed, and the cadres who made them.
    checks: Mapping[ExitCheck.ValueType, bool] = field(default_factory=dict)
    found_by: frozenset[str] = frozenset()
    exited_by: str = ""
    exited_on: str = ""
    support_until: str = ""
    support_ended: bool = False
