"""The store on PostgreSQL: one database per service, synchronous_commit=on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg

from chassis.chain import GENESIS
from chassis.clock import Clock
from chassis.failpoints import failpoint
from chassis.lanes import LANES_PER_TOPIC
from chassis.store.engine import Taken
from chassis.store.group import Batch, Known, Lane, LaneHead, Member, runs
from chassis.store.grouped import GroupedStore
from chassis.store.model import (
    ClaimRow,
    Head,
    Record,
    ReleaseRow,
    StoreUnavailable,
    WeakDurability,
)
from chassis.store.tables import APPEND_GROUP, FUNCTION, SCHEMA

P = ParamSpec("P")
T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

# One key of pg_advisory_lock, so that two processes do not create the tables at once.
SCHEMA_LOCK = 7_426_101
CONNECT_TIMEOUT_S = 10

_LOCK_LANES = "SELECT lane FROM lanes WHERE lane = ANY(%b::smallint[]) ORDER BY lane FOR UPDATE"
_INSERT_CLAIMS = "INSERT INTO claims SELECT * FROM unnest(%b::text[], %b::bytea[], %b::text[])"
_RELEASE_KEY = "DELETE FROM claims WHERE kind = %b AND key = %b AND owner = %b"
_RELEASE_KIND = "DELETE FROM claims WHERE kind = %b AND owner = %b"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (psycopg.IntegrityError, psycopg.errors.DeadlockDetected) as error:
        raise Taken(error.diag.constraint_name or str(error)) from error
    except psycopg.Error as error:
        raise StoreUnavailable(str(error)) from error


def _in_database(method: Callable[Concatenate["_Reader", P], T]) -> Callable[..., T]:
    @wraps(method)
    def run(self: "_Reader", *args: P.args, **kwargs: P.kwargs) -> T:
        with _translated():
            return method(self, *args, **kwargs)

    return run


def connect(dsn: str) -> Connection:
    """A connection that prepares every statement at once."""
    connection = psycopg.connect(dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)
    connection.prepare_threshold = 0
    return connection


def check_durability(connection: Connection) -> None:
    """Raise WeakDurability unless a commit survives a power cut."""
    for setting, strong in (
        ("fsync", ("on",)),
        ("full_page_writes", ("on",)),
        ("synchronous_commit", ("on", "remote_apply", "remote_write")),
    ):
        row = connection.execute(f"SHOW {setting}").fetchone()
        assert row is not None
        if row[0] not in strong:
            raise WeakDurability(setting, row[0], " or ".join(strong))


class PostgresEngine:
    """The writer's connection; a broken one is replaced before the next group."""

    inline = False

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._db: Connection
        self._lanes: dict[Lane, int] = {}

    def open(self, topics: Sequence[str]) -> dict[Lane, LaneHead]:
        with _translated():
            self._connect()
            with self._db.transaction():
                self._db.execute("SELECT pg_advisory_xact_lock(%b)", (SCHEMA_LOCK,))
                self._db.execute(SCHEMA, prepare=False)
                self._db.execute(FUNCTION, prepare=False)
                self._create_lanes(topics)
            rows = self._db.execute("SELECT topic, partition, lane FROM lanes")
            self._lanes = {(topic, partition): lane for topic, partition, lane in rows}
            return self._heads(list(self._lanes.values()))

    def _connect(self) -> None:
        self._db = connect(self._dsn)
        check_durability(self._db)

    def _create_lanes(self, topics: Sequence[str]) -> None:
        rows = self._db.execute("SELECT DISTINCT topic FROM lanes")
        born = {row[0] for row in rows}
        for topic in topics:
            if topic not in born:
                self._db.execute(
                    "INSERT INTO lanes (topic, partition, hash) "
                    "SELECT %b, n, %b FROM generate_series(0, %b) AS n",
                    (topic, GENESIS, LANES_PER_TOPIC - 1),
                )

    def close(self) -> None:
        self._db.close()

    def reader(self) -> "_Reader":
        with _translated():
            return _Reader(connect(self._dsn), self._lanes)

    def write(self, batch: Batch) -> None:
        """One statement that commits by itself; releases need their place between claims."""
        if any(isinstance(change, ReleaseRow) for change in batch.claims):
            self._begin()
            self.write_looked(batch)
            return
        self._connect_again()
        with _translated():
            failpoint("store.before-commit")
            self._insert(batch, batch.claims)
            failpoint("store.after-commit")

    def _connect_again(self) -> None:
        with _translated():
            if self._db.closed:
                self._connect()

    def _begin(self) -> None:
        self._connect_again()
        with _translated():
            self._db.execute("BEGIN")

    def write_looked(self, batch: Batch) -> None:
        try:
            with _translated():
                self._insert(batch, [])
                for run in runs(batch.claims):
                    self._change_claims(run)
                failpoint("store.before-commit")
                self._db.commit()
                failpoint("store.after-commit")
        except (Taken, StoreUnavailable):
            self.rollback()
            raise

    def rollback(self) -> None:
        try:
            self._db.rollback()
        except psycopg.Error:
            # The connection is gone, and the transaction with it.
            self._db.close()

    def _insert(self, batch: Batch, changes: Sequence[ClaimRow | ReleaseRow]) -> None:
        """A stale head meets the primary key (lane, position)."""
        lanes, events, receipts = self._lanes, batch.events, batch.receipts
        claims = _sorted([change for change in changes if isinstance(change, ClaimRow)])
        moved = sorted((lanes[lane], head) for lane, head in batch.heads.items())
        self._db.execute(
            APPEND_GROUP,
            (
                [lanes[event.lane] for event in events],
                [event.position for event in events],
                [event.stream for event in events],
                [event.version for event in events],
                [event.hash for event in events],
                [event.record for event in events],
                [receipt[0] for receipt in receipts],
                [receipt[1] for receipt in receipts],
                [receipt[2] for receipt in receipts],
                [claim.kind for claim in claims],
                [claim.key for claim in claims],
                [claim.owner for claim in claims],
                [lane for lane, _ in moved],
                [head.position for _, head in moved],
                [head.hash for _, head in moved],
                [head.recorded_at_us for _, head in moved],
            ),
        )

    def _change_claims(self, run: list[ClaimRow] | ReleaseRow) -> None:
        if isinstance(run, list):
            claims = _sorted(run)
            columns = (
                [claim.kind for claim in claims],
                [claim.key for claim in claims],
                [claim.owner for claim in claims],
            )
            self._db.execute(_INSERT_CLAIMS, columns)
        elif run.key is None:
            self._db.execute(_RELEASE_KIND, (run.kind, run.owner))
        else:
            self._db.execute(_RELEASE_KEY, (run.kind, run.key, run.owner))

    def look(self, members: Sequence[Member]) -> Known:
        """A snapshot per statement: after the lanes are locked, all that others committed is
        seen.
        """
        appends = [member.append for member in members]
        lanes = {self._lanes[piece.lane] for member in members for piece in member.pieces}
        self._begin()
        try:
            with _translated():
                return Known(
                    heads=self._heads(sorted(lanes)),
                    receipts=self._receipts([append.command_id for append in appends]),
                    versions=self._versions([w.stream for a in appends for w in a.writes]),
                    claims=self._claims([claim for a in appends for claim in a.claims]),
                )
        except (Taken, StoreUnavailable):
            self.rollback()
            raise

    def _heads(self, lanes: list[int]) -> dict[Lane, LaneHead]:
        self._db.execute(_LOCK_LANES, (lanes,))
        rows = self._db.execute(
            "SELECT topic, partition, position, hash, recorded_at_us FROM lanes "
            "WHERE lane = ANY(%b::smallint[])",
            (lanes,),
        )
        return {(row[0], row[1]): LaneHead(row[2], row[3], row[4]) for row in rows}

    def _receipts(self, ids: list[str]) -> dict[str, tuple[bytes, bytes]]:
        rows = self._db.execute(
            "SELECT command_id, digest, receipt FROM receipts WHERE command_id = ANY(%b)", (ids,)
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def _versions(self, streams: list[str]) -> dict[str, int]:
        rows = self._db.execute(
            "SELECT stream, max(version) FROM events WHERE stream = ANY(%b) GROUP BY stream",
            (streams,),
        )
        return dict.fromkeys(streams, 0) | {row[0]: row[1] for row in rows}

    def _claims(self, claims: list[ClaimRow]) -> dict[tuple[str, bytes], str]:
        if not claims:
            return {}
        rows = self._db.execute(
            "SELECT kind, key, owner FROM claims JOIN unnest(%b::text[], %b::bytea[]) "
            "AS asked (kind, key) USING (kind, key)",
            ([claim.kind for claim in claims], [claim.key for claim in claims]),
        )
        return {(row[0], row[1]): row[2] for row in rows}


def _sorted(claims: list[ClaimRow]) -> list[ClaimRow]:
    """Two processes that claim the same keys meet in one order."""
    return sorted(claims, key=lambda claim: (claim.kind, claim.key))


class _Reader:
    """Short statements on a connection of its own, each its own transaction."""

    def __init__(self, db: Connection, lanes: dict[Lane, int]) -> None:
        self._db = db
        self._lanes = lanes
        self._names = {lane: name for name, lane in lanes.items()}

    def close(self) -> None:
        self._db.close()

    @_in_database
    def receipt(self, command_id: str) -> tuple[bytes, bytes] | None:
        row = self._db.execute(
            "SELECT digest, receipt FROM receipts WHERE command_id = %b", (command_id,)
        ).fetchone()
        return None if row is None else (row[0], row[1])

    @_in_database
    def load(self, stream: str, after_version: int) -> list[Record]:
        rows = self._db.execute(
            "SELECT lane, position, record, hash FROM events WHERE stream = %b AND version > %b "
            "ORDER BY version",
            (stream, after_version),
            binary=True,
        )
        return [self._record(*row) for row in rows]

    @_in_database
    def read(self, topic: str, partition: int, after: int, limit: int) -> list[Record]:
        rows = self._db.execute(
            "SELECT lane, position, record, hash FROM events "
            "WHERE lane = %b AND position > %b AND position <= %b ORDER BY position",
            (self._lanes[topic, partition], after, after + limit),
            binary=True,
        )
        return [self._record(*row) for row in rows]

    def _record(self, lane: int, position: int, record: bytes, record_hash: bytes) -> Record:
        topic, partition = self._names[lane]
        return Record(topic, partition, position, record, record_hash)

    @_in_database
    def heads(self) -> list[Head]:
        rows = self._db.execute(
            "SELECT topic, partition, position, hash, recorded_at_us FROM lanes ORDER BY 1, 2"
        )
        return [Head(*row) for row in rows]

    @_in_database
    def total(self) -> int:
        row = self._db.execute("SELECT coalesce(sum(position), 0)::bigint FROM lanes").fetchone()
        assert row is not None
        return int(row[0])

    @_in_database
    def claim_owner(self, kind: str, key: bytes) -> str | None:
        row = self._db.execute(
            "SELECT owner FROM claims WHERE kind = %b AND key = %b", (kind, key)
        ).fetchone()
        return None if row is None else str(row[0])

    @_in_database
    def claim_owners(self, kind: str, keys: Sequence[bytes]) -> dict[bytes, str]:
        rows = self._db.execute(
            "SELECT key, owner FROM claims WHERE kind = %b AND key = ANY(%b::bytea[])",
            (kind, list(keys)),
        )
        return {row[0]: row[1] for row in rows}

    @_in_database
    def cursor(self, name: str, topic: str, partition: int) -> int:
        row = self._db.execute(
            "SELECT position FROM cursors WHERE name = %b AND topic = %b AND partition = %b",
            (name, topic, partition),
        ).fetchone()
        return 0 if row is None else int(row[0])

    @_in_database
    def move_cursor(self, name: str, topic: str, partition: int, position: int) -> None:
        self._db.execute("BEGIN")
        self._db.execute(
            "INSERT INTO cursors VALUES (%b, %b, %b, %b) ON CONFLICT (name, topic, partition) "
            "DO UPDATE SET position = greatest(cursors.position, excluded.position)",
            (name, topic, partition, position),
        )
        failpoint("store.before-move-cursor")
        self._db.commit()
        failpoint("store.after-move-cursor")


class PostgresStore(GroupedStore):
    """The cluster's store."""

    def __init__(self, dsn: str, topics: Sequence[str], clock: Clock) -> None:
        super().__init__(PostgresEngine(dsn), topics, clock)
