"""Evidence that answers no message, albums, files, lists page by page, what supervisors see."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localchat.client import buttons_of, text_of
from services.notifier.chat.pictures import taken_on
from tests.notifier.stage import HELPER, SPECIALIST, VILLAGE, Stage
from tests.notifier.staging import on_stage
from tests.notifier.test_chat_story import png
from tuopin.notifier.v1.assignment_pb2 import EvidenceAdded
from tuopin.planning.v1.plan_pb2 import PlanApproved

JPEG = b"\xff\xd8\xff\xe1\x00\x40Exif\x00\x00%s 10:20:30\x00\xff\xd9"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path, bot=False) as stage:
        await stage.appoint_both("en")
        yield stage


async def two_taken(here: Stage) -> tuple[int, str, str]:
    person = await here.link_directly()
    await here.start_bot()
    first, second = await here.offered(2)
    for number in ("0001", "0002"):
        await here.press(person, await here.task_message(person, number, ":ack:"), "ack")
    return person, first.assignment_id, second.assignment_id


async def test_who_says_which_task_is_understood_after_a_restart_too(here: Stage) -> None:
    person, first, second = await two_taken(here)
    await here.people.say(person, "for which one?")
    which = await here.task_message(person, "which one do you mean")
    data = next(b["callback_data"] for b in buttons_of(which) if "0002" in b["text"])
    await here.people.tap(person, which["message_id"], data)
    await here.task_message(person, "for half an hour")
    await here.stop_bot()
    await here.start_bot()
    for width in (20, 30, 40):
        await here.people.photo(person, png(width), album="album-1")
    await here.people.say(person, "seen")
    await here.people.location(person, 28.37, 109.47)
    await here.until_assignment(second, lambda a: a.evidence_count == 5)
    assert (await here.assignment(first)).evidence_count == 0
    await here.task_message(person, "the distance to it was not checked")
    texts = [text_of(message) for message in await here.people.messages(person)]
    assert sum(text.startswith("Photo received") for text in texts) == 1


async def test_an_album_that_answers_a_message_belongs_to_it_as_a_whole(here: Stage) -> None:
    person, first, _ = await two_taken(here)
    message = await here.task_message(person, "0001", ":done:")
    await here.people.photo(person, png(), album="a", reply_to=message["message_id"])
    await here.people.photo(person, png(50, 9), album="a")
    await here.until_assignment(first, lambda a: a.evidence_count == 2)


async def test_forwarded_things_old_pictures_and_other_files_are_no_evidence(here: Stage) -> None:
    person, first, _ = await two_taken(here)
    number = (await here.task_message(person, "0001", ":done:"))["message_id"]
    await here.people.say(person, "heard so", number, forwarded=True)
    await here.task_message(person, "forwarded messages do not count")
    old = JPEG % b"2019:05:01"
    await here.people.document(person, "old.jpg", old, "image/jpeg", number)
    await here.task_message(person, "older than 30 days")
    await here.people.document(person, "x.exe", b"MZ\x00\x00", "image/png", number)
    await here.task_message(person, "nor a PDF file")
    await here.people.document(person, "list.pdf", b"%PDF-1.7 signed", "text/plain", number)
    await here.until_assignment(first, lambda a: a.evidence_count == 1)
    (event,) = await here.events(EvidenceAdded)
    assert event.evidence.photo.media_type == "application/pdf"


def test_the_day_of_a_picture_is_read_from_the_camera() -> None:
    assert str(taken_on(JPEG % b"2019:05:01")).startswith("2019-05-01")
    assert taken_on(JPEG % b"2019:19:39") is None
    assert taken_on(b"\xff\xd8\xff") is None


async def test_lists_come_page_by_page(here: Stage) -> None:
    person = await here.link_directly()
    await here.start_bot()
    await here.offered(10)
    await here.people.say(person, "/tasks")
    first = await here.task_message(person, "Tasks to do: 10", "More")
    assert text_of(first).count("•") == 8
    await here.press(person, first, "page.tasks-1")
    second = await here.task_message(person, "Tasks to do: 10", "Back")
    assert second["message_id"] == first["message_id"]
    assert text_of(second).count("•") == 2
    await here.people.say(person, "/household 0007")
    one = await here.task_message(person, "Tasks to do: 1\\n")
    assert text_of(one).count("•") == 1
    await here.people.say(person, "/today")
    await here.task_message(person, "nothing for you to do")
    await here.people.say(person, "/team")
    await here.task_message(person, "Only township specialists")


async def test_a_household_with_many_tasks_comes_page_by_page_too(here: Stage) -> None:
    person = await here.link_directly()
    await here.start_bot()
    await here.offered(2)
    for number in range(9):
        plan_id = f"further-{number}"
        event = PlanApproved(
            plan_id=plan_id, household_id="h-1", village_id=VILLAGE, helper_id=HELPER
        )
        await here.hear("plan", f"plan-{plan_id}", event)

    async def all_offered() -> bool:
        return len(await here.assignments(household_id="h-1")) == 10

    await here.until(all_offered)
    await here.people.say(person, "/household 0001")
    first = await here.task_message(person, "Tasks to do: 10", "More")
    assert text_of(first).count("•") == 8
    await here.press(person, first, "page.household-1")
    second = await here.task_message(person, "Tasks to do: 10", "Back")
    assert second["message_id"] == first["message_id"]
    assert text_of(second).count("•") == 2
    assert "0002" not in text_of(second)


async def test_a_supervisor_sees_what_is_late_and_who_has_it(here: Stage) -> None:
    await here.link_directly()
    supervisor = await here.link_directly(SPECIALIST)
    await here.offered(2)
    await here.pass_hours(24 * 30)
    await here.start_bot()
    await here.people.say(supervisor, "/team")
    team = text_of(await here.task_message(supervisor, "Who has how much"))
    # One of them may have gone up a level meanwhile.
    counts = [tuple(map(int, each)) for each in re.findall(r": (\d+) open, (\d+) late", team)]
    assert tuple(map(sum, zip(*counts, strict=True))) == (2, 2)
    await here.people.say(supervisor, "/overdue")
    late = text_of(await here.task_message(supervisor, "Late in your region: 2"))
    assert "(late)" in late
    assert "CANARY" not in late + team


async def test_details_name_no_household_member(here: Stage) -> None:
    person, _, _ = await two_taken(here)
    message = await here.task_message(person, "0001", ":info:")
    await here.press(person, message, "info")
    details = text_of(await here.task_message(person, "in the system only"))
    assert "Offered on" in details
    assert "CANARY" not in details
    assert HELPER[:8] not in details


async def test_words_in_return_come_in_the_order_of_asking(here: Stage) -> None:
    person = await here.link_directly()
    await here.start_bot()
    for command in ("/help", "/today", "/team", "/help", "/language"):
        await here.people.say(person, command)
    await here.task_message(person, "Which language?")
    said = [text_of(m)[:8] for m in await here.people.messages(person) if m["from"]["is_bot"]]
    assert said == ["How it w", "There is", "Only tow", "How it w", "Which la"]
