"""The views of one service: batches of events applied with their checkpoints in one transaction.

A duplicate is skipped, an overlap trimmed; a hole or an event that cannot be projected stops the
one consumer it concerns, and the others go on.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar

import structlog
from google.protobuf.message import Message
from opentelemetry import metrics
from sqlalchemy import Connection, Engine, delete, select

from chassis.applying import Applying
from chassis.checkpoints import At, Checkpoints, least, stopped_consumers
from chassis.clock import Clock, SystemClock
from chassis.deadlines import DeadlineView
from chassis.feeding import Applied, Batch, Hole, HoleFound, Rewound, bulk, hear
from chassis.feedtables import (
    CHECKPOINTS,
    DEADLINES,
    METADATA,
    STOPPED,
    Checkpoint,
    Lane,
)
from chassis.projecting import Consumer, DeadlineConsumer, ViewConsumer
from chassis.reactionfeed import ReactionConsumer
from chassis.reactions import Reaction
from chassis.rowwriting import RowWriter
from chassis.viewdb import ViewDatabase, create_lock, is_fault_of_the_world
from chassis.views import View
from tuopin.types.v1.types_pb2 import Position

__all__ = [
    "Applied",
    "Batch",
    "Checkpoint",
    "Hole",
    "HoleFound",
    "Rewound",
    "ViewBehind",
    "ViewStore",
]

T = TypeVar("T")

# How long a query waits for the caller's own write.
OWN_WRITE_S = 5.0
# How often a waiting query looks: the views may be fed by another process, or by this one.
LOOK_AGAIN_S = 0.02
LOOK_AGAIN_FED_HERE_S = 0.5

log = structlog.get_logger(__name__)
_meter = metrics.get_meter(__name__)
_applied = _meter.create_counter("tuopin_view_events", unit="1")
_stops = _meter.create_counter("tuopin_consumers_stopped", unit="1")


class ViewBehind(Exception):
    """A view has not reached the asked position in time; asking again later may succeed."""


class ViewStore:
    """What a service's worker writes and its server reads.

    `topics` is what reactions hear (default: what the views hear); `target` names the stream a
    command is for (chassis.sending.targets).
    """

    def __init__(
        self,
        url: str,
        views: Sequence[View],
        reactions: Sequence[Reaction] = (),
        schema: str = "",
        *,
        deadlines: Sequence[DeadlineView] = (),
        topics: Sequence[str] = (),
        target: Callable[[Message], str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._database = ViewDatabase(url, schema)
        self.clock = clock or SystemClock()
        self.views = tuple(views)
        self.deadlines = tuple(deadlines)
        self.reactions = tuple(reactions)
        writer = RowWriter(self._database.engine.dialect)
        heard = {topic for view in views for topic in view.topics}
        heard |= {topic for view in deadlines for topic in view.topics}
        self.topics = tuple(sorted(heard | set(topics)))
        self._reacting = tuple(
            ReactionConsumer(each, self.topics, self.clock, target) for each in reactions
        )
        consumers: list[Consumer] = [ViewConsumer(view, writer) for view in views]
        consumers += [DeadlineConsumer(view, writer) for view in deadlines]
        # Last, so that they read what the views made of the same batch.
        consumers += self._reacting
        self.consumers = {each.name: each for each in consumers}
        assert len(self.consumers) == len(views) + len(deadlines) + len(reactions), "names differ"
        self._wanted = frozenset().union(*(each.wanted for each in self.consumers.values()))
        self._at = Checkpoints()
        # Transactions of the feed in this process, for those who wait for the next.
        self.moves_count = 0
        # Set when somebody begins to wait for a position that is not reached.
        self.asked = asyncio.Event()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def engine(self) -> Engine:
        return self._database.engine

    @property
    def inline(self) -> bool:
        """Whether everything runs in the caller's thread (views in memory)."""
        return self._database.inline

    def create(self) -> None:
        """Create the tables that are missing: the feed's and the views' own."""
        own = [table for view in self.views for table in view.tables]
        clash = {table.name for table in own} & set(METADATA.tables)
        assert not clash, f"view tables named like the feed's: {clash}"

        def work(connection: Connection) -> None:
            create_lock(connection)
            METADATA.create_all(connection)
            for table in own:
                table.create(connection, checkfirst=True)

        self._database.write(work)

    def close(self) -> None:
        self._database.close()

    def snapshot(self) -> AbstractContextManager[Connection]:
        """One moment of the views for as long as it is held; any thread, but one at a time."""
        return self._database.snapshot()

    async def query(self, fn: Callable[[Connection], T]) -> T:
        """`fn` on one moment of the views, beside the event loop; it cannot write."""
        return await self._database.query(fn)

    def read(self, fn: Callable[[Connection], T]) -> T:
        """The same for callers that block."""
        return self._database.read(fn)

    async def change(self, fn: Callable[[Connection], T]) -> T:
        """`fn` in a transaction that writes, on the thread that does."""
        return await self._database.change(lambda: self._database.write(fn))

    def apply(self, batches: Sequence[Batch], consumers: Iterable[str] | None = None) -> Applied:
        """One transaction for all consumers, or those named. Raises HoleFound and Rewound after
        the commit of what could be applied.
        """
        with bulk():
            return self._apply(batches, consumers)

    def _apply(self, batches: Sequence[Batch], consumers: Iterable[str] | None) -> Applied:
        runs = {batch.lane: hear(batch, self._wanted) for batch in batches if batch.records}
        fed = self.consumers if consumers is None else {n: self.consumers[n] for n in consumers}
        applying = Applying(fed, self._at, runs, self.clock.now_us(), self._reacting)
        try:
            applied = self._database.write(applying.run)
        except Exception as error:
            if is_fault_of_the_world(error):
                raise
            applying.careful = True
            applied = self._database.write(applying.run)
        self._at.remember(applied.checkpoints)
        self._at.leave((*applied.stopped, *applying.rewound))
        self._alarm(applying)
        self._wake()
        if applying.rewound:
            raise Rewound(applying.rewound)
        if applying.holes:
            raise HoleFound(applying.holes)
        return applied

    async def apply_beside(
        self, batches: Sequence[Batch], consumers: Iterable[str] | None = None
    ) -> Applied:
        """`apply` on the writing thread, beside the event loop."""
        return await self.beside(lambda: self.apply(batches, consumers))

    async def beside(self, work: Callable[[], T]) -> T:
        """Any of the blocking methods on the writing thread, beside the event loop."""
        return await self._database.change(work)

    def _alarm(self, applying: Applying) -> None:
        for consumer, count in applying.counts.items():
            _applied.add(count, {"consumer": consumer})
        for row in applying.stops:
            _stops.add(1, {"consumer": str(row["consumer"])})
            log.error("consumer.stopped", **row)

    def checkpoints(self, consumer: str) -> At:
        """How far a consumer is, lane by lane; lanes it has not begun are missing."""
        return self._database.read(lambda each: self.load_checkpoints(each, consumer))

    def load_checkpoints(self, connection: Connection, consumer: str) -> At:
        """The same as `connection` sees them."""
        return self._at.load(connection, [consumer])[consumer]

    def positions(self) -> dict[str, At]:
        """The checkpoints of every consumer that runs; where a feed starts."""

        def work(connection: Connection) -> dict[str, At]:
            stopped = stopped_consumers(connection)
            return self._at.load(connection, [n for n in self.consumers if n not in stopped])

        found = self._database.read(work)
        self._at.begin(found)
        return found

    def start_offsets(self) -> dict[Lane, int]:
        """Per lane the first Kafka offset that some running consumer has not applied."""
        topics = {name: consumer.topics for name, consumer in self.consumers.items()}
        found = self.positions()
        lanes = {lane for at in found.values() for lane in at}
        return {
            lane: 0 if checkpoint.offset is None else checkpoint.offset + 1
            for lane, checkpoint in least(found, topics, lanes).items()
        }

    def rewound(self) -> bool:
        """Whether somebody set a consumer back or let it run again since the feed began: a feed
        that has nothing to apply asks this now and then.
        """

        def work(connection: Connection) -> bool:
            stopped = stopped_consumers(connection)
            return self._at.differs(connection, [n for n in self.consumers if n not in stopped])

        return self._database.read(work)

    def stop_consumer(self, consumer: str, reason: str, hole: Hole | None = None) -> None:
        """Stop it until `resume` or a restart: a hole that came twice."""
        row: dict[str, str | int] = {
            "consumer": consumer,
            "topic": hole.topic if hole else "",
            "partition": hole.partition if hole else 0,
            "position": hole.expected if hole else 0,
            "event_id": "",
            "reason": reason,
            "stopped_at_us": self.clock.now_us(),
        }

        def work(connection: Connection) -> None:
            connection.execute(delete(STOPPED).where(STOPPED.c.consumer == consumer))
            connection.execute(STOPPED.insert(), row)

        self._database.write(work)
        self._at.leave([consumer])
        _stops.add(1, {"consumer": consumer})
        log.error("consumer.stopped", **row)

    def stopped(self) -> dict[str, str]:
        """Consumers that do not run, and why."""
        return self._database.read(stopped_consumers)

    def stopped_in(self, connection: Connection) -> dict[str, str]:
        """The same as `connection` sees them."""
        return stopped_consumers(connection)

    def resume(self, consumer: str | None = None) -> None:
        """Let stopped consumers try again: at the start of a feed, or after a fix."""
        statement = delete(STOPPED)
        if consumer is not None:
            statement = statement.where(STOPPED.c.consumer == consumer)
        self._database.write(lambda connection: connection.execute(statement))

    def rebuild(self, name: str) -> None:
        """Forget a view's rows and checkpoints in one transaction; the feed then replays it."""
        consumer = self.consumers[name]
        assert consumer.rebuildable, f"{name} acts on the world and is never replayed"

        def work(connection: Connection) -> None:
            # First the checkpoints: their locks keep a worker's batch out until this is done.
            connection.execute(delete(CHECKPOINTS).where(CHECKPOINTS.c.consumer == name))
            if isinstance(consumer, DeadlineConsumer):
                connection.execute(delete(DEADLINES).where(DEADLINES.c.view == name))
            elif isinstance(consumer, ViewConsumer):
                for table in consumer.tables:
                    connection.execute(delete(table))
            connection.execute(delete(STOPPED).where(STOPPED.c.consumer == name))

        self._database.write(work)

    async def settle(self) -> None:
        """What was committed so far survives a power cut from here on."""
        await self.beside(self._database.settle)

    async def retry_parked(self) -> int:
        """Give every parked event of the reactions another chance; how many left the table."""
        count = 0
        for reaction in self._reacting:
            after = ""
            while True:
                done, after = await self.change(partial(reaction.sweep, after=after))
                count += done
                if not after:
                    break
        if count:
            self._wake()
        return count

    async def own_write(self, request: Any, *views: str) -> None:
        """Return when the views have what the caller has written: `at_least`, one or many, of
        the request; raises ViewBehind.
        """
        asked = request.at_least
        if isinstance(asked, Position):
            asked = [asked] if request.HasField("at_least") else []
        for position in asked:
            await self.wait_for(views, position, OWN_WRITE_S)

    async def wait_for(self, views: Iterable[str], position: Position, timeout_s: float) -> None:
        """Return when every named view has applied the position; raises ViewBehind."""
        names = [each for each in views if position.topic in self.consumers[each].topics]
        lane = (position.topic, position.partition)
        woken = (asyncio.get_running_loop(), asyncio.Event())
        self._waiting.add(woken)
        try:
            async with asyncio.timeout(timeout_s):
                fed_here = self.moves_count > 0
                look = not fed_here
                while not await self._reached(names, lane, position.position, look):
                    self.asked.set()
                    try:
                        # Not wait_for: it can swallow a cancellation that comes with the wake-up.
                        pause_s = LOOK_AGAIN_FED_HERE_S if fed_here else LOOK_AGAIN_S
                        async with asyncio.timeout(pause_s):
                            await woken[1].wait()
                        look = not fed_here
                    except TimeoutError:
                        look = True
                        continue
                    woken[1].clear()
        except TimeoutError:
            raise ViewBehind(f"{', '.join(names)} not yet at {lane} {position.position}") from None
        finally:
            self._waiting.discard(woken)

    async def _reached(self, names: Sequence[str], lane: Lane, position: int, look: bool) -> bool:
        if all(self._at.position(name, lane) >= position for name in names):
            return True
        if not look:
            return False
        rows = await self.query(
            lambda connection: connection.execute(
                select(CHECKPOINTS.c.consumer).where(
                    CHECKPOINTS.c.consumer.in_(names),
                    CHECKPOINTS.c.topic == lane[0],
                    CHECKPOINTS.c.partition == lane[1],
                    CHECKPOINTS.c.position >= position,
                )
            ).all()
        )
        return len(rows) == len(set(names))

    async def moved(self, since: int, timeout_s: float) -> None:
        """Returns when moves_count has passed `since`, at the latest after the time-out."""
        if self.moves_count != since:
            return
        woken = (asyncio.get_running_loop(), asyncio.Event())
        self._waiting.add(woken)
        try:
            async with asyncio.timeout(timeout_s):
                await woken[1].wait()
        except TimeoutError:
            return
        finally:
            self._waiting.discard(woken)

    def _wake(self) -> None:
        self.moves_count += 1
        for loop, woken in tuple(self._waiting):
            loop.call_soon_threadsafe(woken.set)
