"""What is chosen from a list of buttons: why somebody declines, for how long a task is put off."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.notifier.stage import HELPER, SPECIALIST, Stage
from tests.notifier.staging import on_stage
from tuopin.notifier.v1.assignment_pb2 import AssignmentReminded
from tuopin.notifier.v1.handling_pb2 import AssignmentDeclined, AssignmentSnoozed


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path) as stage:
        await stage.appoint_both("en")
        yield stage


async def test_who_declines_says_why_and_the_next_one_has_it(here: Stage) -> None:
    helper = await here.link(HELPER, "en")
    specialist = await here.link(SPECIALIST, "en")
    (task,) = await here.offered()
    await here.press(helper, await here.task_message(helper, "0001", ":why:"), "why")
    reasons = await here.task_message(helper, "1:no.ill:", "1:no.overloaded:")
    await here.press(helper, reasons, "no.ill")
    passed = await here.task_message(specialist, "0001", ":ack:")
    after = await here.assignment(task.assignment_id)
    assert (after.cadre_id, after.declined_reason) == (SPECIALIST, "ill")
    ((envelope, event),) = await here.envelopes(AssignmentDeclined)
    assert (envelope.on_behalf_of, event.reason) == (HELPER, "ill")
    assert await here.press(specialist, passed, "ack") == "Taken"


async def test_what_is_put_off_is_asked_again_when_its_time_has_come(here: Stage) -> None:
    helper = await here.link(HELPER, "en")
    (task,) = await here.offered()
    await here.press(helper, await here.task_message(helper, "0001", ":when:"), "when")
    times = await here.task_message(helper, "1:later.3600:", "1:later.259200:")
    await here.press(helper, times, "later.259200")
    await here.task_message(helper, "48", f"'message_id': {times['message_id']},")
    assert await here.events(AssignmentSnoozed) == []
    message = await here.task_message(helper, "0001", ":when:")
    await here.press(helper, message, "when")
    again = await here.task_message(helper, "1:later.3600:", after=times["message_id"])
    await here.press(helper, again, "later.3600")
    await here.until_assignment(task.assignment_id, lambda a: a.snoozed_until_us)
    assert await here.events(AssignmentReminded) == []
    await here.pass_hours(15)
    await here.task_message(helper, "Reminder", ":ack:")
