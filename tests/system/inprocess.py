"""The whole system inside the test's own loop: five services, feeds, chat and bot.

With `kafka` each service's events go through a relay, the broker and the feed that Faust hosts in
a cluster; all else is the same.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chassis.settings import Settings
from chassis.topics import ensure_topics
from devtools.processes import free_port
from services.cli.endpoints import SERVICES
from services.running import Embedded, Tasks
from tests.drills.people import People
from tests.drills.workload import Workload


class Running:
    """A system that runs, and people who use it from another thread."""

    def __init__(self, system: Embedded, tasks: Tasks) -> None:
        self.system = system
        self.tasks = tasks

    def people(self) -> People:
        settings = self.system.settings
        addresses = {service: settings.address_of(service) for service in SERVICES}
        return People(addresses, settings.token_key_path())

    def workload(self, seed: int = 0) -> Workload:
        offset = Path(self.system.settings.clock_offset_file)
        return Workload(self.people(), self.system.chat_url, offset, seed)


@asynccontextmanager
async def running(folder: Path, *, kafka: str = "", prefix: str = "") -> AsyncIterator[Running]:
    """Start it, let it run, stop it; a part that dies fails the test."""
    settings = Settings.from_environment(
        {
            **{f"TUOPIN_{s.upper()}_ADDRESS": f"127.0.0.1:{free_port()}" for s in SERVICES},
            "TUOPIN_DATA": str(folder),
            "TUOPIN_CHAT_PORT": str(free_port()),
            "TUOPIN_PAGE_PORT": str(free_port()),
            "TUOPIN_CLOCK_OFFSET_FILE": str(folder / "clock-offset"),
        }
    )
    system = Embedded(settings)
    tasks = dict(await system.start())
    if kafka:
        tasks = await asyncio.to_thread(_through_kafka, system, tasks, kafka, prefix)
    started = [asyncio.ensure_future(start()) for start in tasks.values()]
    try:
        yield Running(system, tasks)
        for task in started:
            if task.done():
                task.result()
    finally:
        for task in started:
            task.cancel()
        await asyncio.gather(*started, return_exceptions=True)
        await system.stop()


def _through_kafka(system: Embedded, tasks: Tasks, kafka: str, prefix: str) -> dict[str, object]:
    from chassis.relay import Relay
    from chassis.stream import KafkaFeed

    topics = [topic for each in system.services.values() for topic in each.topics]
    ensure_topics(kafka, topics, prefix=prefix)
    kept = {name: start for name, start in tasks.items() if not name.endswith(".follow")}
    for name, serving in system.serving.items():
        views = system.views[name]
        relay = Relay(serving.store, serving.service.topics, kafka, prefix=prefix)
        feed = KafkaFeed(
            views, views.topics, kafka, group=f"{prefix}{name}", instance=name, prefix=prefix
        )
        kept |= {f"{name}.relay": relay.run, f"{name}.feed": feed.run}
    return kept
