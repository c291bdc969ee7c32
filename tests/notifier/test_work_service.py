"""The course of tasks as offices and services meet it: real gRPC, store and sealing, no bot."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chassis.client import CallFailed
from tests.notifier.stage import COUNTY, HELPER, SPECIALIST, TOWNSHIP, VILLAGE, Stage
from tests.notifier.staging import on_stage
from tuopin.notifier.v1.assignment_pb2 import AssignmentOffered, AssignmentStatus
from tuopin.notifier.v1.digest_pb2 import GetDigest
from tuopin.notifier.v1.handling_pb2 import CancelAssignment, DeclineAssignment
from tuopin.notifier.v1.order_pb2 import GetOrder, OrderTask, PreviewOrder, TaskOrdered
from tuopin.registry.v1.exit_pb2 import ExitAppraised, ExitWithdrawn
from tuopin.training.v1.cadre_pb2 import CadreDeparted, CadrePosting, Post

CANCELLED = AssignmentStatus.ASSIGNMENT_STATUS_CANCELLED


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path, bot=False) as stage:
        await stage.appoint_both()
        yield stage


async def of_kind(here: Stage, kind: str, **wanted: Any) -> Any:
    """The assignment of this kind, once it is as wanted."""

    async def look() -> Any:
        return next(
            (
                each
                for each in await here.assignments()
                if each.kind == kind
                and all(getattr(each, name) == value for name, value in wanted.items())
            ),
            None,
        )

    return await here.until(look)


async def test_an_import_makes_no_task_and_news_make_one_that_the_plan_ends(here: Stage) -> None:
    await here.register("h-1", "0001")
    await here.register("h-2", "0002", news=True)
    task = await of_kind(here, "draft-plan")
    assert (task.household_id, task.cadre_id) == ("h-2", HELPER)
    await here.approve_plan("h-2")
    ended = await of_kind(here, "draft-plan", status=CANCELLED)
    assert ended.ended_reason == "answered"
    assert {each.kind for each in await here.assignments(household_id="h-1")} == set()


async def test_an_exit_withdrawn_takes_its_task_back(here: Stage) -> None:
    await here.register()
    appraised = ExitAppraised(household_id="h-1", village_id=VILLAGE, votes_for=9)
    await here.hear("household", "household-h-1", appraised)
    await of_kind(here, "verify-exit", cadre_id=HELPER)
    withdrawn = ExitWithdrawn(household_id="h-1", village_id=VILLAGE)
    await here.hear("household", "household-h-1", withdrawn)
    ended = await of_kind(here, "verify-exit", status=CANCELLED)
    assert ended.ended_reason == "exit-withdrawn"


async def test_who_leaves_hands_over_everything_that_is_open(here: Stage) -> None:
    await here.link_directly(HELPER)
    await here.link_directly(SPECIALIST)
    await here.offered(2)
    left = CadreDeparted(
        cadre_id=HELPER,
        posts=[CadrePosting(region_id=VILLAGE, post=Post.POST_HELPER)],
        effective_on="2026-01-01",
    )
    await here.hear("cadre", f"cadre-{HELPER}", left)

    async def handed_over() -> bool:
        return {each.cadre_id for each in await here.assignments()} == {SPECIALIST}

    await here.until(handed_over)


async def test_a_task_declined_goes_on_with_the_reason_beside_it(here: Stage) -> None:
    await here.link_directly(HELPER)
    await here.link_directly(SPECIALIST)
    (task,) = await here.offered()
    no = DeclineAssignment(
        command_id="no",
        assignment_id=task.assignment_id,
        cadre_id=HELPER,
        reason="ill",
        note="CANARY-NOTE",
    )
    await here.ask(no, "service@")
    after = await here.until_assignment(task.assignment_id, lambda a: a.cadre_id == SPECIALIST)
    assert after.declined_reason == "ill"
    assert "CANARY-NOTE" not in str(await here.events())


async def test_an_order_is_shown_before_it_is_given_and_reaches_whom_it_showed(
    here: Stage,
) -> None:
    office = f"township-office@{TOWNSHIP}"
    preview = await here.ask(PreviewOrder(region_id=TOWNSHIP, post="HELPER"), office)
    assert (preview.count, preview.targets[0].cadre_id) == (1, HELPER)
    command = OrderTask(
        command_id="order",
        order_id="order-1",
        region_id=TOWNSHIP,
        post="HELPER",
        topic="hold-meeting",
        details="CANARY-DETAILS",
        due_on="2999-01-01",
        proof="none",
        count=2,
    )
    with pytest.raises(CallFailed, match="order-count-changed"):
        await here.ask(command, office)
    with pytest.raises(CallFailed, match="PERMISSION_DENIED"):
        await here.ask(command, "township-office@433124111")
    command.count = 1
    await here.ask(command, office)
    task = await of_kind(here, "office-task")
    assert (task.cadre_id, task.subject, task.village_id) == (HELPER, "order-1", VILLAGE)
    assert "CANARY-DETAILS" not in str(await here.events(TaskOrdered))
    found = await here.ask(GetOrder(order_id="order-1"), office)
    assert (found.details, found.count, found.open_count) == ("CANARY-DETAILS", 1, 1)
    cancel = CancelAssignment(
        command_id="back", assignment_id=task.assignment_id, reason="mistaken"
    )
    with pytest.raises(CallFailed, match="PERMISSION_DENIED"):
        await here.ask(cancel, "county-office@110101")
    await here.ask(cancel, f"county-office@{COUNTY}")
    await of_kind(here, "office-task", status=CANCELLED)


async def test_the_list_of_a_person_comes_page_by_page_the_most_pressing_first(
    here: Stage,
) -> None:
    await here.offered(3)
    assert len(await here.events(AssignmentOffered)) == 3
    first = await here.ask(GetDigest(cadre_id=HELPER, page_size=2), "service@")
    second = await here.ask(
        GetDigest(cadre_id=HELPER, page_size=2, page_token=first.next_page_token), "service@"
    )
    pages = [*first.assignments, *second.assignments]
    assert (first.total, len(first.assignments), second.next_page_token) == (3, 2, "")
    assert [each.due_at_us for each in pages] == sorted(each.due_at_us for each in pages)
    assert len({each.assignment_id for each in pages}) == 3
