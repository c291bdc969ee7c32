"""The rules of a household's plan, as sentences."""

from datetime import timedelta
from typing import Any

import pytest

from chassis.decider import Actor
from services.planning.decider.plan import DECIDER, CadreFacts
from tests.given import NOW
from tests.planning.vocabulary import (
    HOUSEHOLD,
    PLAN,
    STRANGER,
    TODAY,
    TOMORROW,
    VILLAGE,
    approve,
    approved,
    consent,
    consented,
    draft_plan,
    drafted,
    given,
    member,
    note,
    paper,
    record_visit,
    visited,
)
from tuopin.planning.v1.plan_pb2 import (
    Measure,
    MeasureClass,
    MovePlan,
    PlanConsented,
    PlanDrafted,
    PlanMoved,
    VisitRecorded,
)
from tuopin.registry.v1.household_pb2 import Cause, Health, HousingSafety, Labour
from tuopin.types.v1.types_pb2 import Blob, ChatProof, Evidence


def measures_of(**fields: Any) -> list[tuple[str, int, list[str], int]]:
    (event,) = given().when(draft_plan(**fields)).events
    assert isinstance(event, PlanDrafted)
    return [(m.code, m.cause, list(m.person_ids), m.amount_fen) for m in event.measures]


def test_a_plan_is_drafted_from_the_catalogue() -> None:
    (
        given()
        .when(draft_plan())
        .then(
            PlanDrafted(
                plan_id=PLAN,
                household_id=HOUSEHOLD,
                village_id=VILLAGE,
                main_cause=Cause.CAUSE_LACK_OF_FUNDS,
                measures=[
                    Measure(
                        measure_id=f"{PLAN}/1",
                        code="production-grant",
                        measure_class=MeasureClass.MEASURE_CLASS_PRODUCTION_AND_EMPLOYMENT,
                        cause=Cause.CAUSE_LACK_OF_FUNDS,
                        amount_fen=300_000,
                        starts_on=TODAY,
                        due_on="2020-03-16",
                    ),
                    Measure(
                        measure_id=f"{PLAN}/2",
                        code="course",
                        measure_class=MeasureClass.MEASURE_CLASS_PRODUCTION_AND_EMPLOYMENT,
                        cause=Cause.CAUSE_LACK_OF_FUNDS,
                        person_ids=["p-1"],
                        amount_fen=50_000,
                        starts_on=TODAY,
                        due_on="2020-06-22",
                    ),
                ],
                catalogue="test",
                member_ids=["p-1"],
            )
        )
    )


def test_a_measure_for_members_costs_as_much_for_each_of_them() -> None:
    sick = [
        member("p-1", health=Health.HEALTH_SEVERE_ILLNESS),
        member("p-2", health=Health.HEALTH_SEVERE_ILLNESS),
        member("p-3"),
    ]
    assert measures_of(main_cause=Cause.CAUSE_ILLNESS, members=sick) == [
        ("illness-aid", Cause.CAUSE_ILLNESS, ["p-1", "p-2"], 1_000_000)
    ]


def test_other_causes_are_answered_too() -> None:
    sick = [member(health=Health.HEALTH_SEVERE_ILLNESS, labour=Labour.LABOUR_LOST)]
    assert measures_of(other_causes=[Cause.CAUSE_ILLNESS], members=sick) == [
        ("illness-aid", Cause.CAUSE_ILLNESS, ["p-1"], 500_000),
        ("production-grant", Cause.CAUSE_LACK_OF_FUNDS, [], 300_000),
    ]


def test_an_unsafe_house_calls_for_its_repair_whatever_the_cause() -> None:
    repair = ("house-repair", Cause.CAUSE_UNSPECIFIED, [], 1_400_000)
    assert repair in measures_of(housing_safety=HousingSafety.HOUSING_SAFETY_D)
    assert repair not in measures_of(housing_safety=HousingSafety.HOUSING_SAFETY_B)


@pytest.mark.parametrize("birth_year", [1959, 2005])
def test_a_course_is_for_those_of_its_age(birth_year: int) -> None:
    codes = [code for code, *_ in measures_of(members=[member(birth_year=birth_year)])]
    assert codes == ["production-grant"]


def test_a_plan_without_a_measure_for_the_main_cause_does_not_pass() -> None:
    (
        given()
        .when(draft_plan(main_cause=Cause.CAUSE_ILLNESS, members=[member()]))
        .then_rejected("plan-without-measure-for-main-cause", cause="illness")
    )


def test_a_measure_for_another_cause_does_not_make_up_for_the_main_one() -> None:
    (
        given()
        .when(draft_plan(main_cause=Cause.CAUSE_ILLNESS, other_causes=[Cause.CAUSE_LACK_OF_FUNDS]))
        .then_rejected("plan-without-measure-for-main-cause")
    )


def test_the_same_draft_a_week_later_has_no_effect() -> None:
    again = draft_plan(members=[member("p-1"), member("p-2")])
    given(drafted()).when(again, at=NOW + timedelta(days=7)).then_nothing()
    given(drafted(), consented(), approved()).when(again).then_nothing()


def test_other_facts_give_a_new_draft_until_the_household_agrees() -> None:
    other = draft_plan(members=[member("p-1")])
    given(drafted()).when(other).then_event(PlanDrafted, member_ids=["p-1"])
    given(drafted(), consented()).when(other).then_rejected("plan-already-agreed", agreed_on=TODAY)


def test_the_household_consents_on_its_own_paper() -> None:
    given(drafted()).when(consent()).then(consented())


def test_nobody_can_consent_to_a_plan_that_is_not_there() -> None:
    given().when(consent()).then_rejected("plan-not-known")


def test_only_a_member_consents() -> None:
    given(drafted()).when(consent(given_by="cadre-wu")).then_rejected("consent-not-by-member")


def test_a_consent_needs_a_paper_or_a_chat() -> None:
    given(drafted()).when(consent(paper=None)).then_rejected("consent-without-paper")


def test_a_members_own_chat_is_heard_from_the_notifier_and_from_nobody_else() -> None:
    chat = ChatProof(link_id="l-1", page_id="page-1")
    said = consent(paper=None, chat=chat)
    given(drafted()).when(said).then_rejected("consent-chat-not-heard")
    heard = Actor("planning", {"service": ("",)}, caused_by="voice-h-1@5")
    given(drafted()).when(said, by=heard).then_event(PlanConsented, consent=said.consent)
    stranger = consent(paper=None, chat=chat, given_by="cadre-wu")
    given(drafted()).when(stranger, by=heard).then_rejected("consent-not-by-member")


def test_a_paper_of_another_household_is_no_consent() -> None:
    (
        given(drafted())
        .when(consent(paper=paper("household-of-others")))
        .then_rejected("paper-of-other-household")
    )
    mixed = paper()
    mixed.picture.subject_id = "p-of-others"
    given(drafted()).when(consent(paper=mixed)).then_rejected("paper-of-other-household")


def test_a_consent_is_not_given_tomorrow() -> None:
    (
        given(drafted())
        .when(consent(given_on=TOMORROW))
        .then_rejected("effective-date-in-the-future", today=TODAY)
    )


def test_a_household_agrees_once() -> None:
    given(drafted(), consented()).when(consent()).then_rejected("plan-already-agreed")


def test_the_township_puts_the_plan_in_force_and_names_the_helper() -> None:
    given(drafted(), consented()).when(approve()).then(approved())


@pytest.mark.parametrize("region", [VILLAGE, "433124100", "433124"])
def test_the_helper_may_be_posted_to_the_village_its_township_or_its_county(region: str) -> None:
    facts = CadreFacts("cadre-wu", frozenset({region}))
    given(drafted(), consented()).when(approve(), facts=facts).then(approved())


def test_a_helper_posted_elsewhere_or_nowhere_does_not_do() -> None:
    for facts in (STRANGER, CadreFacts("cadre-wu", frozenset())):
        (
            given(drafted(), consented())
            .when(approve(), facts=facts)
            .then_rejected("helper-not-posted-to-village", village=VILLAGE)
        )


def test_without_consent_there_is_no_approval() -> None:
    given().when(approve()).then_rejected("plan-not-known")
    given(drafted()).when(approve()).then_rejected("plan-not-consented")


def test_the_same_approval_again_has_no_effect_and_another_helper_is_refused() -> None:
    given(drafted(), consented(), approved()).when(approve()).then_nothing()
    (
        given(drafted(), consented(), approved())
        .when(approve("cadre-long"))
        .then_rejected("plan-already-in-force", helper="cadre-wu")
    )


def test_the_helper_visits() -> None:
    given(drafted(), consented(), approved()).when(record_visit()).then(visited())


def test_who_is_posted_there_may_visit_in_the_helpers_place() -> None:
    facts = CadreFacts("cadre-long", frozenset({"433124100"}))
    (
        given(drafted(), consented(), approved())
        .when(record_visit(cadre_id="cadre-long"), facts=facts)
        .then_event(VisitRecorded, cadre_id="cadre-long")
    )


def test_the_helper_visits_wherever_he_is_posted_by_now() -> None:
    (
        given(drafted(), consented(), approved())
        .when(record_visit(), facts=STRANGER)
        .then_event(VisitRecorded, cadre_id="cadre-wu")
    )


def test_a_stranger_does_not_visit() -> None:
    facts = CadreFacts("cadre-tan", frozenset({"433124100202"}))
    (
        given(drafted(), consented(), approved())
        .when(record_visit(cadre_id="cadre-tan"), facts=facts)
        .then_rejected("visitor-not-posted-to-village")
    )


def test_no_visit_counts_before_the_plan_is_in_force() -> None:
    given().when(record_visit()).then_rejected("plan-not-known")
    given(drafted(), consented()).when(record_visit()).then_rejected("plan-not-in-force")


def test_the_same_assignment_again_is_the_same_visit() -> None:
    given(drafted(), consented(), approved(), visited()).when(record_visit()).then_nothing()


def test_a_second_assignment_is_a_second_visit() -> None:
    (
        given(drafted(), consented(), approved(), visited())
        .when(record_visit(assignment_id="a-2"))
        .then_event(VisitRecorded, assignment_id="a-2")
    )


def test_evidence_is_of_this_household() -> None:
    for evidence in (note("household-of-others"), Evidence(photo=Blob(subject_id="x")), Evidence()):
        (
            given(drafted(), consented(), approved())
            .when(record_visit(evidence=[note(), evidence]))
            .then_rejected("evidence-of-other-household")
        )


def test_a_visit_was_not_tomorrow() -> None:
    (
        given(drafted(), consented(), approved())
        .when(record_visit(effective_on=TOMORROW))
        .then_rejected("effective-date-in-the-future")
    )


def test_the_access_region_is_the_village_once_there_is_a_plan() -> None:
    assert DECIDER.region(given().state()) == ""
    assert DECIDER.region(given(drafted()).state()) == VILLAGE


def test_a_plan_goes_where_its_household_is() -> None:
    there = "433124999201"
    command = MovePlan(plan_id=PLAN, village_id=there, effective_on="2020-03-01")
    moved = PlanMoved(
        plan_id=PLAN,
        household_id=HOUSEHOLD,
        village_id=there,
        from_village_id=VILLAGE,
        effective_on="2020-03-01",
    )
    given(drafted()).when(command).then(moved)
    given(drafted(), moved).when(command).then_nothing()
    assert DECIDER.region(given(drafted(), moved).state()) == there


def test_without_a_plan_there_is_nothing_to_move() -> None:
    given().when(MovePlan(plan_id=PLAN, village_id=VILLAGE)).then_nothing()
