"""Whether two people of the register are one: the office's word on a pair, and its withdrawal.

The pair is one stream, whichever of the two is named first, and keeps it wherever they live later.
Merging their households is a command of its own; this says that there is a reason for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, assert_never

from chassis.decider import Context, Decider, Decisions, derived_id
from chassis.rejection import require
from services.registry.decider.likeness import NOT_ALIKE, Likeness
from services.registry.decider.part import person_of
from tuopin.registry.v1.duplicates_pb2 import (
    DUPLICATE_DECISION_NOT_SAME,
    DUPLICATE_DECISION_SAME,
    DUPLICATE_DECISION_UNSPECIFIED,
    DUPLICATE_DECISION_WITHDRAWN,
    ConfirmDuplicate,
    DismissDuplicate,
    DuplicateConfirmed,
    DuplicateDecision,
    DuplicateDecisionWithdrawn,
    DuplicateDismissed,
    WithdrawDuplicateDecision,
)

Command = ConfirmDuplicate | DismissDuplicate | WithdrawDuplicateDecision
Event = DuplicateConfirmed | DuplicateDismissed | DuplicateDecisionWithdrawn

# Digits of a region code per level, the village first.
LEVELS = (12, 9, 6, 4, 2)
_DECIDED = frozenset({DUPLICATE_DECISION_SAME, DUPLICATE_DECISION_NOT_SAME})


class Side(NamedTuple):
    """One of the two, and where they stand in the register."""

    person_id: str
    household_id: str
    village_id: str


def pair_id_of(person_id: str, other_person_id: str) -> str:
    """The same for the two in either order."""
    return derived_id("duplicate", *sorted((person_id, other_person_id)))


def region_of(village_id: str, other_village_id: str) -> str:
    """The smallest region with both villages: whose office decides."""
    levels = (digits for digits in LEVELS if village_id[:digits] == other_village_id[:digits])
    return village_id[: next(levels, 0)]


@dataclass(frozen=True, slots=True)
class PairFacts:
    """What the register says of the two now."""

    # Person -> where they stand; those who stand nowhere are left out.
    sides: Mapping[str, Side] = field(default_factory=dict)
    likeness: Likeness = NOT_ALIKE
    # One of the two households was merged into the other.
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair."""

    pair_id: str = ""
    household_ids: tuple[str, ...] = ()
    region_id: str = ""
    decision: DuplicateDecision.ValueType = DUPLICATE_DECISION_UNSPECIFIED


def decide(state: Pair, command: Command, context: Context) -> Decisions:
    """One word at a time; the same again changes nothing."""
    match command:
        case ConfirmDuplicate():
            return confirm(state, command, context)
        case DismissDuplicate():
            return dismiss(state, command, context)
        case WithdrawDuplicateDecision():
            return withdraw(state, context)
        case _:
            assert_never(command)


def confirm(state: Pair, command: ConfirmDuplicate, context: Context) -> Decisions:
    """They are one person."""
    if state.decision == DUPLICATE_DECISION_SAME:
        return
    one, other = _sides(state, command, context)
    facts: PairFacts = context.facts
    yield DuplicateConfirmed(
        pair_id=pair_id_of(one.person_id, other.person_id),
        person_id=one.person_id,
        household_id=one.household_id,
        village_id=one.village_id,
        other_person_id=other.person_id,
        other_household_id=other.household_id,
        other_village_id=other.village_id,
        score=facts.likeness.score,
        alike=facts.likeness.reasons,
        reason=command.reason,
        decided_by=person_of(context),
        effective_on=context.today.isoformat(),
    )


def dismiss(state: Pair, command: DismissDuplicate, context: Context) -> Decisions:
    """They are two."""
    if state.decision == DUPLICATE_DECISION_NOT_SAME:
        return
    one, other = _sides(state, command, context)
    facts: PairFacts = context.facts
    yield DuplicateDismissed(
        pair_id=pair_id_of(one.person_id, other.person_id),
        person_id=one.person_id,
        household_id=one.household_id,
        village_id=one.village_id,
        other_person_id=other.person_id,
        other_household_id=other.household_id,
        other_village_id=other.village_id,
        score=facts.likeness.score,
        alike=facts.likeness.reasons,
        reason=command.reason,
        decided_by=person_of(context),
        effective_on=context.today.isoformat(),
    )


def withdraw(state: Pair, context: Context) -> Decisions:
    """As if nobody had said anything."""
    require(state.pair_id, "duplicate-not-decided")
    if state.decision == DUPLICATE_DECISION_WITHDRAWN:
        return
    facts: PairFacts = context.facts
    same = state.decision == DUPLICATE_DECISION_SAME
    require(not (same and facts.merged), "duplicate-households-merged")
    yield DuplicateDecisionWithdrawn(
        pair_id=state.pair_id,
        decision=state.decision,
        withdrawn_by=person_of(context),
        effective_on=context.today.isoformat(),
    )


def _sides(
    state: Pair, command: ConfirmDuplicate | DismissDuplicate, context: Context
) -> tuple[Side, Side]:
    """Both where the command says, in the order of their ids."""
    require(state.decision not in _DECIDED, "duplicate-decided-otherwise")
    differ = command.person_id != command.other_person_id
    require(differ, "duplicate-of-oneself", field="other_person_id")
    facts: PairFacts = context.facts
    for person_id, household_id, name in (
        (command.person_id, command.household_id, "person_id"),
        (command.other_person_id, command.other_household_id, "other_person_id"),
    ):
        found = facts.sides.get(person_id)
        here = found is not None and found.household_id == household_id
        require(here, "person-not-in-household", field=name)
    one, other = sorted((command.person_id, command.other_person_id))
    return facts.sides[one], facts.sides[other]


def evolve(state: Pair, event: Event) -> Pair:
    """What is said of the pair after the event."""
    match event:
        case DuplicateConfirmed():
            return replace(_told(event), decision=DUPLICATE_DECISION_SAME)
        case DuplicateDismissed():
            return replace(_told(event), decision=DUPLICATE_DECISION_NOT_SAME)
        case DuplicateDecisionWithdrawn():
            return replace(state, decision=DUPLICATE_DECISION_WITHDRAWN)
        case _:
            assert_never(event)


def _told(event: DuplicateConfirmed | DuplicateDismissed) -> Pair:
    return Pair(
        pair_id=event.pair_id,
        household_ids=(event.household_id, event.other_household_id),
        region_id=region_of(event.village_id, event.other_village_id),
    )


def _by_people(command: Command) -> str:
    return pair_id_of(command.person_id, command.other_person_id)


DUPLICATE: Decider[Pair] = Decider(
    noun="duplicate",
    topic="household",
    initial=Pair,
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys(
        (ConfirmDuplicate, DismissDuplicate, WithdrawDuplicateDecision), _by_people
    ),
    events=(DuplicateConfirmed, DuplicateDismissed, DuplicateDecisionWithdrawn),
    region=lambda state: state.region_id,
)
