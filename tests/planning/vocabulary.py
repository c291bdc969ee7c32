"""The words in which planning's tests speak: one household, a small catalogue, its plan."""

from typing import Any

from chassis.decider import derived_id
from services.planning.decider.plan import DECIDER, CadreFacts
from tests.given import SOMEBODY, FixedParameters, Given
from tuopin.planning.v1.plan_pb2 import (
    ApprovePlan,
    ConsentToPlan,
    DraftPlan,
    PlanApproved,
    PlanConsented,
    PlanDrafted,
    PlanMember,
    RecordVisit,
    VisitRecorded,
)
from tuopin.registry.v1.household_pb2 import Cause, Health, Labour
from tuopin.types.v1.types_pb2 import Blob, Consent, Evidence, Note, Paper

HOUSEHOLD = "household-of-arong"
PLAN = derived_id("plan", HOUSEHOLD)
VILLAGE = "433124100201"
TODAY = "2020-03-02"
TOMORROW = "2020-03-03"

CATALOGUE: dict[str, Any] = {
    "illness-aid": {
        "causes": ["ILLNESS"],
        "class": "MEDICAL_AID",
        "who": "members",
        "health": ["SEVERE_ILLNESS"],
        "amount_fen": 500_000,
        "weeks": 12,
    },
    "production-grant": {
        "causes": ["LACK_OF_FUNDS"],
        "class": "PRODUCTION_AND_EMPLOYMENT",
        "who": "household",
        "amount_fen": 300_000,
        "weeks": 2,
    },
    "course": {
        "causes": ["LACK_OF_SKILLS", "LACK_OF_FUNDS"],
        "class": "PRODUCTION_AND_EMPLOYMENT",
        "who": "members",
        "labour": ["ORDINARY"],
        "from_age": 16,
        "to_age": 60,
        "amount_fen": 50_000,
        "weeks": 16,
    },
    "house-repair": {
        "causes": [],
        "class": "HOUSING_REPAIR",
        "who": "household",
        "housing": ["C", "D"],
        "amount_fen": 1_400_000,
        "weeks": 40,
    },
}

HELPER = CadreFacts("cadre-wu", frozenset({VILLAGE}))
STRANGER = CadreFacts("cadre-wu", frozenset({"433124100202", "433125"}))
given = Given(DECIDER, FixedParameters(tables={"measures": CATALOGUE}), facts=HELPER)


def member(person_id: str = "p-1", **columns: Any) -> PlanMember:
    return PlanMember(
        **{
            "person_id": person_id,
            "birth_year": 1980,
            "health": Health.HEALTH_HEALTHY,
            "labour": Labour.LABOUR_ORDINARY,
            **columns,
        }
    )


def draft_plan(**fields: Any) -> DraftPlan:
    return DraftPlan(
        **{
            "household_id": HOUSEHOLD,
            "village_id": VILLAGE,
            "main_cause": Cause.CAUSE_LACK_OF_FUNDS,
            "members": [member()],
            **fields,
        }
    )


def drafted() -> PlanDrafted:
    (event,) = given().when(draft_plan(members=[member("p-1"), member("p-2")])).events
    assert isinstance(event, PlanDrafted)
    return event


def paper(household_id: str = HOUSEHOLD) -> Paper:
    picture = Blob(sha256="0" * 64, subject_id=household_id)
    return Paper(picture=picture, witness="Shi", household_id=household_id)


def word(**fields: Any) -> Consent:
    return Consent(**{"given_by": "p-1", "paper": paper(), "given_on": TODAY, **fields})


def consent(**fields: Any) -> ConsentToPlan:
    return ConsentToPlan(plan_id=PLAN, consent=word(**fields))


def consented() -> PlanConsented:
    return PlanConsented(
        plan_id=PLAN,
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        consent=word(),
        effective_on=TODAY,
    )


def approve(helper_id: str = "cadre-wu") -> ApprovePlan:
    return ApprovePlan(plan_id=PLAN, helper_id=helper_id)


def approved() -> PlanApproved:
    return PlanApproved(
        plan_id=PLAN,
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        helper_id="cadre-wu",
        approved_by=SOMEBODY.subject,
        effective_on=TODAY,
    )


def note(household_id: str = HOUSEHOLD) -> Evidence:
    return Evidence(note=Note(text="we spoke about goats", household_id=household_id))


def record_visit(**fields: Any) -> RecordVisit:
    return RecordVisit(
        **{
            "plan_id": PLAN,
            "assignment_id": "a-1",
            "cadre_id": "cadre-wu",
            "evidence": [note()],
            "effective_on": TODAY,
            **fields,
        }
    )


def visited() -> VisitRecorded:
    return VisitRecorded(
        plan_id=PLAN,
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        assignment_id="a-1",
        cadre_id="cadre-wu",
        evidence=[note()],
        effective_on=TODAY,
    )
