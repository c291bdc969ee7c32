"""The tables of the local chat, and a connection that keeps what it was given."""

from __future__ import annotations

import sqlite3
from pathlib import Path

FILE_NAME = "localchat.sqlite"
MEMORY = ":memory:"
SYNCHRONOUS_FULL = 2

TABLES = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS chats (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, title TEXT NOT NULL, language TEXT NOT NULL,
    state TEXT NOT NULL, keyboard TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, chat_id INTEGER NOT NULL, body TEXT NOT NULL,
    from_bot INTEGER NOT NULL, deleted INTEGER NOT NULL DEFAULT 0, change INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS messages_by_change ON messages (chat_id, change);
CREATE TABLE IF NOT EXISTS updates (
    id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS callbacks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, chat_id INTEGER NOT NULL, message_id INTEGER NOT NULL,
    asked_at REAL NOT NULL, answer TEXT, change INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS callbacks_by_change ON callbacks (chat_id, change);
CREATE TABLE IF NOT EXISTS contents (digest TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS files (
    id TEXT PRIMARY KEY, unique_id TEXT NOT NULL, path TEXT NOT NULL UNIQUE, mime TEXT NOT NULL,
    size INTEGER NOT NULL, digest TEXT NOT NULL REFERENCES contents (digest), info TEXT NOT NULL
) STRICT;
"""


def connect(data_path: str | Path, first_update_id: int) -> sqlite3.Connection:
    """Open the file (or a file in the folder, or memory) and create what is not there yet."""
    connection = sqlite3.connect(_file(data_path), isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    assert synchronous == SYNCHRONOUS_FULL, "the local chat must survive a kill"
    connection.executescript(TABLES)
    _start_updates_at(connection, first_update_id)
    return connection


def _file(data_path: str | Path) -> str:
    if str(data_path) == MEMORY:
        return MEMORY
    path = Path(data_path)
    return str(path / FILE_NAME if path.is_dir() else path)


def _start_updates_at(connection: sqlite3.Connection, first_update_id: int) -> None:
    """Begin a new file above the numbers of an erased one.

    A bot that remembers its offset would otherwise confirm the new updates unseen.
    """
    connection.execute(
        "INSERT INTO sqlite_sequence (name, seq) SELECT 'updates', ?"
        " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'updates')",
        (first_update_id - 1,),
    )
