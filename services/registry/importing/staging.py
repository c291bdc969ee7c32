"""What a file has said so far, on disk instead of in memory: numbers and people with their rows,
and which households must not stay as they were read.

People are keyed digests. The file is scratch: it is deleted when the validation ends.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

_CACHE_KIB = 2_048

Seen = tuple[str | bytes, int]


class Staging:
    """Remembers each household number and each person of one file, and in which row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(
            f"""
            PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
            PRAGMA cache_size = -{_CACHE_KIB};
            CREATE TABLE numbers (key TEXT PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID;
            CREATE TABLE spoiled (row INTEGER PRIMARY KEY);
            CREATE TABLE people (key BLOB PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID;
            """
        )

    def repeated_numbers(self, seen: Sequence[Seen]) -> list[tuple[int, int]]:
        """(row, first row) of each household number that an earlier row has."""
        return self._repeated("numbers", seen)

    def repeated_people(self, seen: Sequence[Seen]) -> list[tuple[int, int]]:
        """(row, first row) of each person that an earlier row has."""
        return self._repeated("people", seen)

    def _repeated(self, table: str, seen: Sequence[Seen]) -> list[tuple[int, int]]:
        self._db.execute("BEGIN")
        added = self._db.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", seen).rowcount  # noqa: S608
        self._db.execute("COMMIT")
        if added == len(seen):
            return []
        question = f"SELECT row FROM {table} WHERE key = ?"  # noqa: S608 - our own table's name
        rows = ((row, self._db.execute(question, (key,)).fetchone()[0]) for key, row in seen)
        return [(row, first) for row, first in rows if row != first]

    def spoil(self, rows: Iterable[int]) -> None:
        """The households that began in these rows turned out to go on elsewhere."""
        self._db.executemany("INSERT OR IGNORE INTO spoiled VALUES (?)", [(row,) for row in rows])

    @property
    def anything_spoiled(self) -> bool:
        return self._db.execute("SELECT 1 FROM spoiled LIMIT 1").fetchone() is not None

    def is_spoiled(self, row: int) -> bool:
        return bool(self._db.execute("SELECT 1 FROM spoiled WHERE row = ?", (row,)).fetchone())

    def close(self) -> None:
        self._db.close()
        self._path.unlink(missing_ok=True)
