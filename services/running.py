"""The processes: everything in one (embedded), or one half of one service (cluster)."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
import uvloop

from chassis import logging as logs
from chassis import telemetry
from chassis.follow import Follower
from chassis.health import Health
from chassis.history import StoreHistory
from chassis.settings import SettingInvalid, Settings
from chassis.store.model import Store
from localchat.server import LocalChat
from services import roster
from services.compose import (
    ALARM_EVERY_S,
    Foundation,
    Serving,
    Working,
    announce_ready,
    foundation,
    make_keys,
    open_store,
    open_views,
)

log = structlog.get_logger(__name__)

# The local chat's token: it opens nothing but the chat on this machine.
LOCAL_BOT_TOKEN = "100000:local-chat-on-loopback"  # noqa: S105

Tasks = Mapping[str, Callable[[], Awaitable[None]]]


def run(main: Callable[[Settings], Coroutine[Any, Any, None]], name: str) -> None:
    """Run one process until SIGTERM or Ctrl-C; a wrong setting is a sentence and exit code 2."""
    try:
        settings = Settings.from_environment()
        logs.configure(name, settings.log_level)
        telemetry.install(
            name, otlp_endpoint=settings.otlp_endpoint, trace_ratio=settings.trace_ratio
        )
        uvloop.run(main(settings))
    except SettingInvalid as wrong:
        print(f"tuopin {name}: {wrong}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        telemetry.shutdown()


async def until_stopped(tasks: Tasks) -> None:
    """Run the tasks until a stop signal; when one dies the process does, to be restarted."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    running: dict[asyncio.Future[Any], str] = {
        asyncio.ensure_future(start()): name for name, start in tasks.items()
    }
    waiting = asyncio.ensure_future(stopping.wait())
    done, _ = await asyncio.wait({waiting, *running}, return_when=asyncio.FIRST_COMPLETED)
    for task in running:
        task.cancel()
    waiting.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for task in done - {waiting}:
        log.error("task.ended", task=running[task])
        task.result()
        raise RuntimeError(f"{running[task]} ended")


@asynccontextmanager
async def health_of(
    settings: Settings, checks: Mapping[str, Callable[[], Awaitable[None]]]
) -> AsyncIterator[str]:
    """The health port of this process."""
    health = Health(checks)
    port = await health.start(settings.bind, settings.health_port)
    try:
        yield f"http://{settings.bind}:{port}"
    finally:
        await health.stop()


class ViewsStopped(Exception):
    """A view is stopped: its answers are old."""


async def fine() -> None:
    """A check for a process that is well as long as it answers."""


def views_run(workings: Mapping[str, Working]) -> Callable[[], Awaitable[None]]:
    """Not ready while a view is stopped."""

    async def check() -> None:
        found = [f"{name}: {each}" for name, w in workings.items() for each in w.views.stopped()]
        if found:
            raise ViewsStopped("; ".join(found))

    return check


class Embedded:
    """All five services, their feeds, the local chat and the bot in one process."""

    def __init__(self, settings: Settings) -> None:
        make_keys(settings)
        self.settings = settings
        self.base = foundation(settings)
        self.services = roster.all_services()
        views = {name: open_views(self.base, each) for name, each in self.services.items()}
        self.views = views
        self.serving = {
            name: Serving(self.base, each, views[name]) for name, each in self.services.items()
        }
        self.working = {
            name: Working(self.base, each, views[name]) for name, each in self.services.items()
        }
        self.chat: LocalChat | None = None
        # Of this process, once it listens.
        self.health_url = ""

    @property
    def chat_url(self) -> str:
        """Where the chat page is; empty with Telegram."""
        return self.chat.url if self.chat is not None else ""

    async def start(self) -> Tasks:
        """Open everything; returns what has to keep running."""
        sources: dict[str, Store] = {
            topic: serving.store
            for serving in self.serving.values()
            for topic in serving.service.topics
        }
        history = StoreHistory(sources)
        for name, serving in self.serving.items():
            await serving.start(history, self.settings.address_of(name))
        tasks: dict[str, Callable[[], Awaitable[None]]] = {}
        for name, working in self.working.items():
            working.create()
            follower = Follower(sources, working.views)
            tasks |= {f"{name}.follow": follower.run, **working.tasks()}
            tasks |= self.serving[name].tasks()
        tasks["alarms"] = self._alarms
        if not self.settings.telegram_token:
            self.chat = local_chat(self.settings)
            await self.chat.start()
        tasks["bot"] = bot_task(self.base, self.working["notifier"], self.chat_url)
        return tasks

    async def _alarms(self) -> None:
        while True:
            for working in self.working.values():
                await working.evaluate_alarms()
            await asyncio.sleep(ALARM_EVERY_S)

    async def stop(self) -> None:
        """Close in the order of dependence."""
        for working in self.working.values():
            await working.stop()
        for serving in self.serving.values():
            await serving.stop()
        if self.chat is not None:
            await self.chat.stop()
        for views in self.views.values():
            views.close()
        await self.base.close()


def local_chat(settings: Settings) -> LocalChat:
    """The development Bot API of this data folder."""
    folder = settings.data / "chat"
    folder.mkdir(parents=True, exist_ok=True)
    return LocalChat(folder, token=LOCAL_BOT_TOKEN, port=settings.chat_port)


def bot_task(base: Foundation, notifier: Working, chat_url: str) -> Callable[[], Awaitable[None]]:
    """The bot on Telegram, or on the local chat, which it cannot tell apart."""
    run_bot = notifier.service.bot
    assert run_bot is not None
    settings = base.settings
    url = settings.telegram_base_url or (f"{chat_url}/bot" if chat_url else "")
    token = settings.telegram_token or LOCAL_BOT_TOKEN

    async def bot() -> None:
        await run_bot(notifier.parts, bot_url=url, token=token)

    return bot


async def serve(name: str, settings: Settings) -> None:
    """One service's server: appends to its store, answers from its views."""
    from chassis.topichistory import KafkaHistory

    base = foundation(settings)
    service = roster.service(name)
    views = open_views(base, service)
    serving = Serving(base, service, views)
    history = KafkaHistory(settings.kafka_bootstrap, prefix=settings.topic_prefix)
    async with AsyncExitStack() as stack:
        stack.callback(views.close)
        stack.push_async_callback(history.close)
        stack.push_async_callback(serving.stop)
        await serving.start(history, settings.address_of(name))
        await stack.enter_async_context(health_of(settings, {"server": fine}))
        announce_ready(settings)
        await until_stopped(serving.tasks())
    await base.close()


async def work(name: str, settings: Settings) -> None:
    """One service's worker: relay, feed, reactions, deadlines, alarms; Faust hosts them."""
    # Loaded here: Faust and the Kafka clients are a second of every start that does not need them.
    from chassis.relay import Relay
    from chassis.stream import KafkaFeed, Timer, run_worker, worker_app
    from chassis.topics import ensure_topics

    base = foundation(settings)
    service = roster.service(name)
    topics = tuple(sorted({t for each in roster.all_services().values() for t in each.topics}))
    ensure_topics(settings.kafka_bootstrap, topics, prefix=settings.topic_prefix)
    views = open_views(base, service)
    working = Working(base, service, views)
    working.create()
    store = open_store(base, service)
    await store.open()
    feed = KafkaFeed(
        views,
        views.topics,
        settings.kafka_bootstrap,
        group=f"{settings.topic_prefix}{name}",
        instance=f"{name}-{settings.worker_id}",
        prefix=settings.topic_prefix,
    )
    relay = Relay(store, service.topics, settings.kafka_bootstrap, prefix=settings.topic_prefix)
    app = worker_app(
        name,
        [relay.run, feed.run, *working.tasks().values()],
        [Timer("alarms", ALARM_EVERY_S, working.evaluate_alarms)],
        data=settings.data / name / "faust",
    )
    async with health_of(settings, {"views": views_run({name: working})}):
        announce_ready(settings)
        await run_worker(app)
    await working.stop()
    await store.close()
    views.close()
    await base.close()


async def bot(settings: Settings) -> None:
    """The notifier's bot alone."""
    base = foundation(settings)
    views = open_views(base, roster.service("notifier"))
    working = Working(base, roster.service("notifier"), views)
    chat_url = "" if settings.telegram_token else f"http://127.0.0.1:{settings.chat_port}"
    async with health_of(settings, {"bot": fine}):
        announce_ready(settings)
        await until_stopped({"bot": bot_task(base, working, chat_url)})
    await working.stop()
    views.close()
    await base.close()


async def chat(settings: Settings) -> None:
    """The local chat alone."""
    settings.data.mkdir(parents=True, exist_ok=True)
    served = local_chat(settings)
    await served.start()
    announce_ready(settings)
    await until_stopped({})
    await served.stop()


def main(name: str) -> None:
    """`python -m services.NAME serve | work` (and `bot` for the notifier)."""
    halves: dict[str, Callable[[Settings], Coroutine[Any, Any, None]]] = {
        "serve": lambda settings: serve(name, settings),
        "work": lambda settings: work(name, settings),
    }
    if name == "notifier":
        halves["bot"] = bot
    wanted = sys.argv[1] if len(sys.argv) == 2 else ""
    if wanted not in halves:
        print(f"usage: python -m services.{name} {' | '.join(halves)}", file=sys.stderr)
        print("settings come from TUOPIN_* variables, see docs/settings.md", file=sys.stderr)
        sys.exit(0 if wanted in ("-h", "--help") else 2)
    run(halves[wanted], f"{name}-{wanted}")


def embedded(
    settings: Settings, ready: Callable[[Embedded], Awaitable[None]]
) -> Coroutine[Any, Any, None]:
    """Run everything; `ready` is called once it all answers."""

    async def body() -> None:
        system = Embedded(settings)
        tasks = await system.start()
        try:
            async with health_of(settings, {"views": views_run(system.working)}) as url:
                system.health_url = url
                log.info("ready", url=url)

                async def started() -> None:
                    await ready(system)
                    await asyncio.Event().wait()

                await until_stopped({**tasks, "ready": started})
        finally:
            await system.stop()

    return body()
