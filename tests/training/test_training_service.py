"""training as its callers meet it: real gRPC, real store, real sealing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chassis.client import CallFailed
from services.training.worker import SERVICE
from tests.services.running import Running, running
from tuopin.notifier.v1.assignment_pb2 import AssignmentDone, AssignmentOffered
from tuopin.planning.v1.plan_pb2 import PlanApproved, VisitRecorded
from tuopin.registry.v1.region_pb2 import RegionsMapped
from tuopin.training.v1.cadre_pb2 import (
    AppointCadre,
    CompleteTraining,
    GetCadre,
    ListCadres,
    Post,
    PostCadre,
    PostEnded,
    ScheduleSession,
)
from tuopin.types.v1.types_pb2 import (
    REGION_CHANGE_KIND_MERGED,
    REGION_CHANGE_KIND_SPLIT,
    Position,
    RegionChange,
)

COUNTY, TOWNSHIP, VILLAGE = "433124", "433124100", "433124100201"
NAME, PHONE = "CANARY-NAME", "13900000001"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(SERVICE, tmp_path) as found:
        yield found


def appoint(cadre_id: str = "cadre-wu", **fields: Any) -> AppointCadre:
    return AppointCadre(
        **{
            "command_id": f"appoint-{cadre_id}",
            "cadre_id": cadre_id,
            "region_id": COUNTY,
            "name": NAME,
            "phone": PHONE,
            "unit": "county office",
            "language": "zh",
            "effective_on": "2020-01-10",
            **fields,
        }
    )


def post(cadre_id: str = "cadre-wu") -> PostCadre:
    return PostCadre(
        command_id=f"post-{cadre_id}",
        cadre_id=cadre_id,
        region_id=VILLAGE,
        post=Post.POST_FIRST_SECRETARY,
        effective_on="2020-02-01",
    )


def schedule(places: int = 1) -> ScheduleSession:
    return ScheduleSession(
        command_id="schedule-1",
        session_id="s-1",
        region_id=COUNTY,
        course="household-files",
        hours=8,
        places=places,
        held_on="2020-03-02",
    )


def complete(cadre_id: str = "cadre-wu") -> CompleteTraining:
    return CompleteTraining(command_id=f"complete-{cadre_id}", session_id="s-1", cadre_id=cadre_id)


async def test_the_record_of_a_cadre_is_kept_current(here: Running) -> None:
    office = here.client(f"training-office@{COUNTY}")
    await here.seen(await office.call(appoint()))
    posted = await office.call(post())
    await office.call(schedule())
    completed = await office.call(complete())
    offered = AssignmentOffered(assignment_id="a-1", cadre_id="cadre-wu")
    await here.hear("task", "task-a-1", offered)
    second = AssignmentOffered(assignment_id="a-2", cadre_id="cadre-wu")
    await here.hear("task", "task-a-2", second)
    await here.hear("task", "task-a-1", AssignmentDone(assignment_id="a-1", cadre_id="cadre-wu"))
    await here.hear("plan", "plan-1", PlanApproved(plan_id="1", helper_id="cadre-wu"))
    await here.hear("plan", "plan-1", VisitRecorded(plan_id="1", cadre_id="cadre-wu"))
    query = GetCadre(cadre_id="cadre-wu", at_least=[posted.position, completed.position])
    record = await here.client(f"township-office@{TOWNSHIP}").call(query)
    assert (record.name, record.region_id, record.hours) == (NAME, COUNTY, 8)
    assert [(each.region_id, each.since) for each in record.postings] == [(VILLAGE, "2020-02-01")]
    (certificate,) = record.certificates
    assert (certificate.course, certificate.valid_until) == ("household-files", "2022-03-02")
    assert (record.tasks_open, record.tasks_finished) == (1, 1)
    assert (record.visits, record.households_helped) == (1, 1)


async def test_a_cadres_name_and_phone_stay_sealed(here: Running) -> None:
    office = here.client(f"training-office@{COUNTY}")
    await here.seen(await office.call(appoint()))
    for name, content in here.files().items():
        assert NAME.encode() not in content, name
        assert PHONE.encode() not in content, name


async def test_an_erased_cadre_has_a_record_without_a_name(here: Running) -> None:
    office = here.client(f"training-office@{COUNTY}")
    await here.seen(await office.call(appoint()))
    assert await here.sealer.keys.destroy("cadre-wu")
    record = await office.call(GetCadre(cadre_id="cadre-wu"))
    assert (record.cadre_id, record.name) == ("cadre-wu", "")


async def test_places_are_kept_to_however_many_come_at_once(here: Running) -> None:
    office = here.client(f"training-office@{COUNTY}")
    for number in range(6):
        await here.seen(await office.call(appoint(f"cadre-{number}")))
    await office.call(schedule(places=2))

    async def tried(cadre_id: str) -> str:
        try:
            await office.call(complete(cadre_id))
        except CallFailed as failed:
            return failed.problem.slug
        return "done"

    answers = await asyncio.gather(*(tried(f"cadre-{number}") for number in range(6)))
    assert sorted(answers) == ["done"] * 2 + ["session-full"] * 4


async def test_only_an_appointed_cadre_is_certified(here: Running) -> None:
    office = here.client(f"training-office@{COUNTY}")
    await office.call(schedule())
    with pytest.raises(CallFailed) as failed:
        await office.call(complete("cadre-nobody"), attempts=1)
    assert (failed.value.code, failed.value.problem.slug) == ("UNAVAILABLE", "fact-missing")


@pytest.mark.parametrize(
    ("role", "command", "code"),
    [
        ("training-office@433125", appoint("cadre-long"), "PERMISSION_DENIED"),
        ("township-office@433124100", post(), "PERMISSION_DENIED"),
        ("training-office@433124", post("cadre-nobody"), "NOT_FOUND"),
        ("training-office@433124", appoint(language="fr"), "INVALID_ARGUMENT"),
        ("training-office@433124", appoint(phone="x"), "INVALID_ARGUMENT"),
        ("township-office@433124200", GetCadre(cadre_id="cadre-wu"), "PERMISSION_DENIED"),
        ("training-office@433124", GetCadre(cadre_id="cadre-nobody"), "NOT_FOUND"),
        ("training-office@433124", ListCadres(region_id="43"), "PERMISSION_DENIED"),
    ],
)
async def test_each_command_has_its_callers(
    here: Running, role: str, command: Any, code: str
) -> None:
    office = here.client(f"training-office@{COUNTY}")
    await office.call(appoint())
    await here.seen(await office.call(post()))
    with pytest.raises(CallFailed) as failed:
        await here.client(role).call(command)
    assert failed.value.code == code


async def test_cadres_are_listed_with_their_names(here: Running) -> None:
    office = here.client(f"training-office@{COUNTY}")
    await office.call(appoint("cadre-long", name="Long"))
    await here.seen(await office.call(appoint()))
    await here.seen(await office.call(post()))
    page = await here.client(f"township-office@{TOWNSHIP}").call(ListCadres(region_id=TOWNSHIP))
    assert [each.name for each in page.cadres] == [NAME]
    page = await office.call(ListCadres(region_id=COUNTY))
    assert {each.name for each in page.cadres} == {NAME, "Long"}


async def test_posts_go_along_with_a_newer_edition_of_the_region_list(here: Running) -> None:
    office = here.client("training-office@433124")
    await office.call(appoint())
    await here.seen(
        await office.call(
            PostCadre(
                command_id="post-wu",
                cadre_id="cadre-wu",
                region_id=VILLAGE,
                post=Post.POST_FIRST_SECRETARY,
                effective_on="2020-02-01",
            )
        )
    )
    await here.seen(
        await office.call(
            PostCadre(
                command_id="post-specialist",
                cadre_id="cadre-wu",
                region_id=TOWNSHIP,
                post=Post.POST_TOWNSHIP_SPECIALIST,
                effective_on="2020-02-01",
            )
        )
    )
    merged = RegionChange(
        old_id=VILLAGE,
        new_id="433124100299",
        kind=REGION_CHANGE_KIND_MERGED,
        effective_on="2020-03-01",
        default_successor=True,
    )
    split = [
        RegionChange(
            old_id=TOWNSHIP,
            new_id=new_id,
            kind=REGION_CHANGE_KIND_SPLIT,
            effective_on="2020-03-01",
            default_successor=new_id == TOWNSHIP,
        )
        for new_id in (TOWNSHIP, "433124101")
    ]
    mapped = RegionsMapped(edition="newer", changes=[merged, *split], effective_on="2020-03-01")
    await here.hear("region", "region-cn", mapped)
    (ended,) = await here.until(PostEnded)
    assert (ended.region_id, ended.reason) == (VILLAGE, "rezoned")
    for head in await here.store.heads("cadre"):
        await here.seen(Position(topic="cadre", partition=head.partition, position=head.position))
    record = await office.call(GetCadre(cadre_id="cadre-wu"))
    assert {each.region_id for each in record.postings} == {TOWNSHIP, "433124100299"}
