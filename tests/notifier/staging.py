"""Puts the stage up and takes it down: server, feed, reactions, deadlines, chat, and the bot."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from google.protobuf.message import Message

from chassis.deadlines import DeadlineRunner
from chassis.follow import Follower
from chassis.handle import Handler
from chassis.reacting import ReactionRunner
from chassis.server import ServiceWiring, build_server
from localchat.client import ChatClient
from localchat.limits import Limits
from localchat.server import LocalChat
from services.notifier.worker import SERVICE
from services.wiring import reads_of
from tests.notifier.stage import BOT_TOKEN, FOREIGN, Stage


@asynccontextmanager
async def on_stage(folder: Path, *, rate: bool = False, bot: bool = True) -> AsyncIterator[Stage]:
    """Start everything, and stop it again."""
    here = Stage(folder)
    here.views.create()
    await here.store.open()
    await here.foreign.open()

    async def facts(read: Callable[[Any, Any], Any], command: Message) -> Any:
        return await here.views.query(lambda connection: read(connection, command))

    handler = Handler(
        service=SERVICE.name,
        deciders=SERVICE.deciders,
        facts={command: partial(facts, read) for command, read in SERVICE.facts.items()},
        store=here.store,
        sealer=here.sealer,
        programme=here.programme,
        clock=here.clock,
    )
    here.handler = handler
    parts: Any = SimpleNamespace(
        handler=handler,
        views=here.views,
        store=here.store,
        sealer=here.sealer,
        clock=here.clock,
        programme=here.programme,
        settings=here.settings,
    )
    servicer = SERVICE.servicer(parts)
    server = build_server(
        [
            ServiceWiring(
                SERVICE.name,
                servicer,
                SERVICE.add_to_server,
                SERVICE.descriptor,
                reads_of(SERVICE, parts),
            )
        ],
        tokens=here.tokens,
        programme=here.programme,
    )
    here.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    send = here.client("service@").send
    sources = {**dict.fromkeys(SERVICE.topics, here.store), **dict.fromkeys(FOREIGN, here.foreign)}
    tasks = [
        asyncio.create_task(each)
        for each in (
            Follower(sources, here.views).run(),
            ReactionRunner(here.views, send).run(),
            DeadlineRunner(here.views, send, here.clock).run(),
        )
    ]
    here.chat = LocalChat(":memory:", token=BOT_TOKEN, limits=Limits(rate=rate))
    await here.chat.start()
    try:
        async with ChatClient(here.chat.url) as here.people:
            if bot:
                await here.start_bot()
            yield here
            await here.stop_bot()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(client.close() for client in here.clients.values()))
        await server.stop(1)
        await here.chat.stop()
        await here.store.close()
        await here.foreign.close()
        await here.keys.close()
        here.views.close()
