"""The world goes away and comes back: the server for a while, the ledger, the clock."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localchat.client import text_of
from tests.notifier.stage import Stage
from tests.notifier.staging import on_stage
from tuopin.notifier.v1.assignment_pb2 import AssignmentAcknowledged
from tuopin.notifier.v1.message_pb2 import MessageFailed, MessageSent, MessageUncertain


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path, bot=False) as stage:
        await stage.appoint_both()
        yield stage


async def test_an_answer_that_comes_after_the_bot_gave_up_leaves_one_current_message(
    here: Stage,
) -> None:
    person = await here.link_directly()
    await here.people.fault("silent", 1, "sendMessage")
    await here.start_bot(call_timeout_s=0.5)
    (task,) = await here.offered()
    await here.until(lambda: here.events(MessageUncertain))
    # What hung is let go: both copies stand there by now, under one reference.
    await here.people.clear_faults()
    await here.until(lambda: here.events(MessageSent))
    shown = [text_of(m) for m in await here.people.messages(person) if "户编号" in text_of(m)]
    (message,) = (await here.assignment(task.assignment_id)).messages
    assert len(shown) == 2
    assert all(message.split()[-1] in text for text in shown)


async def test_a_provider_that_hangs_costs_time_but_no_message(here: Stage) -> None:
    person = await here.link_directly()
    await here.people.fault("hang", 1, "sendMessage")
    await here.start_bot(call_timeout_s=0.5)
    await here.offered(2)
    await here.task_message(person, "0001", ":ack:")
    await here.task_message(person, "0002", ":ack:")
    assert await here.events(MessageFailed) == []


async def test_a_database_that_is_away_loses_no_tap_and_sends_nothing_twice(here: Stage) -> None:
    person = await here.link_directly()
    await here.start_bot(lease_s=3.0)
    (task,) = await here.offered()
    message = await here.task_message(person, ":ack:")
    await here.until(lambda: here.events(MessageSent))
    ledger = sqlite3.connect(here.folder / "notifier" / "bot.db", timeout=5)
    ledger.execute("BEGIN IMMEDIATE")
    data = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    await here.people.tap(person, message["message_id"], data)
    await asyncio.sleep(1.5)
    assert await here.events(AssignmentAcknowledged) == []
    ledger.rollback()
    ledger.close()
    await here.task_message(person, ":done:")
    assert len(await here.events(AssignmentAcknowledged)) == 1
    assert len((await here.assignment(task.assignment_id)).messages) == 1


async def test_a_clock_that_is_set_forth_and_back_sends_each_message_once(here: Stage) -> None:
    person = await here.link_directly()
    await here.start_bot()
    await here.offered()
    await here.task_message(person, "0001", ":ack:")
    await here.pass_hours(2)
    await here.pass_hours(-2)
    await here.register("h-9", "0009")
    await here.approve_plan("h-9")
    await here.task_message(person, "0009", ":ack:")
    shown = [text_of(m) for m in await here.people.messages(person) if "户编号" in text_of(m)]
    assert len(shown) == 2
    assert await here.events(MessageUncertain) == []
