"""The composition root: time, keys, databases and ports enter here, and nowhere else.

`Foundation` is what a process shares; `Serving` and `Working` are the two halves of a service. The
embedded system holds all ten halves, the chat and the bot in one process; a cluster gives each its
own process.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio
import structlog
from google.protobuf.message import Message

from chassis.access import Tokens
from chassis.alarms import AlarmRunner
from chassis.ancestry import mentions_view
from chassis.blobs import BlobFolder
from chassis.client import Client, connect
from chassis.clock import Clock, OffsetClock, SystemClock
from chassis.deadlines import DeadlineRunner
from chassis.handle import Handler
from chassis.history import History
from chassis.keys import Keys, PostgresKeys, SqliteKeys
from chassis.operations import OperationsServicer
from chassis.programme import Programme
from chassis.reacting import ReactionRunner
from chassis.reads import PURPOSE
from chassis.sealing import Sealer
from chassis.sending import ON_BEHALF_OF, targets
from chassis.server import ServiceWiring, build_server
from chassis.settings import Settings, read_key
from chassis.store.model import Store
from chassis.store.postgres import PostgresStore
from chassis.store.sqlite import SqliteStore
from chassis.succession import Succession
from chassis.views import View
from chassis.viewstore import ViewStore
from services import roster, succession
from services.wiring import ServeParts, Service, WorkParts, reads_of
from tuopin.operations.v1 import operations_pb2
from tuopin.operations.v1.operations_pb2_grpc import add_OperationsServiceServicer_to_server

log = structlog.get_logger(__name__)

SERVICE_TOKEN_S = 3600.0
SERVICE_TOKEN_RENEWED_S = 1800.0
ALARM_EVERY_S = 2.0
# A page that waits for a neighbour tells so soon.
NEIGHBOUR_ATTEMPTS = 2
# A code of programme/access.toml.
OWN_FILE = "own-file"


@dataclass(frozen=True)
class Foundation:
    """What every part of a process stands on."""

    settings: Settings
    clock: Clock
    programme: Programme
    keys: Keys
    sealer: Sealer
    blobs: BlobFolder
    tokens: Tokens

    async def close(self) -> None:
        """Close the key database."""
        await self.keys.close()


def make_keys(settings: Settings) -> None:
    """Create master key and token key where they are missing."""
    settings.data.mkdir(parents=True, exist_ok=True)
    settings.master_key(create=True)
    read_key(settings.token_key_path(), create=True)


def tokens_of(settings: Settings) -> Tokens:
    """Signs and checks tokens, which expire by the machine's own time, not a demo's."""
    return Tokens(settings.token_key_path().read_text(encoding="ascii").strip())


def foundation(settings: Settings) -> Foundation:
    """Open what a process shares; SettingInvalid when a key file is missing."""
    offset = settings.clock_offset_file
    clock: Clock = OffsetClock(Path(offset)) if offset else SystemClock()
    master_key = settings.master_key()
    keys: Keys = (
        PostgresKeys(settings.dsn_of("keys"), master_key)
        if settings.engine == "postgres"
        else SqliteKeys(settings.data / "keys.db", master_key)
    )
    sealer = Sealer(keys, master_key)
    return Foundation(
        settings=settings,
        clock=clock,
        programme=Programme.load(settings.programme, settings.programme_overlay),
        keys=keys,
        sealer=sealer,
        blobs=BlobFolder(settings.data / "blobs", sealer),
        tokens=tokens_of(settings),
    )


def open_store(base: Foundation, service: Service) -> Store:
    """The event store of a service."""
    if base.settings.engine == "postgres":
        return PostgresStore(base.settings.dsn_of(service.name), service.topics, base.clock)
    folder = base.settings.data / service.name
    folder.mkdir(parents=True, exist_ok=True)
    return SqliteStore(folder / "events.db", service.topics, base.clock)


def open_views(base: Foundation, service: Service) -> ViewStore:
    """The views of a service; on PostgreSQL in the same database as its store."""
    if base.settings.engine == "postgres":
        place = base.settings.dsn_of(service.name)
    else:
        folder = base.settings.data / service.name
        folder.mkdir(parents=True, exist_ok=True)
        place = str(folder / "views.db")
    topics = tuple(sorted({topic for each in roster.NAMES for topic in _topics(each)}))
    views = ViewStore(
        place,
        (*service.views, _mentions(service), succession.VIEW),
        (*service.reactions, *service.caused(base.programme)),
        deadlines=service.deadlines,
        topics=heard(service, topics),
        target=targets(service.deciders),
        clock=base.clock,
    )
    views.create()
    return views


def _mentions(service: Service) -> View:
    """What a trace is found by: every event of the service's own topics."""
    events = [event for decider in service.deciders for event in decider.events]
    return mentions_view(service.topics, events)


def _topics(name: str) -> tuple[str, ...]:
    return roster.service(name).topics


def heard(service: Service, topics: tuple[str, ...]) -> tuple[str, ...]:
    """Topics that the reactions of a service need: all, when it reacts to refusals of others."""
    return topics if service.reactions else ()


class Neighbours:
    """Asks other services, as one service; connects to each when it is first asked."""

    def __init__(self, base: Foundation, service: str) -> None:
        self._base = base
        self._service = service
        self._clients: dict[str, Client] = {}

    async def ask(self, service: str, query: Message, on_behalf_of: str = "") -> Any:
        """The neighbour's answer; CallFailed when it is no."""
        client = self._clients.get(service)
        if client is None:
            client = self._clients[service] = sender_to(self._base, service, self._service)
        # A service shows people to nobody but themselves.
        metadata = {ON_BEHALF_OF: on_behalf_of, PURPOSE: OWN_FILE if on_behalf_of else ""}
        return await client.call(query, metadata, attempts=NEIGHBOUR_ATTEMPTS)

    async def close(self) -> None:
        """Close what was connected."""
        for client in self._clients.values():
            await client.close()


def sender_to(base: Foundation, service: str, subject: str = "") -> Client:
    """A client of a service's server, as the service itself or as `subject`; its token renews
    itself.
    """
    made: list[tuple[float, str]] = []
    who = subject or service

    def token() -> str:
        now_s = asyncio.get_running_loop().time()
        if not made or now_s - made[-1][0] > SERVICE_TOKEN_RENEWED_S:
            made[:] = [(now_s, base.tokens.issue(who, ["service@"], ttl_s=SERVICE_TOKEN_S))]
        return made[-1][1]

    return connect(base.settings.address_of(service), token)


class Serving:
    """The half of a service that takes commands, appends and answers."""

    def __init__(self, base: Foundation, service: Service, views: ViewStore) -> None:
        self.base = base
        self.service = service
        self.views = views
        self.store = open_store(base, service)
        self.handler = Handler(
            service=service.name,
            deciders=service.deciders,
            facts={command: partial(self._facts, read) for command, read in service.facts.items()},
            store=self.store,
            sealer=base.sealer,
            programme=base.programme,
            clock=base.clock,
        )
        self.neighbours = Neighbours(base, service.name)
        scratch = base.settings.data / service.name / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        self.parts = ServeParts(
            settings=base.settings,
            clock=base.clock,
            programme=base.programme,
            keys=base.keys,
            sealer=base.sealer,
            blobs=base.blobs,
            store=self.store,
            views=views,
            handler=self.handler,
            scratch=scratch,
            ask=self.neighbours.ask,
        )
        self.succession = Succession()
        self.successions = succession.Keeper(views, self.succession, base.clock)
        self.server: grpc.aio.Server | None = None

    async def _facts(self, read: Callable[[Any, Any], Any], command: Any) -> Any:
        return await self.views.query(lambda connection: read(connection, command))

    async def start(self, history: History, address: str) -> None:
        """Open the store and listen; raises when the port is taken."""
        await self.store.open()
        await self.successions.look()
        operations = OperationsServicer(
            service=self.service.name,
            topics=self.service.topics,
            store=self.store,
            views=self.views,
            history=history,
        )
        self.server = build_server(
            [
                ServiceWiring(
                    name=self.service.name,
                    servicer=self.service.servicer(self.parts),
                    add=self.service.add_to_server,
                    descriptor=self.service.descriptor,
                    reads=reads_of(self.service, self.parts),
                ),
                ServiceWiring(
                    name="operations",
                    servicer=operations,
                    add=add_OperationsServiceServicer_to_server,
                    descriptor=operations_pb2.DESCRIPTOR.services_by_name["OperationsService"],
                ),
            ],
            tokens=self.base.tokens,
            programme=self.base.programme,
            succession=self.succession,
        )
        self.server.add_insecure_port(address)
        await self.server.start()

    def tasks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What runs beside the server."""
        name = self.service.name
        serving = self.service.serving.items()
        own = {f"{name}.{each}": partial(run, self.parts) for each, run in serving}
        return {**own, f"{name}.succession": self.successions.run}

    async def stop(self) -> None:
        """Let running calls finish, then close the store."""
        if self.server is not None:
            await self.server.stop(self.base.settings.drain_s)
        await self.neighbours.close()
        await self.store.close()


class Working:
    """The half of a service that hears events, keeps views and sends its own commands."""

    def __init__(self, base: Foundation, service: Service, views: ViewStore) -> None:
        self.base = base
        self.service = service
        self.views = views
        self.client = sender_to(base, service.name)
        self.parts = WorkParts(
            settings=base.settings,
            clock=base.clock,
            programme=base.programme,
            keys=base.keys,
            sealer=base.sealer,
            blobs=base.blobs,
            views=views,
            send=self.client.send,
        )
        self.alarms = AlarmRunner(
            views.engine, service.alarms(base.programme, base.clock), base.clock
        )

    def tasks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What runs until the worker stops, the feed aside."""
        name = self.service.name
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            f"{name}.{each}": partial(run, self.parts) for each, run in self.service.working.items()
        }
        if self.service.reactions:
            parts[f"{name}.reactions"] = ReactionRunner(self.views, self.parts.send).run
        if self.service.deadlines:
            runner = DeadlineRunner(self.views, self.parts.send, self.base.clock)
            parts[f"{name}.deadlines"] = runner.run
        return parts

    async def evaluate_alarms(self) -> None:
        """One look at the windows, on a timer."""
        await self.alarms.evaluate()

    def create(self) -> None:
        """Make the alarm table where it is missing."""
        self.alarms.create()

    async def stop(self) -> None:
        """Close the client; the views are closed by whoever opened them."""
        await self.client.close()


def announce_ready(settings: Settings) -> None:
    """Write the ready file, for whoever started this process and waits."""
    if settings.ready_file:
        Path(settings.ready_file).write_text(f"{os.getpid()}\n", encoding="ascii")
