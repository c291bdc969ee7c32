"""The platform's own screening: rules as data over what is known of a household."""

from datetime import date, timedelta
from typing import Any

import pytest

from services.registry.decider.household import HOUSEHOLD
from services.registry.decider.screening import facts_of, signs
from services.registry.decider.watch import Watch
from tests.given import FixedParameters, Given
from tests.registry.leaving import EXITED
from tests.registry.stories import CHILD_ID, HEAD_ID, child, household_registered, member
from tests.registry.watch_steps import LATE, NEVER_IN, NUMBERS, TABLES
from tests.registry.watching import OF, WARNED, WATCHED, at
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1 import monitoring_pb2 as watch

given = Given(HOUSEHOLD, FixedParameters(NUMBERS, TABLES))
TODAY = date(2020, 5, 1)
SCREEN = watch.ScreenHousehold(**OF)


def spoken(
    *members: pb.Member,
    income: int = 1_000_000,
    before: int = 0,
    **difficulties: int,
) -> list[str]:
    """Names of the rules for one household of two, 10,000 yuan a head unless told otherwise."""
    file = pb.Household(
        members=members or [member(), child()],
        income_per_head_fen=income,
    )
    for year, each in ((2018, before), (2019, income)):
        if before:
            stated = pb.IncomeStatement(income=pb.Income(year=year), income_per_head_fen=each)
            file.income_statements.append(stated)
    told = {
        watch.Difficulty.Value(f"DIFFICULTY_{name.upper()}"): (amount, "2020-04-01")
        for name, amount in difficulties.items()
    }
    facts = facts_of(
        file,
        Watch(difficulties=told),
        people=2,
        poverty_line_fen=400_000,
        today=TODAY,
        table=TABLES["screening"],
    )
    return [sign.rule for sign in signs(facts, TABLES["screening"])]


@pytest.mark.parametrize(
    ("household", "rules"),
    [
        ({}, []),
        ({"income": 600_000}, []),
        ({"income": 599_999}, ["income-near-line"]),
        ({"income": 700_000, "before": 1_000_000}, ["income-fell"]),
        ({"income": 700_001, "before": 1_000_000}, []),
        ({"illness_cost": 799_999}, []),
        ({"illness_cost": 800_000}, ["illness"]),
        ({"illness_cost": 900_000}, ["illness", "spending-eats-income"]),
        ({"necessary_spending": 900_000}, ["spending-eats-income"]),
        ({"disaster": 600_000}, ["disaster"]),
        ({"disaster": 100_000}, []),
        ({"school_leaving": 0}, ["school-leaving"]),
        ({"lost_work": 0}, []),
        ({"lost_work": 0, "income": 700_000}, ["work-lost"]),
    ],
)
def test_each_rule_speaks_at_its_threshold(household: dict[str, Any], rules: list[str]) -> None:
    assert spoken(**household) == rules


def test_an_income_that_was_reported_counts_before_the_file() -> None:
    told = {watch.DIFFICULTY_INCOME: (500_000, "2020-04-01")}
    facts = facts_of(
        pb.Household(members=[member()], income_per_head_fen=2_000_000),
        Watch(difficulties=told),
        people=1,
        poverty_line_fen=400_000,
        today=TODAY,
        table=TABLES["screening"],
    )
    assert facts["income-percent-of-line"] == 125


def test_a_child_of_school_age_is_at_school() -> None:
    assert spoken(member(), child(at_school=False)) == ["school-leaving"]
    assert spoken(member(), child(at_school=False, birth_year=2004)) == []
    assert spoken(member(), child(at_school=False, birth_year=2015)) == []


def test_a_severe_illness_without_insurance_is_a_sign() -> None:
    ill = member(health=pb.HEALTH_SEVERE_ILLNESS)
    assert spoken(ill, child()) == ["illness-without-insurance"]
    assert spoken(member(health=pb.HEALTH_SEVERE_ILLNESS, medical_insurance=True)) == []


def test_an_old_difficulty_no_longer_counts() -> None:
    told = {watch.DIFFICULTY_ILLNESS_COST: (900_000, "2019-04-30")}
    for today, cost in ((date(2020, 4, 29), 45), (date(2020, 4, 30), 0)):
        facts = facts_of(
            pb.Household(members=[member()], income_per_head_fen=2_000_000),
            Watch(difficulties=told),
            people=1,
            poverty_line_fen=400_000,
            today=today,
            table=TABLES["screening"],
        )
        assert facts["illness-cost-percent-of-income"] == cost


def test_the_platform_warns_of_a_household_that_left() -> None:
    (
        given(*EXITED)
        .when(SCREEN, at=at("2020-05-01"))
        .then_event(
            watch.WarningRaised,
            finder=watch.WARNING_FINDER_PLATFORM,
            monitoring_class=watch.MONITORING_CLASS_UNSTABLE_AFTER_EXIT,
            rules=["income-near-line"],
            visit_due_on="2020-05-04",
        )
    )


def test_what_came_as_a_blow_is_sudden() -> None:
    report = watch.ReportDifficulty(
        **OF,
        difficulty=watch.DIFFICULTY_ILLNESS_COST,
        amount_fen=9_000_000,
        source="medical-insurance",
        effective_on="2020-04-01",
    )
    reported = given(*NEVER_IN).when(report, at=LATE).events
    (
        given(*NEVER_IN, *reported)
        .when(SCREEN, at=at("2020-05-01"))
        .then_event(watch.WarningRaised, monitoring_class=watch.MONITORING_CLASS_SUDDEN_SEVERE)
    )
    given(*NEVER_IN, *reported).when(report, at=LATE).then_nothing()


def test_a_source_of_a_report_is_listed() -> None:
    report = watch.ReportDifficulty(
        **OF,
        difficulty=watch.DIFFICULTY_DISASTER,
        source="rumour",
        effective_on="2020-04-01",
    )
    given(*EXITED).when(report, at=LATE).then_rejected("monitoring-source-not-listed")


@pytest.mark.parametrize("story", [(household_registered(),), WARNED, WATCHED])
def test_it_is_silent_where_somebody_looks_already(story: tuple[Any, ...]) -> None:
    given(*story).when(SCREEN, at=LATE).then_nothing()


def test_it_is_silent_for_a_while_after_a_warning_was_dismissed() -> None:
    dismissed = watch.WarningDismissed(**OF, effective_on="2020-05-10")
    story = (*WARNED, dismissed)
    quiet = TABLES["screening"]["window"]["quiet-days"]
    until = at("2020-05-10") + timedelta(days=quiet)
    given(*story).when(SCREEN, at=until).then_nothing()
    given(*story).when(SCREEN, at=until + timedelta(days=1)).then_event(watch.WarningRaised)


def test_it_is_silent_where_nothing_speaks() -> None:
    people = [member(person_id=HEAD_ID), child(person_id=CHILD_ID)]
    rich = household_registered(members=people, income_per_head_fen=900_000)
    given(rich, *EXITED[1:]).when(SCREEN, at=LATE).then_nothing()


def test_the_rules_use_facts_that_exist_and_are_named_in_both_languages() -> None:
    facts = facts_of(
        pb.Household(),
        Watch(),
        people=0,
        poverty_line_fen=0,
        today=TODAY,
        table=TABLES["screening"],
    )
    for name, rule in TABLES["screening"]["rules"].items():
        assert set(rule) == {"zh", "en", "when", "sudden"}, name
        for condition in rule["when"]:
            assert condition["fact"] in facts, name
            assert len({"below", "at-least"} & set(condition)) == 1, name
