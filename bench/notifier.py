"""Sending at the provider's limit: tasks for many cadres through the local Bot API, 30 a second."""

import asyncio
import hashlib
import time
from typing import Any

from bench.system import client, embedded, until
from chassis.decider import derived_id
from localchat.client import ChatClient
from services.cli.endpoints import Endpoints
from tuopin.notifier.v1.assignment_pb2 import OfferAssignment
from tuopin.notifier.v1.link_pb2 import GetLink, IssueLink, LinkChat
from tuopin.training.v1.cadre_pb2 import POST_FIRST_SECRETARY, AppointCadre, PostCadre

LIMIT_PER_S = 30.0
COUNTY, VILLAGE = "433124", "433124110226"
CADRES = 60
TODAY = "2026-01-01"


def rows(quick: bool) -> list[dict[str, Any]]:
    """One row: messages a second against the provider's limit; no 429 may be given."""
    count = 300 if quick else 1200
    with embedded() as known:
        rate, refused = asyncio.run(_measure(known, count))
    return [
        {
            "name": "notifier: messages sent, steady",
            "value": rate,
            "unit": "messages/s",
            "against": f"the provider's limit ({refused} times 429)",
            "against_value": LIMIT_PER_S,
            "ratio": rate / LIMIT_PER_S,
            "target": ">= 0.97, no 429",
        }
    ]


async def _measure(known: Endpoints, count: int) -> tuple[float, int]:
    async with ChatClient(known.chat_url) as chat:
        await _people(known, chat)
        began = sum((await chat.stats()).sent.values())
        notifier = client(known, "notifier", ["service@"])
        async with notifier:
            offered = asyncio.ensure_future(_offer(notifier, count))
            # The rate between a tenth and the end, so that neither ramp counts.
            marks: list[tuple[float, int]] = []
            while not marks or marks[-1][1] < count:
                sent = sum((await chat.stats()).sent.values()) - began
                marks.append((time.monotonic(), sent))
                await asyncio.sleep(0.1)
            await offered
        first = next(mark for mark in marks if mark[1] >= count // 10)
        last = next(mark for mark in marks if mark[1] >= count)
        rate = (last[1] - first[1]) / (last[0] - first[0])
        return rate, (await chat.stats()).too_many_requests


async def _offer(notifier: Any, count: int) -> None:
    for n in range(count):
        await notifier.call(
            OfferAssignment(
                command_id=derived_id("bench", "offer", n),
                assignment_id=derived_id("bench", "assignment", n),
                kind="first-visit",
                household_id=derived_id("bench", "household", n),
                village_id=VILLAGE,
                subject=derived_id("bench", "plan", n),
                household_number=f"B{n}",
                cadre_id=_cadre(n % CADRES),
            )
        )


async def _people(known: Endpoints, chat: ChatClient) -> None:
    async with (
        client(known, "training", ["training-office@433124"]) as training,
        client(known, "notifier", ["training-office@", "service@"]) as notifier,
    ):
        for n in range(CADRES):
            await training.call(
                AppointCadre(
                    command_id=derived_id("bench", "appoint", n),
                    cadre_id=_cadre(n),
                    region_id=COUNTY,
                    name=f"Bench {n}",
                    language="en",
                    effective_on=TODAY,
                )
            )
            await training.call(
                PostCadre(
                    command_id=derived_id("bench", "post", n),
                    cadre_id=_cadre(n),
                    region_id=VILLAGE,
                    post=POST_FIRST_SECRETARY,
                    effective_on=TODAY,
                )
            )
            await chat.person(1000 + n, f"Bench {n}", "en", started=True)
            await _link(notifier, n)


async def _link(notifier: Any, n: int) -> None:
    code = hashlib.sha256(f"bench {n}".encode()).hexdigest()
    issue = IssueLink(
        command_id=derived_id("bench", "issue", n), cadre_id=_cadre(n), code_sha256=code
    )
    await notifier.call(issue)
    link = LinkChat(
        command_id=derived_id("bench", "link", n),
        cadre_id=_cadre(n),
        code_sha256=code,
        chat_id=str(1000 + n),
    )
    await notifier.call(link)

    async def linked() -> bool:
        return bool((await notifier.call(GetLink(cadre_id=_cadre(n)))).linked)

    await until("the chat is linked", linked, 30.0)


def _cadre(n: int) -> str:
    return derived_id("bench", "cadre", n)


if __name__ == "__main__":
    print(rows(quick=True))
