"""Where wrapped keys lie: one table, in SQLite or PostgreSQL. Used by the key thread only.

A row is never deleted: an erased subject keeps a tombstone, so that it never gets a new key.
"""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

import psycopg

from chassis.failpoints import failpoint
from chassis.manyrows import insert_rows

# nonce 12, key 32, tag 16: every row has the same size, so that an erasure overwrites it in place.
WRAPPED_BYTES = 60
BUSY_TIMEOUT_MS = 30_000
OPEN_TRIES = 200
OPEN_PAUSE_S = 0.01
CHECKPOINT_TRIES = 200
CHECKPOINT_PAUSE_S = 0.01
# Any fixed number: five processes may create the tables at the same moment.
_CREATION_LOCK = 7_261_001

T = TypeVar("T")


class ErasureUnfinished(Exception):
    """The key is destroyed, but an old copy may stand in the log file; call destroy again."""


class WeakDurability(Exception):
    """The database would lose acknowledged keys; nothing may be sealed with it."""


class KeyDatabase(Protocol):
    """Synchronous; one thread owns it and it connects when first asked."""

    def load(self, subject_ids: Collection[str]) -> dict[str, bytes | None]:
        """Wrapped keys of those that are known; None where a tombstone stands."""
        ...

    def add(self, rows: Sequence[tuple[str, bytes]]) -> int:
        """Durably add the rows of subjects not known yet; how many were added."""
        ...

    def erase(self, subject_id: str) -> bool:
        """Overwrite the key and leave a tombstone; True when there was a key."""
        ...

    def erasures_after(self, seen: int) -> tuple[list[str], int]:
        """Subjects erased after number `seen`, and the newest number; from -1 the number only."""
        ...

    def close(self) -> None: ...


class SqliteKeyDatabase:
    """One file in WAL mode, every commit on disk, freed content overwritten."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._opened: sqlite3.Connection | None = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = self._connect()
        return self._opened

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA secure_delete=ON")
        _switch_to_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        wanted = {
            "synchronous": 2,
            "secure_delete": 1,
            "journal_mode": "memory" if self._path == ":memory:" else "wal",
        }
        for name, value in wanted.items():
            found = connection.execute(f"PRAGMA {name}").fetchone()[0]
            if found != value:
                raise WeakDurability(f"key database: {name} is {found}, not {value}")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS keys (id INTEGER PRIMARY KEY, subject TEXT NOT NULL UNIQUE,"
            " erased INTEGER NOT NULL, wrapped BLOB NOT NULL)"
        )
        connection.execute(
            "CREATE TABLE IF NOT EXISTS erasures"
            " (number INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL)"
        )
        return connection

    def load(self, subject_ids: Collection[str]) -> dict[str, bytes | None]:
        if not subject_ids:
            return {}
        rows = self._connection.execute(
            "SELECT subject, erased, wrapped FROM keys"
            " WHERE subject IN (SELECT value FROM json_each(?))",
            (json.dumps(list(subject_ids)),),
        )
        return {subject: None if erased else wrapped for subject, erased, wrapped in rows}

    def add(self, rows: Sequence[tuple[str, bytes]]) -> int:
        def insert(connection: sqlite3.Connection) -> int:
            new = [(subject, 0, wrapped) for subject, wrapped in rows]
            return insert_rows(
                connection, "INSERT OR IGNORE INTO keys (subject, erased, wrapped)", new
            )

        return self._in_transaction(insert)

    def erase(self, subject_id: str) -> bool:
        def overwrite(connection: sqlite3.Connection) -> bool:
            blank = bytes(WRAPPED_BYTES)
            existed = connection.execute(
                "UPDATE keys SET erased = 1, wrapped = ? WHERE subject = ? AND erased = 0",
                (blank, subject_id),
            ).rowcount
            known = connection.execute(
                "INSERT OR IGNORE INTO keys (subject, erased, wrapped) VALUES (?, 1, ?)",
                (subject_id, blank),
            ).rowcount
            if existed or known:
                connection.execute("INSERT INTO erasures (subject) VALUES (?)", (subject_id,))
            return bool(existed)

        existed = self._in_transaction(overwrite)
        self._empty_log()
        return existed

    def erasures_after(self, seen: int) -> tuple[list[str], int]:
        if seen < 0:
            newest = self._connection.execute("SELECT max(number) FROM erasures").fetchone()[0]
            return [], newest or 0
        rows = self._connection.execute(
            "SELECT number, subject FROM erasures WHERE number > ? ORDER BY number", (seen,)
        ).fetchall()
        return [subject for _, subject in rows], rows[-1][0] if rows else seen

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _in_transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            outcome = work(connection)
            failpoint("keys.before-commit")
            connection.commit()
        except BaseException:
            if connection.in_transaction:
                connection.rollback()
            raise
        failpoint("keys.after-commit")
        return outcome

    def _empty_log(self) -> None:
        """Bring the overwritten page into the file and cut the log, where older pages stand."""
        connection = self._connection
        # A checkpoint that waits inside SQLite would hold up every new key for the whole time-out.
        connection.execute("PRAGMA busy_timeout=0")
        try:
            for _ in range(CHECKPOINT_TRIES):
                busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                if not busy:
                    return
                time.sleep(CHECKPOINT_PAUSE_S)
        finally:
            connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        raise ErasureUnfinished


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Two processes that open a new file at once collide here, and SQLite does not wait for it."""
    for _ in range(OPEN_TRIES):
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode=WAL")
            return
        time.sleep(OPEN_PAUSE_S)
    connection.execute("PRAGMA journal_mode=WAL")


class PostgresKeyDatabase:
    """The same table in PostgreSQL; a lost connection is opened again once per request."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._opened: psycopg.Connection | None = None

    def _connect(self) -> psycopg.Connection:
        connection = psycopg.connect(self._dsn, autocommit=True)
        for name, weak in (("synchronous_commit", ("off", "local")), ("fsync", ("off",))):
            row = connection.execute(f"SHOW {name}").fetchone()
            if row is None or row[0] in weak:
                raise WeakDurability(f"key database: {name} is {row and row[0]}")
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATION_LOCK,))
            connection.execute(
                "CREATE TABLE IF NOT EXISTS keys (subject text PRIMARY KEY,"
                " erased boolean NOT NULL, wrapped bytea NOT NULL)"
            )
            connection.execute(
                "CREATE TABLE IF NOT EXISTS erasures (number bigint GENERATED ALWAYS AS IDENTITY"
                " PRIMARY KEY, subject text NOT NULL)"
            )
        return connection

    def _with(self, work: Callable[[psycopg.Connection], T]) -> T:
        """All work here is safe to repeat: an interrupted commit is asked for again."""
        for last in (False, True):
            try:
                if self._opened is None:
                    self._opened = self._connect()
                return work(self._opened)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                self.close()
                if last:
                    raise
        raise AssertionError("the second round returns or raises")

    def load(self, subject_ids: Collection[str]) -> dict[str, bytes | None]:
        if not subject_ids:
            return {}
        query = "SELECT subject, erased, wrapped FROM keys WHERE subject = ANY(%s)"
        rows = self._with(lambda c: c.execute(query, (list(subject_ids),)).fetchall())
        return {subject: None if erased else bytes(wrapped) for subject, erased, wrapped in rows}

    def add(self, rows: Sequence[tuple[str, bytes]]) -> int:
        subjects = [subject for subject, _ in rows]
        wrapped = [wrapped for _, wrapped in rows]

        def insert(connection: psycopg.Connection) -> int:
            return connection.execute(
                "INSERT INTO keys (subject, erased, wrapped)"
                " SELECT subject, false, wrapped"
                " FROM unnest(%s::text[], %s::bytea[]) AS new (subject, wrapped)"
                " ON CONFLICT DO NOTHING",
                (subjects, wrapped),
            ).rowcount

        return self._with(lambda connection: self._committed(connection, insert))

    def erase(self, subject_id: str) -> bool:
        def overwrite(connection: psycopg.Connection) -> bool:
            # One erasure at a time: their numbers then appear in order, and nobody misses one.
            connection.execute("LOCK TABLE erasures IN EXCLUSIVE MODE")
            blank = bytes(WRAPPED_BYTES)
            existed = connection.execute(
                "UPDATE keys SET erased = true, wrapped = %s WHERE subject = %s AND NOT erased",
                (blank, subject_id),
            ).rowcount
            known = connection.execute(
                "INSERT INTO keys VALUES (%s, true, %s) ON CONFLICT DO NOTHING",
                (subject_id, blank),
            ).rowcount
            if existed or known:
                connection.execute("INSERT INTO erasures (subject) VALUES (%s)", (subject_id,))
            return bool(existed)

        existed = self._with(lambda connection: self._committed(connection, overwrite))
        # Drops the old row version; docs/decisions/keys.md says what the server's own log keeps.
        self._with(lambda connection: connection.execute("VACUUM keys"))
        return existed

    def erasures_after(self, seen: int) -> tuple[list[str], int]:
        if seen < 0:
            newest = "SELECT coalesce(max(number), 0) FROM erasures"
            row = self._with(lambda c: c.execute(newest).fetchone())
            return [], row[0] if row else 0
        query = "SELECT number, subject FROM erasures WHERE number > %s ORDER BY number"
        rows = self._with(lambda c: c.execute(query, (seen,)).fetchall())
        return [subject for _, subject in rows], rows[-1][0] if rows else seen

    def close(self) -> None:
        if self._opened is not None:
            with suppress(psycopg.Error):
                self._opened.close()
            self._opened = None

    @staticmethod
    def _committed(connection: psycopg.Connection, work: Callable[[psycopg.Connection], T]) -> T:
        with connection.transaction():
            outcome = work(connection)
            failpoint("keys.before-commit")
        failpoint("keys.after-commit")
        return outcome
