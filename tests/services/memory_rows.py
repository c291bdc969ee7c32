"""Rows as plain dictionaries: what a projection does, without a database."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Table

from chassis.views import View
from tuopin.envelope.v1.envelope_pb2 import Envelope

Key = tuple[Any, ...]


class MemoryRows:
    """Implements Rows, one write after the other."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[Key, dict[str, Any]]] = {}

    def _row(self, table: Table, key: Key) -> dict[str, Any]:
        fresh = {
            column.name: 0 if column.server_default is not None else None
            for column in table.columns
            if not column.primary_key
        }
        return self.tables.setdefault(table.name, {}).setdefault(key, fresh)

    def put(self, table: Table, key: Key, **columns: Any) -> None:
        row = self._row(table, key)
        assert set(columns) <= set(row), f"{table.name} has no such columns"
        row.update(columns)

    def add(self, table: Table, key: Key, **deltas: int) -> None:
        row = self._row(table, key)
        for column, delta in deltas.items():
            row[column] += delta

    def forget(self, table: Table, key: Key) -> None:
        self.tables.get(table.name, {}).pop(key, None)


def projected(view: View, heard: Iterable[tuple[Envelope, Message]]) -> dict[str, Any]:
    """The tables of a view after these events."""
    rows = MemoryRows()
    for envelope, event in heard:
        if type(event) in view.events:
            view.project(rows, envelope, event)
    return rows.tables
