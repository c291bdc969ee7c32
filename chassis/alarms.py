"""Alarms on windowed facts: rows per (who, day or week), counted in the view's own transaction and
looked at by a timer. Counting is exact; only the looking has a rhythm.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import structlog
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    cast,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from chassis.clock import Clock

_METADATA = MetaData()

# One row per window that went over its limit: raised once, whoever looks and however often.
ALARMS = Table(
    "alarms",
    _METADATA,
    Column("name", String(120), primary_key=True),
    Column("key", String(300), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("raised_at_us", BigInteger, nullable=False),
)

# What one look raises at most; the rest is raised by the next one.
ROUND_COUNT = 1_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WindowAlarm:
    """Raised for each row of the window table whose count is above the limit (programme data)."""

    name: str
    count: Column[Any]
    limit: int


@dataclass(frozen=True, slots=True)
class Raised:
    """One window over its limit; `key` is its primary key: ("officer-1", "2026-10-01")."""

    name: str
    key: tuple[str, ...]
    count: int


class AlarmRunner:
    """Looks at the windows of one view database; safe to run in several workers at once."""

    def __init__(self, engine: Engine, alarms: Sequence[WindowAlarm], clock: Clock) -> None:
        self._engine = engine
        self._alarms = tuple(alarms)
        self._clock = clock

    def create(self) -> None:
        _METADATA.create_all(self._engine)

    async def evaluate(self) -> list[Raised]:
        """Raise what is new. An alarm stays raised: its window's past does not shrink."""
        raised = await asyncio.to_thread(self._evaluate)
        for alarm in raised:
            log.warning("alarm.raised", alarm=alarm.name, key=alarm.key, count=alarm.count)
        return raised

    def _evaluate(self) -> list[Raised]:
        with self._engine.begin() as connection:
            return [
                raised
                for alarm in self._alarms
                for raised in _over_limit(connection, alarm)
                if self._raise(connection, raised)
            ]

    def _raise(self, connection: Connection, raised: Raised) -> bool:
        """Whether this look was the first to raise it."""
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        row = insert(ALARMS).values(
            name=raised.name,
            key=" ".join(raised.key),
            count=raised.count,
            raised_at_us=self._clock.now_us(),
        )
        first = row.on_conflict_do_nothing().returning(ALARMS.c.name)
        return connection.execute(first).first() is not None


def _over_limit(connection: Connection, alarm: WindowAlarm) -> list[Raised]:
    """Windows over the limit that no row of ALARMS names yet."""
    keys = [cast(column, String) for column in alarm.count.table.primary_key.columns]
    key: ColumnElement[str] = reduce(lambda text, part: text.concat(" ").concat(part), keys)
    known = select(ALARMS.c.key).where(ALARMS.c.name == alarm.name)
    over = (
        select(*keys, alarm.count)
        .where(alarm.count > alarm.limit, key.not_in(known))
        .order_by(*keys)
        .limit(ROUND_COUNT)
    )
    rows = connection.execute(over).all()
    return [Raised(alarm.name, tuple(map(str, key)), int(count)) for *key, count in rows]
