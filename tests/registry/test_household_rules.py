"""The life of a household, rule by rule."""

from datetime import timedelta

import pytest

from chassis.decider import Claim, Release
from services.registry.decider.file_content import registered
from services.registry.decider.household import HOUSEHOLD
from services.registry.decider.registration import RegistrationFacts, repeats
from tests.given import NOW, FixedParameters, Given
from tests.registry.stories import (
    CHILD_ID,
    HEAD_ID,
    HOUSEHOLD_ID,
    agree_to_exit,
    child,
    erase_person,
    exit_agreed,
    exit_household,
    exit_proposed,
    exit_verified,
    household_exited,
    household_registered,
    identity_number,
    member,
    person_erased,
    propose_exit,
    register_household,
    verify_exit,
)
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1.household_pb2 import Household

given = Given(
    HOUSEHOLD,
    FixedParameters(
        {"poverty-line-fen": 400_000, "support-grace-days": 30},
        {"codes": {"erasure-ground": {"request": {}, "court": {}}}},
    ),
    RegistrationFacts(village_known=True),
)
PROPOSED = (household_registered(), exit_proposed())
VERIFIED = (*PROPOSED, exit_verified())
AGREED = (*VERIFIED, exit_agreed())
EXITED = (*AGREED, household_exited())


def test_a_household_enters_the_register_with_its_people() -> None:
    given().when(register_household()).then(household_registered())


def test_each_member_is_claimed_for_this_household() -> None:
    (
        given()
        .when(register_household())
        .then_claims(
            Claim(
                "active-member",
                identity_number(),
                f"{HOUSEHOLD_ID}/{HEAD_ID}",
                "person-already-in-household",
            ),
            Claim(
                "active-member",
                identity_number("20080601"),
                f"{HOUSEHOLD_ID}/{CHILD_ID}",
                "person-already-in-household",
            ),
        )
    )


def test_the_same_file_again_changes_nothing() -> None:
    (
        given(household_registered())
        .when(register_household(), facts=RegistrationFacts(True, same_content=True))
        .then_nothing()
    )


def test_another_file_under_the_same_number_is_refused() -> None:
    (
        given(household_registered())
        .when(register_household(address="合成地址2组2号"))
        .then_rejected("household-already-known", household_id=HOUSEHOLD_ID)
    )


def test_the_village_must_be_in_the_adopted_regions() -> None:
    (
        given()
        .when(register_household(), facts=RegistrationFacts(village_known=False))
        .then_rejected("village-not-in-regions", village_id="433124110226")
    )


@pytest.mark.parametrize(
    ("others", "slug"),
    [
        ([pb.CAUSE_ILLNESS], "cause-given-twice"),
        ([pb.CAUSE_SCHOOLING, pb.CAUSE_SCHOOLING], "cause-given-twice"),
        ([2, 3, 4], "household-with-too-many-causes"),
    ],
)
def test_other_causes_are_at_most_two_and_all_distinct(others: list[int], slug: str) -> None:
    given().when(register_household(other_causes=others)).then_rejected(slug)


def test_a_household_has_a_head() -> None:
    (given().when(register_household(members=[child()])).then_rejected("household-without-head"))


def test_a_household_has_one_head_only() -> None:
    second = child(relation=pb.RELATION_HEAD)
    result = given().when(register_household(members=[member(), second]))
    result.then_rejected("household-with-two-heads")
    assert result.rejection is not None
    assert result.rejection.field == "members.1.relation"


@pytest.mark.parametrize(
    "number",
    [
        identity_number()[:17] + ("0" if identity_number()[17] != "0" else "1"),
        "990000" + "19701332" + "0011",
        "99000019700101001",
        "",
    ],
)
def test_an_identity_number_has_a_valid_date_and_check_digit(number: str) -> None:
    (
        given()
        .when(register_household(members=[member(identity_number=number)]))
        .then_rejected("identity-number-not-valid")
    )


def test_the_published_example_of_the_standard_is_valid() -> None:
    from services.registry.decider import identity

    assert identity.is_valid("11010519491231002X")
    assert identity.is_valid("440524188001010014")


def test_the_birth_year_is_the_one_in_the_identity_number() -> None:
    (
        given()
        .when(register_household(members=[member(birth_year=1971)]))
        .then_rejected("birth-year-not-of-identity-number")
    )


def test_a_member_is_born_already() -> None:
    number = identity_number("20200303")
    (
        given()
        .when(register_household(members=[member(identity_number=number, birth_year=2020)]))
        .then_rejected("person-not-born-yet")
    )


def test_no_person_stands_twice_in_a_household() -> None:
    twin = member(relation=pb.RELATION_SPOUSE)
    (
        given()
        .when(register_household(members=[member(), twin]))
        .then_rejected("person-twice-in-household")
    )


def test_nothing_is_registered_ahead_of_its_day() -> None:
    (
        given()
        .when(register_household(effective_on="2020-03-03"))
        .then_rejected("effective-date-in-the-future", today="2020-03-02")
    )


def test_income_above_the_line_is_recorded_not_refused() -> None:
    rich = pb.Income(year=2019, wages_fen=9_000_001)
    (
        given()
        .when(register_household(income=rich))
        .then_event(pb.HouseholdRegistered, income_per_head_fen=4_500_000, poverty_line_fen=400_000)
    )


def test_a_loss_rounds_down() -> None:
    loss = pb.Income(year=2019, production_cost_fen=1)
    (
        given()
        .when(register_household(income=loss))
        .then_event(pb.HouseholdRegistered, income_per_head_fen=-1)
    )


@pytest.mark.parametrize(
    "command",
    [propose_exit(), verify_exit(), agree_to_exit(), exit_household(), erase_person()],
    ids=lambda command: type(command).__name__,
)
def test_nothing_happens_to_a_household_that_is_not_known(command: pb.ProposeExit) -> None:
    given().when(command).then_rejected("household-not-known")


def test_a_person_is_erased_and_the_claim_given_back() -> None:
    (
        given(household_registered())
        .when(erase_person())
        .then(person_erased())
        .then_claims(Release("active-member", f"{HOUSEHOLD_ID}/{HEAD_ID}"))
    )


def test_a_person_who_left_with_the_household_can_still_be_erased() -> None:
    given(*EXITED).when(erase_person(CHILD_ID)).then(person_erased(CHILD_ID))


def test_an_erasure_again_changes_nothing() -> None:
    given(household_registered(), person_erased()).when(erase_person()).then_nothing()


def test_only_members_are_erased() -> None:
    (
        given(household_registered())
        .when(erase_person("somebody"))
        .then_rejected("person-not-in-household")
    )


def test_an_erasure_has_a_legal_ground() -> None:
    (
        given(household_registered())
        .when(erase_person(ground="tidy-up"))
        .then_rejected("erasure-ground-not-listed")
    )


def test_a_household_whose_people_are_all_erased_stands_still() -> None:
    (
        given(household_registered(), person_erased(), person_erased(CHILD_ID))
        .when(propose_exit(), at=NOW + timedelta(days=1))
        .then_rejected("household-erased")
    )


def test_a_file_repeats_another_only_word_for_word() -> None:
    file = Household()
    registered(file, household_registered())
    assert repeats(register_household(), file)
    assert repeats(register_household(import_id="import-1"), file)
    assert not repeats(register_household(members=[member(phone=""), child()]), file)
    assert not repeats(register_household(members=[child(), member()]), file)
    assert not repeats(register_household(address=""), file)
    assert not repeats(register_household(effective_on="2020-01-02"), file)
