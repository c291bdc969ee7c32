"""The notifier as its callers meet it: real gRPC, real store, real sealing, no bot."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chassis.client import CallFailed
from tests.notifier.stage import COUNTY, HELPER, SPECIALIST, VILLAGE, Stage
from tests.notifier.staging import on_stage
from tuopin.funding.v1.ledger_pb2 import MoneyPaid, ReceiptConfirmed
from tuopin.notifier.v1.assignment_pb2 import (
    AcknowledgeAssignment,
    AddEvidence,
    AssignmentDone,
    AssignmentOffered,
    AssignmentStatus,
    FinishAssignment,
    ListAssignments,
)
from tuopin.notifier.v1.link_pb2 import FindLink, GetLink, IssueLink
from tuopin.registry.v1.exit_pb2 import ExitAppraised
from tuopin.registry.v1.household_pb2 import ExitVerified
from tuopin.training.v1.cadre_pb2 import Post
from tuopin.types.v1.types_pb2 import Blob, Evidence, Note

WITNESS = "CANARY-WITNESS"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path, bot=False) as stage:
        await stage.appoint_both()
        yield stage


async def act(here: Stage, command: Any, cadre_id: str = HELPER) -> Any:
    """What the bot sends for a cadre."""
    command.cadre_id = cadre_id
    command.command_id = command.command_id or f"{type(command).__name__}-{command.assignment_id}"
    return await here.ask(command, "service@")


async def test_a_payment_is_confirmed_by_paper_with_a_witness(here: Stage) -> None:
    await here.offered()
    paid = MoneyPaid(
        ledger_id="l-1",
        region_id=COUNTY,
        year=2020,
        payment_id="pay-1",
        household_id="h-1",
        village_id=VILLAGE,
        plan_id="plan-of-h-1",
        amount_fen=100,
    )
    await here.hear("fund", "ledger-l-1", paid)

    async def look() -> Any:
        return next((a for a in await here.assignments() if a.kind == "receipt-check"), None)

    task = await here.until(look)
    assert (task.cadre_id, task.subject, task.proof) == (HELPER, "pay-1", "paper")
    await act(here, AcknowledgeAssignment(assignment_id=task.assignment_id))
    picture = Evidence(photo=Blob(sha256="a" * 64, subject_id="h-1"))
    add = AddEvidence(assignment_id=task.assignment_id, evidence=picture, command_id="photo")
    await act(here, add)
    with pytest.raises(CallFailed, match="assignment-without-witness"):
        await act(here, FinishAssignment(assignment_id=task.assignment_id, command_id="early"))
    note = Evidence(note=Note(text=WITNESS, household_id="h-1"))
    add = AddEvidence(assignment_id=task.assignment_id, evidence=note, command_id="note")
    await act(here, add)
    await act(here, FinishAssignment(assignment_id=task.assignment_id))
    (done,) = await here.events(AssignmentDone)
    assert done.facts["given_by"] == "h-1-head"
    assert done.paper.picture == picture.photo
    assert WITNESS not in str(done)
    await here.sealer.opening([done])
    here.sealer.open(done)
    assert done.paper.witness == WITNESS
    confirmed = ReceiptConfirmed(payment_id="pay-1", assignment_id=task.assignment_id)
    heard = await here.hear("fund", "ledger-l-1", confirmed)
    await here.until_assignment(task.assignment_id, lambda a: a.result_event_id == heard.id)


async def test_a_payment_heard_before_its_plan_waits_for_it(here: Stage) -> None:
    await here.register()
    paid = MoneyPaid(payment_id="pay-1", household_id="h-1", village_id=VILLAGE)
    await here.hear("fund", "ledger-l-1", paid)
    await here.approve_plan()

    async def look() -> Any:
        return [a for a in await here.assignments() if a.kind == "receipt-check"]

    (task,) = await here.until(look)
    assert task.cadre_id == HELPER


async def test_an_exit_is_verified_by_who_lives_in_the_village(here: Stage) -> None:
    resident = "dddddddd-0000-4000-8000-000000000003"
    await here.appoint(resident, Post.POST_RESIDENT_TEAM, VILLAGE)
    await here.register()
    appraised = ExitAppraised(household_id="h-1", village_id=VILLAGE, votes_for=9)
    await here.hear("household", "household-h-1", appraised)

    async def look() -> Any:
        return await here.assignments()

    (task,) = await here.until(look)
    assert (task.kind, task.cadre_id, task.household_number) == ("verify-exit", resident, "0001")
    await act(here, AcknowledgeAssignment(assignment_id=task.assignment_id), resident)
    note = Evidence(note=Note(text="fine", household_id="h-1"))
    add = AddEvidence(assignment_id=task.assignment_id, evidence=note)
    await act(here, add, resident)
    await act(here, FinishAssignment(assignment_id=task.assignment_id), resident)
    verified = ExitVerified(household_id="h-1", assignment_id=task.assignment_id)
    await here.hear("household", "household-h-1", verified)
    await here.until_assignment(
        task.assignment_id, lambda a: a.status == AssignmentStatus.ASSIGNMENT_STATUS_VERIFIED
    )


async def test_an_event_heard_again_offers_nothing_again(here: Stage) -> None:
    await here.offered(3)
    await here.views.beside(lambda: here.views.rebuild("assignments"))

    async def look() -> Any:
        return len(await here.assignments()) == 3

    await here.until(look)
    assert len(await here.events(AssignmentOffered)) == 3


async def test_the_list_is_of_a_region_a_cadre_a_household_and_comes_in_pages(here: Stage) -> None:
    tasks = await here.offered(3)
    await act(here, AcknowledgeAssignment(assignment_id=tasks[0].assignment_id))
    await here.until_assignment(
        tasks[0].assignment_id,
        lambda a: a.status == AssignmentStatus.ASSIGNMENT_STATUS_ACKNOWLEDGED,
    )
    ask = here.ask
    assert (await ask(ListAssignments(region_id=VILLAGE))).total == 3
    assert (await ask(ListAssignments(region_id="433124999"))).total == 0
    assert (await ask(ListAssignments(region_id=COUNTY, cadre_id=SPECIALIST))).total == 0
    assert (await ask(ListAssignments(region_id=COUNTY, household_id="h-2"))).total == 1
    taken = AssignmentStatus.ASSIGNMENT_STATUS_ACKNOWLEDGED
    assert (await ask(ListAssignments(region_id=COUNTY, status=taken))).total == 1
    assert (await ask(ListAssignments(region_id=COUNTY, open_only=True))).total == 3
    first = await ask(ListAssignments(region_id=COUNTY, page_size=2))
    second = await ask(
        ListAssignments(region_id=COUNTY, page_size=2, page_token=first.next_page_token)
    )
    found = [a.assignment_id for page in (first, second) for a in page.assignments]
    assert sorted(found) == sorted(task.assignment_id for task in tasks)


async def test_only_the_region_s_own_offices_see_the_list(here: Stage) -> None:
    with pytest.raises(CallFailed, match="PERMISSION_DENIED"):
        await here.ask(ListAssignments(region_id=COUNTY), "county-office@110101")


async def test_a_person_cannot_act_in_the_name_of_a_cadre(here: Stage) -> None:
    (task,) = await here.offered()
    command = AcknowledgeAssignment(
        command_id="x", assignment_id=task.assignment_id, cadre_id=HELPER
    )
    with pytest.raises(CallFailed, match="PERMISSION_DENIED"):
        await here.ask(command, f"county-office@{COUNTY}")


async def test_a_link_of_a_cadre_of_another_county_is_refused(here: Stage) -> None:
    issue = IssueLink(command_id="x", cadre_id=HELPER, code_sha256="a" * 64)
    with pytest.raises(CallFailed, match="link-of-another-region"):
        await here.ask(issue, "training-office@110101")


async def test_a_chat_and_an_unused_code_lead_to_their_cadre(here: Stage) -> None:
    code = "a" * 64
    issue = IssueLink(command_id="x", cadre_id=HELPER, code_sha256=code)
    await here.ask(issue, f"training-office@{COUNTY}")
    found = await here.ask(FindLink(code_sha256=code), "service@")
    assert found.cadre_id == HELPER
    person = await here.link_directly()
    assert (await here.ask(FindLink(chat_id=str(person)), "service@")).cadre_id == HELPER
    assert (await here.ask(FindLink(chat_id="1"), "service@")).cadre_id == ""
    assert (await here.ask(FindLink(code_sha256=code), "service@")).cadre_id == ""
    link = await here.ask(GetLink(cadre_id=HELPER))
    assert (link.linked, link.unreachable) == (True, False)
    assert not (await here.ask(GetLink(cadre_id=SPECIALIST))).linked
