"""What the rules need of a household; nothing personal."""

from dataclasses import dataclass

from tuopin.registry.v1.household_pb2 import HOUSEHOLD_STATUS_UNSPECIFIED, HouseholdStatus


@dataclass(frozen=True, slots=True)
class State:
    """One household. Each part of its life (file, exit, ...) keeps what it needs in fields of its
    own; status is shared.
    """

    household_id: str = ""
    village_id: str = ""
    status: HouseholdStatus.ValueType = HOUSEHOLD_STATUS_UNSPECIFIED
    # file
    person_ids: tuple[str, ...] = ()
    erased: frozenset[str] = frozenset()
    # exit: effective date of its last step
    step_on: str = ""

    @property
    def living(self) -> frozenset[str]:
        """Members whose data still exist; only they can give a consent."""
        return frozenset(self.person_ids) - self.erased
