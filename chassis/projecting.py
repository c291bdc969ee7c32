"""Rows of a batch, collapsed per key, and the consumers that fill them from events."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from google.protobuf.message import Message
from sqlalchemy import Connection, Table

from chassis.deadlines import DeadlineRows, DeadlineView
from chassis.feedtables import DEADLINES
from chassis.rowwriting import RowWriter
from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope

Key = tuple[Any, ...]
Columns = dict[str, Any]


# An event on its way to the consumers: position, full name, envelope, message (None when nobody
# wants it, the error when its bytes are no such message). A plain tuple: one is made per record.
Heard = tuple[int, str, Envelope, Message | Exception | None]


class Consumer(Protocol):
    """A part of a worker with a checkpoint of its own."""

    name: str
    # Empty: everything the worker hears.
    topics: tuple[str, ...]
    wanted: frozenset[str]
    # Whether its rows follow from the events alone, so that it may be rebuilt.
    rebuildable: bool

    def consume(self, connection: Connection, records: Sequence[Heard]) -> None:
        """Write what these records, all wanted, say. Raises what is wrong with one of them."""
        ...


class TableRows:
    """What a batch does to one table: rows forgotten first, then columns put and added to."""

    __slots__ = ("added", "gone", "put")

    def __init__(self) -> None:
        self.gone: dict[Key, None] = {}
        self.put: dict[Key, Columns] = {}
        self.added: dict[Key, Columns] = {}


class RowsBuffer:
    """Implements Rows for one batch: each key is written once, however often it is touched."""

    def __init__(self) -> None:
        self.tables: dict[Table, TableRows] = {}

    def _of(self, table: Table) -> TableRows:
        rows = self.tables[table] = TableRows()
        return rows

    def put(self, table: Table, key: Key, **columns: Any) -> None:
        rows = self.tables.get(table) or self._of(table)
        row = rows.put.get(key)
        if row is None:
            rows.put[key] = columns
        else:
            row.update(columns)
        if rows.added and key in rows.added:
            for column in columns:
                rows.added[key].pop(column, None)

    def add(self, table: Table, key: Key, **deltas: int) -> None:
        rows = self.tables.get(table) or self._of(table)
        put = rows.put.get(key)
        if put is not None:
            for column in put.keys() & deltas.keys():
                put[column] = (put[column] or 0) + deltas.pop(column)
        added = rows.added.get(key)
        if added is None:
            rows.added[key] = deltas
            return
        for column, delta in deltas.items():
            added[column] = added.get(column, 0) + delta

    def forget(self, table: Table, key: Key) -> None:
        rows = self.tables.get(table) or self._of(table)
        rows.put.pop(key, None)
        rows.added.pop(key, None)
        rows.gone[key] = None


def names_of(events: Iterable[type[Message]]) -> frozenset[str]:
    """Full names, as envelopes carry them."""
    return frozenset(event.DESCRIPTOR.full_name for event in events)


class OwnRowsBuffer(RowsBuffer):
    """Implements OwnRows: what a deriving view writes and reads within one transaction."""

    def __init__(self, connection: Connection, writer: RowWriter) -> None:
        super().__init__()
        self.connection = connection
        self._writer = writer

    def flush(self) -> None:
        if self.tables:
            self._writer.write(self.connection, self.tables)
            self.tables = {}


class ViewConsumer:
    """A view: its projection's rows go to its own tables."""

    rebuildable = True

    def __init__(self, view: View, writer: RowWriter) -> None:
        self.name = view.name
        self.topics = view.topics
        self.wanted = names_of(view.events)
        self.tables = view.tables
        self._project = view.project
        self._derive = view.derive
        self._writer = writer

    def consume(self, connection: Connection, records: Sequence[Heard]) -> None:
        buffer = OwnRowsBuffer(connection, self._writer)
        _project_all(self._project, buffer, records)
        buffer.flush()
        if self._derive is not None:
            self._derive(buffer, [(envelope, event) for _, _, envelope, event in records])
            buffer.flush()


class DeadlineConsumer:
    """A deadline view: its rows go to the table of deadlines, under its name."""

    rebuildable = True
    tables = (DEADLINES,)

    def __init__(self, view: DeadlineView, writer: RowWriter) -> None:
        self.name = f"deadlines:{view.name}"
        self.topics = view.topics
        self.wanted = names_of(view.events)
        self._view = view
        self._writer = writer

    def consume(self, connection: Connection, records: Sequence[Heard]) -> None:
        buffer = RowsBuffer()
        deadlines = DeadlineRows(buffer, self.name)

        def project(rows: DeadlineRows, envelope: Envelope, event: Any) -> None:
            rows.event_id, rows.traceparent = envelope.id, envelope.traceparent
            self._view.project(rows, envelope, event)

        _project_all(project, deadlines, records)
        self._writer.write(connection, buffer.tables)


def _project_all(
    project: Callable[[Any, Envelope, Any], None],
    rows: Rows | DeadlineRows,
    records: Sequence[Heard],
) -> None:
    for _, _, envelope, event in records:
        if isinstance(event, Exception):
            raise event
        project(rows, envelope, event)
