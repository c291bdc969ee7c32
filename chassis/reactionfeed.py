"""Reactions as consumers: events become commands in the outbox, in the checkpoint's transaction.

An event whose reaction needs a fact that has not arrived is parked, and so are later events of its
stream; they are tried again whenever facts moved.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import structlog
from google.protobuf.message import Message
from sqlalchemy import Connection, Row, Select, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from chassis.clock import Clock
from chassis.envelope import event_of
from chassis.feedtables import BEHIND, FIRST, OUTBOX, PARKED, STUCK
from chassis.projecting import Heard, names_of
from chassis.reactions import Reaction, reaction_command_id
from chassis.rejection import FactMissing
from chassis.viewdb import is_fault_of_the_world
from tuopin.envelope.v1.envelope_pb2 import Envelope

# Parked events tried again after a batch; a sweep tries all of them, so many at a time.
RETRY_COUNT = 20
SWEEP_COUNT = 500

log = structlog.get_logger(__name__)


class Parked(NamedTuple):
    """An event that waits, and what for."""

    reaction: str
    event_id: str
    missing: str


class ReactionConsumer:
    """One reaction with its checkpoint, which no rebuild resets."""

    rebuildable = False

    def __init__(
        self,
        reaction: Reaction,
        topics: tuple[str, ...],
        clock: Clock,
        target: Callable[[Message], str] | None = None,
    ) -> None:
        self.name = f"reaction:{reaction.name}"
        self.topics = topics
        self.wanted = names_of([reaction.event])
        self._reaction = reaction
        self._clock = clock
        self._target = target

    def consume(self, connection: Connection, records: Sequence[Heard]) -> None:
        """Commands to the outbox, or the event to the parked ones."""
        if not records:
            return
        waiting = self._waiting_streams(connection)
        commands: list[dict[str, Any]] = []
        parked: list[dict[str, Any]] = []
        for _, _, envelope, event in records:
            if isinstance(event, Exception):
                raise event
            missing, turn = "", BEHIND
            if envelope.stream not in waiting:
                try:
                    commands += self._decide(connection, envelope, event)
                    continue
                except FactMissing as error:
                    missing, turn = _missing(error), FIRST
            waiting.add(envelope.stream)
            parked.append(self._parked(envelope, turn, missing))
        self._keep(connection, commands)
        if parked:
            connection.execute(PARKED.insert(), parked)

    def _waiting_streams(self, connection: Connection) -> set[str]:
        return set(
            connection.scalars(
                select(PARKED.c.stream).where(PARKED.c.reaction == self.name).distinct()
            )
        )

    def _decide(
        self, connection: Connection, envelope: Envelope, event: Any
    ) -> list[dict[str, Any]]:
        reaction = self._reaction
        facts = reaction.read(connection, event) if reaction.read else None
        commands = reaction.react(envelope, event, facts)
        now_us = self._clock.now_us()
        return [
            self._row(envelope, command, ordinal, now_us)
            for ordinal, command in enumerate(commands)
        ]

    def _row(self, envelope: Envelope, command: Any, ordinal: int, now_us: int) -> dict[str, Any]:
        assert not command.command_id, "the runtime fills the command id"
        command.command_id = reaction_command_id(envelope.id, self._reaction.name, command, ordinal)
        target = self._target(command) if self._target else ""
        return {
            "command_id": command.command_id,
            "reaction": self.name,
            "target": target or envelope.stream,
            "event_id": envelope.id,
            "on_behalf_of": envelope.on_behalf_of,
            "traceparent": envelope.traceparent,
            "command_type": command.DESCRIPTOR.full_name,
            "command": command.SerializeToString(deterministic=True),
            "created_at_us": now_us,
        }

    def _parked(self, envelope: Envelope, turn: int, missing: str) -> dict[str, Any]:
        now_us = self._clock.now_us()
        return {
            "reaction": self.name,
            "stream": envelope.stream,
            "version": envelope.version,
            "event_id": envelope.id,
            "envelope": envelope.SerializeToString(deterministic=True),
            "turn": turn,
            "missing": missing,
            "parked_at_us": now_us,
            "tried_at_us": now_us,
        }

    def _keep(self, connection: Connection, commands: Sequence[dict[str, Any]]) -> None:
        if commands:
            connection.execute(_KEEP[connection.dialect.name], commands)

    def retry(self, connection: Connection) -> int:
        """Try the parked events that waited longest; how many left."""
        wanted = self._first().order_by(PARKED.c.tried_at_us).limit(RETRY_COUNT)
        return sum(self._stream(connection, row) for row in connection.execute(wanted).all())

    def sweep(self, connection: Connection, after: str) -> tuple[int, str]:
        """Try the next parked streams behind `after`; how many events left the table, and behind
        which stream to go on ("" at the end).
        """
        # Another worker may have taken the first of a stream while we put one behind it.
        behind = PARKED.alias()
        alone = (
            ~select(behind.c.version)
            .where(
                behind.c.reaction == PARKED.c.reaction,
                behind.c.stream == PARKED.c.stream,
                behind.c.version < PARKED.c.version,
            )
            .exists()
        )
        connection.execute(
            update(PARKED)
            .where(PARKED.c.reaction == self.name, PARKED.c.turn == BEHIND, alone)
            .values(turn=FIRST)
        )
        wanted = self._first().where(PARKED.c.stream > after).order_by(PARKED.c.stream)
        rows = connection.execute(wanted.limit(SWEEP_COUNT)).all()
        count = sum(self._stream(connection, row) for row in rows)
        return count, rows[-1].stream if len(rows) == SWEEP_COUNT else ""

    def _first(self) -> Select[Any]:
        """The streams' first parked events; another worker's retry is as good as ours."""
        return (
            select(PARKED)
            .where(PARKED.c.reaction == self.name, PARKED.c.turn == FIRST)
            .with_for_update(skip_locked=True)
        )

    def _stream(self, connection: Connection, row: Row[Any]) -> int:
        """The parked events of a stream in order, until one must go on waiting."""
        count = 0
        following: Row[Any] | None = row
        while following is not None and self._again(connection, following):
            count += 1
            following = connection.execute(
                select(PARKED)
                .where(PARKED.c.reaction == self.name, PARKED.c.stream == row.stream)
                .order_by(PARKED.c.version)
                .limit(1)
            ).first()
        return count

    def _again(self, connection: Connection, row: Row[Any]) -> bool:
        this = (
            PARKED.c.reaction == row.reaction,
            PARKED.c.stream == row.stream,
            PARKED.c.version == row.version,
        )
        envelope = Envelope.FromString(row.envelope)
        try:
            with connection.begin_nested():
                commands = self._decide(connection, envelope, event_of(envelope))
                self._keep(connection, commands)
        except FactMissing as error:
            state = {"turn": FIRST, "missing": _missing(error)}
        except Exception as error:
            if is_fault_of_the_world(error):
                raise
            state = {"turn": STUCK, "missing": type(error).__name__}
            log.error("reaction.stuck", reaction=self.name, event_id=row.event_id, **state)
        else:
            connection.execute(delete(PARKED).where(*this))
            return True
        tried = {"tried_at_us": self._clock.now_us()}
        connection.execute(update(PARKED).where(*this).values(state | tried))
        return False


def unstick(connection: Connection) -> None:
    """After a fix: parked events whose reaction failed are tried again."""
    connection.execute(update(PARKED).where(PARKED.c.turn == STUCK).values(turn=FIRST))


def parked_reactions(connection: Connection) -> set[str]:
    """Reactions that have something to try again."""
    return set(connection.scalars(_PARKED))


def waiting_count(connection: Connection) -> int:
    """Commands whose owner has not answered."""
    return int(connection.scalar(select(func.count()).select_from(OUTBOX)) or 0)


def parked_count(connection: Connection) -> int:
    """Events that wait for a fact, the ones behind them included."""
    return int(connection.scalar(select(func.count()).select_from(PARKED)) or 0)


def stopped_commands(connection: Connection) -> Sequence[Row[Any]]:
    """Commands that no waiting will bring to an answer; at most a screenful."""
    return connection.execute(select(OUTBOX).where(OUTBOX.c.stopped != "").limit(20)).all()


def stuck(connection: Connection) -> list[Parked]:
    """Parked events that need an operator, at most a screenful."""
    return [
        Parked(row.reaction, row.event_id, row.missing)
        for row in connection.execute(select(PARKED).where(PARKED.c.turn == STUCK).limit(20))
    ]


def _missing(error: FactMissing) -> str:
    """Noun and key are opaque ids."""
    return f"{error.noun} {error.key}"[:200]


_PARKED = select(PARKED.c.reaction).where(PARKED.c.turn == FIRST).distinct()
_KEEP = {
    "sqlite": sqlite.insert(OUTBOX).on_conflict_do_nothing(index_elements=["command_id"]),
    "postgresql": postgresql.insert(OUTBOX).on_conflict_do_nothing(index_elements=["command_id"]),
}
