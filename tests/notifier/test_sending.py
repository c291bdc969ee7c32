"""Messages go out once: faults of the provider, its limits, two bots, updates that come again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from localchat.client import text_of
from tests.notifier.stage import HELPER, PERSONS, SPECIALIST, Stage
from tests.notifier.staging import on_stage
from tuopin.notifier.v1.assignment_pb2 import (
    AcknowledgeAssignment,
    AddEvidence,
    AssignmentAcknowledged,
    AssignmentEscalated,
    EvidenceAdded,
    FinishAssignment,
)
from tuopin.notifier.v1.link_pb2 import ChatLinked, GetLink
from tuopin.notifier.v1.message_pb2 import (
    MessageErrored,
    MessageFailed,
    MessageQueued,
    MessageSent,
    MessageSuperseded,
    MessageUncertain,
)
from tuopin.training.v1.cadre_pb2 import Post
from tuopin.types.v1.types_pb2 import Evidence, Note


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path, bot=False) as stage:
        await stage.appoint_both()
        yield stage


async def tasks_in(here: Stage, person: int) -> list[dict[str, Any]]:
    """The bot's messages about tasks."""
    return [m for m in await here.people.messages(person) if "户编号" in text_of(m)]


async def test_a_message_arrives_once(here: Stage) -> None:
    person = await here.link_directly()
    await here.start_bot()
    (task,) = await here.offered()
    await here.task_message(person, ":ack:")
    sent = await here.until_assignment(task.assignment_id, lambda a: "sent" in str(a.messages))
    assert len(await tasks_in(here, person)) == 1
    assert len(sent.messages) == 1
    reference = sent.messages[0].removeprefix("sent ")
    assert reference in text_of((await tasks_in(here, person))[0])


async def test_a_429_makes_the_bot_wait_and_counts_as_no_attempt(here: Stage) -> None:
    person = await here.link_directly()
    await here.people.fault("429", 2, "sendMessage")
    await here.start_bot()
    await here.offered()
    await here.task_message(person, ":ack:")
    (sent,) = await here.until(lambda: here.events(MessageSent))
    assert sent.attempt == 1
    assert len(await tasks_in(here, person)) == 1


async def test_a_500_is_tried_again_later(here: Stage) -> None:
    person = await here.link_directly()
    await here.people.fault("500", 1, "sendMessage")
    await here.start_bot()
    await here.offered()
    await here.task_message(person, ":ack:")
    (sent,) = await here.until(lambda: here.events(MessageSent))
    assert sent.attempt == 2
    assert len(await here.events(MessageErrored)) == 1
    assert len(await tasks_in(here, person)) == 1


@pytest.mark.parametrize("fault", ["silent", "cut"])
async def test_without_an_answer_it_is_repeated_once_under_the_same_reference(
    here: Stage, fault: Any
) -> None:
    person = await here.link_directly()
    await here.people.fault(fault, 1, "sendMessage")
    await here.start_bot(call_timeout_s=1.0)
    (task,) = await here.offered()
    repeat = await here.task_message(person, "重发", ":ack:")
    await here.until(lambda: here.events(MessageSent))
    assert len(await here.events(MessageUncertain)) == 1
    first, second = await tasks_in(here, person)
    (message,) = (await here.assignment(task.assignment_id)).messages
    reference = message.split()[-1]
    assert reference in text_of(first)
    assert reference in text_of(second)
    # Either works, and both show what came of it.
    await here.press(person, first, "ack")
    await here.task_message(person, ":done:", f"'message_id': {first['message_id']},")
    await here.task_message(person, ":done:", f"'message_id': {repeat['message_id']},")
    assert len(await here.events(AssignmentAcknowledged)) == 1


async def test_a_second_silence_is_the_end_of_it(here: Stage) -> None:
    await here.link_directly()
    await here.people.fault("silent", 2, "sendMessage")
    await here.start_bot(call_timeout_s=0.5)
    await here.offered()
    (failed,) = await here.until(lambda: here.events(MessageFailed))
    assert (failed.attempt, failed.unreachable) == (2, False)


async def test_a_copy_that_nobody_learnt_the_number_of_is_learnt_by_a_late_tap(here: Stage) -> None:
    person = await here.link_directly()
    await here.people.fault("silent", 2, "sendMessage")
    await here.start_bot(call_timeout_s=0.5)
    (task,) = await here.offered()
    await here.until(lambda: here.events(MessageFailed))
    first, second = await tasks_in(here, person)
    await here.press(person, first, "ack")
    await here.people.say(person, "seen", reply_to=second["message_id"])
    await here.press(person, await here.task_message(person, ":done:"), "done")
    for copy in (first, second):
        await here.task_message(person, "☑️", f"'message_id': {copy['message_id']},")
    assert (await here.assignment(task.assignment_id)).evidence_count == 1


async def test_what_changed_long_ago_is_shown_when_its_copy_is_found(here: Stage) -> None:
    person = await here.link_directly()
    await here.people.fault("silent", 2, "sendMessage")
    await here.start_bot(call_timeout_s=0.5)
    (task,) = await here.offered()
    await here.until(lambda: here.events(MessageFailed))
    await _finish(here, task.assignment_id)
    await here.pass_hours(30)
    copy, _ = await tasks_in(here, person)
    await asyncio.sleep(0.5)
    await here.press(person, copy, "ack")
    await here.task_message(person, "☑️", f"'message_id': {copy['message_id']},")


async def test_who_blocked_the_bot_is_unreachable_and_the_township_has_it_at_once(
    here: Stage,
) -> None:
    person = await here.link_directly()
    specialist = await here.link_directly(SPECIALIST)
    await here.people.block(person)
    await here.start_bot()
    await here.offered()
    await here.task_message(specialist, "转交乡镇", ":ack:")
    (escalated,) = await here.events(AssignmentEscalated)
    assert (escalated.reason, escalated.previous_cadre_id) == ("unreachable", HELPER)
    link = await here.ask(GetLink(cadre_id=HELPER))
    assert (link.linked, link.unreachable) == (True, True)


async def test_a_message_to_a_cadre_without_chat_waits_for_the_link(here: Stage) -> None:
    await here.start_bot()
    (task,) = await here.offered()
    await asyncio.sleep(0.5)
    assert "queued" in (await here.assignment(task.assignment_id)).messages[0]
    person = await here.link()
    await here.task_message(person, ":ack:")


async def test_what_was_done_before_its_message_could_go_out_is_not_sent(here: Stage) -> None:
    (task,) = await here.offered()
    await _finish(here, task.assignment_id)
    await here.start_bot()
    person = await here.link()
    await here.until(lambda: here.events(MessageSuperseded))
    assert await tasks_in(here, person) == []


async def _finish(here: Stage, assignment_id: str) -> None:
    """By another way than the chat."""
    take = AcknowledgeAssignment(command_id="t", assignment_id=assignment_id, cadre_id=HELPER)
    await here.ask(take, "service@")
    await here.ask(_note(assignment_id), "service@")
    done = FinishAssignment(command_id="f", assignment_id=assignment_id, cadre_id=HELPER)
    receipt = await here.ask(done, "service@")
    await here.views.wait_for(("assignments",), receipt.position, 10)


def _note(assignment_id: str) -> AddEvidence:
    evidence = Evidence(note=Note(text="x", household_id="h-1"))
    return AddEvidence(
        command_id="n", assignment_id=assignment_id, cadre_id=HELPER, evidence=evidence
    )


async def test_an_update_that_comes_five_times_has_one_effect(here: Stage) -> None:
    person = await here.link_directly()
    await here.start_bot()
    await here.offered()
    message = await here.task_message(person, ":ack:")
    await here.press(person, message, "ack")
    said = await here.people.say(person, "only once", reply_to=message["message_id"])
    await here.task_message(person, "已记录情况说明")
    service = here.provider()
    last = service.store._db.execute("SELECT max(id) FROM updates").fetchone()[0]
    last = (
        last
        or service.store._db.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'updates'"
        ).fetchone()[0]
    )
    for _ in range(4):
        await asyncio.sleep(0.1)
        await here.stop_bot()
        here.bring("message", said, last)
        await here.start_bot()
        await here.until(lambda: _confirmed(here))
    assert (await here.assignments())[0].evidence_count == 1
    replies = [m for m in await here.people.messages(person) if "已记录" in text_of(m)]
    assert len(replies) == 1
    # Even a bot that has lost its memory sends the same command.
    await here.stop_bot()
    for path in here.folder.glob("notifier/bot.db*"):
        path.unlink()
    here.bring("message", said, last)
    await here.start_bot()
    await here.until(lambda: _confirmed(here))
    assert len(await here.events(EvidenceAdded)) == 1


async def _confirmed(here: Stage) -> bool:
    return bool(here.provider().store.pending_count() == 0)


async def _all_recorded(here: Stage) -> bool:
    """Who is stopped between a sending and its record leaves an uncertain one, rightly."""
    queued = {event.message_id for event in await here.events(MessageQueued)}
    ended = {event.message_id for event in await here.events(MessageSent, MessageSuperseded)}
    return queued <= ended


async def test_of_two_bots_one_works(here: Stage) -> None:
    person = await here.link_directly()
    # Longer than a busy machine lets a process wait: a lease that ends in the middle of a sending
    # leaves an uncertain one, rightly.
    lease_s = 3.0
    await here.start_bot(lease_s=lease_s)
    await here.offered()
    await here.task_message(person, ":ack:")
    processes = [await here.bot_process(lease_s=lease_s) for _ in range(2)]
    try:
        for number in range(2, 5):
            await here.register(f"h-{number}", f"{number:04}")
            await here.approve_plan(f"h-{number}")
            await here.task_message(person, f"{number:04}", ":ack:")
        await here.until(lambda: _all_recorded(here))
        # The one that works goes; another takes over.
        await here.stop_bot()
        await here.register("h-9", "0009")
        await here.approve_plan("h-9")
        await here.task_message(person, "0009", ":ack:")
    finally:
        for process in processes:
            process.kill()
            await process.wait()
    assert len(await tasks_in(here, person)) == 5
    assert await here.events(MessageUncertain) == []


async def test_many_messages_keep_within_the_provider_s_limits(tmp_path: Path) -> None:
    async with on_stage(tmp_path, rate=True, bot=False) as here:
        count = 45
        for number in range(count):
            cadre_id = f"cccccccc-0000-4000-8000-{number:012}"
            PERSONS[cadre_id] = 2000 + number
            await here.appoint(cadre_id, Post.POST_HELPER, "433124110226")
            await here.link_directly(cadre_id)
            await here.register(f"h-{number}", f"{number:04}")
            await here.approve_plan(f"h-{number}", cadre_id)
        await here.start_bot()

        async def all_sent() -> bool:
            return len(await here.events(MessageSent)) == count

        await here.until(all_sent, 60)
        stats = await here.people.stats()
        assert stats.too_many_requests == 0
        assert set(stats.sent.values()) == {1}
        assert len(await here.events(ChatLinked)) == count
