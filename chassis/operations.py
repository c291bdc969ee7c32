"""What an operator asks of any service: how it is, whether its log and views are true, and who
belongs to what. One servicer for all of them.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import structlog

from chassis.ancestry import trace
from chassis.checkpoints import At
from chassis.comparing import verify_views
from chassis.deadlines import open_count, stopped_deadlines
from chassis.envelope import parse
from chassis.feedtables import Lane as LaneKey
from chassis.fields import InvalidField
from chassis.history import READ_COUNT, History
from chassis.reactionfeed import parked_count, stopped_commands, stuck, waiting_count
from chassis.rejection import reject
from chassis.sending import reason_of
from chassis.store import Record, Store
from chassis.verifying import verify_log
from chassis.viewstore import ViewStore
from tuopin.operations.v1.operations_pb2 import (
    GetStatus,
    Lane,
    ListTrace,
    RebuildStarted,
    RebuildView,
    ServiceStatus,
    StoredEvent,
    TailEvents,
    Verify,
    VerifyReport,
    ViewStatus,
)
from tuopin.types.v1.types_pb2 import Position

RELAY_CURSOR = "relay"
LAST_COUNT = 10
# Foreign heads come from Kafka; a status without them is better than none.
HEADS_TIMEOUT_S = 5.0

log = structlog.get_logger(__name__)
Context = Any


class OperationsServicer:
    """The rpcs of tuopin.operations.v1 over one service's store, views and history."""

    def __init__(
        self,
        *,
        service: str,
        topics: Sequence[str],
        store: Store,
        views: ViewStore,
        history: History,
    ) -> None:
        self._service = service
        self._topics = tuple(topics)
        self._store = store
        self._views = views
        self._history = history

    async def GetStatus(self, request: GetStatus, context: Context) -> ServiceStatus:
        """Heads, lags, what stopped and what waits."""
        status = ServiceStatus(service=self._service)
        heads: dict[LaneKey, int] = {}
        for topic in self._topics:
            for head in await self._store.heads(topic):
                if head.position:
                    heads[topic, head.partition] = head.position
                    status.lanes.append(
                        Lane(
                            head=_position((topic, head.partition), head.position),
                            hash=head.hash.hex(),
                            relayed=await self._store.cursor(RELAY_CURSOR, topic, head.partition),
                        )
                    )
        heads |= await self._foreign_heads()
        status.views.extend(await self._view_statuses(heads))
        status.reactions_waiting = await self._views.query(waiting_count)
        status.reactions_parked = await self._views.query(parked_count)
        status.deadlines_open = await self._views.query(open_count)
        status.healthy = not any(view.stopped for view in status.views)
        return status

    async def _foreign_heads(self) -> dict[LaneKey, int]:
        foreign = [topic for topic in self._views.topics if topic not in self._topics]
        try:
            async with asyncio.timeout(HEADS_TIMEOUT_S):
                return await self._history.heads(foreign)
        except Exception as error:
            log.warning("status.foreign-heads", error=reason_of(error))
            return {}

    async def _view_statuses(self, heads: dict[LaneKey, int]) -> list[ViewStatus]:
        stopped = await self._views.query(self._views.stopped_in)
        found = []
        for name, consumer in self._views.consumers.items():
            at: At = await self._views.query(
                lambda connection, name=name: self._views.load_checkpoints(connection, name)  # type: ignore[misc]
            )
            reached = {lane: checkpoint.position for lane, checkpoint in at.items()}
            found.append(
                ViewStatus(
                    view=name,
                    checkpoints=[_position(lane, reached[lane]) for lane in sorted(reached)],
                    lag=sum(
                        max(0, head - reached.get(lane, 0))
                        for lane, head in heads.items()
                        if lane[0] in consumer.topics
                    ),
                    stopped=stopped.get(name, ""),
                )
            )
        return found + await self._stopped_work()

    async def _stopped_work(self) -> list[ViewStatus]:
        """What no view shows and an operator must see all the same."""
        commands = await self._views.query(stopped_commands)
        events = await self._views.query(stuck)
        deadlines = await self._views.query(stopped_deadlines)
        found = [
            ViewStatus(view=row.reaction, stopped=f"{row.command_type} {row.event_id}: {reason}")
            for row in commands
            if (reason := row.stopped)
        ]
        found += [
            ViewStatus(view=each.reaction, stopped=f"{each.event_id}: {each.missing}")
            for each in events
        ]
        found += [
            ViewStatus(view=f"deadline:{row.name}", stopped=f"{row.key}: {row.stopped}")
            for row in deadlines
        ]
        return found

    async def Verify(self, request: Verify, context: Context) -> VerifyReport:
        """The log, and with `views` every view against its events."""
        report = VerifyReport()
        async for proof in verify_log(self._store, self._topics):
            report.lanes += 1
            report.events += proof.events_count
            report.findings.extend(proof.findings)
        if request.views:
            report.views, findings = await verify_views(self._views, self._history)
            report.findings.extend(findings)
        return report

    async def RebuildView(self, request: RebuildView, context: Context) -> RebuildStarted:
        """Forget rows and checkpoint; the feed notices and replays."""
        consumer = self._views.consumers.get(request.view)
        if consumer is None:
            reject("view-not-known", field="view", view=request.view)
        if not consumer.rebuildable:
            reject("view-not-rebuildable", field="view", view=request.view)
        await self._views.beside(lambda: self._views.rebuild(request.view))
        return RebuildStarted(view=request.view)

    async def TailEvents(self, request: TailEvents, context: Context) -> AsyncIterator[StoredEvent]:
        """Stored events lane by lane, then new ones as they come."""
        if request.topic and request.topic not in self._topics:
            reject("topic-not-known", field="topic", topic=request.topic)
        topics = [request.topic] if request.topic else list(self._topics)
        # Before the heads are read: what is appended in between wakes the follower.
        stored_count = await self._store.appended(-1) if request.follow else 0
        last = request.last or LAST_COUNT
        after: dict[LaneKey, int] = {}
        for topic in topics:
            for head in await self._store.heads(topic):
                start = 0 if request.from_start else max(0, head.position - last)
                after[topic, head.partition] = start
        while True:
            for lane in after:
                async for record in self._from(lane, after[lane]):
                    after[lane] = record.position
                    if not request.stream or parse(record.envelope).stream == request.stream:
                        yield _stored(record)
            if not request.follow:
                return
            stored_count = await self._store.appended(stored_count)

    async def _from(self, lane: LaneKey, after: int) -> AsyncIterator[Record]:
        while records := await self._store.read(*lane, after, READ_COUNT):
            for record in records:
                yield record
            after = records[-1].position

    async def ListTrace(self, request: ListTrace, context: Context) -> AsyncIterator[StoredEvent]:
        """This service's events that belong to an id."""
        if not request.reference and not request.event_ids:
            raise InvalidField("reference", "field-required")
        async for record in trace(
            request.reference, request.event_ids, self._store, self._topics, self._views
        ):
            yield _stored(record)


def _position(lane: LaneKey, position: int) -> Position:
    return Position(topic=lane[0], partition=lane[1], position=position)


def _stored(record: Record) -> StoredEvent:
    return StoredEvent(envelope=record.envelope, hash=record.hash.hex())
