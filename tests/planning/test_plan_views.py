"""planning's views and reactions: events in, rows and commands out."""

from collections.abc import Iterator
from random import Random

import pytest

from chassis.rejection import FactMissing
from chassis.viewstore import ViewStore
from services.planning.facts import FACTS
from services.planning.reactions import draft_plan, record_visit
from services.planning.views import VIEWS, cadres, plans
from services.planning.views.plans import get_plan
from tests.planning.vocabulary import (
    HOUSEHOLD,
    PLAN,
    TODAY,
    VILLAGE,
    approve,
    approved,
    consented,
    drafted,
    note,
    visited,
)
from tests.services.feeds import Log, rows_of
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.assignment_pb2 import AssignmentDone
from tuopin.planning.v1.plan_pb2 import DraftPlan, Plan, PlanMember, PlanStatus, RecordVisit, Visit
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_EXITED,
    HOUSEHOLD_STATUS_REGISTERED,
    HOUSEHOLD_STATUS_RELAPSED,
    HOUSEHOLD_STATUS_REMOVED,
    Cause,
    Health,
    HouseholdRegistered,
    HouseholdStatus,
    HousingSafety,
    Labour,
    LivingConditions,
    Member,
)
from tuopin.training.v1.cadre_pb2 import CadreAppointed, CadrePosted, Post


@pytest.fixture
def log() -> Log:
    """A plan in its whole length, and a cadre with two villages."""
    log = Log()
    for event in (drafted(), consented(), approved(), visited()):
        log.append("plan", f"plan-{PLAN}", event)
    appointed = CadreAppointed(cadre_id="cadre-wu", region_id="433124")
    log.append("cadre", "cadre-cadre-wu", appointed)
    for region in (VILLAGE, "433124100202"):
        posted = CadrePosted(
            cadre_id="cadre-wu", region_id=region, post=Post.POST_HELPER, effective_on=TODAY
        )
        log.append("cadre", "cadre-cadre-wu", posted)
    return log


@pytest.fixture
def store(log: Log) -> Iterator[ViewStore]:
    store = ViewStore("sqlite://", VIEWS)
    store.create()
    for call in log.batches(("plan", "cadre")):
        store.apply(call)
    yield store
    store.close()


def test_a_plan_is_told_in_full(store: ViewStore) -> None:
    expected = Plan(
        plan_id=PLAN,
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        status=PlanStatus.PLAN_STATUS_IN_FORCE,
        main_cause=Cause.CAUSE_LACK_OF_FUNDS,
        measures=drafted().measures,
        helper_id="cadre-wu",
        consented_on=TODAY,
        approved_on=TODAY,
        visits=[
            Visit(
                assignment_id="a-1",
                cadre_id="cadre-wu",
                visited_on=TODAY,
                event_id=f"plan-{PLAN}@4",
                evidence_count=1,
            )
        ],
        version=4,
        member_ids=["p-1", "p-2"],
    )
    for reference in (PLAN, HOUSEHOLD):
        assert store.read(lambda c, ref=reference: get_plan(c, ref)) == expected  # type: ignore[misc]
    assert store.read(lambda connection: get_plan(connection, "nobody")) is None


def test_a_new_draft_replaces_the_old_one() -> None:
    log = Log()
    second = drafted()
    del second.measures[1:]
    for event in (drafted(), second):
        log.append("plan", f"plan-{PLAN}", event)
    (row,) = rows_of(plans.VIEW, log)["plans"]
    assert row["measures"].count(f"{PLAN}/") == 1
    assert row["version"] == 2


@pytest.mark.parametrize("view", [plans.VIEW, cadres.VIEW])
def test_every_interleaving_gives_the_same_rows(log: Log, view: plans.View) -> None:
    expected = rows_of(view, log)
    for seed in range(10):
        assert rows_of(view, log, Random(seed)) == expected


def test_a_helper_is_judged_by_the_own_copy_of_the_cadres(store: ViewStore) -> None:
    facts = store.read(lambda connection: FACTS[type(approve())](connection, approve()))
    assert facts.regions == {VILLAGE, "433124100202"}
    with pytest.raises(FactMissing):
        store.read(lambda c: FACTS[type(approve())](c, approve("cadre-unheard-of")))


def test_a_registered_household_is_drafted_a_plan_imported_or_not() -> None:
    event = HouseholdRegistered(
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        main_cause=Cause.CAUSE_ILLNESS,
        other_causes=[Cause.CAUSE_OTHER],
        members=[
            Member(
                person_id="p-1",
                name="sealed:1:x",
                birth_year=1980,
                at_school=False,
                health=Health.HEALTH_HEALTHY,
                labour=Labour.LABOUR_SKILLED,
            )
        ],
        living_conditions=LivingConditions(housing_safety=HousingSafety.HOUSING_SAFETY_C),
        import_id="import-1",
    )
    assert list(draft_plan(Envelope(), event, None)) == [
        DraftPlan(
            household_id=HOUSEHOLD,
            village_id=VILLAGE,
            main_cause=Cause.CAUSE_ILLNESS,
            other_causes=[Cause.CAUSE_OTHER],
            members=[
                PlanMember(
                    person_id="p-1",
                    birth_year=1980,
                    health=Health.HEALTH_HEALTHY,
                    labour=Labour.LABOUR_SKILLED,
                )
            ],
            housing_safety=HousingSafety.HOUSING_SAFETY_C,
        )
    ]


@pytest.mark.parametrize("status", [HOUSEHOLD_STATUS_EXITED, HOUSEHOLD_STATUS_REMOVED])
def test_a_household_split_off_from_one_that_is_out_is_drafted_no_plan(
    status: HouseholdStatus.ValueType,
) -> None:
    event = HouseholdRegistered(household_id=HOUSEHOLD, village_id=VILLAGE, split_from="h-0")
    for within in (HOUSEHOLD_STATUS_REGISTERED, HOUSEHOLD_STATUS_RELAPSED):
        event.status = within
        assert len(list(draft_plan(Envelope(), event, None))) == 1
    event.status = status
    assert list(draft_plan(Envelope(), event, None)) == []


def test_a_finished_first_visit_is_recorded_and_nothing_else() -> None:
    done = AssignmentDone(
        assignment_id="a-1",
        kind="first-visit",
        subject=PLAN,
        cadre_id="cadre-wu",
        evidence=[note()],
        effective_on=TODAY,
    )
    assert list(record_visit(Envelope(), done, None)) == [
        RecordVisit(
            plan_id=PLAN,
            assignment_id="a-1",
            cadre_id="cadre-wu",
            evidence=[note()],
            effective_on=TODAY,
        )
    ]
    done.kind = "receipt-check"
    assert list(record_visit(Envelope(), done, None)) == []
