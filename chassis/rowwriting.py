"""Collapsed rows into tables: sorted keys, executemany on SQLite, COPY on PostgreSQL."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import chain
from typing import Any, Protocol

from sqlalchemy import Connection, Dialect, Table

Key = tuple[Any, ...]
Row = tuple[Any, ...]

# Below this many rows the round trips of COPY cost more than it saves.
COPY_FROM_COUNT = 100
# Rows of one statement on SQLite; 32,766 values are its bound, so up to 511 columns.
ROWS_COUNT = 64


class Collapsed(Protocol):
    """What a batch does to one table."""

    gone: dict[Key, None]
    put: dict[Key, dict[str, Any]]
    added: dict[Key, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Upsert:
    """One shape of row: columns that are set, columns that are added to."""

    insert: str
    # Ends before VALUES, and what follows them.
    into: str
    conflict: str
    copy_table: str
    copy_create: str
    copy_in: str
    copy_out: str
    # Index in the row and what turns the value into the driver's.
    bound: tuple[tuple[int, Callable[[Any], Any]], ...]


class RowWriter:
    """Writes batches; statements are built once per shape."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._copies = dialect.name == "postgresql"
        self._mark = "%s" if self._copies else "?"
        self._upserts: dict[tuple[Table, tuple[str, ...], tuple[str, ...]], _Upsert] = {}
        self._deletes: dict[Table, str] = {}

    def write(self, connection: Connection, tables: Mapping[Table, Collapsed]) -> None:
        """Tables by name, keys in order: two workers that meet in a table wait in one order."""
        for table in sorted(tables, key=lambda each: each.name):
            rows = tables[table]
            if rows.gone:
                self._delete(connection, table, sorted(rows.gone))
            for (put, added), values in _by_shape(rows).items():
                self._upsert(connection, self._shape(table, put, added), values)

    def _delete(self, connection: Connection, table: Table, keys: list[Key]) -> None:
        statement = self._deletes.get(table)
        if statement is None:
            statement = self._deletes[table] = self._delete_text(table)
        connection.exec_driver_sql(statement, keys)

    def _upsert(self, connection: Connection, shape: _Upsert, rows: list[Row]) -> None:
        if shape.bound:
            rows = [_bind(row, shape.bound) for row in rows]
        if not self._copies:
            self._insert(connection, shape, rows)
            return
        if len(rows) < COPY_FROM_COUNT:
            connection.exec_driver_sql(shape.insert, rows)
            return
        connection.exec_driver_sql(shape.copy_create)
        connection.exec_driver_sql(f"TRUNCATE {shape.copy_table}")
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(shape.copy_in) as copy:
            for row in rows:
                copy.write_row(row)
        connection.exec_driver_sql(shape.copy_out)

    def _insert(self, connection: Connection, shape: _Upsert, rows: list[Row]) -> None:
        """Many rows a statement: SQLite's driver lets go of the interpreter for every statement,
        and must win it back from whatever else the process does.
        """
        at = 0
        while at < len(rows):
            # Powers of two, so that few different statements are prepared.
            count = min(ROWS_COUNT, 1 << (len(rows) - at).bit_length() - 1)
            values = tuple(chain.from_iterable(rows[at : at + count]))
            statement = _rows_statement(shape.into, count, len(rows[at]), shape.conflict)
            connection.exec_driver_sql(statement, values)
            at += count

    def _quote(self, name: str) -> str:
        return self._dialect.identifier_preparer.quote(name)

    def _delete_text(self, table: Table) -> str:
        keys = " AND ".join(f"{self._quote(c.name)} = {self._mark}" for c in table.primary_key)
        return f"DELETE FROM {self._quote(table.name)} WHERE {keys}"  # noqa: S608  # own names

    def _shape(self, table: Table, put: tuple[str, ...], added: tuple[str, ...]) -> _Upsert:
        found = self._upserts.get((table, put, added))
        if found is None:
            found = self._upserts[table, put, added] = self._build(table, put, added)
        return found

    def _build(self, table: Table, put: tuple[str, ...], added: tuple[str, ...]) -> _Upsert:
        """Rows are (key..., put..., added...)."""
        keys = [column.name for column in table.primary_key]
        # A column that the table does not have is the projection's fault: KeyError.
        columns = [table.c[name] for name in (*keys, *put, *added)]
        target = self._quote(table.name)
        names = ", ".join(self._quote(column.name) for column in columns)
        marks = ", ".join(self._mark for _ in columns)
        conflict = f"ON CONFLICT ({', '.join(map(self._quote, keys))})"
        changes = [f"{self._quote(name)} = excluded.{self._quote(name)}" for name in put]
        for name in map(self._quote, added):
            changes.append(f"{name} = coalesce({target}.{name}, 0) + excluded.{name}")
        conflict += f" DO UPDATE SET {', '.join(changes)}" if changes else " DO NOTHING"
        name = f"in_{sha256(f'{target} {names} {len(put)}'.encode()).hexdigest()[:16]}"
        chosen = f"SELECT {names} FROM {target}"  # noqa: S608
        bound = []
        for index, column in enumerate(columns):
            bind = column.type.dialect_impl(self._dialect).bind_processor(self._dialect)
            if bind is not None:
                bound.append((index, bind))
        into = f"INSERT INTO {target} ({names}) VALUES"
        return _Upsert(
            f"{into} ({marks}) {conflict}",
            into,
            conflict,
            name,
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} AS {chosen} WITH NO DATA",
            f"COPY {name} ({names}) FROM STDIN",
            f"INSERT INTO {target} ({names}) SELECT {names} FROM {name} {conflict}",  # noqa: S608
            tuple(bound),
        )


@cache
def _rows_statement(into: str, rows: int, columns: int, conflict: str) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"{into} {', '.join([row] * rows)} {conflict}"


def _by_shape(rows: Collapsed) -> dict[tuple[tuple[str, ...], tuple[str, ...]], list[Row]]:
    """Rows grouped by the columns they touch, each group in the order of its keys."""
    shapes: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Row]] = {}
    put, added = rows.put, rows.added
    for key in sorted(put.keys() | added.keys() if added else put):
        columns = put.get(key, _NOTHING)
        deltas = added.get(key, _NOTHING) if added else _NOTHING
        shape = (tuple(columns), tuple(deltas))
        row = (*key, *columns.values(), *deltas.values())
        group = shapes.get(shape)
        if group is None:
            shapes[shape] = [row]
        else:
            group.append(row)
    return shapes


def _bind(row: Row, bound: Sequence[tuple[int, Callable[[Any], Any]]]) -> Row:
    values = list(row)
    for index, bind in bound:
        values[index] = bind(values[index])
    return tuple(values)


_NOTHING: dict[str, Any] = {}
