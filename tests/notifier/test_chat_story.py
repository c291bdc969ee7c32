"""What a cadre lives through in the chat: real bot, real gRPC, real store, local Bot API."""

import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.notifier.stage import HELPER, SPECIALIST, Stage
from tests.notifier.staging import on_stage
from tuopin.notifier.v1.assignment_pb2 import (
    AssignmentAcknowledged,
    AssignmentDone,
    AssignmentStatus,
    EvidenceAdded,
)
from tuopin.notifier.v1.link_pb2 import ChatLinked
from tuopin.planning.v1.plan_pb2 import VisitRecorded
from tuopin.types.v1.types_pb2 import ReactionRefused


def png(width: int = 40, height: int = 30) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        size, check = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(name + data))
        return size + name + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x30\x90\x50" * width) * height)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path) as stage:
        yield stage


async def test_a_task_is_offered_taken_proven_and_done_in_the_chat(here: Stage) -> None:
    await here.appoint_both()
    person = await here.link()
    (task,) = await here.offered()
    message = await here.task_message(person, "0001", ":ack:")
    assert await here.press(person, message, "ack") == "已接收"
    await here.task_message(person, ":done:")
    number = message["message_id"]
    await here.people.say(person, "CANARY-NOTE 住房安全", reply_to=number)
    await here.people.location(person, 28.37, 109.47, reply_to=number)
    await here.people.photo(person, png(), reply_to=number)
    await here.until_assignment(task.assignment_id, lambda a: a.evidence_count == 3)
    assert await here.press(person, message, "done") == "已完成"
    (done,) = await here.events(AssignmentDone)
    assert [each.WhichOneof("kind") for each in done.evidence] == ["note", "location", "photo"]
    assert done.evidence[0].note.text.startswith("sealed:1:")
    await here.sealer.opening([done])
    here.sealer.open(done)
    assert done.evidence[0].note.text == "CANARY-NOTE 住房安全"
    assert done.evidence[1].location.latitude_e7 == "283700000"
    await here.task_message(person, "等待核实")

    recorded = VisitRecorded(
        plan_id="plan-of-h-1",
        household_id="h-1",
        assignment_id=task.assignment_id,
        cadre_id=HELPER,
        evidence=done.evidence,
        effective_on="2020-01-01",
    )
    heard = await here.hear("plan", "plan-plan-of-h-1", recorded)
    verified = await here.until_assignment(task.assignment_id, lambda a: a.result_event_id)
    assert verified.result_event_id == heard.id
    assert verified.status == AssignmentStatus.ASSIGNMENT_STATUS_VERIFIED
    await here.task_message(person, "任务结束")


async def test_who_acts_is_named_in_the_log(here: Stage) -> None:
    await here.appoint_both()
    person = await here.link()
    await here.offered()
    await here.press(person, await here.task_message(person, ":ack:"), "ack")
    ((envelope, event),) = await here.envelopes(AssignmentAcknowledged)
    assert (envelope.on_behalf_of, event.cadre_id) == (HELPER, HELPER)


async def test_an_answer_that_the_owner_refuses_comes_back_with_the_reason(here: Stage) -> None:
    await here.appoint_both("en")
    person = await here.link(language="en")
    (task,) = await here.offered()
    message = await here.task_message(person, ":ack:")
    await here.press(person, message, "ack")
    await here.people.say(person, "a note", reply_to=message["message_id"])
    await here.until_assignment(task.assignment_id, lambda a: a.evidence_count == 1)
    await here.press(person, message, "done")
    ((done, _),) = await here.envelopes(AssignmentDone)
    refused = ReactionRefused(
        command_id="c-1",
        command_type="tuopin.planning.v1.RecordVisit",
        slug="plan-not-in-force",
        caused_by=done.id,
    )
    await here.hear("plan", "refusal-c-1", refused)
    again = await here.task_message(person, "The task came back", ":done:")
    assert "plan-not-in-force" not in str(again)
    assert await here.press(person, again, "done") == "Done"
    assert len(await here.events(AssignmentDone)) == 2


async def test_silence_is_reminded_and_then_the_township_has_it(here: Stage) -> None:
    await here.appoint_both()
    helper = await here.link(HELPER)
    specialist = await here.link(SPECIALIST)
    (task,) = await here.offered()
    first = await here.task_message(helper, "新任务")
    await here.pass_hours(29)
    await here.task_message(helper, "提醒", ":ack:")
    await here.task_message(helper, "有更新的消息", f"'message_id': {first['message_id']},")
    await here.pass_hours(60)
    passed = await here.task_message(specialist, "转交乡镇", ":ack:")
    await here.task_message(helper, "此任务已转交他人")
    assert (await here.assignment(task.assignment_id)).cadre_id == SPECIALIST
    await here.press(specialist, passed, "ack")
    await here.people.say(specialist, "已走访", reply_to=passed["message_id"])
    await here.until_assignment(task.assignment_id, lambda a: a.evidence_count == 1)
    await here.press(specialist, passed, "done")
    ((_, done),) = await here.envelopes(AssignmentDone)
    assert done.cadre_id == SPECIALIST


async def test_a_late_tap_is_told_who_did_it_and_when(here: Stage) -> None:
    await here.appoint_both("en")
    person = await here.link(language="en")
    (task,) = await here.offered()
    message = await here.task_message(person, ":ack:")
    stale = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    await here.press(person, message, "ack")
    await here.people.say(person, "a note")
    await here.until_assignment(task.assignment_id, lambda a: a.evidence_count == 1)
    await here.press(person, message, "done")
    answer = await here.forge_tap(person, message["message_id"], stale)
    assert answer.startswith(f"Cadre {HELPER[:8]} did this task on 20")
    assert len(await here.events(AssignmentAcknowledged)) == 1


async def test_a_tap_on_somebody_else_s_task_is_told_who_has_it(here: Stage) -> None:
    await here.appoint_both("en")
    helper = await here.link(HELPER, "en")
    stranger = await here.link(SPECIALIST, "en")
    await here.offered()
    message = await here.task_message(helper, ":ack:")
    data = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    welcome = await here.task_message(stranger, "Linked")
    answer = await here.forge_tap(stranger, welcome["message_id"], data)
    assert answer == f"Cadre {HELPER[:8]} has this task."


async def test_a_button_that_the_bot_did_not_make_does_nothing(here: Stage) -> None:
    await here.appoint_both("en")
    person = await here.link(language="en")
    await here.offered()
    message = await here.task_message(person, ":ack:")
    data = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    forged = data.replace(":ack:", ":done:")
    answer = await here.forge_tap(person, message["message_id"], forged)
    assert answer == "This button no longer works."


async def test_words_without_a_reply_belong_to_the_only_task_that_was_taken(here: Stage) -> None:
    await here.appoint_both("en")
    person = await here.link(language="en")
    first, second = await here.offered(2)
    await here.people.say(person, "too early")
    await here.task_message(person, "Take the task first")
    await here.press(person, await here.task_message(person, "0001", ":ack:"), "ack")
    await here.people.say(person, "for the first")
    await here.until_assignment(first.assignment_id, lambda a: a.evidence_count == 1)
    await here.press(person, await here.task_message(person, "0002", ":ack:"), "ack")
    await here.people.say(person, "for which one")
    await here.task_message(person, "You have taken several tasks")
    assert (await here.assignment(second.assignment_id)).evidence_count == 0


async def test_what_is_no_picture_is_refused_by_its_content(here: Stage) -> None:
    await here.appoint_both("en")
    person = await here.link(language="en")
    await here.offered()
    message = await here.task_message(person, ":ack:")
    await here.press(person, message, "ack")
    # A picture for the provider, but not of the kinds that we keep.
    await here.people.photo(person, _gif(), reply_to=message["message_id"])
    await here.task_message(person, "not a JPEG")
    assert await here.events(EvidenceAdded) == []


def _gif() -> bytes:
    return (
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x00\x00\x00\x00\x00"
        b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
    )


async def test_the_list_shows_what_is_to_do_in_the_cadre_s_language(here: Stage) -> None:
    await here.appoint_both("en")
    person = await here.link(language="zh")
    await here.people.say(person, "/tasks")
    await here.task_message(person, "nothing for you to do")
    await here.offered(2)
    await here.people.say(person, "/tasks")
    listed = await here.task_message(person, "Tasks to do: 2")
    assert "0001" in listed["text"]
    assert "0002" in listed["text"]
    await here.people.say(person, "/help")
    await here.task_message(person, "How it works")


async def test_a_code_links_one_private_chat_once(here: Stage) -> None:
    await here.appoint_both("en")
    await here.people.person(7, "first", "en")
    await here.people.person(8, "second", "en")
    code = await here.code()
    await here.people.say(7, f"/start {code}")
    await here.press(7, await here.task_message(7, "C***"), "yes")
    await here.task_message(7, "Linked")
    await here.people.say(8, f"/start {code}")
    await here.task_message(8, "not valid or was used")
    await here.people.say(8, "hello")
    await here.task_message(8, "not linked yet")


async def test_a_code_expires(here: Stage) -> None:
    await here.appoint_both("en")
    await here.people.person(7, "first", "en")
    code = await here.code()
    await here.pass_hours(0.2)
    await here.people.say(7, f"/start {code}")
    await here.task_message(7, "expired")


async def test_a_group_links_nobody(here: Stage) -> None:
    await here.appoint_both("en")
    await here.people.group(-100, "everybody")
    code = await here.code()
    somebody = {"id": 7, "is_bot": False, "first_name": "x", "language_code": "en"}
    group = {"id": -100, "type": "group", "title": "everybody"}
    message = {"message_id": 1, "date": 1, "chat": group, "from": somebody}
    here.bring("message", {**message, "text": f"/start@bot {code}"})
    await here.task_message(-100, "private chat")
    assert await here.events(ChatLinked) == []
