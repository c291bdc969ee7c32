"""One contract for every channel: Telegram, the local chat, a plain log. And the order of them."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from chassis.clock import SystemClock
from localchat.client import ChatClient
from localchat.limits import Limits
from localchat.server import LocalChat
from services.notifier.chat.channel import Channel, fitted
from services.notifier.chat.logchannel import LogChannel
from services.notifier.chat.outcomes import Accepted, Blocked, Doubtful, Refused, Throttled
from services.notifier.chat.provider import Provider
from services.notifier.chat.tasks import Button, Shown
from tests.notifier.stage import BOT_TOKEN, COUNTY, HELPER, SPECIALIST, Stage
from tests.notifier.staging import on_stage
from tuopin.notifier.v1.assignment_pb2 import AssignmentEscalated
from tuopin.notifier.v1.linking_pb2 import ChooseChannels
from tuopin.notifier.v1.message_pb2 import MessageFailed, MessageSent
from tuopin.notifier.v1.resending_pb2 import ListDeadMessages, MessageRerouted, ResendMessage

TASK = Shown("<b>New &amp; urgent</b> #ABCDE2", (Button("Take", "1:x"),))
USER = {"id": 4242, "is_bot": True, "first_name": "bot", "username": "bot"}
MESSAGE = {"message_id": 5, "date": 1_700_000_000, "chat": {"id": 7, "type": "private"}}


async def telegram(request: Request) -> JSONResponse:
    """Answers as Telegram documents them."""
    given = dict(await request.form())
    if request.path_params["method"] == "getMe":
        return JSONResponse({"ok": True, "result": USER})
    if given["chat_id"] == "404":
        refused = {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked"}
        return JSONResponse(refused, status_code=403)
    return JSONResponse({"ok": True, "result": {**MESSAGE, "text": str(given["text"])}})


@asynccontextmanager
async def channel_of(kind: str, folder: Path) -> AsyncIterator[Channel]:
    """The channel, with a person at address 7 and nobody at 404."""
    async with AsyncExitStack() as stack:
        if kind == "log":
            yield LogChannel(folder / "outbox.jsonl", SystemClock())
        elif kind == "local chat":
            chat = LocalChat(":memory:", token=BOT_TOKEN, limits=Limits(rate=False))
            await chat.start()
            stack.push_async_callback(chat.stop)
            people = await stack.enter_async_context(ChatClient(chat.url))
            await people.person(7, "somebody", started=True)
            await people.person(404, "nobody", started=True)
            await people.block(404)
            yield await stack.enter_async_context(Provider(BOT_TOKEN, f"{chat.url}/bot"))
        else:
            bound = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            route = Route("/bot{token}/{method}", telegram, methods=["POST"])
            config = uvicorn.Config(Starlette(routes=[route]), log_config=None, lifespan="off")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[bound]))
            url = f"http://127.0.0.1:{bound.getsockname()[1]}/bot"
            try:
                async with Provider(BOT_TOKEN, url) as provider:
                    yield provider
            finally:
                server.should_exit = True
                await serving


@pytest.mark.parametrize("kind", ["telegram", "local chat", "log"])
async def test_a_channel_keeps_the_contract(kind: str, tmp_path: Path) -> None:
    async with channel_of(kind, tmp_path) as channel:
        can = channel.capabilities
        assert channel.name
        assert can.length >= 1_000
        assert not can.receipt, "nobody says that something was read: escalation hangs on answers"
        sent = await channel.send("7", fitted(TASK, can))
        assert isinstance(sent, Accepted)
        assert bool(sent.provider_message_id) == can.edit
        edited = await channel.edit("7", sent.provider_message_id, fitted(Shown("over"), can))
        assert isinstance(edited, Accepted if can.edit else Refused)
        nobody = await channel.send("404", fitted(TASK, can))
        assert isinstance(nobody, Blocked if can.edit else Accepted)
        longest = fitted(Shown("界" * (can.length + 1)), can)
        assert isinstance(await channel.send("7", longest), Accepted)
        outcomes = (Accepted, Doubtful, Refused, Blocked, Throttled)
        assert all(isinstance(each, outcomes) for each in (sent, edited, nobody))


def test_a_channel_without_buttons_gets_the_bare_text() -> None:
    log = LogChannel(Path("nowhere"), SystemClock()).capabilities
    assert fitted(TASK, log) == Shown("New & urgent #ABCDE2")


async def test_a_full_disk_is_an_uncertain_sending(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    channel = LogChannel(tmp_path / "file" / "outbox.jsonl", SystemClock())
    assert isinstance(await channel.send("7", TASK), Doubtful)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path, bot=False) as stage:
        await stage.appoint_both()
        yield stage


async def choose(here: Stage, cadre_id: str, *channels: str) -> None:
    choose = ChooseChannels(command_id=f"c-{cadre_id}", cadre_id=cadre_id, channels=channels)
    receipt = await here.ask(choose, f"training-office@{COUNTY}")
    await here.views.wait_for(("links",), receipt.position, 10)


def lines(here: Stage) -> list[dict[str, Any]]:
    path = here.folder / "notifier" / "outbox.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_whom_one_channel_cannot_reach_the_next_does(here: Stage) -> None:
    person = await here.link_directly()
    await choose(here, HELPER, "telegram", "log")
    await here.people.block(person)
    await here.start_bot()
    await here.offered()
    (sent,) = await here.until(lambda: here.events(MessageSent))
    (rerouted,) = await here.events(MessageRerouted)
    assert (rerouted.channel, sent.channel, sent.attempt) == ("log", "log", 2)
    (line,) = lines(here)
    assert line["to"] == HELPER
    assert "0001" in line["text"]
    assert "CANARY" not in str(line)
    assert await here.events(MessageFailed, AssignmentEscalated) == []


async def test_who_has_no_chat_is_reached_by_what_there_is(here: Stage) -> None:
    await choose(here, HELPER, "telegram", "log")
    await here.start_bot()
    await here.offered()
    await here.until(lambda: here.events(MessageSent))
    assert len(lines(here)) == 1


async def test_what_was_given_up_is_listed_and_sent_again(here: Stage) -> None:
    person = await here.link_directly()
    await here.link_directly(SPECIALIST)
    await here.people.fault("silent", 2, "sendMessage")
    await here.start_bot(call_timeout_s=0.5)
    await here.offered()
    await here.until(lambda: here.events(MessageFailed))

    async def dead() -> Any:
        page = await here.ask(ListDeadMessages(region_id=COUNTY))
        return list(page.messages)

    (message,) = await here.until(dead)
    assert (message.state, message.attempts, message.cadre_id) == ("failed", 2, HELPER)
    await here.ask(ResendMessage(command_id="again", message_id=message.message_id))
    await here.task_message(person, f"#{message.reference}", ":ack:")
    (sent,) = await here.until(lambda: here.events(MessageSent))
    assert sent.attempt == 3
    await here.until(lambda: _none(dead))


async def _none(find: Any) -> bool:
    return not await find()
