"""What the rules need of a household; nothing personal that could be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from services.registry.decider.leaving import Leaving
from services.registry.decider.watch import Watch
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_UNSPECIFIED,
    Cause,
    Household,
    HouseholdStatus,
)
from tuopin.registry.v1.posting_pb2 import POSTING_PURPOSE_UNSPECIFIED, PostingPurpose


class Said(NamedTuple):
    """The event that said something last: its version, and since when it counts."""

    version: int
    effective_on: str


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
    passed_on: str = ""
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
class Application:
    """What a household that wants to be registered has shown so far."""

    applied_on: str = ""
    # Its income is proved, or the subsistence-allowance list stands for the proof.
    proved: bool = False
    disqualifying: frozenset[str] = frozenset()
    overridden: frozenset[str] = frozenset()
    round_id: str = ""


@dataclass(frozen=True, slots=True)
class Removal:
    """Why the household shall go, and what it is again when that comes to nothing."""

    reason: str = ""
    proposed_on: str = ""
    status_before: HouseholdStatus.ValueType = HOUSEHOLD_STATUS_UNSPECIFIED


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
    # composition: who came with which household, which were parted again, what a merged one was
    absorbed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parted: frozenset[str] = frozenset()
    status_before_merge: HouseholdStatus.ValueType = HOUSEHOLD_STATUS_UNSPECIFIED
    # exit: effective date of its last step
    step_on: str = ""
    leaving: Leaving = field(default_factory=Leaving)
    # monitoring
    watch: Watch = field(default_factory=Watch)
    # posting
    posting: Posting = field(default_factory=Posting)
    # identification
    application: Application = field(default_factory=Application)
    # removal
    removal: Removal = field(default_factory=Removal)
    # duties: officials declared as relatives, and who acted at which level in this procedure
    relatives: frozenset[str] = frozenset()
    acted: Mapping[str, str] = field(default_factory=dict)

    @property
    def household_number(self) -> str:
        """As its village knows it."""
        return self.file.household_number

    @property
    def main_cause(self) -> Cause.ValueType:
        """The one main cause."""
        return self.file.main_cause

    @property
    def living(self) -> frozenset[str]:
        """Members whose data still exist; only they can give a consent."""
        return frozenset(self.person_ids) - self.erased

    def said_of(self, part: str) -> Said:
        """Who said this part of the file last."""
        return self.said.get(part) or self.said[""]
