"""How far each consumer is in each lane: the rows, and what this process knows of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import Any

from sqlalchemy import Connection, bindparam, select, tuple_
from sqlalchemy.dialects import postgresql

from chassis.feedtables import CHECKPOINTS, STOPPED, Checkpoint, Lane

NOTHING = Checkpoint(0)
# A rebuild may delete the rows between our insert and our lock.
LOCK_ATTEMPTS_COUNT = 8

At = dict[Lane, Checkpoint]


def stopped_consumers(connection: Connection) -> dict[str, str]:
    """Consumers that do not run, and why."""
    rows = connection.execute(select(STOPPED.c.consumer, STOPPED.c.reason, STOPPED.c.event_id))
    return {row.consumer: f"{row.reason} {row.event_id}".strip() for row in rows}


class Checkpoints:
    """Rows of `checkpoints`, and what the feed of this process has made of them.

    The memory answers waiting queries and tells a consumer that was set back, whose next record
    the feed must fetch again, from one that misses a record.
    """

    def __init__(self) -> None:
        self._known: dict[str, At] = {}
        # Consumers the feed began with and that are still with it; None: no feed has begun.
        self._fed: set[str] | None = None
        self._guard = Lock()

    def position(self, consumer: str, lane: Lane) -> int:
        """The last position that this process saw committed."""
        return self._known.get(consumer, {}).get(lane, NOTHING).position

    def follows(self, consumer: str, lane: Lane, position: int) -> bool:
        """Whether the feed has brought the consumer to this position, so that what comes next
        must be the next record.
        """
        with self._guard:
            fed = self._fed is None or consumer in self._fed
            return fed and position >= self.position(consumer, lane)

    def begin(self, found: Mapping[str, At]) -> None:
        """A feed starts from these checkpoints."""
        with self._guard:
            self._fed = set(found)
            self._known = {consumer: dict(lanes) for consumer, lanes in found.items()}

    def remember(self, moved: Mapping[str, At]) -> None:
        """Committed."""
        with self._guard:
            for consumer, lanes in moved.items():
                self._known.setdefault(consumer, {}).update(lanes)

    def leave(self, consumers: Iterable[str]) -> None:
        """These no longer follow the feed: they stopped or were set back."""
        with self._guard:
            for consumer in consumers:
                self._known.pop(consumer, None)
                if self._fed is not None:
                    self._fed.discard(consumer)

    def load(self, connection: Connection, consumers: Sequence[str]) -> dict[str, At]:
        """The committed checkpoints of these consumers."""
        found: dict[str, At] = {consumer: {} for consumer in consumers}
        for row in connection.execute(
            select(CHECKPOINTS).where(CHECKPOINTS.c.consumer.in_(consumers))
        ):
            found[row.consumer][row.topic, row.partition] = Checkpoint(
                row.position, row.kafka_offset
            )
        return found

    def differs(self, connection: Connection, consumers: Sequence[str]) -> bool:
        """Whether one of these running consumers is not where the feed believes it is."""
        found = self.load(connection, consumers)
        with self._guard:
            if self._fed is not None and not self._fed.issuperset(consumers):
                return True
            return any(
                known.position > found[consumer].get(lane, NOTHING).position
                for consumer in consumers
                for lane, known in self._known.get(consumer, {}).items()
            )

    def lock(self, connection: Connection, wanted: Mapping[str, Sequence[Lane]]) -> dict[str, At]:
        """The checkpoints of these lanes, which nobody else moves until this transaction ends."""
        lanes = sorted({lane for each in wanted.values() for lane in each})
        found: dict[str, At] = {consumer: {} for consumer in wanted}
        if not lanes:
            return found
        for _ in range(LOCK_ATTEMPTS_COUNT):
            for consumer, topic, partition, *place in _locked(connection, sorted(wanted), lanes):
                found[consumer][topic, partition] = Checkpoint(*place)
            missing = [
                (consumer, lane)
                for consumer, each in wanted.items()
                for lane in each
                if lane not in found[consumer]
            ]
            if not missing:
                return found
            self._write(connection, [(*each, NOTHING) for each in missing], create=True)
        raise AssertionError("checkpoint rows vanish as fast as they are made")

    def move(self, connection: Connection, moved: Mapping[str, At]) -> None:
        """Write new checkpoints of locked lanes."""
        rows = [
            (consumer, lane, checkpoint)
            for consumer, lanes in moved.items()
            for lane, checkpoint in lanes.items()
        ]
        if rows:
            self._write(connection, rows, create=False)

    def _write(
        self,
        connection: Connection,
        rows: Sequence[tuple[str, Lane, Checkpoint]],
        *,
        create: bool,
    ) -> None:
        values = [(consumer, *lane, *checkpoint) for consumer, lane, checkpoint in sorted(rows)]
        if connection.dialect.name == "sqlite":
            statement = _CREATE_SQLITE if create else _MOVE_SQLITE
            connection.exec_driver_sql(statement, (json.dumps(values),))
            return
        connection.execute(
            _CREATE if create else _MOVE,
            [dict(zip(_COLUMNS, each, strict=True)) for each in values],
        )


def _locked(
    connection: Connection, consumers: Sequence[str], lanes: Sequence[Lane]
) -> Iterable[Sequence[Any]]:
    """Rows of at least these lanes."""
    if connection.dialect.name != "sqlite":
        return connection.execute(_LOCKED, {"consumers": consumers, "lanes": lanes})
    asked = (json.dumps(consumers), json.dumps(sorted({topic for topic, _ in lanes})))
    found: list[list[Any]] = json.loads(
        connection.exec_driver_sql(_LOCKED_SQLITE, asked).scalar_one()
    )
    return found


def least(
    found: Mapping[str, At], topics: Mapping[str, Sequence[str]], lanes: Iterable[Lane]
) -> At:
    """Where the hearer of each lane stands that is furthest behind; lanes nobody hears are out."""
    hearers: dict[str, list[At]] = {}
    for name, at in found.items():
        for topic in topics[name]:
            hearers.setdefault(topic, []).append(at)
    return {
        lane: min((at.get(lane, NOTHING) for at in hearers[lane[0]]), key=_position)
        for lane in lanes
        if lane[0] in hearers
    }


def _position(checkpoint: Checkpoint) -> int:
    return checkpoint.position


_LOCKED = (
    select(CHECKPOINTS)
    .where(
        CHECKPOINTS.c.consumer.in_(bindparam("consumers", expanding=True)),
        tuple_(CHECKPOINTS.c.topic, CHECKPOINTS.c.partition).in_(
            bindparam("lanes", expanding=True)
        ),
    )
    .order_by(CHECKPOINTS.c.consumer, CHECKPOINTS.c.topic, CHECKPOINTS.c.partition)
    .with_for_update()
)

_COLUMNS = ("consumer", "topic", "partition", "position", "kafka_offset")
_CREATE = postgresql.insert(CHECKPOINTS).on_conflict_do_nothing(index_elements=_COLUMNS[:3])
_MOVE = postgresql.insert(CHECKPOINTS)
_MOVE = _MOVE.on_conflict_do_update(
    index_elements=_COLUMNS[:3],
    set_={"position": _MOVE.excluded.position, "kafka_offset": _MOVE.excluded.kafka_offset},
)

# SQLite's driver lets go of the interpreter for every row, read or written, and must win it back
# from whatever else the process does: all rows travel as one value.
_LOCKED_SQLITE = """
    SELECT json_group_array(json_array(consumer, topic, "partition", position, kafka_offset))
    FROM checkpoints WHERE consumer IN (SELECT value FROM json_each(?))
    AND topic IN (SELECT value FROM json_each(?))"""
_INTO_SQLITE = """
    INSERT INTO checkpoints (consumer, topic, "partition", position, kafka_offset)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]') FROM json_each(?)
    WHERE true ON CONFLICT (consumer, topic, "partition") DO"""
_CREATE_SQLITE = f"{_INTO_SQLITE} NOTHING"
_MOVE_SQLITE = (
    f"{_INTO_SQLITE} UPDATE SET position = excluded.position, kafka_offset = excluded.kafka_offset"
)
