"""The bot's own webhook: 200 after the commit, with the secret only, once however often."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.notifier.chat.incoming import Incoming
from services.notifier.chat.provider import Provider
from services.notifier.chat.webhook import SECRET_HEADER, Webhook
from tests.notifier.stage import Stage
from tests.notifier.staging import on_stage
from tuopin.notifier.v1.assignment_pb2 import AssignmentAcknowledged, EvidenceAdded

SECRET = "a-secret"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path, bot=False) as stage:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        url = f"http://127.0.0.1:{port}/hook"
        stage.settings = replace(stage.settings, webhook_url=url, webhook_port=port)
        await stage.appoint_both("en")
        yield stage


async def test_a_cadre_s_life_comes_by_webhook(here: Stage) -> None:
    person = await here.link_directly()
    await here.start_bot()
    await here.offered()
    message = await here.task_message(person, ":ack:")
    assert await here.press(person, message, "ack") == "Taken"
    said = await here.people.say(person, "in order", reply_to=message["message_id"])
    await here.until(lambda: here.events(EvidenceAdded))
    stats = await here.people.stats()
    assert stats.calls.get("getUpdates", 0) == 0
    assert stats.calls["setWebhook"] == 1
    # The same five times at once, with the secret that the bot gave the provider.
    secret = here.sealer.blind("webhook", "4242").hex()
    body = {"update_id": 77, "message": {**said, "text": "again", "message_id": 9_000}}
    async with httpx.AsyncClient(trust_env=False) as http:
        answers = await asyncio.gather(*(_call(http, here, body, secret) for _ in range(5)))
        assert answers == [200] * 5
        assert await _call(http, here, body, "wrong") == 403
    assert len(await here.events(EvidenceAdded)) == 2
    assert len(await here.events(AssignmentAcknowledged)) == 1


async def _call(http: httpx.AsyncClient, here: Stage, body: Any, secret: str) -> int:
    headers = {SECRET_HEADER: secret}
    return (await http.post(here.settings.webhook_url, json=body, headers=headers)).status_code


async def test_what_came_while_no_bot_ran_comes_afterwards(here: Stage) -> None:
    person = await here.link_directly()
    await here.start_bot()
    await here.offered()
    message = await here.task_message(person, ":ack:")
    await here.stop_bot()
    data = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    await here.people.tap(person, message["message_id"], data)
    await asyncio.sleep(0.3)
    await here.start_bot()
    await here.task_message(person, ":done:")
    assert len(await here.events(AssignmentAcknowledged)) == 1


class Broken:
    """The world is away."""

    async def take(self, incoming: Incoming) -> None:
        raise ConnectionError


@pytest.mark.parametrize(
    ("body", "secret", "status"),
    [
        (b'{"update_id": 1}', SECRET, 503),
        (b'{"update_id": 1}', "", 403),
        (b"no json", SECRET, 400),
        (b"[1]", SECRET, 400),
        (b"x" * (1024 * 1024 + 1), SECRET, 413),
    ],
)
async def test_nothing_is_confirmed_that_was_not_done(
    body: bytes, secret: str, status: int
) -> None:
    hook = Webhook(
        Provider("4242:x", "http://127.0.0.1:1/bot"),
        Broken(),
        url="http://127.0.0.1:1/hook",
        secret=SECRET,
        bind="127.0.0.1",
        port=0,
    )
    transport = httpx.ASGITransport(hook.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as http:
        answer = await http.post("/hook", content=body, headers={SECRET_HEADER: secret})
    assert answer.status_code == status
