"""Group commit: appends that wait at the same moment share one transaction.

One thread with one connection writes. It caches the lanes' heads and writes blindly; when a unique
constraint names a loser, it reads under the lanes' locks, filters the group and writes again.
"""

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from chassis.clock import Clock
from chassis.failpoints import failpoint
from chassis.store.engine import Engine, Reader, Taken
from chassis.store.group import (
    EventRow,
    Lane,
    LaneHead,
    Member,
    assemble,
    check,
    doubtful,
    member_of,
)
from chassis.store.model import Append, Head, Outcome, Record, StoreUnavailable
from chassis.store.tail import Tail
from tuopin.types.v1.types_pb2 import Receipt

T = TypeVar("T")

GROUP_MAX = 512
WAITING_MAX = 20_000
# A group of this size means that more are on their way: waiting a little makes fewer commits.
LINGER_FROM = 4
LINGER_S = 0.004
# Two processes on the same lanes: how often a group is read and filtered again.
FILTER_ATTEMPTS = 16
# Streams whose version the writer remembers; must exceed WAITING_MAX (see doubtful()).
VERSIONS_MAX = 24_576
READERS = 4
# What another process appends is found by looking; rarely so where this one appends itself.
POLL_MIN_S = 0.005
POLL_MAX_S = 0.05
POLL_OWN_S = 0.5

_Waiting = tuple[Member, Callable[[Outcome], None]]


class GroupedStore:
    """A Store on any engine."""

    def __init__(self, engine: Engine, topics: Sequence[str], clock: Clock) -> None:
        self.topics = tuple(topics)
        self._engine = engine
        self._clock = clock
        self._heads: dict[Lane, LaneHead] = {}
        self._versions: OrderedDict[str, int] = OrderedDict()
        # False after a failure whose outcome is unknown: the next group reads first.
        self._certain = True
        self._waiting: deque[_Waiting] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self._readers: list[Reader] = []
        # What the writer committed and the event loop has not heard of yet.
        self._fresh: list[EventRow] = []
        self._tail = Tail()
        # How far each lane reaches, as the event loop knows it.
        self._reached: dict[Lane, int] = {}
        self._total = 0
        self._appends_here = False
        self._watchers: list[asyncio.Future[None]] = []
        self._looking: asyncio.Task[None] | None = None

    # Opening and closing

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._engine.inline:
            self._heads = self._engine.open(self.topics)
        else:
            self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
            opened = self._loop.create_future()
            self._thread = threading.Thread(
                target=self._run, args=(opened,), name="store-writer", daemon=True
            )
            self._thread.start()
            await opened
        self._reach({lane: head.position for lane, head in self._heads.items()})

    async def close(self) -> None:
        """What waits is still written."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        if self._looking is not None:
            self._looking.cancel()
        if self._pool is not None:
            self._pool.shutdown()
        for reader in self._readers:
            reader.close()
        if self._engine.inline:
            self._engine.close()
        self._watchers = _wake_all(self._watchers)

    # Writing

    async def append(self, append: Append) -> Receipt:
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

        def settled(outcome: Outcome) -> None:
            if answer.done():
                return
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

        self.submit(append, settled)
        return await answer

    def submit(self, append: Append, settled: Callable[[Outcome], None]) -> None:
        assert self._loop is not None, "the store is not open"
        if self._closing or len(self._waiting) >= WAITING_MAX:
            self._loop.call_soon(settled, StoreUnavailable("closing, or too many appends wait"))
            return
        member = member_of(append)
        if self._engine.inline:
            (outcome,) = self.write_group([member])
            self._loop.call_soon(self._deliver, [((member, settled), outcome)], self._taken_fresh())
            return
        self._waiting.append((member, settled))
        if not self._wake.is_set():
            self._wake.set()

    def _run(self, opened: "asyncio.Future[None]") -> None:
        assert self._loop is not None
        try:
            self._heads = self._engine.open(self.topics)
        except Exception as error:
            self._loop.call_soon_threadsafe(opened.set_exception, error)
            return
        self._loop.call_soon_threadsafe(opened.set_result, None)
        linger = False
        while self._wait(linger):
            taken = [self._waiting.popleft() for _ in range(min(GROUP_MAX, len(self._waiting)))]
            linger = len(taken) >= LINGER_FROM
            if taken:
                outcomes = self.write_group([member for member, _ in taken])
                self._hand_over(list(zip(taken, outcomes, strict=True)))
        self._engine.close()

    def _wait(self, linger: bool) -> bool:
        """Sleep until something waits; False when the store closes and nothing does."""
        if self._waiting:
            if linger and len(self._waiting) < GROUP_MAX:
                time.sleep(LINGER_S)
            return True
        self._wake.wait()
        self._wake.clear()
        if linger and not self._closing:
            time.sleep(LINGER_S)
        return bool(self._waiting) or not self._closing

    def _hand_over(self, done: list[tuple[_Waiting, Outcome]]) -> None:
        assert self._loop is not None
        failpoint("store.before-ack")
        try:
            self._loop.call_soon_threadsafe(self._deliver, done, self._taken_fresh())
        except RuntimeError:
            # The loop is gone; what was committed is found by its receipt.
            return
        failpoint("store.after-ack")

    def _taken_fresh(self) -> list[EventRow]:
        fresh, self._fresh = self._fresh, []
        return fresh

    def _deliver(self, done: list[tuple[_Waiting, Outcome]], fresh: list[EventRow]) -> None:
        if fresh:
            self._appends_here = True
            self._tail.add(fresh)
            self._reach({event.lane: event.position for event in fresh})
            self._watchers = _wake_all(self._watchers)
        for (_, settled), outcome in done:
            settled(outcome)

    def _reach(self, positions: Mapping[Lane, int]) -> None:
        """Lanes only grow; a look may be older than what was delivered since."""
        for lane, position in positions.items():
            before = self._reached.get(lane, 0)
            if position > before:
                self._reached[lane] = position
                self._total += position - before

    def write_group(self, members: Sequence[Member]) -> list[Outcome]:
        """One group, one commit; a failed member leaves no hole and takes nobody with it."""
        try:
            if self._certain and not doubtful(members, self._versions):
                batch = assemble(members, self._heads, self._clock.now_us())
                try:
                    self._engine.write(batch)
                except Taken:
                    return self._filter_and_write(members)
                self._adopt(members, batch.heads)
                self._fresh += batch.events
                return list(batch.outcomes)
            return self._filter_and_write(members)
        except StoreUnavailable as error:
            self._certain = False
            return [StoreUnavailable(str(error)) for _ in members]
        except Exception as error:
            # A fault of ours must not end the writer; the callers hear of it.
            self._certain = False
            self._engine.rollback()
            return [error] * len(members)

    def _filter_and_write(self, members: Sequence[Member]) -> list[Outcome]:
        for _ in range(FILTER_ATTEMPTS):
            known = self._engine.look(members)
            self._heads.update(known.heads)
            checked = check(members, known)
            batch = assemble(checked.survivors, self._heads, self._clock.now_us())
            try:
                self._engine.write_looked(batch)
            except Taken:
                continue
            self._remember(known.versions)
            self._heads.update(batch.heads)
            self._fresh += batch.events
            self._certain = True
            return checked.all_outcomes(batch.outcomes)
        raise StoreUnavailable(f"another writer was faster {FILTER_ATTEMPTS} times")

    def _adopt(self, members: Sequence[Member], heads: dict[Lane, LaneHead]) -> None:
        self._heads.update(heads)
        self._remember(
            {
                write.stream: write.expected_version + len(write.events)
                for member in members
                for write in member.append.writes
            }
        )

    def _remember(self, versions: dict[str, int]) -> None:
        for stream, version in versions.items():
            self._versions[stream] = version
            self._versions.move_to_end(stream)
        while len(self._versions) > VERSIONS_MAX:
            self._versions.popitem(last=False)

    # Reading

    async def receipt(self, command_id: str) -> tuple[bytes, Receipt] | None:
        row = await self._read(lambda reader: reader.receipt(command_id))
        return None if row is None else (row[0], Receipt.FromString(row[1]))

    async def load(self, stream: str, after_version: int = 0) -> list[Record]:
        return await self._read(lambda reader: reader.load(stream, after_version))

    async def read(self, topic: str, partition: int, after: int, limit: int) -> list[Record]:
        return await self._read(lambda reader: reader.read(topic, partition, after, limit))

    async def read_lanes(self, after: Mapping[Lane, int], limit: int) -> dict[Lane, list[Record]]:
        found = {lane: self._tail.read(lane, at, limit) for lane, at in after.items()}
        missing = [lane for lane, records in found.items() if not records]
        if missing:

            def read(reader: Reader) -> dict[Lane, list[Record]]:
                return {lane: reader.read(*lane, after[lane], limit) for lane in missing}

            found |= await self._read(read)
        return found

    async def heads(self, topic: str | None = None) -> list[Head]:
        heads = await self._read(lambda reader: reader.heads())
        return [head for head in heads if topic in {None, head.topic}]

    async def claim_owner(self, kind: str, key: bytes) -> str | None:
        return await self._read(lambda reader: reader.claim_owner(kind, key))

    async def claim_owners(self, kind: str, keys: Sequence[bytes]) -> dict[bytes, str]:
        return await self._read(lambda reader: reader.claim_owners(kind, keys))

    async def cursor(self, name: str, topic: str, partition: int) -> int:
        return await self._read(lambda reader: reader.cursor(name, topic, partition))

    async def move_cursor(self, name: str, topic: str, partition: int, position: int) -> None:
        await self._read(lambda reader: reader.move_cursor(name, topic, partition, position))

    async def appended(self, since: int) -> int:
        while self._total <= since and not self._closing:
            watcher = asyncio.get_running_loop().create_future()
            self._watchers.append(watcher)
            if self._looking is None and not self._engine.inline:
                self._looking = asyncio.ensure_future(self._look())
            await watcher
        return self._total

    def reached(self) -> Mapping[Lane, int]:
        return self._reached

    async def _look(self) -> None:
        """While somebody waits: one look for all of them."""
        pause_s = POLL_MIN_S
        try:
            while self._watchers:
                await asyncio.sleep(pause_s)
                before = self._total
                heads = await self._read(lambda reader: reader.heads())
                self._reach({(head.topic, head.partition): head.position for head in heads})
                if self._total > before:
                    pause_s = POLL_MIN_S
                    self._watchers = _wake_all(self._watchers)
                else:
                    slowest_s = POLL_OWN_S if self._appends_here else POLL_MAX_S
                    pause_s = min(pause_s * 2, slowest_s)
                    self._watchers = [each for each in self._watchers if not each.done()]
        except Exception as error:
            watchers, self._watchers = self._watchers, []
            for watcher in watchers:
                if not watcher.done():
                    watcher.set_exception(error)
        finally:
            self._looking = None

    async def _read(self, question: Callable[[Reader], T]) -> T:
        if self._pool is None:
            return question(self._reader())
        assert self._loop is not None
        return await self._loop.run_in_executor(self._pool, self._ask, question)

    def _ask(self, question: Callable[[Reader], T]) -> T:
        try:
            return question(self._reader())
        except StoreUnavailable:
            # A broken connection is not asked again.
            reader, self._local.reader = self._local.reader, None
            self._readers.remove(reader)
            reader.close()
            raise

    def _reader(self) -> Reader:
        reader: Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._engine.reader()
            self._local.reader = reader
            self._readers.append(reader)
        return reader


def _wake_all(watchers: "list[asyncio.Future[None]]") -> "list[asyncio.Future[None]]":
    for watcher in watchers:
        if not watcher.done():
            watcher.set_result(None)
    return []
