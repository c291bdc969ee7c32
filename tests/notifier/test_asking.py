"""A household hears in its chat that something waits for its word, and not a word more."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from localchat.client import text_of
from tests.notifier.stage import NAME, VILLAGE, Stage
from tests.notifier.staging import on_stage
from tests.notifier.test_page import CHAT, PERSON, linked
from tuopin.funding.v1.ledger_pb2 import MoneyPaid
from tuopin.notifier.v1.message_pb2 import MessageQueued, MessageSent, MessageSuperseded
from tuopin.planning.v1.plan_pb2 import PlanConsented, PlanDrafted
from tuopin.registry.v1.household_pb2 import ExitVerified
from tuopin.registry.v1.posting_pb2 import PostingOpened

OF: dict[str, Any] = {"household_id": "h-1", "village_id": VILLAGE}
QUESTIONS: dict[str, tuple[str, str, Message]] = {
    "计划": ("plan", "plan-1", PlanDrafted(plan_id="plan-1", **OF)),
    "款项": ("fund", "433124-2026", MoneyPaid(payment_id="pay-1", amount_fen=25_000, **OF)),
    "公示": ("household", "posting-1", PostingOpened(posting_id="posting-1", **OF)),
    "程序": ("household", "h-1", ExitVerified(**OF)),
}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path) as stage:
        await stage.register()
        await linked(stage)
        yield stage


async def test_each_question_is_told_once_without_what_it_is_about(here: Stage) -> None:
    for word, (topic, stream, event) in QUESTIONS.items():
        await here.hear(topic, f"{topic}-{stream}", event)
        message = await here.task_message(CHAT, word, "/file")
        for secret in (NAME, "0001", "250", VILLAGE):
            assert secret not in text_of(message)
    await here.until(lambda: _all_sent(here))
    queued = await here.events(MessageQueued)
    assert {(each.person_id, each.cadre_id) for each in queued} == {(PERSON, "")}
    told = [m for m in await here.people.messages(CHAT) if "#" in text_of(m)]
    assert len(told) == len(QUESTIONS)


async def _all_sent(here: Stage) -> bool:
    return len(await here.events(MessageSent)) == len(QUESTIONS)


async def test_what_is_answered_before_it_could_be_told_is_not_told(here: Stage) -> None:
    await here.stop_bot()
    await here.hear("plan", "plan-plan-1", PlanDrafted(plan_id="plan-1", **OF))
    await here.until(lambda: here.events(MessageQueued))
    await here.hear("plan", "plan-plan-1", PlanConsented(plan_id="plan-1", **OF))
    await here.start_bot()
    await here.until(lambda: here.events(MessageSuperseded))
    assert await here.events(MessageSent) == []


async def test_a_household_without_a_chat_is_not_written_to(here: Stage) -> None:
    await here.register("h-2", "0002")
    event = PlanDrafted(plan_id="plan-2", household_id="h-2", village_id=VILLAGE)
    await here.hear("plan", "plan-plan-2", event)
    await here.hear("plan", "plan-plan-1", PlanDrafted(plan_id="plan-1", **OF))
    await here.until(lambda: here.events(MessageQueued))
    (queued,) = await here.events(MessageQueued)
    assert queued.household_id == "h-1"
