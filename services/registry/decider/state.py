"""What the rules need of a household; nothing personal that could be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_UNSPECIFIED,
    Household,
    HouseholdStatus,
)


class Said(NamedTuple):
    """The event that said something last: its version, and since when it counts."""

    version: int
    effective_on: str


@dataclass(frozen=True, slots=True)
class State:
    """One household. Each part of its life (file, exit, ...) keeps what it needs in fields of its
    own; status is shared.
    """

    household_id: str = ""
    village_id: str = ""
    status: HouseholdStatus.ValueType = HOUSEHOLD_STATUS_UNSPECIFIED
    # Of the stream: how many events there were.
    version: int = 0
    # file: as its events left it, personal texts sealed; never changed in place
    file: Household = field(default_factory=Household)
    person_ids: tuple[str, ...] = ()
    erased: frozenset[str] = frozenset()
    # Part of the file -> who said it last; "" for what only the first event said.
    said: Mapping[str, Said] = field(default_factory=dict)
    # exit: effective date of its last step
    step_on: str = ""

    @property
    def living(self) -> frozenset[str]:
        """Members whose data still exist; only they can give a consent."""
        return frozenset(self.person_ids) - self.erased

    def said_of(self, part: str) -> Said:
        """Who said this part of the file last."""
        return self.said.get(part) or self.said[""]
