"""What the provider keeps: chats, messages, updates, callback queries and files, in SQLite.

Methods that write belong inside ``transaction``; what the caller has been answered is on disk.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from localchat.schema import connect

ChatKind = Literal["private", "group"]
# "new": the person has never written to the bot, so for the bot there is no such chat.
ChatState = Literal["new", "open", "blocked"]
JsonObject = dict[str, Any]
FILE_COLUMNS = ("id", "unique_id", "path", "mime", "size", "digest")


@dataclass(frozen=True, slots=True)
class Chat:
    """A person's chat with the bot, or a group the bot is in."""

    id: int
    kind: ChatKind
    title: str
    language: str
    state: ChatState


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message and where it stands in the order of changes."""

    id: int
    body: JsonObject
    from_bot: bool
    deleted: bool
    change: int


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file without its bytes."""

    id: str
    unique_id: str
    path: str
    mime: str
    size: int
    digest: str
    info: JsonObject


class Store:
    """One connection, used from one event loop."""

    def __init__(self, data_path: str | Path, first_update_id: int) -> None:
        self._db = connect(data_path, first_update_id)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do everything inside or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # Settings

    def setting(self, name: str) -> Any:
        """Return a remembered value, or None."""
        row = self._one("SELECT value FROM settings WHERE name = ?", name)
        return json.loads(row["value"]) if row else None

    def set_setting(self, name: str, value: Any) -> None:
        """Remember a value."""
        self._db.execute(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (name, _dump(value)),
        )

    def _next_change(self) -> int:
        change: int = 1 + (self.setting("change") or 0)
        self.set_setting("change", change)
        return change

    # Chats

    def chats(self, kind: ChatKind) -> list[Chat]:
        """Return the chats of a kind in the order of their ids."""
        rows = self._db.execute("SELECT * FROM chats WHERE kind = ? ORDER BY abs(id)", (kind,))
        return [_chat(row) for row in rows]

    def chat(self, chat_id: int) -> Chat | None:
        """Return a chat, or None."""
        row = self._one("SELECT * FROM chats WHERE id = ?", chat_id)
        return _chat(row) if row else None

    def put_chat(self, chat: Chat) -> None:
        """Register a chat or change its title, language and state."""
        self._db.execute(
            "INSERT INTO chats (id, kind, title, language, state) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET title = excluded.title, language = excluded.language,"
            " state = excluded.state",
            (chat.id, chat.kind, chat.title, chat.language, chat.state),
        )

    def keyboard(self, chat_id: int) -> JsonObject | None:
        """Return the keyboard below the chat, or None."""
        row = self._one("SELECT keyboard FROM chats WHERE id = ?", chat_id)
        return json.loads(row["keyboard"]) if row and row["keyboard"] else None

    def set_keyboard(self, chat_id: int, keyboard: JsonObject | None) -> None:
        """Show a keyboard below the chat, or none."""
        value = None if keyboard is None else _dump(keyboard)
        self._db.execute("UPDATE chats SET keyboard = ? WHERE id = ?", (value, chat_id))

    # Messages

    def add_message(self, chat_id: int, body: JsonObject, *, from_bot: bool) -> JsonObject:
        """Store a message under the next id, and return it with that id."""
        cursor = self._db.execute(
            "INSERT INTO messages (chat_id, body, from_bot, change) VALUES (?, '', ?, 0)",
            (chat_id, from_bot),
        )
        assert cursor.lastrowid is not None
        numbered = {"message_id": cursor.lastrowid, **body}
        self.change_message(cursor.lastrowid, numbered)
        return numbered

    def change_message(self, message_id: int, body: JsonObject) -> None:
        """Replace what a message says."""
        self._db.execute(
            "UPDATE messages SET body = ?, change = ? WHERE id = ?",
            (_dump(body), self._next_change(), message_id),
        )

    def delete_message(self, message_id: int) -> None:
        """Hide a message; it still counts as sent."""
        self._db.execute(
            "UPDATE messages SET deleted = 1, change = ? WHERE id = ?",
            (self._next_change(), message_id),
        )

    def message(self, chat_id: int, message_id: int) -> StoredMessage | None:
        """Return a message that is still there, or None."""
        row = self._one(
            "SELECT * FROM messages WHERE id = ? AND chat_id = ? AND NOT deleted",
            message_id,
            chat_id,
        )
        return _message(row) if row else None

    def messages(self, chat_id: int, after: int) -> list[StoredMessage]:
        """Return what was sent, edited or deleted after a change, in the order of ids."""
        rows = self._db.execute(
            "SELECT * FROM messages WHERE chat_id = ? AND change > ? ORDER BY id", (chat_id, after)
        )
        return [_message(row) for row in rows]

    def sent_counts(self) -> dict[int, int]:
        """Return how many messages the bot has sent to each chat."""
        rows = self._db.execute(
            "SELECT chat_id, count(*) AS n FROM messages WHERE from_bot GROUP BY chat_id"
        )
        return {row["chat_id"]: row["n"] for row in rows}

    # Updates

    def add_update(self, kind: str, body: JsonObject, at: float) -> None:
        """Queue an update for the bot."""
        self._db.execute("INSERT INTO updates (body, at) VALUES (?, ?)", (_dump({kind: body}), at))

    def updates(self, offset: int, limit: int) -> list[JsonObject]:
        """Return the oldest updates from an id on."""
        rows = self._db.execute(
            "SELECT id, body FROM updates WHERE id >= ? ORDER BY id LIMIT ?", (offset, limit)
        )
        return [{"update_id": row["id"], **json.loads(row["body"])} for row in rows]

    def confirm_updates(self, before_id: int) -> None:
        """Forget the updates below an id."""
        self._db.execute("DELETE FROM updates WHERE id < ?", (before_id,))

    def drop_update(self, update_id: int) -> None:
        """Forget one update: it was taken."""
        self._db.execute("DELETE FROM updates WHERE id = ?", (update_id,))

    def keep_last_updates(self, count: int) -> None:
        """Forget all updates but the newest ones."""
        self._db.execute(
            "DELETE FROM updates WHERE id NOT IN (SELECT id FROM updates ORDER BY id DESC LIMIT ?)",
            (count,),
        )

    def expire_updates(self, before_at: float) -> None:
        """Forget updates that nobody fetched in time."""
        self._db.execute("DELETE FROM updates WHERE at < ?", (before_at,))

    def pending_count(self) -> int:
        """Return how many updates wait for the bot."""
        return self._count("SELECT count(*) AS n FROM updates")

    # Callback queries

    def add_callback(self, chat_id: int, message_id: int, asked_at: float) -> int:
        """Store a tap on a button, and return its number."""
        cursor = self._db.execute(
            "INSERT INTO callbacks (chat_id, message_id, asked_at) VALUES (?, ?, ?)",
            (chat_id, message_id, asked_at),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def answer_callback(self, callback_id: int, answer: JsonObject, asked_since: float) -> int:
        """Answer a tap that is still open and fresh; return its chat, or 0 when there is none."""
        row = self._one(
            "SELECT chat_id FROM callbacks WHERE id = ? AND answer IS NULL AND asked_at >= ?",
            callback_id,
            asked_since,
        )
        if row is None:
            return 0
        self._db.execute(
            "UPDATE callbacks SET answer = ?, change = ? WHERE id = ?",
            (_dump(answer), self._next_change(), callback_id),
        )
        return int(row["chat_id"])

    def answers(self, chat_id: int, after: int) -> list[JsonObject]:
        """Return the answers to a person's taps after a change."""
        rows = self._db.execute(
            "SELECT * FROM callbacks WHERE chat_id = ? AND change > ? ORDER BY change",
            (chat_id, after),
        )
        return [
            {
                "callback_query_id": str(row["id"]),
                "message_id": row["message_id"],
                "change": row["change"],
                **json.loads(row["answer"]),
            }
            for row in rows
        ]

    def asked_at(self, callback_id: int) -> float:
        """When a tap was made."""
        row = self._one("SELECT asked_at FROM callbacks WHERE id = ?", callback_id)
        return float(row["asked_at"]) if row else 0.0

    def answered_count(self) -> int:
        """Return how many callback queries have been answered."""
        return self._count("SELECT count(*) AS n FROM callbacks WHERE answer IS NOT NULL")

    # Files

    def put_file(self, file: StoredFile, data: bytes) -> None:
        """Store a file; the same bytes are stored once."""
        self._db.execute(
            "INSERT INTO contents VALUES (?, ?) ON CONFLICT DO NOTHING", (file.digest, data)
        )
        self._db.execute(
            "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (*(getattr(file, name) for name in FILE_COLUMNS), _dump(file.info)),
        )

    def file(self, file_id: str) -> StoredFile | None:
        """Return a file by its id, or None."""
        return _file(self._one("SELECT * FROM files WHERE id = ?", file_id))

    def file_at(self, path: str) -> StoredFile | None:
        """Return a file by its path, or None."""
        return _file(self._one("SELECT * FROM files WHERE path = ?", path))

    def content(self, digest: str) -> bytes:
        """Return the bytes of a file."""
        row = self._one("SELECT bytes FROM contents WHERE digest = ?", digest)
        assert row is not None
        return bytes(row["bytes"])

    def _one(self, statement: str, *values: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._db.execute(statement, values).fetchone()
        return row

    def _count(self, statement: str) -> int:
        row = self._one(statement)
        assert row is not None
        return int(row["n"])


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _chat(row: sqlite3.Row) -> Chat:
    return Chat(row["id"], row["kind"], row["title"], row["language"], row["state"])


def _message(row: sqlite3.Row) -> StoredMessage:
    return StoredMessage(
        id=row["id"],
        body=json.loads(row["body"]),
        from_bot=bool(row["from_bot"]),
        deleted=bool(row["deleted"]),
        change=row["change"],
    )


def _file(row: sqlite3.Row | None) -> StoredFile | None:
    if row is None:
        return None
    fields = {name: row[name] for name in FILE_COLUMNS}
    return StoredFile(**fields, info=json.loads(row["info"]))
