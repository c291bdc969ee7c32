"""How a chat is tied to a cadre: asked first, proven by supervisors, told when it moves."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localchat.client import text_of
from tests.notifier.stage import COUNTY, HELPER, PHONE, SPECIALIST, Stage
from tests.notifier.staging import on_stage
from tuopin.notifier.v1.link_pb2 import ChatLinked, FindLink, GetLink
from tuopin.notifier.v1.linking_pb2 import LinkAttemptFailed, LinkBegun, LinkRevoked
from tuopin.training.v1.cadre_pb2 import CadreDeparted


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path) as stage:
        await stage.appoint_both("en")
        yield stage


async def start(here: Stage, person: int, cadre_id: str) -> None:
    await here.people.person(person, "somebody", "en")
    await here.people.say(person, f"/start {await here.code(cadre_id)}")
    await here.task_message(person, "Is this you: C***?")


async def test_a_supervisor_is_asked_for_the_telephone_and_only_the_own_one_counts(
    here: Stage,
) -> None:
    await start(here, 7, SPECIALIST)
    await here.press(7, await here.task_message(7, ":yes:"), "yes")
    await here.task_message(7, "share your own telephone")
    await here.people.contact(7, PHONE, owner_id=8)
    await here.task_message(7, "not the telephone on record")
    assert await here.events(ChatLinked) == []
    await here.people.contact(7, f"+86 {PHONE}")
    await here.task_message(7, "Linked")
    assert len(await here.events(LinkAttemptFailed)) == 1
    # The number itself is on no record, and not in the chat any more.
    assert PHONE not in str(await here.people.messages(7))
    commands = (await here.people._page(7, 0, 0))["commands"]
    assert [each["command"] for each in commands[:2]] == ["overdue", "team"]


async def test_after_three_wrong_telephones_the_right_one_comes_too_late(here: Stage) -> None:
    await start(here, 7, SPECIALIST)
    for attempt in range(1, 4):
        await here.people.contact(7, "13900000001")
        await here.until(lambda n=attempt: _failed(here, n))  # type: ignore[misc]
    await here.people.contact(7, PHONE)
    await here.task_message(7, "not valid or was used")
    assert await here.events(ChatLinked) == []


async def _failed(here: Stage, count: int) -> bool:
    return len(await here.events(LinkAttemptFailed)) == count


async def test_a_yes_after_a_restart_still_counts(here: Stage) -> None:
    await start(here, 7, HELPER)
    await here.stop_bot()
    question = await here.task_message(7, ":yes:")
    await here.people.tap(7, question["message_id"], "Yes, that is me")
    await here.start_bot()
    await here.task_message(7, "Linked")
    assert len(await here.events(LinkBegun)) == 1


async def test_who_says_no_is_not_linked(here: Stage) -> None:
    await start(here, 7, HELPER)
    question = await here.task_message(7, ":notme:")
    await here.press(7, question, "notme")
    await here.task_message(7, "Nothing was linked")
    data = question["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    answer = await here.forge_tap(7, question["message_id"], data)
    assert answer.startswith("There is nothing to confirm")
    assert await here.events(ChatLinked) == []


async def test_the_old_chat_hears_that_the_tasks_go_elsewhere(here: Stage) -> None:
    await start(here, 7, HELPER)
    await here.press(7, await here.task_message(7, ":yes:"), "yes")
    await here.task_message(7, "Linked")
    await start(here, 8, HELPER)
    await here.press(8, await here.task_message(8, ":yes:"), "yes")
    await here.task_message(8, "Linked")
    await here.task_message(7, "go to another chat from now on")
    await here.people.say(7, "/tasks")
    await here.task_message(7, "not linked yet")


async def test_guesses_are_limited(here: Stage) -> None:
    await here.people.person(7, "guesser", "en")
    for number in range(6):
        await here.people.say(7, f"/start guess-{number}")
    await here.task_message(7, "Too many codes")

    async def told() -> bool:
        texts = [text_of(message) for message in await here.people.messages(7)]
        return sum("not valid or was used" in text for text in texts) == 5

    await here.until(told)


async def test_the_chat_ends_with_the_cadre_s_service(here: Stage) -> None:
    await start(here, 7, HELPER)
    await here.press(7, await here.task_message(7, ":yes:"), "yes")
    await here.task_message(7, "Linked")
    departed = CadreDeparted(cadre_id=HELPER, region_id=COUNTY, reason="retired")
    await here.hear("cadre", f"cadre-{HELPER}", departed)
    await here.until(lambda: here.events(LinkRevoked))
    found = await here.ask(FindLink(chat_id="7"), "service@")
    assert found.cadre_id == ""
    assert not (await here.ask(GetLink(cadre_id=HELPER))).linked


async def test_the_chat_speaks_the_language_that_was_chosen(here: Stage) -> None:
    await start(here, 7, HELPER)
    await here.press(7, await here.task_message(7, ":yes:"), "yes")
    await here.task_message(7, "Linked")
    await here.people.say(7, "/language")
    question = await here.task_message(7, "Which language?")
    await here.press(7, question, "lang.zh")
    await here.task_message(7, "从现在起使用中文")
    await here.people.say(7, "/help")
    await here.task_message(7, "户编号 某一户")
    commands = (await here.people._page(7, 0, 0))["commands"]
    assert commands[0]["description"] == "今天到期的任务"
