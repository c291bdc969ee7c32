"""The webhook: called until it says 200, with the secret, chat by chat in order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import telegram
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from localchat.client import ChatClient

LI = 1001
SECRET = "a-secret_42"


class Hook:
    """An address that a bot might have."""

    def __init__(self) -> None:
        self.url = ""
        self.heard: list[dict[str, Any]] = []
        self.secrets: set[str | None] = set()
        self.answers: list[int] = []
        self._more = asyncio.Event()

    async def take(self, request: Request) -> Response:
        self.secrets.add(request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.heard.append(await request.json())
            self._more.set()
        return Response(status_code=status)

    async def until(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                self._more.clear()
                await self._more.wait()
        return self.heard


@pytest_asyncio.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    app = Starlette(routes=[Route("/hook", hook.take, methods=["POST"])])
    with socket.create_server(("127.0.0.1", 0)) as bound:
        hook.url = f"http://127.0.0.1:{bound.getsockname()[1]}/hook"
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
        running = asyncio.create_task(server.serve(sockets=[bound]))
        yield hook
        server.should_exit = True
        await running


async def test_updates_come_to_the_address_with_the_secret_and_no_other_way(
    bot: telegram.Bot, people: ChatClient, hook: Hook
) -> None:
    await people.say(LI, "vorher")
    await bot.set_webhook(hook.url, secret_token=SECRET)
    await people.say(LI, "nachher")
    heard = await hook.until(2)
    assert [update["message"]["text"] for update in heard] == ["vorher", "nachher"]
    assert hook.secrets == {SECRET}
    with pytest.raises(telegram.error.Conflict, match="webhook is active"):
        await bot.get_updates()
    info = await bot.get_webhook_info()
    assert (info.url, info.pending_update_count, info.max_connections) == (hook.url, 0, 40)


async def test_what_was_not_taken_comes_again(
    bot: telegram.Bot, people: ChatClient, hook: Hook
) -> None:
    hook.answers = [500, 503]
    await bot.set_webhook(hook.url)
    await people.say(LI, "eins")
    await people.say(LI, "zwei")
    heard = await hook.until(2)
    assert [update["message"]["text"] for update in heard] == ["eins", "zwei"]
    info = await bot.get_webhook_info()
    assert "503" in (info.last_error_message or "")


async def test_without_the_webhook_polling_works_again(
    bot: telegram.Bot, people: ChatClient, hook: Hook
) -> None:
    await bot.set_webhook(hook.url)
    await bot.delete_webhook()
    await people.say(LI, "da")
    (update,) = await bot.get_updates()
    assert update.message is not None
    assert hook.heard == []
    assert not (await bot.get_webhook_info()).url


async def test_a_secret_of_other_letters_and_an_address_of_another_kind_are_refused(
    bot: telegram.Bot,
) -> None:
    with pytest.raises(telegram.error.BadRequest, match="Secret token"):
        await bot.set_webhook("http://127.0.0.1:1/", secret_token="with space")
    with pytest.raises(telegram.error.BadRequest, match="Bad webhook"):
        await bot.set_webhook("ftp://127.0.0.1/")
