"""The bot killed -9 at each of its failpoints: no tap lost or doubled, one current message each."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from chassis.failpoints import FAILPOINTS
from localchat.client import buttons_of, text_of
from services.notifier.chat.incoming import reference_in
from services.notifier.views.messages import reference_of
from tests.notifier.stage import Stage
from tests.notifier.staging import on_stage
from tests.notifier.test_chat_story import png
from tuopin.notifier.v1.assignment_pb2 import (
    Assignment,
    AssignmentAcknowledged,
    AssignmentDone,
    AssignmentStatus,
    EvidenceAdded,
)
from tuopin.notifier.v1.message_pb2 import (
    MessageFailed,
    MessageQueued,
    MessageSent,
    MessageUncertain,
)

POINTS = [name for name in FAILPOINTS if name.startswith("bot.")]
LIFE_S = 40.0


class Person:
    """Takes every task once, sends one picture, says done once; whatever the bot is doing."""

    def __init__(self, here: Stage, person: int) -> None:
        self.here = here
        self.person = person
        self.taken: set[str] = set()
        self.pictured: set[str] = set()
        self.done: set[str] = set()

    async def live(self) -> None:
        while True:
            for message in await self.here.people.messages(self.person):
                for button in buttons_of(message):
                    await self._act(message, button["callback_data"])
            await asyncio.sleep(0.1)

    async def _act(self, message: dict[str, Any], data: str) -> None:
        _, action, short, *_ = data.split(":")
        number = message["message_id"]
        if action == "ack" and short not in self.taken:
            self.taken.add(short)
            await self.here.people.tap(self.person, number, data)
        elif action == "done" and short not in self.pictured:
            self.pictured.add(short)
            await self.here.people.photo(self.person, png(), reply_to=number)
        elif action == "done" and short not in self.done and "佐证1条" in text_of(message):
            self.done.add(short)
            await self.here.people.tap(self.person, number, data)


async def test_the_bot_may_be_killed_at_every_failpoint(tmp_path: Path) -> None:
    async with on_stage(tmp_path, bot=False) as here:
        await here.appoint_both()
        person = Person(here, await here.link_directly())
        living = asyncio.create_task(person.live())
        try:
            # Not the first time: the first commit is the lease.
            for count, point in enumerate(POINTS, start=1):
                nth = 5 if point.endswith("-commit") else 2 if point.endswith("-move") else 1
                await _one_life(here, count, f"{point}:{nth}=kill")
            process = await here.bot_process()
            try:
                await here.until(lambda: _all_done(here), 60)
                # A copy's sending may still be on its way to the log when its buttons work already.
                await here.until(lambda: _all_settled(here), 60)
                await here.until(lambda: _all_known_shown(here, person.person), 60)
                # A copy that nobody learnt the number of is learnt by a tap, however late.
                for message in await _standing(here, person.person):
                    await here.people.tap(person.person, message["message_id"], _data_of(message))
                await here.until(lambda: _none_stands(here, person.person), 60)
            finally:
                process.kill()
                await process.wait()
        finally:
            living.cancel()
            with suppress(asyncio.CancelledError):
                await living
        log = (tmp_path / "failpoints.log").read_text().split()
        assert sorted(POINTS) == sorted(log)
        await _nothing_lost_or_doubled(here, person)


async def _one_life(here: Stage, count: int, failpoints: str) -> None:
    process = await here.bot_process(failpoints)
    await here.register(f"h-{count}", f"{count:04}")
    await here.approve_plan(f"h-{count}")
    async with asyncio.timeout(LIFE_S):
        assert await process.wait() == -9, failpoints


async def _all_done(here: Stage) -> bool:
    tasks = await here.assignments()
    wanted = AssignmentStatus.ASSIGNMENT_STATUS_DONE
    return len(tasks) == len(POINTS) and all(task.status == wanted for task in tasks)


async def _all_settled(here: Stage) -> bool:
    return len(await _settled(here)) == len(await here.events(MessageQueued))


async def _settled(here: Stage) -> list[MessageSent | MessageFailed]:
    """Killed twice between sending and record, a message is given up as uncertain: a third copy
    would be worse than none.
    """
    return [*await here.events(MessageSent), *await here.events(MessageFailed)]


async def _all_known_shown(here: Stage, person: int) -> bool:
    """Every message whose number is known says that its task is done. A copy sent just before a
    kill may stand unknown, under the reference of a message that is uncertain.
    """
    known = {event.provider_message_id for event in await here.events(MessageSent)}
    known |= _copies(here)
    uncertain = {reference_of(event.message_id) for event in await here.events(MessageUncertain)}
    return not any(
        message["message_id"] in known or reference_in(text_of(message)) not in uncertain
        for message in await _standing(here, person)
    )


def _copies(here: Stage) -> set[int]:
    """What the bot itself knows to stand in the chat."""
    ledger = sqlite3.connect(here.folder / "notifier" / "bot.db")
    with closing(ledger):
        return {
            number for (number,) in ledger.execute("SELECT provider_message_id FROM bot_copies")
        }


async def _standing(here: Stage, person: int) -> list[dict[str, Any]]:
    return [message for message in await here.people.messages(person) if buttons_of(message)]


async def _none_stands(here: Stage, person: int) -> bool:
    return not await _standing(here, person)


def _data_of(message: dict[str, Any]) -> str:
    return str(buttons_of(message)[0]["callback_data"])


async def _nothing_lost_or_doubled(here: Stage, person: Person) -> None:
    for kind in (AssignmentAcknowledged, EvidenceAdded, AssignmentDone):
        events = Counter(event.assignment_id for event in await here.events(kind))
        assert set(events.values()) == {1}, kind
        assert len(events) == len(POINTS)
    assert len(person.taken) == len(person.done) == len(POINTS)
    queued, settled = await here.events(MessageQueued), await _settled(here)
    assert len(queued) == len(settled) == len(POINTS)
    uncertain = {event.message_id for event in await here.events(MessageUncertain)}
    shown = await here.people.messages(person.person)
    for task in await here.assignments():
        _one_current_message(task, [text_of(message) for message in shown], uncertain, settled)


def _one_current_message(
    task: Assignment,
    texts: list[str],
    uncertain: set[str],
    settled: list[MessageSent | MessageFailed],
) -> None:
    (current,) = task.messages
    state, reference = current.split()
    copies = [text for text in texts if f"户编号:{task.household_number}" in text]
    assert all(reference in text for text in copies)
    (message,) = [each for each in settled if each.assignment_id == task.assignment_id]
    assert state == ("sent" if isinstance(message, MessageSent) else "failed")
    assert state == "sent" or message.message_id in uncertain
    assert len(copies) <= (2 if message.message_id in uncertain else 1)
    assert copies
