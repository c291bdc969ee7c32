"""One real service: gRPC, SQLite store, sealing, views, reactions; foreign events by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from chassis.access import Tokens
from chassis.blobs import BlobFolder
from chassis.client import Client, connect
from chassis.clock import OffsetClock
from chassis.envelope import event_of, parse
from chassis.follow import Follower
from chassis.handle import Handler
from chassis.keys import SqliteKeys
from chassis.lanes import LANES_PER_TOPIC
from chassis.programme import Programme
from chassis.reacting import ReactionRunner
from chassis.sealing import Sealer
from chassis.sending import targets
from chassis.server import ServiceWiring, build_server
from chassis.settings import DEMO_OVERLAY, Settings
from chassis.store import Append, NewEvent, SqliteStore, StreamWrite
from chassis.viewstore import ViewStore
from services.wiring import ServeParts, Service, reads_of
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.types.v1.types_pb2 import Position, Receipt

MASTER_KEY = bytes(range(32))
# Read once for all: it never changes.
PROGRAMME = Programme.load(Path(__file__).resolve().parents[2] / "programme", DEMO_OVERLAY)
FOREIGN = (
    "household",
    "region",
    "plan",
    "fund",
    "cadre",
    "training",
    "task",
    "message",
    "complaint",
)
WAIT_S = 60.0
# What the people of the tests read for.
PURPOSE = "case-work"


class Running:
    """The service as tests see it."""

    def __init__(
        self, service: Service, folder: Path, store: SqliteStore, foreign: SqliteStore
    ) -> None:
        self.folder = folder
        self.service = service
        self.store = store
        self.foreign = foreign
        self.versions: dict[str, int] = {}
        self.views: ViewStore
        self.sealer: Sealer
        self.tokens = Tokens("only for tests, thirty-two bytes of it")
        self.address = ""
        self.parts: ServeParts
        self.clients: list[Client] = []

    def client(
        self, *roles: str, language: str = "en", purpose: str = PURPOSE, by: str = "li-office"
    ) -> Client:
        """Somebody with these roles, written role@region, who says what they read for."""
        token = self.tokens.issue(by, roles, ttl_s=600)
        # A service reads for nobody but the person it acts for.
        said = "" if roles == ("service@",) else purpose
        self.clients.append(connect(self.address, token, language, purpose=said))
        return self.clients[-1]

    def somebody(self, subject: str, *roles: str) -> Client:
        """Another person than the one behind `client`."""
        return self.client(*roles, by=subject)

    async def pass_days(self, days: float) -> None:
        """Set the service's clock ahead of ours."""
        (self.folder / "clock-offset").write_text(str(days * 86_400))
        await asyncio.sleep(OffsetClock.LOOK_EVERY_S * 1.5)

    async def hear(self, topic: str, stream: str, event: Message) -> Envelope:
        """Another service's event, sealed as it would be, and applied to our views."""
        sealed = type(event)()
        sealed.CopyFrom(event)
        await self.sealer.prepare([sealed])
        self.sealer.seal(sealed)
        version = self.versions.get(stream, 0)
        data = sealed.SerializeToString(deterministic=True)
        on = getattr(event, "effective_on", "") or "2020-01-01"
        new = NewEvent(event.DESCRIPTOR.full_name, data, on)
        receipt = await self.foreign.append(
            Append(
                command_id=f"{stream}@{version}",
                digest=b"",
                writes=(StreamWrite(topic, stream, version, (new,)),),
            )
        )
        self.versions[stream] = version + 1
        await self.seen(receipt)
        return parse((await self.foreign.load(stream))[-1].envelope)

    async def seen(self, receipt: Receipt | Position) -> None:
        """Wait until every view has this write."""
        position = receipt.position if isinstance(receipt, Receipt) else receipt
        views = [view.name for view in self.views.views]
        await self.views.wait_for(views, position, WAIT_S)

    async def events(self, kind: type[Any] | None = None) -> list[Any]:
        """What the service has stored, lane by lane."""
        found = []
        for topic in self.service.topics:
            for partition in range(LANES_PER_TOPIC):
                for record in await self.store.read(topic, partition, 0, 100_000):
                    event = event_of(parse(record.envelope))
                    if kind is None or isinstance(event, kind):
                        found.append(event)
        return found

    def files(self) -> dict[str, bytes]:
        """Everything that lies on the disk."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    async def until(self, kind: type[Any], count: int = 1) -> list[Any]:
        """Wait for events that reactions bring about."""

        async def looking() -> list[Any]:
            since = 0
            while True:
                since = await self.store.appended(since)
                if len(found := await self.events(kind)) >= count:
                    return found

        return await asyncio.wait_for(looking(), WAIT_S)


async def unasked(service: str, query: Message, on_behalf_of: str) -> Any:
    """A service on its own has no neighbours."""
    raise AssertionError(f"{service} was asked")


@asynccontextmanager
async def running(service: Service, folder: Path) -> AsyncIterator[Running]:
    """Start everything, and stop it again."""
    # Days pass when a test writes how many seconds into the file.
    clock = OffsetClock(folder / "clock-offset")
    foreign_topics = tuple(topic for topic in FOREIGN if topic not in service.topics)
    store = SqliteStore(folder / "events.db", service.topics, clock)
    foreign = SqliteStore(folder / "foreign.db", foreign_topics, clock)
    keys = SqliteKeys(folder / "keys.db", MASTER_KEY)
    here = Running(service, folder, store, foreign)
    here.sealer = Sealer(keys, MASTER_KEY)
    programme = PROGRAMME
    heard = (*service.topics, *foreign_topics) if service.reactions else ()
    here.views = ViewStore(
        str(folder / "views.db"),
        service.views,
        (*service.reactions, *service.caused(programme)),
        topics=heard,
        target=targets(service.deciders),
        clock=clock,
    )
    here.views.create()
    await store.open()
    await foreign.open()

    async def facts(read: Callable[[Any, Any], Any], command: Message) -> Any:
        return await here.views.query(lambda connection: read(connection, command))

    handler = Handler(
        service=service.name,
        deciders=service.deciders,
        facts={command: partial(facts, read) for command, read in service.facts.items()},
        store=store,
        sealer=here.sealer,
        programme=programme,
        clock=clock,
    )
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    here.parts = parts = ServeParts(
        settings=Settings(data=folder, page_port=0),
        clock=clock,
        programme=programme,
        keys=keys,
        sealer=here.sealer,
        blobs=BlobFolder(folder / "blobs", here.sealer),
        store=store,
        views=here.views,
        handler=handler,
        scratch=scratch,
        ask=unasked,
    )
    server = build_server(
        [
            ServiceWiring(
                service.name,
                service.servicer(parts),
                service.add_to_server,
                service.descriptor,
                reads_of(service, parts),
            )
        ],
        tokens=here.tokens,
        programme=programme,
    )
    here.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    sources = dict.fromkeys(service.topics, store)
    follower = Follower({**sources, **dict.fromkeys(foreign_topics, foreign)}, here.views)
    runner = ReactionRunner(here.views, here.client("service@").send)
    beside = [each(parts) for each in service.serving.values()]
    tasks = [asyncio.ensure_future(each) for each in (follower.run(), runner.run(), *beside)]
    try:
        yield here
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(client.close() for client in here.clients))
        await server.stop(1)
        await store.close()
        await foreign.close()
        await keys.close()
        here.views.close()
