"""The store on SQLite: write-ahead log, synchronous=FULL, one file per service."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from chassis.chain import GENESIS
from chassis.clock import Clock
from chassis.failpoints import failpoint
from chassis.lanes import LANES_PER_TOPIC
from chassis.manyrows import insert_rows
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

P = ParamSpec("P")
T = TypeVar("T")

MEMORY = ":memory:"
SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 10.0
# Prepared ones kept: every table in every size of insert_rows.
STATEMENTS_MAX = 256
# Ids are random, so index pages are written again and again: a longer log writes each once.
CHECKPOINT_PAGES = 8_000
# The writer meets the same index pages again and again; readers follow lanes from end to end.
WRITER_CACHE_KIB = 8_192
READER_CACHE_KIB = 512
# Claims that one question asks for.
KEYS_MAX = 256
# An event's rowid is lane << 40 | position: a lane's events lie together, without a second index.
POSITION_BITS = 40
_SYNCHRONOUS_FULL = 2

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS lanes (
    lane INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    position INTEGER NOT NULL DEFAULT 0, hash BLOB NOT NULL,
    recorded_at_us INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, partition));
CREATE TABLE IF NOT EXISTS events (
    place INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL,
    hash BLOB NOT NULL, record BLOB NOT NULL, UNIQUE (stream, version));
CREATE TABLE IF NOT EXISTS receipts (
    command_id TEXT PRIMARY KEY, digest BLOB NOT NULL, receipt BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
    kind TEXT NOT NULL, key BLOB NOT NULL, owner TEXT NOT NULL,
    PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS claims_of_owner ON claims (owner, kind);
CREATE TABLE IF NOT EXISTS cursors (
    name TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    position INTEGER NOT NULL, PRIMARY KEY (name, topic, partition)) WITHOUT ROWID;
PRAGMA user_version = {SCHEMA_VERSION};
"""

_MARKS = ", ".join("?" * KEYS_MAX)
_OWNERS = f"SELECT key, owner FROM claims WHERE kind = ? AND key IN ({_MARKS})"  # noqa: S608


def _place(lane: int, position: int) -> int:
    return lane << POSITION_BITS | position


def _position(place: int) -> int:
    return place & ((1 << POSITION_BITS) - 1)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise Taken(str(error)) from error
    except sqlite3.Error as error:
        raise StoreUnavailable(str(error)) from error


def _in_database(method: Callable[Concatenate["_Reader", P], T]) -> Callable[..., T]:
    @wraps(method)
    def run(self: "_Reader", *args: P.args, **kwargs: P.kwargs) -> T:
        with _translated():
            return method(self, *args, **kwargs)

    return run


def _connect(path: str, cache_kib: int) -> sqlite3.Connection:
    """Autocommit until BEGIN; readers' threads take turns, never share."""
    connection = sqlite3.connect(
        path,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_MAX,
    )
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    return connection


def make_durable(connection: sqlite3.Connection, path: str) -> None:
    """Ask for full durability and read back what the file really has."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    check_durability(connection, path)


def check_durability(connection: sqlite3.Connection, path: str) -> None:
    """Raise WeakDurability; a store in memory promises none."""
    if path == MEMORY:
        return
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        raise WeakDurability("journal_mode", mode, "wal")
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    if synchronous < _SYNCHRONOUS_FULL:
        raise WeakDurability("synchronous", synchronous, "2 (FULL) or more")


class SqliteEngine:
    """The writer's connection and the place where readers get theirs."""

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        self.inline = self._path == MEMORY
        self._db: sqlite3.Connection
        self._lanes: dict[Lane, int] = {}

    def open(self, topics: Sequence[str]) -> dict[Lane, LaneHead]:
        with _translated():
            self._db = _connect(self._path, WRITER_CACHE_KIB)
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version not in {0, SCHEMA_VERSION}:
                raise StoreUnavailable(f"{self._path} has schema {version}, not {SCHEMA_VERSION}")
            make_durable(self._db, self._path)
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            self._db.executemany(
                "INSERT OR IGNORE INTO lanes (topic, partition, hash) VALUES (?, ?, ?)",
                [(topic, lane, GENESIS) for topic in topics for lane in range(LANES_PER_TOPIC)],
            )
            self._lanes = {
                (topic, partition): lane
                for lane, topic, partition in self._db.execute(
                    "SELECT lane, topic, partition FROM lanes"
                )
            }
            return self._heads()

    def close(self) -> None:
        self._db.close()

    def reader(self) -> "_Reader":
        with _translated():
            return _Reader(
                self._db if self.inline else _connect(self._path, READER_CACHE_KIB), self._lanes
            )

    def write(self, batch: Batch) -> None:
        with _translated():
            self._db.execute("BEGIN IMMEDIATE")
        self.write_looked(batch)

    def write_looked(self, batch: Batch) -> None:
        try:
            with _translated():
                self._insert(batch)
                failpoint("store.before-commit")
                self._db.commit()
                failpoint("store.after-commit")
        except (Taken, StoreUnavailable):
            self.rollback()
            raise

    def rollback(self) -> None:
        with _translated():
            self._db.rollback()

    def _insert(self, batch: Batch) -> None:
        lanes = self._lanes
        insert_rows(
            self._db,
            "INSERT INTO events",
            [
                (_place(lanes[e.lane], e.position), e.stream, e.version, e.hash, e.record)
                for e in batch.events
            ],
        )
        insert_rows(self._db, "INSERT INTO receipts", batch.receipts)
        for run in runs(batch.claims):
            self._change_claims(run)
        insert_rows(
            self._db,
            "INSERT INTO lanes",
            [
                (lanes[lane], *lane, head.position, head.hash, head.recorded_at_us)
                for lane, head in batch.heads.items()
            ],
            "ON CONFLICT (lane) DO UPDATE SET position = excluded.position, "
            "hash = excluded.hash, recorded_at_us = excluded.recorded_at_us",
        )

    def _change_claims(self, run: list[ClaimRow] | ReleaseRow) -> None:
        if isinstance(run, list):
            rows = [(claim.kind, claim.key, claim.owner) for claim in run]
            insert_rows(self._db, "INSERT INTO claims", rows)
        elif run.key is None:
            self._db.execute(
                "DELETE FROM claims WHERE owner = ? AND kind = ?", (run.owner, run.kind)
            )
        else:
            self._db.execute(
                "DELETE FROM claims WHERE kind = ? AND key = ? AND owner = ?",
                (run.kind, run.key, run.owner),
            )

    def look(self, members: Sequence[Member]) -> Known:
        """BEGIN IMMEDIATE locks the whole file, hence all lanes."""
        appends = [member.append for member in members]
        with _translated():
            self._db.execute("BEGIN IMMEDIATE")
            return Known(
                heads=self._heads(),
                receipts=self._receipts({append.command_id for append in appends}),
                versions=self._versions({w.stream for a in appends for w in a.writes}),
                claims=self._claims(claim for a in appends for claim in a.claims),
            )

    def _heads(self) -> dict[Lane, LaneHead]:
        rows = self._db.execute(
            "SELECT topic, partition, position, hash, recorded_at_us FROM lanes"
        )
        return {(row[0], row[1]): LaneHead(row[2], row[3], row[4]) for row in rows}

    def _receipts(self, ids: Iterable[str]) -> dict[str, tuple[bytes, bytes]]:
        question = "SELECT digest, receipt FROM receipts WHERE command_id = ?"
        rows = ((key, self._db.execute(question, (key,)).fetchone()) for key in ids)
        return {key: row for key, row in rows if row is not None}

    def _versions(self, streams: Iterable[str]) -> dict[str, int]:
        question = "SELECT max(version) FROM events WHERE stream = ?"
        return {each: self._db.execute(question, (each,)).fetchone()[0] or 0 for each in streams}

    def _claims(self, claims: Iterable[ClaimRow]) -> dict[tuple[str, bytes], str]:
        question = "SELECT owner FROM claims WHERE kind = ? AND key = ?"
        keys = {(claim.kind, claim.key) for claim in claims}
        rows = ((key, self._db.execute(question, key).fetchone()) for key in keys)
        return {key: row[0] for key, row in rows if row is not None}


class _Reader:
    """Short statements on a connection of its own."""

    def __init__(self, db: sqlite3.Connection, lanes: dict[Lane, int]) -> None:
        self._db = db
        self._lanes = lanes
        self._names = {lane: name for name, lane in lanes.items()}

    def close(self) -> None:
        self._db.close()

    @_in_database
    def receipt(self, command_id: str) -> tuple[bytes, bytes] | None:
        row: tuple[bytes, bytes] | None = self._db.execute(
            "SELECT digest, receipt FROM receipts WHERE command_id = ?", (command_id,)
        ).fetchone()
        return row

    @_in_database
    def load(self, stream: str, after_version: int) -> list[Record]:
        rows = self._db.execute(
            "SELECT place, record, hash FROM events WHERE stream = ? AND version > ? "
            "ORDER BY version",
            (stream, after_version),
        )
        return [self._record(*row) for row in rows]

    @_in_database
    def read(self, topic: str, partition: int, after: int, limit: int) -> list[Record]:
        lane = self._lanes[topic, partition]
        rows = self._db.execute(
            "SELECT place, record, hash FROM events WHERE place > ? AND place <= ? ORDER BY place",
            (_place(lane, after), _place(lane, after + limit)),
        )
        return [self._record(*row) for row in rows]

    def _record(self, place: int, record: bytes, record_hash: bytes) -> Record:
        topic, partition = self._names[place >> POSITION_BITS]
        return Record(topic, partition, _position(place), record, record_hash)

    @_in_database
    def heads(self) -> list[Head]:
        rows = self._db.execute(
            "SELECT topic, partition, position, hash, recorded_at_us FROM lanes ORDER BY 1, 2"
        )
        return [Head(*row) for row in rows]

    @_in_database
    def total(self) -> int:
        return int(self._db.execute("SELECT coalesce(sum(position), 0) FROM lanes").fetchone()[0])

    @_in_database
    def claim_owner(self, kind: str, key: bytes) -> str | None:
        row = self._db.execute(
            "SELECT owner FROM claims WHERE kind = ? AND key = ?", (kind, key)
        ).fetchone()
        return None if row is None else str(row[0])

    @_in_database
    def claim_owners(self, kind: str, keys: Sequence[bytes]) -> dict[bytes, str]:
        owners: dict[bytes, str] = {}
        for start in range(0, len(keys), KEYS_MAX):
            some = keys[start : start + KEYS_MAX]
            # Asked in one size: what is missing to it is asked for twice.
            asked = (*some, *[some[0]] * (KEYS_MAX - len(some)))
            owners.update(self._db.execute(_OWNERS, (kind, *asked)))
        return owners

    @_in_database
    def cursor(self, name: str, topic: str, partition: int) -> int:
        row = self._db.execute(
            "SELECT position FROM cursors WHERE name = ? AND topic = ? AND partition = ?",
            (name, topic, partition),
        ).fetchone()
        return 0 if row is None else int(row[0])

    @_in_database
    def move_cursor(self, name: str, topic: str, partition: int, position: int) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(
            "INSERT INTO cursors VALUES (?, ?, ?, ?) ON CONFLICT (name, topic, partition) "
            "DO UPDATE SET position = max(position, excluded.position)",
            (name, topic, partition, position),
        )
        failpoint("store.before-move-cursor")
        self._db.commit()
        failpoint("store.after-move-cursor")


class SqliteStore(GroupedStore):
    """The embedded store; `:memory:` runs inline, without a thread."""

    def __init__(self, path: str | Path, topics: Sequence[str], clock: Clock) -> None:
        super().__init__(SqliteEngine(path), topics, clock)
