"""The embedded feed: reads the lanes of the stores by position and applies them to the views."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from functools import partial

import structlog

from chassis.checkpoints import At, least
from chassis.envelope import parse
from chassis.feeding import bulk
from chassis.feedtables import Lane
from chassis.sending import reason_of
from chassis.store import Record, Store
from chassis.telemetry import span
from chassis.tracing import link_creation
from chassis.viewstore import Applied, Batch, HoleFound, Rewound, ViewStore

# One write: large enough to be quick, small enough for a view to be fresh.
BATCH_RECORDS = 1_000
# Between two writes while events trickle in: five services in one process make fewer and larger
# ones. Whoever waits for a view ends the pause.
PACE_S = 0.02
# How often a quiet feed looks whether somebody rebuilt a view or let one run again.
LOOK_EVERY_S = 0.5
RETRY_AFTER_S = 1.0

log = structlog.get_logger(__name__)


class Follower:
    """Feeds one service's views from the stores of every topic it hears, until cancelled.

    A consumer that lags (new, rebuilt, resumed) catches up in rounds of its own, so that the
    others stay fresh.
    """

    def __init__(
        self,
        sources: Mapping[str, Store],
        viewstore: ViewStore,
        *,
        batch_records: int = BATCH_RECORDS,
    ) -> None:
        missing = set(viewstore.topics) - set(sources)
        assert not missing, f"no store holds {sorted(missing)}"
        self._sources = {topic: sources[topic] for topic in viewstore.topics}
        # Several topics may lie in one store; each is waited for once.
        self._stores = list({id(store): store for store in self._sources.values()}.values())
        self._views = viewstore
        self._batch_records = batch_records
        self._at: dict[str, At] = {}
        self._holes: set[tuple[str, str, int, int]] = set()
        self._woken = asyncio.Event()
        self._grown: set[int] = set()
        self._heads: dict[Lane, int] = {}
        # Heads that every consumer has reached.
        self._done: dict[Lane, int] = {}
        self.applied_count = 0
        self.healthy = False

    async def run(self) -> None:
        """Feed for ever: after a fault from the checkpoints again."""
        await self._views.beside(self._views.resume)
        watchers = [asyncio.ensure_future(self._watch(store)) for store in self._stores]
        try:
            while True:
                try:
                    await self._run_once()
                except Exception as error:
                    self.healthy = False
                    log.warning("follow.restarted", error=reason_of(error))
                    await self._views.clock.sleep(RETRY_AFTER_S)
        finally:
            for watcher in watchers:
                watcher.cancel()

    async def _run_once(self) -> None:
        await self.begin()
        while True:
            self._woken.clear()
            if count := await self.step():
                if count < self._batch_records // 2:
                    await self._pause()
                continue
            self.healthy = True
            # Not wait_for: it can swallow a cancellation that comes with the wake-up.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._woken.wait()
                continue
            if await self._views.beside(self._views.rewound):
                await self.begin()

    async def _pause(self) -> None:
        if self._views.inline:
            return
        self._views.asked.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PACE_S):
                await self._views.asked.wait()

    async def _watch(self, store: Store) -> None:
        """Wakes the feed when a store has grown."""
        since = 0
        while True:
            try:
                since = await store.appended(since)
                self._grown.add(id(store))
                self._woken.set()
            except Exception as error:
                log.warning("follow.watch", error=reason_of(error))
                await self._views.clock.sleep(RETRY_AFTER_S)

    async def begin(self) -> None:
        """Take the committed checkpoints as the place to go on from."""
        self._at = await self._views.beside(self._views.positions)
        self._done.clear()
        self._grown.update(id(store) for store in self._stores)
        self.healthy = True

    async def step(self) -> int:
        """One batch for the consumers in front and one for those behind; records applied."""
        self._look()
        count = 0
        for group in self._groups():
            count += await self._feed(group)
        return count

    def _look(self) -> None:
        """Note how far the stores are that have grown."""
        for store in [each for each in self._stores if id(each) in self._grown]:
            self._grown.discard(id(store))
            for lane, position in store.reached().items():
                if position and lane[0] in self._sources:
                    self._heads[lane] = position

    def _groups(self) -> list[list[str]]:
        """Consumers that are about as far as the foremost, and those that are far behind."""
        consumers = self._views.consumers
        open_lanes = self._open_lanes()
        lags = {
            name: sum(
                head - _position(at, lane)
                for lane, head in open_lanes.items()
                if lane[0] in consumers[name].topics
            )
            for name, at in self._at.items()
        }
        near = [name for name, lag in lags.items() if lag <= 2 * self._batch_records]
        far = [name for name in lags if name not in near]
        return [group for group in (near, far) if group]

    def _open_lanes(self) -> dict[Lane, int]:
        """Heads of the lanes that somebody may still lack something of."""
        return {lane: head for lane, head in self._heads.items() if self._done.get(lane, 0) < head}

    async def _feed(self, names: Sequence[str]) -> int:
        read = await self._read(names)
        if not read:
            return 0
        try:
            applied = await self._views.beside(partial(self._apply, read, names))
        except HoleFound as error:
            await self._mind(error)
            await self.begin()
            return 1
        except Rewound:
            await self.begin()
            return 1
        for name, moved in applied.checkpoints.items():
            self._at[name].update(moved)
        for name in applied.stopped:
            self._at.pop(name, None)
        count = sum(len(records) for records in read.values())
        self.applied_count += count
        return count

    def _apply(self, read: Mapping[Lane, Sequence[Record]], names: Sequence[str]) -> Applied:
        """Parses too: thousands of records at once would hold up the event loop."""
        with bulk():
            batches = [
                Batch(*lane, [(each.position, parse(each.envelope), None) for each in records])
                for lane, records in read.items()
            ]
            with span("follow.apply") as current:
                link_creation(current, (e.traceparent for b in batches for _, e, _ in b.records))
                return self._views.apply(batches, names)

    async def _mind(self, error: HoleFound) -> None:
        """A hole is read once more before it stops its consumer."""
        for hole in error.holes:
            key = (hole.consumer, hole.topic, hole.partition, hole.expected)
            if key in self._holes:
                self._holes.discard(key)
                stop = partial(self._views.stop_consumer, hole.consumer, "HoleFound", hole)
                await self._views.beside(stop)
            else:
                self._holes.add(key)

    async def _read(self, names: Sequence[str]) -> dict[Lane, Sequence[Record]]:
        """The next records of every lane that somebody of these lacks, a share from each."""
        open_lanes = self._open_lanes()
        topics = {name: self._views.consumers[name].topics for name in names}
        at = least({name: self._at[name] for name in names}, topics, open_lanes)
        behind = {
            lane: checkpoint.position
            for lane, checkpoint in at.items()
            if checkpoint.position < open_lanes[lane]
        }
        if len(names) == len(self._at):
            self._done |= {lane: head for lane, head in open_lanes.items() if lane not in behind}
        if not behind:
            return {}
        share = max(1, self._batch_records // len(behind))
        read: dict[Lane, Sequence[Record]] = {}
        for store in self._stores:
            wanted = {lane: at for lane, at in behind.items() if self._sources[lane[0]] is store}
            if wanted:
                read |= await store.read_lanes(wanted, share)
        return {lane: records for lane, records in read.items() if records}


def _position(at: At, lane: Lane) -> int:
    found = at.get(lane)
    return found.position if found else 0
