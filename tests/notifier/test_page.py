"""A household's own page: behind its link, in one browser, for minutes. What is said there
is on record.
"""

import hashlib
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.message import Message

from chassis.client import CallFailed
from services.notifier.page.app import COOKIE, PageParts, create_app
from services.notifier.page.household import Households
from services.notifier.page.words import load_words
from tests.notifier.stage import COUNTY, NAME, TOWNSHIP, VILLAGE, Stage
from tests.notifier.staging import on_stage
from tuopin.errors.v1.errors_pb2 import Problem
from tuopin.funding.v1.ledger_pb2 import ListPayments, MoneyPaid, Payment, PaymentPage
from tuopin.notifier.v1.complaint_pb2 import (
    AnswerComplaint,
    GetComplaint,
    ListComplaints,
    RevealComplainant,
)
from tuopin.notifier.v1.voice_pb2 import (
    IssueHouseholdLink,
    ListHouseholdLinks,
    PageEntered,
    PaymentArrivalConfirmed,
    PlanAgreementGiven,
    PostingObjectionRaised,
    UnlinkHousehold,
    WordReturned,
)
from tuopin.planning.v1.plan_pb2 import GetPlan, Measure, Plan, PlanDrafted, PlanStatus
from tuopin.registry.v1.file_pb2 import MemberLeft
from tuopin.registry.v1.household_pb2 import GetHousehold, Household, Member, PersonErased
from tuopin.registry.v1.posting_pb2 import PostingOpened
from tuopin.types.v1.types_pb2 import ReactionRefused

PERSON, CHAT = "h-1-head", 2001
TEXT = "补贴没有到账 CANARY-COMPLAINT"
ADDRESS = re.compile(r"http://127\.0\.0\.1:8082(/h/\S+)")


async def ask(service: str, query: Message, on_behalf_of: str) -> Message:
    """The neighbours, by hand."""
    assert on_behalf_of == PERSON
    match query:
        case GetHousehold():
            members = [Member(person_id=PERSON, name=NAME, birth_year=1960)]
            return Household(
                household_id="h-1", household_number="0001", village_id=VILLAGE, members=members
            )
        case GetPlan():
            measure = Measure(measure_id="m-1", code="medical-insurance-subsidy", amount_fen=25_000)
            status = PlanStatus.PLAN_STATUS_DRAFTED
            return Plan(plan_id="plan-1", status=status, measures=[measure])
        case ListPayments():
            paid = Payment(measure_id="m-1", amount_fen=25_000, paid_on="2020-03-01")
            return PaymentPage(payments=[paid])
    raise CallFailed("NOT_FOUND", Problem())


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path) as stage:
        await stage.register()
        yield stage


async def linked(here: Stage, language: str = "zh") -> None:
    """The member's private chat, linked as in life."""
    await here.people.person(CHAT, "somebody", language)
    code = secrets.token_urlsafe(32)
    digest = hashlib.sha256(code.encode()).hexdigest()
    issue = IssueHouseholdLink(
        command_id=digest, household_id="h-1", person_id=PERSON, code_sha256=digest
    )
    await here.ask(issue, f"township-office@{TOWNSHIP}")
    await here.people.say(CHAT, f"/start {code}")
    await here.task_message(CHAT, "/unlink")


async def address(here: Stage) -> str:
    """What the bot answers to /file."""
    before = max(m["change"] for m in await here.people.messages(CHAT))
    await here.people.say(CHAT, "/file")
    message = await here.task_message(CHAT, "/h/", after=before)
    assert NAME not in str(message)
    found = ADDRESS.search(message["text"])
    assert found, message["text"]
    return found.group(1)


@asynccontextmanager
async def browser(here: Stage) -> AsyncIterator[httpx.AsyncClient]:
    parts = PageParts(
        handler=here.handler,
        store=here.store,
        households=Households(ask, here.views, here.store, here.sealer),
        words=load_words(here.settings.programme, here.programme),
        sign=here.sealer.blind,
        draw=partial(secrets.token_urlsafe, 32),
        clock=here.clock,
        secure=False,
    )
    transport = httpx.ASGITransport(create_app(parts))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://page", follow_redirects=True
    ) as client:
        yield client


def form_of(html: str, action: str, number: int = 0) -> dict[str, str]:
    """The hidden fields of the form that posts there."""
    parts = re.findall(rf'<form[^>]*action="[^"]*/{action}[^"]*">(.*?)</form>', html, re.S)
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', parts[number]))


async def opened(client: httpx.AsyncClient, where: str) -> str:
    door = await client.get(where)
    assert (door.status_code, NAME in door.text) == (200, False)
    page = await client.post(f"{where}/open")
    assert page.status_code == 200, page.text
    return page.text


async def draft_plan(here: Stage) -> None:
    drafted = PlanDrafted(plan_id="plan-1", household_id="h-1", village_id=VILLAGE)
    await here.hear("plan", "plan-plan-1", drafted)


async def test_the_link_shows_nothing_until_somebody_opens_it_and_then_to_them_only(
    here: Stage,
) -> None:
    await linked(here)
    where = await address(here)
    async with browser(here) as client, browser(here) as stranger:
        page = await opened(client, where)
        assert NAME in page
        assert "250.00" in page
        assert "资助参加基本医疗保险" in page
        assert "<script" not in page
        assert len(page.encode()) < 20_000
        assert NAME in (await client.get(f"{where}?lang=en")).text
        seen = await stranger.get(where)
        assert (seen.status_code, NAME in seen.text) == (403, False)
        taken = await stranger.post(f"{where}/open")
        assert (taken.status_code, NAME in taken.text) == (409, False)
    assert len(await here.events(PageEntered)) == 1


async def test_a_page_ends_with_its_minutes_a_newer_one_or_a_word(here: Stage) -> None:
    await linked(here)
    first = await address(here)
    async with browser(here) as client:
        await opened(client, first)
        second = await address(here)
        assert (await client.get(first)).status_code == 404
        page = await opened(client, second)
        closed = await client.post(f"{second}/close", data=form_of(page, "close"))
        assert "页面已关闭" in closed.text
        assert (await client.get(second)).status_code == 404
        third = await address(here)
        await here.pass_hours(0.3)
        assert (await client.get(third)).status_code == 404
        assert (await client.get("/h/invented")).status_code == 404


async def test_only_the_pages_own_form_speaks(here: Stage) -> None:
    await linked(here)
    await draft_plan(here)
    where = await address(here)
    async with browser(here) as client:
        page = await opened(client, where)
        form = form_of(page, "say")
        forged = await client.post(f"{where}/say", data={**form, "csrf": "0" * 32})
        assert forged.status_code == 403
        client.cookies.delete(COOKIE)
        assert (await client.post(f"{where}/say", data=form)).status_code == 403
    assert await here.events(PlanAgreementGiven) == []


async def test_a_yes_on_the_page_is_an_event_with_the_chat_as_its_proof(here: Stage) -> None:
    await linked(here)
    await draft_plan(here)
    where = await address(here)
    async with browser(here) as client:
        page = await opened(client, where)
        form = form_of(page, "say")
        for _ in range(2):
            said = await client.post(f"{where}/say", data=form)
            assert "已收到您的答复" in said.text
            assert 'name="what"' not in said.text
    (given,) = await here.events(PlanAgreementGiven)
    assert given.consent.given_by == PERSON
    assert given.consent.chat.link_id
    assert given.consent.chat.page_id


async def test_an_objection_to_a_notice_is_raised_in_own_words_and_sealed(here: Stage) -> None:
    await linked(here)
    opened_ = PostingOpened(household_id="h-1", village_id=VILLAGE, posting_id="post-1")
    await here.hear("household", "household-h-1", opened_)
    where = await address(here)
    async with browser(here) as client:
        page = await opened(client, where)
        form = {**form_of(page, "say"), "text": TEXT}
        assert "已收到您的答复" in (await client.post(f"{where}/say", data=form)).text
    (raised,) = await here.events(PostingObjectionRaised)
    assert raised.posting_id == "post-1"
    assert raised.statement.text.startswith("sealed:")


async def test_a_word_that_its_owner_refuses_is_asked_again(here: Stage) -> None:
    await linked(here)
    await draft_plan(here)
    where = await address(here)
    async with browser(here) as client:
        page = await opened(client, where)
        await client.post(f"{where}/say", data=form_of(page, "say"))
        ((envelope, _),) = await here.envelopes(PlanAgreementGiven)
        refused = ReactionRefused(
            command_id="c",
            command_type="tuopin.planning.v1.ConsentToPlan",
            slug="plan-already-agreed",
            caused_by=envelope.id,
        )
        await here.hear("plan", "refusal-c", refused)

        async def returned() -> Any:
            return await here.events(WordReturned)

        await here.until(returned)
        again = await client.get(where)
        await client.post(f"{where}/say", data=form_of(again.text, "say"))
    assert len(await here.events(PlanAgreementGiven)) == 2


async def test_a_receipt_names_the_ledger(here: Stage) -> None:
    await linked(here)
    paid = MoneyPaid(
        payment_id="pay-1",
        household_id="h-1",
        village_id=VILLAGE,
        region_id=COUNTY,
        year=2020,
        amount_fen=25_000,
    )
    await here.hear("fund", "fund-433124-2020", paid)
    where = await address(here)
    async with browser(here) as client:
        page = await opened(client, where)
        assert "250.00 元" in page
        await client.post(f"{where}/say", data=form_of(page, "say"))
    (given,) = await here.events(PaymentArrivalConfirmed)
    assert (given.payment_id, given.region_id, given.year) == ("pay-1", COUNTY, 2020)


async def test_a_complaint_is_anonymous_below_and_answered_on_the_page(here: Stage) -> None:
    await linked(here)
    where = await address(here)
    async with browser(here) as client:
        page = await opened(client, where)
        form = {**form_of(page, "complain"), "kind": "money", "text": TEXT, "anonymous": "1"}
        filed = await client.post(f"{where}/complain", data=form)
        assert TEXT in filed.text
        village = await here.ask(ListComplaints(region_id=VILLAGE), f"village-committee@{VILLAGE}")
        (row,) = village.complaints
        assert (row.kind, row.region_id, row.household_number) == ("money", TOWNSHIP, "")
        assert "h-1" not in str(village)
        read = GetComplaint(complaint_id=row.complaint_id)
        found = await here.ask(read, f"township-office@{TOWNSHIP}")
        assert (found.text, found.complainant) == (TEXT, "")
        answer = AnswerComplaint(
            command_id="answer", complaint_id=row.complaint_id, answer="已于5日到账"
        )
        receipt = await here.ask(answer, f"township-office@{TOWNSHIP}")
        await here.views.wait_for(("complaints",), receipt.position, 10)
        assert "已于5日到账" in (await client.get(where)).text
        reveal = RevealComplainant(
            command_id="reveal", complaint_id=row.complaint_id, reason="the account is needed"
        )
        receipt = await here.ask(reveal, f"county-office@{COUNTY}")
        read.at_least.CopyFrom(receipt.position)
        assert (await here.ask(read)).complainant == f"h-1/{PERSON}"
        stored = b"".join(p.read_bytes() for p in here.folder.glob("events.db*"))
        assert TEXT.encode() not in stored


async def test_what_is_written_in_the_chat_is_taken_away_and_not_kept(here: Stage) -> None:
    await linked(here)
    await here.people.say(CHAT, "CANARY-WORD about us")
    await here.task_message(CHAT, "不要在聊天中")

    async def gone() -> bool:
        messages = await here.people.messages(CHAT)
        return not any("CANARY-WORD" in str(m) or "/start " in str(m) for m in messages)

    await here.until(gone)
    assert "CANARY-WORD" not in str(await here.events())


async def test_who_leaves_the_household_no_longer_sees_its_page(here: Stage) -> None:
    await linked(here)
    where = await address(here)
    async with browser(here) as client:
        await opened(client, where)
        left = MemberLeft(household_id="h-1", person_id=PERSON, village_id=VILLAGE)
        await here.hear("household", "household-h-1", left)

        async def over() -> bool:
            return (await client.get(where)).status_code == 404

        await here.until(over)


async def test_who_is_unlinked_or_erased_has_neither_chat_nor_page(here: Stage) -> None:
    await linked(here)
    where = await address(here)
    unlink = UnlinkHousehold(command_id="u", household_id="h-1", person_id=PERSON, ground="office")
    receipt = await here.ask(unlink, f"township-office@{TOWNSHIP}")
    links = ListHouseholdLinks(household_id="h-1", at_least=receipt.position)
    (link,) = (await here.ask(links)).links
    assert not link.linked
    async with browser(here) as client:
        assert (await client.get(where)).status_code == 404
        await linked(here)
        where = await address(here)
        erased = PersonErased(household_id="h-1", person_id=PERSON, village_id=VILLAGE)
        await here.hear("household", "household-h-1", erased)

        async def over() -> bool:
            return (await client.get(where)).status_code == 404

        await here.until(over)
