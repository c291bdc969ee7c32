"""Outages: what is reported of them, when, and that no answer is missed in one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from google.protobuf.message import Message

from chassis.clock import MICROSECONDS, ManualClock
from services.notifier.bot import keep_lease_forever
from services.notifier.chat.commands import Commands
from services.notifier.chat.ledger import LeaseLost
from services.notifier.chat.presence import HEAR, SEND, Presence
from tests.notifier.stage import Stage
from tests.notifier.staging import on_stage
from tuopin.notifier.v1.assignment_pb2 import AssignmentReminded
from tuopin.notifier.v1.handling_pb2 import AnswerClockStarted
from tuopin.notifier.v1.message_pb2 import MessageFailed, MessageSent
from tuopin.notifier.v1.outage_pb2 import ProviderFound, ProviderLost, ReportProvider
from tuopin.types.v1.types_pb2 import Receipt

LOST_AFTER_S = 0.1


class Reports:
    """What the service was told."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.told: list[tuple[bool, int]] = []
        commands = Commands(self._send, self.clock)
        self.presence = Presence("telegram", commands, self.clock, lost_after_s=LOST_AFTER_S)

    async def _send(self, command: Message, metadata: Mapping[str, str]) -> Receipt:
        assert isinstance(command, ReportProvider)
        self.told.append((command.away, command.since_us))
        return Receipt()

    async def run(self) -> None:
        while True:
            await self.presence.step()


@pytest.fixture
async def reports() -> AsyncIterator[Reports]:
    reports = Reports()
    running = asyncio.create_task(reports.run())
    await asyncio.sleep(0)
    yield reports
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_start_ends_whatever_an_earlier_life_reported(reports: Reports) -> None:
    assert reports.told == [(False, reports.clock.now_us())]


async def test_a_failure_that_lasts_is_an_outage_since_it_began(reports: Reports) -> None:
    began_us = reports.clock.now_us()
    reports.presence.failed(SEND)
    await asyncio.sleep(0)
    reports.clock._now_us += round(LOST_AFTER_S * MICROSECONDS)
    reports.presence.failed(HEAR)
    await asyncio.sleep(2 * LOST_AFTER_S)
    assert reports.told[1:] == [(True, began_us)]
    reports.presence.answered(SEND)
    await asyncio.sleep(0.01)
    assert len(reports.told) == 2, "nobody is heard yet"
    reports.presence.answered(HEAR)
    await asyncio.sleep(0.01)
    assert reports.told[2:] == [(False, reports.clock.now_us())]


async def test_a_failure_that_is_over_at_once_is_none(reports: Reports) -> None:
    reports.presence.failed(SEND)
    await asyncio.sleep(0)
    reports.presence.answered(SEND)
    await asyncio.sleep(2 * LOST_AFTER_S)
    assert len(reports.told) == 1


async def test_a_lease_that_could_not_be_kept_is_an_outage_of_ours(reports: Reports) -> None:
    kept = [True, False, False, True]

    async def keep() -> None:
        await asyncio.sleep(0.05)
        if not kept:
            raise LeaseLost
        if not kept.pop(0):
            raise ConnectionError

    with suppress(LeaseLost):
        await keep_lease_forever(keep, reports.presence, 0.12)
    await asyncio.sleep(0.01)
    (_, (lost, since_us), (found, until_us)) = reports.told
    assert (lost, found) == (True, False)
    assert 0.12 * MICROSECONDS < until_us - since_us < 1.0 * MICROSECONDS


async def test_no_answer_is_missed_while_nobody_can_be_heard(tmp_path: Path) -> None:
    async with on_stage(tmp_path, bot=False) as here:
        await here.appoint_both()
        person = await here.link_directly()
        await here.start_bot()
        (task,) = await here.offered()
        await here.task_message(person, ":ack:")
        await here.until(lambda: here.events(MessageSent))
        await here.people.fault("500", None, "getUpdates")
        # Ends the call that waits already.
        await here.people.say(person, "/today")
        await here.until(lambda: here.events(ProviderLost))
        # The reminder would come after a day.
        await here.pass_hours(30)
        await here.until(lambda: _moved(here))
        await here.people.clear_faults()
        await here.until(lambda: here.events(ProviderFound))
        assert await here.events(AssignmentReminded) == []
        await here.pass_hours(25)
        await here.until(lambda: here.events(AssignmentReminded))
        assert (await here.assignment(task.assignment_id)).reminded


async def _moved(here: Stage) -> bool:
    """By the sending at first, then by the outage."""
    return len(await here.events(AnswerClockStarted)) > 1


async def test_a_message_outlives_the_outage_it_was_queued_in(tmp_path: Path) -> None:
    async with on_stage(tmp_path, bot=False) as here:
        await here.appoint_both()
        person = await here.link_directly()
        await here.people.fault("500", None, "sendMessage")
        await here.start_bot()
        await here.offered()
        await here.until(lambda: here.events(ProviderLost))
        await here.people.clear_faults()
        await here.task_message(person, ":ack:")
        await here.until(lambda: here.events(ProviderFound))
        assert await here.events(MessageFailed) == []
