"""The office's word on a pair: the same, not the same, taken back."""

from typing import Any

import pytest

from chassis.decider import Actor
from services.registry.decider.duplicate import (
    DUPLICATE,
    PairFacts,
    Side,
    pair_id_of,
    region_of,
)
from services.registry.decider.likeness import Likeness
from tests.given import Given
from tests.registry.stories import VILLAGE
from tuopin.registry.v1 import duplicates_pb2 as pb

ONE = Side("person-1", "household-1", VILLAGE)
OTHER = Side("person-2", "household-2", "433124111201")
ALIKE = Likeness(80, ("name-same", "birth-same"))
FACTS = PairFacts({each.person_id: each for each in (ONE, OTHER)}, ALIKE)
PAIR_ID = pair_id_of("person-1", "person-2")
given = Given(DUPLICATE, facts=FACTS)

ABOUT: dict[str, Any] = {
    "person_id": ONE.person_id,
    "household_id": ONE.household_id,
    "other_person_id": OTHER.person_id,
    "other_household_id": OTHER.household_id,
    "reason": "入户核实",
}
SWAPPED: dict[str, Any] = {
    "person_id": OTHER.person_id,
    "household_id": OTHER.household_id,
    "other_person_id": ONE.person_id,
    "other_household_id": ONE.household_id,
}
FOUND: dict[str, Any] = {
    **ABOUT,
    "pair_id": PAIR_ID,
    "village_id": ONE.village_id,
    "other_village_id": OTHER.village_id,
    "score": 80,
    "alike": ["name-same", "birth-same"],
    "decided_by": "li-office",
    "effective_on": "2020-03-02",
}
CONFIRMED = pb.DuplicateConfirmed(**FOUND)
DISMISSED = pb.DuplicateDismissed(**FOUND)
WITHDRAWN = pb.DuplicateDecisionWithdrawn(pair_id=PAIR_ID)


def confirm(**changes: Any) -> pb.ConfirmDuplicate:
    return pb.ConfirmDuplicate(**{**ABOUT, **changes})


def dismiss(**changes: Any) -> pb.DismissDuplicate:
    return pb.DismissDuplicate(**{**ABOUT, **changes})


def withdraw() -> pb.WithdrawDuplicateDecision:
    return pb.WithdrawDuplicateDecision(person_id=OTHER.person_id, other_person_id=ONE.person_id)


def test_the_pair_is_one_whichever_of_the_two_is_named_first() -> None:
    given().when(confirm()).then(CONFIRMED)
    given().when(confirm(**SWAPPED)).then(CONFIRMED)
    given().when(dismiss()).then(DISMISSED)
    given().when(dismiss(**SWAPPED)).then(DISMISSED)
    assert DUPLICATE.commands[pb.ConfirmDuplicate](confirm(**SWAPPED)) == PAIR_ID


def test_the_same_word_again_changes_nothing() -> None:
    given(CONFIRMED).when(confirm()).then_nothing()
    given(DISMISSED).when(dismiss()).then_nothing()


def test_the_opposite_is_said_after_a_withdrawal_only() -> None:
    given(CONFIRMED).when(dismiss()).then_rejected("duplicate-decided-otherwise")
    given(DISMISSED).when(confirm()).then_rejected("duplicate-decided-otherwise")
    given(DISMISSED, WITHDRAWN).when(confirm()).then(CONFIRMED)


def test_a_decision_is_taken_back_once() -> None:
    given(DISMISSED).when(withdraw(), by=Actor("wang-office")).then(
        pb.DuplicateDecisionWithdrawn(
            pair_id=PAIR_ID,
            decision=pb.DUPLICATE_DECISION_NOT_SAME,
            withdrawn_by="wang-office",
            effective_on="2020-03-02",
        )
    )
    given(DISMISSED, WITHDRAWN).when(withdraw()).then_nothing()
    given().when(withdraw()).then_rejected("duplicate-not-decided")


def test_what_led_to_a_merger_is_not_taken_back_before_it() -> None:
    merged = given.with_facts(PairFacts(merged=True))
    merged(CONFIRMED).when(withdraw()).then_rejected("duplicate-households-merged")
    merged(DISMISSED).when(withdraw()).then_event(pb.DuplicateDecisionWithdrawn, pair_id=PAIR_ID)


@pytest.mark.parametrize(
    ("command", "slug"),
    [
        (confirm(other_person_id="person-1"), "duplicate-of-oneself"),
        (confirm(household_id="household-2"), "person-not-in-household"),
        (dismiss(other_person_id="person-3"), "person-not-in-household"),
    ],
)
def test_two_people_are_named_where_they_are(
    command: pb.ConfirmDuplicate | pb.DismissDuplicate, slug: str
) -> None:
    given().when(command).then_rejected(slug)


def test_whose_region_has_both_decides() -> None:
    assert region_of(VILLAGE, VILLAGE) == VILLAGE
    assert region_of(VILLAGE, "433124110227") == "433124110"
    assert region_of(VILLAGE, "433124111201") == "433124"
    assert region_of(VILLAGE, "110101001001") == ""
