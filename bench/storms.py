"""Storms at the notifier: an alert behind a heap of digests, and thousands who tap within a minute.

Sizes by flags: `python -m bench.storms [--digests N] [--cadres N] [--seconds S]`; the whole storm
is 50,000 digests, and 5,000 cadres within 60 s. `make bench` measures at the same rate, shorter.
"""

import argparse
import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bench.system import client, embedded, until
from chassis.decider import derived_id
from localchat.client import ChatClient, buttons_of
from services.cli.endpoints import Endpoints
from tuopin.notifier.v1.assignment_pb2 import (
    AssignmentStatus,
    ListAssignments,
    OfferAssignment,
)
from tuopin.notifier.v1.link_pb2 import GetLink, IssueLink, LinkChat
from tuopin.notifier.v1.message_pb2 import QueueMessage
from tuopin.training.v1.cadre_pb2 import POST_FIRST_SECRETARY, AppointCadre, PostCadre

COUNTY = "433124"
TODAY = "2026-01-01"
ALERTS = 5
AT_ONCE = 64
SENDING_PER_S = 10
FIRST_PERSON = 10_000
LOOK_EVERY_S = 3.0
DIGESTS, CADRES, SECONDS = 10_000, 1_000, 12.0
QUICK = (2_000, 60, 5.0)


def rows(quick: bool) -> list[dict[str, Any]]:
    """Two rows, the sizes smaller when it is to be quick."""
    return measured(*(QUICK if quick else (DIGESTS, CADRES, SECONDS)))


def measured(digests: int, cadres: int, seconds: float) -> list[dict[str, Any]]:
    """Each storm in a system of its own."""
    with embedded() as known:
        alert_s = asyncio.run(_alerts(known, digests))
    with embedded() as known:
        p99_s, taken, asked = asyncio.run(_taps(known, cadres, seconds))
    assert taken == asked, f"{asked} taps became {taken} events"
    return [
        _row(f"notifier: an alert behind {digests} digests, to its arrival", alert_s, 2.0),
        _row(f"notifier: {asked} taps within {seconds:.0f} s, answered, p99", p99_s, 1.0),
    ]


def _row(name: str, value: float, most: float) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "unit": "s",
        "against": "what is allowed",
        "against_value": most,
        "ratio": value / most,
        "target": "<= 1",
    }


async def _alerts(known: Endpoints, digests: int) -> float:
    """The slowest of a few alerts, from the command to the chat."""
    async with _people(known, ALERTS + 60) as (chat, notifier):
        await _offer(notifier, range(ALERTS))
        tasks = await _assignments(known, ALERTS)
        await _many(_digest(notifier, n, ALERTS + n % 60) for n in range(digests))
        slowest = 0.0
        for n in range(ALERTS):
            person = FIRST_PERSON + n
            before = max((m["change"] for m in await chat.messages(person)), default=0)
            began = time.monotonic()
            await notifier.call(
                QueueMessage(
                    command_id=derived_id("storm", "alert", n),
                    message_id=derived_id("storm", "alert-message", n),
                    assignment_id=tasks[_cadre(n)],
                    cadre_id=_cadre(n),
                    template="escalation",
                    priority=0,
                    village_id=_village(n),
                )
            )
            await chat.wait_for_message(person, lambda m: "Passed on" in str(m), 60.0, after=before)
            slowest = max(slowest, time.monotonic() - began)
        return slowest


async def _taps(known: Endpoints, cadres: int, seconds: float) -> tuple[float, int, int]:
    """p99 of the answers, how many were taken, how many taps there were."""
    async with _people(known, cadres) as (chat, notifier):
        await _offer(notifier, range(cadres))

        async def all_there() -> bool:
            return sum((await chat.stats()).sent.values()) >= cadres

        # The chat counts everybody's messages for this, beside the bot that is measured.
        patience_s = 120.0 + cadres / SENDING_PER_S
        await until("every cadre has a task", all_there, patience_s, every_s=LOOK_EVERY_S)
        taps = [await _button(chat, FIRST_PERSON + n) for n in range(cadres)]
        began = time.monotonic()

        async def tap(n: int) -> None:
            await asyncio.sleep(max(0.0, began + n * seconds / cadres - time.monotonic()))
            person, number, data = taps[n]
            await chat.tap(person, number, data)

        await asyncio.gather(*(tap(n) for n in range(cadres)))

        async def answered() -> bool:
            return (await chat.stats()).callback_answers >= cadres

        await until("every tap is answered", answered, 120.0, every_s=LOOK_EVERY_S)
        p99_s = (await chat.stats()).answer_p99_s
        async with client(known, "notifier", [f"county-office@{COUNTY}"]) as office:
            taken = await office.call(
                ListAssignments(
                    region_id=COUNTY,
                    status=AssignmentStatus.ASSIGNMENT_STATUS_ACKNOWLEDGED,
                    page_size=1,
                )
            )
        return p99_s, int(taken.total), cadres


async def _button(chat: ChatClient, person: int) -> tuple[int, int, str]:
    for message in await chat.messages(person):
        for button in buttons_of(message):
            if ":ack:" in button["callback_data"]:
                return person, message["message_id"], button["callback_data"]
    raise AssertionError(f"{person} has no task")


@asynccontextmanager
async def _people(known: Endpoints, count: int) -> AsyncIterator[tuple[ChatClient, Any]]:
    """So many first secretaries with a chat each."""
    async with (
        ChatClient(known.chat_url, timeout_s=60.0) as chat,
        client(known, "training", [f"training-office@{COUNTY}"]) as training,
        client(known, "notifier", ["training-office@", "service@"]) as notifier,
    ):
        await _many(_person(training, notifier, chat, n) for n in range(count))

        async def linked() -> bool:
            last = [GetLink(cadre_id=_cadre(n)) for n in range(max(0, count - 20), count)]
            return all([(await notifier.call(each)).linked for each in last])

        await until("the chats are linked", linked, 60.0)
        yield chat, notifier


async def _person(training: Any, notifier: Any, chat: ChatClient, n: int) -> None:
    await training.call(
        AppointCadre(
            command_id=derived_id("storm", "appoint", n),
            cadre_id=_cadre(n),
            region_id=COUNTY,
            name=f"Storm {n}",
            language="en",
            effective_on=TODAY,
        )
    )
    await training.call(
        PostCadre(
            command_id=derived_id("storm", "post", n),
            cadre_id=_cadre(n),
            region_id=_village(n),
            post=POST_FIRST_SECRETARY,
            effective_on=TODAY,
        )
    )
    await chat.person(FIRST_PERSON + n, f"Storm {n}", "en", started=True)
    code = hashlib.sha256(f"storm {n}".encode()).hexdigest()
    await notifier.call(
        IssueLink(command_id=derived_id("storm", "issue", n), cadre_id=_cadre(n), code_sha256=code)
    )
    await notifier.call(
        LinkChat(
            command_id=derived_id("storm", "link", n),
            cadre_id=_cadre(n),
            code_sha256=code,
            chat_id=str(FIRST_PERSON + n),
        )
    )


async def _offer(notifier: Any, numbers: Sequence[int]) -> None:
    await _many(
        notifier.call(
            OfferAssignment(
                command_id=derived_id("storm", "offer", n),
                assignment_id=derived_id("storm", "assignment", n),
                kind="first-visit",
                household_id=derived_id("storm", "household", n),
                village_id=_village(n),
                subject=derived_id("storm", "plan", n),
                household_number=f"S{n}",
                cadre_id=_cadre(n),
            )
        )
        for n in numbers
    )


async def _assignments(known: Endpoints, count: int) -> dict[str, str]:
    async with client(known, "notifier", [f"county-office@{COUNTY}"]) as office:
        ask = ListAssignments(region_id=COUNTY, page_size=1000)

        async def offered() -> bool:
            return len((await office.call(ask)).assignments) >= count

        await until("the tasks are offered", offered, 30.0)
        page = await office.call(ask)
        return {each.cadre_id: each.assignment_id for each in page.assignments}


async def _digest(notifier: Any, n: int, cadre: int) -> None:
    await notifier.call(
        QueueMessage(
            command_id=derived_id("storm", "digest", n),
            message_id=derived_id("storm", "digest-message", n),
            cadre_id=_cadre(cadre),
            template="digest",
            priority=3,
            village_id=_village(cadre),
        )
    )


async def _many(calls: Any) -> None:
    """All of them, AT_ONCE at a time."""
    waiting = iter(calls)

    async def work() -> None:
        for call in waiting:
            await call

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def _village(n: int) -> str:
    """Each has a village of their own, as in life."""
    return f"{COUNTY}{n:06}"


def _cadre(n: int) -> str:
    return derived_id("storm", "cadre", n)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.storms", description=__doc__)
    parser.add_argument("--digests", type=int, default=QUICK[0])
    parser.add_argument("--cadres", type=int, default=QUICK[1])
    parser.add_argument("--seconds", type=float, default=QUICK[2])
    chosen = parser.parse_args()
    for row in measured(chosen.digests, chosen.cadres, chosen.seconds):
        print(f"{row['name']}: {row['value']:.3f} s")
