"""What was recorded wrongly: corrected since it counted, by an event that names it."""

from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.decider import Claim, FactsOutdated, Release
from services.registry.views.folding import Version, fold
from tests.given import Result, new_id
from tests.registry.filing import correct_household, files_after, given
from tests.registry.stories import (
    CHILD_ID,
    HEAD_ID,
    HOUSEHOLD_ID,
    VILLAGE,
    child,
    household_registered,
    identity_number,
    member,
    person_erased,
)
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1.correction_pb2 import HouseholdCorrected
from tuopin.registry.v1.file_pb2 import IncomeStated, StateIncome

REGISTERED = household_registered()
IN_2020 = pb.Income(year=2020, wages_fen=900_000)


def corrected(*events: Message, **changes: Any) -> Result:
    told = events or (REGISTERED,)
    return given(*told).when(correct_household(**changes), facts=files_after(*told))


def correction(**changes: Any) -> HouseholdCorrected:
    fields: dict[str, Any] = {
        "household_id": HOUSEHOLD_ID,
        "village_id": VILLAGE,
        "corrects_event_id": f"household-{HOUSEHOLD_ID}@1",
        "corrects_version": 1,
        "reason": "录入有误",
        "effective_on": "2020-01-01",
        "member_count": 2,
        "income_per_head_fen": 300_000,
    }
    return HouseholdCorrected(**{**fields, **changes})


def test_a_file_that_stands_already_changes_nothing() -> None:
    corrected().then_nothing()
    corrected(effective_on="2020-02-01").then_nothing()


def test_what_differs_is_corrected_since_the_wrong_statement_counted() -> None:
    (
        corrected(address="合成地址2组2号", attribute=pb.ATTRIBUTE_SPECIAL_HARDSHIP).then(
            correction(
                corrected=["attribute", "address"],
                attribute=pb.ATTRIBUTE_SPECIAL_HARDSHIP,
                address="合成地址2组2号",
            )
        )
    )


def test_causes_are_corrected_together() -> None:
    result = corrected(main_cause=pb.CAUSE_DISASTER, other_causes=[])
    result.then(correction(corrected=["main_cause", "other_causes"], main_cause=pb.CAUSE_DISASTER))


def test_a_person_said_wrongly_keeps_their_id() -> None:
    result = corrected(members=[member(phone="00099999999"), child()])
    told = member(phone="00099999999", person_id=HEAD_ID)
    result.then(correction(corrected=["members"], members=[told])).then_claims()


def test_a_mistyped_identity_number_is_the_same_person_under_another_claim() -> None:
    right = identity_number("19700101", 7)
    result = corrected(members=[member(identity_number=right), child()])
    told = member(identity_number=right, person_id=HEAD_ID)
    owner = f"{HOUSEHOLD_ID}/{HEAD_ID}"
    result.then(correction(corrected=["members"], members=[told])).then_claims(
        Release("active-member", owner),
        Claim("active-member", right, owner, "person-already-in-household"),
    )


def test_somebody_left_out_by_mistake_is_taken_in_with_a_claim() -> None:
    baby = child(name="合成塔娜", identity_number=identity_number("20181201"), birth_year=2018)
    result = corrected(members=[member(), child(), baby])
    person_id = new_id("person", 0)
    baby.person_id = person_id
    (event,) = result.events
    assert isinstance(event, HouseholdCorrected)
    assert list(event.members) == [baby]
    assert (event.member_count, event.income_per_head_fen) == (3, 200_000)
    assert event.income_statement.member_count == 3
    owner = f"{HOUSEHOLD_ID}/{person_id}"
    result.then_claims(
        Claim("active-member", baby.identity_number, owner, "person-already-in-household")
    )


def test_somebody_who_never_belonged_is_taken_off_and_the_claim_given_back() -> None:
    result = corrected(members=[member()])
    (event,) = result.events
    assert isinstance(event, HouseholdCorrected)
    assert list(event.never_there) == [CHILD_ID]
    assert (event.member_count, event.income_per_head_fen) == (1, 600_000)
    result.then_claims(Release("active-member", f"{HOUSEHOLD_ID}/{CHILD_ID}"))


def test_who_was_erased_cannot_be_told_and_stays() -> None:
    corrected(REGISTERED, person_erased(CHILD_ID), members=[member()]).then_nothing()


def test_a_year_that_was_stated_otherwise_is_corrected() -> None:
    income = pb.Income(year=2019, wages_fen=900_000, one_off_relief_fen=50_000)
    (event,) = corrected(income=income).events
    assert isinstance(event, HouseholdCorrected)
    assert list(event.corrected) == ["income_statement"]
    assert event.income_statement.income_per_head_fen == event.income_per_head_fen == 450_000
    assert event.income_statement.poverty_line_fen == 400_000


def test_a_year_that_nobody_stated_is_stated_not_corrected() -> None:
    (event,) = corrected(income=IN_2020, effective_on="2020-03-01").events
    assert isinstance(event, IncomeStated)
    assert (event.effective_on, event.income_per_head_fen) == ("2020-03-01", 450_000)


def test_each_wrong_statement_is_corrected_by_its_own_event() -> None:
    stated = given(REGISTERED).when(
        StateIncome(household_id=HOUSEHOLD_ID, income=IN_2020, effective_on="2020-02-01")
    )
    told = (REGISTERED, *stated.events)
    right = pb.Income(year=2020, wages_fen=800_000)
    first, second = corrected(*told, income=right, address="合成地址9号").events
    assert isinstance(first, HouseholdCorrected)
    assert isinstance(second, HouseholdCorrected)
    assert (first.corrects_version, first.effective_on) == (1, "2020-01-01")
    assert (second.corrects_version, second.effective_on) == (2, "2020-02-01")


def test_what_the_file_does_not_tell_stays() -> None:
    known = household_registered(
        needs=[pb.NEED_EDUCATION],
        living_conditions=pb.LivingConditions(
            housing_safety=pb.HOUSING_SAFETY_C, main_fuel=pb.FUEL_COAL
        ),
        members=[
            member(person_id=HEAD_ID, employment=pb.EMPLOYMENT_FARMING),
            child(person_id=CHILD_ID),
        ],
    )
    not_told = ["needs", "living_conditions.main_fuel", "members.employment"]
    corrected(known, not_told=not_told).then_nothing()
    assert len(corrected(known).events[0].corrected) == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("members.identity_number", "field-must-be-told"),
        ("members", "field-must-be-told"),
        ("colour", "field-not-of-file"),
        ("address.street", "field-not-of-file"),
    ],
)
def test_a_file_must_tell_who_it_is_about(path: str, slug: str) -> None:
    corrected(not_told=[path]).then_rejected(slug)


def test_the_corrected_file_keeps_every_rule_of_registration() -> None:
    result = corrected(members=[child()])
    result.then_rejected("household-without-head")
    assert result.rejection is not None
    assert result.rejection.field == "file.members.0.relation"


def test_a_household_that_is_not_there_cannot_be_corrected() -> None:
    given().when(correct_household(), facts=files_after()).then_rejected("household-not-known")


def test_a_rule_never_compares_with_a_file_of_another_time() -> None:
    with pytest.raises(FactsOutdated):
        given(REGISTERED, person_erased()).when(correct_household(), facts=files_after(REGISTERED))


# Income


def state_income(year: int = 2020, on: str = "2020-02-01", **fields: Any) -> StateIncome:
    income = pb.Income(year=year, wages_fen=900_000, **fields)
    return StateIncome(household_id=HOUSEHOLD_ID, income=income, effective_on=on)


def test_tied_subsidies_and_one_off_relief_are_recorded_and_do_not_count() -> None:
    command = state_income(tied_subsidies_fen=70_000, one_off_relief_fen=30_000)
    (event,) = given(REGISTERED).when(command).events
    assert isinstance(event, IncomeStated)
    assert event.statement.income.tied_subsidies_fen == 70_000
    assert event.statement.income_per_head_fen == 450_000


def test_the_latest_year_is_what_the_file_shows_first() -> None:
    (event,) = given(REGISTERED).when(state_income(2018)).events
    assert isinstance(event, IncomeStated)
    assert (event.statement.income_per_head_fen, event.income_per_head_fen) == (450_000, 300_000)


def test_a_year_is_stated_once() -> None:
    again = pb.Income(year=2019, wages_fen=700_000, production_cost_fen=100_000)
    same = StateIncome(household_id=HOUSEHOLD_ID, income=again, effective_on="2020-02-01")
    given(REGISTERED).when(same).then_nothing()
    given(REGISTERED).when(state_income(2019)).then_rejected("income-already-stated")


def test_a_year_that_has_not_begun_has_no_income() -> None:
    given(REGISTERED).when(state_income(2021)).then_rejected("income-year-not-begun")


# As of a day


def version(number: int, event: Any) -> Version:
    name = event.DESCRIPTOR.full_name
    return Version(number, event.effective_on, name, event.SerializeToString())


def test_a_correction_shows_since_the_wrong_statement_counted_and_leaves_what_came_later() -> None:
    later = correction(
        corrected=["address"], address="三", corrects_version=2, effective_on="2020-02-01"
    )
    moved = correction(
        corrected=["address"], address="二", corrects_version=0, effective_on="2020-02-01"
    )
    of_birth = correction(corrected=["address"], address="一")
    life = [version(1, REGISTERED), version(2, moved), version(3, of_birth), version(4, later)]

    def address(known: int, as_of: str) -> str:
        found = fold(life[:known], as_of)
        assert found is not None
        return found.address

    assert address(2, "2020-01-15") == "合成地址1组1号"
    assert address(3, "2020-01-15") == "一"
    assert address(3, "2020-02-15") == "二"
    assert address(4, "2020-01-15") == "一"
    assert address(4, "2020-02-15") == "三"
