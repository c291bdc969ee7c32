"""What a view is made of: tables and a pure projection that says what each event does to their
rows.

Projections never read. They put, add, and forget by key, so that a batch collapses to a few set
statements and
several lanes give the same rows in any interleaving (different topics must put different columns of
a row).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.message import Message
from sqlalchemy import Connection, Table

from tuopin.envelope.v1.envelope_pb2 import Envelope


class Rows(Protocol):
    """What a projection may do. Keys are the table's primary key columns, in order."""

    def put(self, table: Table, key: tuple[Any, ...], **columns: Any) -> None:
        """Insert the row or set just these columns (the later event of a stream wins)."""
        ...

    def add(self, table: Table, key: tuple[Any, ...], **deltas: int) -> None:
        """Insert the row or add to these integer columns."""
        ...

    def forget(self, table: Table, key: tuple[Any, ...]) -> None:
        """Delete the row; only for rows that a single stream writes."""
        ...


class OwnRows(Rows, Protocol):
    """Rows of a view that may also read its own tables, within the batch's transaction."""

    @property
    def connection(self) -> Connection:
        """Reads; sees what was written before the last `flush`."""
        ...

    def flush(self) -> None:
        """Write what was put, added and forgotten so far."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """One answer kept current: its tables (all columns besides the key nullable or with server
    defaults), the topics
    it hears, and project(rows, envelope, event). `event` is the parsed message, personal fields
    still sealed;
    queries open them.
    """

    name: str
    tables: tuple[Table, ...]
    topics: tuple[str, ...]
    project: Callable[[Rows, Envelope, Any], None]
    # Event classes it projects; others on its topics only move the checkpoint.
    events: tuple[type[Message], ...]
    # For rows that follow from earlier rows of the view: called once a batch, after `project`, with
    # the events in their order. What it writes must not depend on where batches end.
    derive: Callable[[OwnRows, Sequence[tuple[Envelope, Any]]], None] | None = None


class Deadlines(Protocol):
    """A deadline is a row (name, key, due_at, command); setting the same name and key again moves
    it.
    """

    def set(self, name: str, key: str, due_at_us: int, command: Message) -> None: ...

    def clear(self, name: str, key: str) -> None: ...


Facts = Mapping[str, Any]
