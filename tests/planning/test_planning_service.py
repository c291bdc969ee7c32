"""planning as its callers meet it: real gRPC, real store, real sealing."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chassis.client import CallFailed
from chassis.decider import derived_id
from services.planning.worker import SERVICE
from tests.services.running import Running, running
from tuopin.notifier.v1.assignment_pb2 import AssignmentDone
from tuopin.planning.v1.plan_pb2 import (
    ApprovePlan,
    ConsentToPlan,
    DraftPlan,
    GetPlan,
    ListPlans,
    PlanDrafted,
    PlanMember,
    PlanMoved,
    PlanStatus,
    VisitRecorded,
)
from tuopin.registry.v1.file_pb2 import HouseholdMoved
from tuopin.registry.v1.household_pb2 import (
    Cause,
    Health,
    HouseholdRegistered,
    Labour,
    LivingConditions,
    Member,
)
from tuopin.registry.v1.rezoning_pb2 import HouseholdRezoned
from tuopin.training.v1.cadre_pb2 import CadreAppointed, CadrePosted, Post
from tuopin.types.v1.types_pb2 import (
    Blob,
    Consent,
    Evidence,
    Note,
    Paper,
    Position,
    ReactionRefused,
)

VILLAGE, TOWNSHIP, COUNTY = "433124100201", "433124100", "433124"
TODAY = (datetime.now(UTC) + timedelta(hours=8)).date().isoformat()
WITNESS = "CANARY-WITNESS"
NOTE = "CANARY-NOTE"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(SERVICE, tmp_path) as found:
        yield found


def plan_id_of(household_id: str) -> str:
    return derived_id("plan", household_id)


def registered(household_id: str = "h-1", village_id: str = VILLAGE) -> HouseholdRegistered:
    return HouseholdRegistered(
        household_id=household_id,
        village_id=village_id,
        main_cause=Cause.CAUSE_LACK_OF_FUNDS,
        other_causes=[Cause.CAUSE_ILLNESS],
        members=[
            Member(
                person_id=f"{household_id}-p",
                name="CANARY-NAME",
                birth_year=1980,
                health=Health.HEALTH_SEVERE_ILLNESS,
                labour=Labour.LABOUR_WEAK,
            )
        ],
        living_conditions=LivingConditions(housing_safety="HOUSING_SAFETY_D"),
        effective_on="2020-01-01",
        import_id="import-1",
    )


def draft(household_id: str = "h-1", village_id: str = VILLAGE, command_id: str = "d") -> DraftPlan:
    return DraftPlan(
        command_id=f"{command_id}-{household_id}",
        household_id=household_id,
        village_id=village_id,
        main_cause=Cause.CAUSE_LACK_OF_FUNDS,
        members=[PlanMember(person_id=f"{household_id}-p", birth_year=1980)],
    )


def consent(household_id: str = "h-1") -> ConsentToPlan:
    picture = Blob(sha256="0" * 64, subject_id=household_id)
    return ConsentToPlan(
        command_id=f"c-{household_id}",
        plan_id=plan_id_of(household_id),
        consent=Consent(
            given_by=f"{household_id}-p",
            paper=Paper(picture=picture, witness=WITNESS, household_id=household_id),
            given_on=TODAY,
        ),
    )


def approve(helper_id: str = "cadre-wu", household_id: str = "h-1") -> ApprovePlan:
    return ApprovePlan(
        command_id=f"a-{household_id}-{helper_id}",
        plan_id=plan_id_of(household_id),
        helper_id=helper_id,
    )


def visit_done(assignment_id: str = "a-1", **fields: Any) -> AssignmentDone:
    return AssignmentDone(
        **{
            "assignment_id": assignment_id,
            "kind": "first-visit",
            "household_id": "h-1",
            "village_id": VILLAGE,
            "subject": plan_id_of("h-1"),
            "cadre_id": "cadre-wu",
            "evidence": [Evidence(note=Note(text=NOTE, household_id="h-1"))],
            "effective_on": TODAY,
            **fields,
        }
    )


async def a_cadre(here: Running, region_id: str = VILLAGE) -> None:
    appointed = CadreAppointed(cadre_id="cadre-wu", region_id=COUNTY, name="Wu", language="zh")
    await here.hear("cadre", "cadre-cadre-wu", appointed)
    posted = CadrePosted(cadre_id="cadre-wu", region_id=region_id, post=Post.POST_FIRST_SECRETARY)
    await here.hear("cadre", "cadre-cadre-wu", posted)


async def in_force(here: Running) -> None:
    await a_cadre(here)
    await here.client(f"township-office@{TOWNSHIP}").call(draft())
    await here.client(f"village-committee@{VILLAGE}").call(consent())
    receipt = await here.client(f"township-office@{TOWNSHIP}").call(approve())
    await here.seen(receipt)


async def test_a_registered_household_gets_a_plan_by_itself(here: Running) -> None:
    await here.hear("household", "household-h-1", registered())
    (drafted,) = await here.until(PlanDrafted)
    assert drafted.plan_id == plan_id_of("h-1")
    assert [measure.code for measure in drafted.measures] == [
        "serious-illness-aid",
        "medical-insurance-subsidy",
        "production-grant",
        "unsafe-housing-repair",
    ]


async def test_a_plan_goes_its_way_and_its_visit_is_recorded(here: Running) -> None:
    await in_force(here)
    done = await here.hear("task", "task-a-1", visit_done())
    (visit,) = await here.until(VisitRecorded)
    assert visit.assignment_id == "a-1"
    envelope = (await here.store.load(f"plan-{plan_id_of('h-1')}"))[-1].envelope
    assert done.id.encode() in envelope
    plan = await here.client(f"county-office@{COUNTY}").call(GetPlan(reference="h-1"))
    assert (plan.status, plan.helper_id) == (PlanStatus.PLAN_STATUS_IN_FORCE, "cadre-wu")
    assert plan.consented_on == plan.approved_on == TODAY


async def test_the_visit_stands_in_the_plan(here: Running) -> None:
    await in_force(here)
    await here.hear("task", "task-a-1", visit_done())
    await here.until(VisitRecorded)
    county = here.client(f"county-office@{COUNTY}")
    records = await here.store.load(f"plan-{plan_id_of('h-1')}")
    query = GetPlan(reference=plan_id_of("h-1"))
    query.at_least.topic = records[-1].topic
    query.at_least.partition = records[-1].partition
    query.at_least.position = records[-1].position
    (visit,) = (await county.call(query)).visits
    assert (visit.assignment_id, visit.cadre_id, visit.visited_on) == ("a-1", "cadre-wu", TODAY)
    assert visit.evidence_count == 1


async def test_what_is_personal_stays_sealed_in_the_store(here: Running) -> None:
    await in_force(here)
    await here.hear("task", "task-a-1", visit_done())
    (visit,) = await here.until(VisitRecorded)
    for name, content in here.files().items():
        for canary in (WITNESS, NOTE, "CANARY-NAME"):
            assert canary.encode() not in content, name
    await here.sealer.opening([visit])
    here.sealer.open(visit)
    assert visit.evidence[0].note.text == NOTE


async def test_a_visit_that_planning_refuses_is_an_event(here: Running) -> None:
    await in_force(here)
    heard = await here.hear("task", "task-a-2", visit_done("a-2", subject=plan_id_of("h-9")))
    (refused,) = await here.until(ReactionRefused)
    assert (refused.slug, refused.caused_by) == ("plan-not-known", heard.id)
    assert refused.command_type == "tuopin.planning.v1.RecordVisit"


async def test_the_same_task_heard_twice_is_one_visit(here: Running) -> None:
    await in_force(here)
    await here.hear("task", "task-a-1", visit_done())
    await here.hear("task", "task-a-1", visit_done())
    await here.hear("task", "task-a-2", visit_done("a-2"))
    visits = await here.until(VisitRecorded, 2)
    assert sorted(each.assignment_id for each in visits) == ["a-1", "a-2"]


async def test_the_same_command_again_gets_the_same_receipt(here: Running) -> None:
    office = here.client(f"township-office@{TOWNSHIP}")
    assert await office.call(draft()) == await office.call(draft())
    again = await office.call(draft(command_id="d2"))
    assert again.no_effect


async def test_an_unknown_helper_may_yet_arrive(here: Running) -> None:
    await here.client(f"township-office@{TOWNSHIP}").call(draft())
    await here.client(f"village-committee@{VILLAGE}").call(consent())
    office = here.client(f"township-office@{TOWNSHIP}")
    with pytest.raises(CallFailed) as failed:
        await office.call(approve(), attempts=1)
    assert (failed.value.code, failed.value.problem.slug) == ("UNAVAILABLE", "fact-missing")
    await a_cadre(here, "433124100202")
    with pytest.raises(CallFailed) as failed:
        await office.call(approve())
    assert failed.value.problem.slug == "helper-not-posted-to-village"
    assert VILLAGE in failed.value.problem.sentence


@pytest.mark.parametrize(
    ("role", "command", "code"),
    [
        ("township-office@433125100", draft(), "PERMISSION_DENIED"),
        ("village-committee@433124100201", draft(), "PERMISSION_DENIED"),
        ("village-committee@433124100202", consent(), "PERMISSION_DENIED"),
        ("county-office@433124", approve(), "PERMISSION_DENIED"),
        ("township-office@433124100", approve(household_id="h-9"), "NOT_FOUND"),
        ("county-office@433125", GetPlan(reference="h-1"), "PERMISSION_DENIED"),
        ("county-office@433124", GetPlan(reference="h-9"), "NOT_FOUND"),
        ("county-office@433124", ListPlans(region_id="4331"), "PERMISSION_DENIED"),
        ("county-office@433124", ListPlans(region_id="433124x"), "INVALID_ARGUMENT"),
        (
            "county-office@433124",
            ListPlans(region_id="433124", page_token="x"),
            "INVALID_ARGUMENT",
        ),
    ],
)
async def test_each_command_has_its_callers(
    here: Running, role: str, command: Any, code: str
) -> None:
    await a_cadre(here)
    await here.seen(await here.client("township-office@433124100").call(draft()))
    with pytest.raises(CallFailed) as failed:
        await here.client(role).call(command)
    assert failed.value.code == code


async def test_an_answer_that_cannot_hold_the_callers_write_is_not_given(
    here: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.viewstore.OWN_WRITE_S", 0.05)
    receipt = await here.client(f"township-office@{TOWNSHIP}").call(draft())
    query = GetPlan(reference="h-1", at_least=receipt.position)
    query.at_least.position += 1
    with pytest.raises(CallFailed) as failed:
        await here.client(f"county-office@{COUNTY}").call(query, attempts=1)
    assert (failed.value.code, failed.value.problem.slug) == ("UNAVAILABLE", "view-behind")


async def test_plans_are_listed_village_by_village(here: Running) -> None:
    office = here.client("township-office@433124")
    villages = ["433124100202", "433124100201", "433124200201", "433125100201"]
    for ordinal, village in enumerate(villages):
        caller = here.client("township-office@433125") if ordinal == 3 else office
        receipt = await caller.call(draft(f"h-{ordinal}", village))
        await here.seen(receipt)
    query = ListPlans(region_id="433124", page_size=2)
    first = await office_of(here).call(query)
    query.page_token = first.next_page_token
    second = await office_of(here).call(query)
    found = [each.village_id for each in (*first.plans, *second.plans)]
    assert found == sorted(villages[:3])
    assert (first.total, second.total, second.next_page_token) == (3, 3, "")
    nothing = ListPlans(region_id="433124", status=PlanStatus.PLAN_STATUS_IN_FORCE)
    assert (await office_of(here).call(nothing)).total == 0


def office_of(here: Running) -> Any:
    return here.client("county-office@433124")


@pytest.mark.parametrize("kind", [HouseholdMoved, HouseholdRezoned])
async def test_a_plan_follows_its_household(kind: Any, here: Running) -> None:
    there = "433124999201"
    await here.hear("household", "household-h-1", registered())
    await here.until(PlanDrafted)
    event = kind(
        household_id="h-1", village_id=there, from_village_id=VILLAGE, effective_on="2020-03-01"
    )
    await here.hear("household", "household-h-1", event)
    (moved,) = await here.until(PlanMoved)
    assert (moved.from_village_id, moved.village_id) == (VILLAGE, there)
    for head in await here.store.heads("plan"):
        await here.seen(Position(topic="plan", partition=head.partition, position=head.position))
    page = await here.client("county-office@433124").call(ListPlans(region_id="433124999"))
    assert [plan.plan_id for plan in page.plans] == [plan_id_of("h-1")]
