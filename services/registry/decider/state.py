"""What the rules need of a household; nothing personal."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tuopin.registry.v1.household_pb2 import (
    CAUSE_UNSPECIFIED,
    HOUSEHOLD_STATUS_UNSPECIFIED,
    Cause,
    HouseholdStatus,
)
from tuopin.registry.v1.posting_pb2 import POSTING_PURPOSE_UNSPECIFIED, PostingPurpose


@dataclass(frozen=True, slots=True)
class Objection:
    """One that nobody has judged yet: who raised it ("" when anonymous) and who took it down."""

    objector_id: str
    taken_by: str


@dataclass(frozen=True, slots=True)
class Posting:
    """The household's latest posting. Its clock stands still while an objection is open."""

    posting_id: str = ""
    purpose: PostingPurpose.ValueType = POSTING_PURPOSE_UNSPECIFIED
    days: int = 0
    # 0: the clock is stopped, or the posting is over.
    closes_at_us: int = 0
    # Its days are over and nobody was upheld.
    passed: bool = False
    # An objection was upheld.
    failed: bool = False
    # Open objections by id, and of those judged whether they were upheld.
    open: Mapping[str, Objection] = field(default_factory=dict)
    judged: Mapping[str, bool] = field(default_factory=dict)
    status_if_upheld: HouseholdStatus.ValueType = HOUSEHOLD_STATUS_UNSPECIFIED

    @property
    def running(self) -> bool:
        """Anyone can object."""
        return bool(self.posting_id) and not self.passed and not self.failed


@dataclass(frozen=True, slots=True)
class State:
    """One household. Each part of its life (file, exit, ...) keeps what it needs in fields of its
    own; status is shared.
    """

    household_id: str = ""
    village_id: str = ""
    status: HouseholdStatus.ValueType = HOUSEHOLD_STATUS_UNSPECIFIED
    # file
    household_number: str = ""
    main_cause: Cause.ValueType = CAUSE_UNSPECIFIED
    person_ids: tuple[str, ...] = ()
    erased: frozenset[str] = frozenset()
    # exit: effective date of its last step
    step_on: str = ""
    # posting
    posting: Posting = field(default_factory=Posting)
    # duties: officials declared as relatives, and who acted at which level in this procedure
    relatives: frozenset[str] = frozenset()
    acted: Mapping[str, str] = field(default_factory=dict)

    @property
    def living(self) -> frozenset[str]:
        """Members whose data still exist; only they can give a consent."""
        return frozenset(self.person_ids) - self.erased
