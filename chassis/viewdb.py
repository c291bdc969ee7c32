"""The database of a service's views: connections, the thread they run on, and its transactions."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import StaticPool

from chassis.failpoints import failpoint

T = TypeVar("T")

MEMORY = "sqlite://"
BUSY_TIMEOUT_MS = 30_000
# Deadlocks and lost races of two workers; the transaction is made again from its beginning.
ATTEMPTS_COUNT = 8
READERS_COUNT = 4
# Prepared ones that SQLite keeps: every shape of row in every number of rows.
STATEMENTS_MAX = 512
_AGAIN = frozenset({"40001", "40P01"})
_WRITES = "tuopin_writes"


def url_of(place: str) -> str:
    """An SQLAlchemy URL from a URL, a PostgreSQL DSN, a path or ":memory:"."""
    if place in {":memory:", "sqlite://", "sqlite:///:memory:"}:
        return MEMORY
    scheme, found, rest = place.partition("://")
    if not found:
        return f"sqlite:///{Path(place)}"
    if scheme in {"postgresql", "postgres"}:
        return f"postgresql+psycopg://{rest}"
    return place


class ViewDatabase:
    """Transactions on the views' database. In memory everything runs inline, on one connection:
    no threads, so that a seed can replay a run.
    """

    def __init__(self, place: str, schema: str = "") -> None:
        self.url = url_of(place)
        self.inline = self.url == MEMORY
        self._sqlite = make_url(self.url).get_backend_name() == "sqlite"
        self._writing = threading.RLock()
        self._readers = ThreadPoolExecutor(READERS_COUNT, thread_name_prefix="views-read")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="views-write")
        self.engine = self._engine(schema)

    def _engine(self, schema: str) -> Engine:
        if self.inline:
            engine = create_engine(
                self.url, poolclass=StaticPool, connect_args={"check_same_thread": False}
            )
        elif self._sqlite:
            assert not schema, "one file is one database on SQLite"
            # The connection used last goes first: else each fills a page cache of its own.
            engine = create_engine(
                self.url,
                pool_size=READERS_COUNT + 2,
                max_overflow=8,
                pool_use_lifo=True,
                connect_args={"cached_statements": STATEMENTS_MAX},
            )
        else:
            options = f"-csearch_path={schema}" if schema else ""
            engine = create_engine(
                self.url,
                pool_size=READERS_COUNT + 2,
                max_overflow=8,
                pool_pre_ping=True,
                connect_args={"options": options},
            )
        if self._sqlite:
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        return engine

    @contextmanager
    def transaction(self, *, writes: bool) -> Iterator[Connection]:
        """A transaction that the body commits by leaving it; readers never write."""
        if self.inline:
            with self._writing, self.engine.connect() as connection:
                yield from self._within(connection, writes)
            return
        options: dict[str, Any] = {_WRITES: writes}
        if not self._sqlite and not writes:
            options |= {
                "postgresql_readonly": True,
                # One query sees one moment, however many statements it makes.
                "isolation_level": "REPEATABLE READ",
            }
        with self.engine.connect().execution_options(**options) as connection:
            if writes and self._sqlite:
                # Waiting here is fair and cheap; waiting in SQLite is a polling loop.
                with self._writing:
                    yield from self._within(connection, writes)
            else:
                yield from self._within(connection, writes)

    def _within(self, connection: Connection, writes: bool) -> Iterator[Connection]:
        with connection.begin() as transaction:
            yield connection
            if not transaction.is_active:
                return
            if writes:
                failpoint("views.before-commit")
            transaction.commit()
            if writes:
                failpoint("views.after-commit")

    def write(self, work: Callable[[Connection], T]) -> T:
        """`work` in a transaction of its own; made again when the database asks for it."""
        for attempt in range(ATTEMPTS_COUNT):
            try:
                with self.transaction(writes=True) as connection:
                    return work(connection)
            except DBAPIError as error:
                if attempt == ATTEMPTS_COUNT - 1 or not _lost_a_race(error):
                    raise
                time.sleep(0.01 * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def read(self, work: Callable[[Connection], T]) -> T:
        """`work` on one moment of the database."""
        with self.transaction(writes=False) as connection:
            return work(connection)

    def settle(self) -> None:
        """Everything committed so far survives a power cut from here on; PostgreSQL's does anyway.
        A commit with synchronous=FULL writes out the whole log before it.
        """
        if not self._sqlite or self.inline:
            return
        with self._writing, self.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA query_only=OFF")
            connection.connection.info[_WRITES] = True
            driver.execute("PRAGMA synchronous=FULL")
            try:
                driver.execute("BEGIN IMMEDIATE")
                (version,) = driver.execute("PRAGMA user_version").fetchone()
                driver.execute(f"PRAGMA user_version={(version + 1) % 1_000_000}")
                failpoint("views.before-settle")
                driver.commit()
                failpoint("views.after-settle")
            finally:
                driver.rollback()
                driver.execute("PRAGMA synchronous=NORMAL")

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection that sees one moment for as long as it is held, while others write."""
        assert not self.inline, "in memory there is one connection for all"
        with self.transaction(writes=False) as connection:
            # SQLite takes the moment at the first read, not at BEGIN.
            connection.execute(text("SELECT count(*) FROM checkpoints"))
            yield connection

    async def query(self, work: Callable[[Connection], T]) -> T:
        """`read` beside the event loop."""
        if self.inline:
            return self.read(work)
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read, work)

    async def change(self, work: Callable[[], T]) -> T:
        """Something that writes, on the one thread that does."""
        if self.inline:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    def close(self) -> None:
        self._readers.shutdown()
        self._writer.shutdown()
        self.engine.dispose()


def _lost_a_race(error: DBAPIError) -> bool:
    if getattr(error.orig, "sqlstate", None) in _AGAIN:
        return True
    # Another process wrote: the lock that WAL could not upgrade or wait for.
    return isinstance(error, OperationalError) and "database is locked" in str(error.orig)


def is_fault_of_the_world(error: BaseException) -> bool:
    """Whether the database or the machine failed, so that no event is to blame."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        state = getattr(error.orig, "sqlstate", None)
        if state is not None:
            # 22: data, 23: constraints, 42: names and types; all else is the server's.
            return str(state)[:2] not in {"22", "23", "42"}
        return isinstance(error, OperationalError) and "no such" not in str(error.orig)
    return isinstance(error, OSError | MemoryError)


def is_away(error: BaseException) -> bool:
    """Whether the views' database could not be reached, or left in the middle."""
    return isinstance(error, DBAPIError) and is_fault_of_the_world(error)


def _prepare_sqlite(connection: Any, _: object) -> None:
    # The driver's own BEGIN comes too late and too weak; ours is below.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        # A power cut takes the last commits, rows and checkpoints alike, and the feed brings them
        # again. What must not be lost is made durable by `settle`.
        "synchronous=NORMAL",
        "wal_autocheckpoint=4000",
        "cache_size=-4096",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, True)
    driver: Any = connection.connection.driver_connection
    # Mostly it is so from the last time: every statement saved is one wait for the interpreter.
    if connection.connection.info.get(_WRITES) is not writes:
        driver.execute(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
        connection.connection.info[_WRITES] = writes
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")


def create_lock(connection: Connection) -> None:
    """Two processes that create the same tables at once: one waits."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7203211)"))
