"""Durable timers: rows projected from events, and the runner that sends what is due."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from google.protobuf.message import Message
from sqlalchemy import Connection, Row, and_, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from chassis.clock import Clock
from chassis.decider import derived_id
from chassis.failpoints import failpoint
from chassis.feedtables import DEADLINES, FIRED
from chassis.sending import (
    CAUSED_BY,
    TRACEPARENT,
    Send,
    message_of,
    reason_of,
    wait_s,
    worth_retrying,
)
from chassis.views import Deadlines, Rows
from tuopin.envelope.v1.envelope_pb2 import Envelope

if TYPE_CHECKING:
    from chassis.viewstore import ViewStore

# Sent side by side; one round handles no more, so that a heap of due rows cannot fill the memory.
ROUND_COUNT = 64
POLL_S = 0.5
LONGEST_WAIT_S = 30.0
# The database was away: whoever measures how long gets so much time to say it before what came due
# meanwhile is sent.
SETTLE_S = 10.0
ALARM_AFTER_ATTEMPTS = 8

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeadlineView:
    """The deadlines that some events set, move and clear: project(deadlines, envelope, event)."""

    name: str
    topics: tuple[str, ...]
    events: tuple[type[Message], ...]
    project: Callable[[Deadlines, Envelope, Any], None]


class DeadlineRows:
    """What a deadline projection writes to: rows of one view, caused by one event at a time."""

    def __init__(self, rows: Rows, view: str) -> None:
        self._rows = rows
        self._view = view
        self.event_id = self.traceparent = ""

    def set(self, name: str, key: str, due_at_us: int, command: Message) -> None:
        """Moves the deadline when (name, key) has one. The command comes without command_id."""
        assert not getattr(command, "command_id", ""), "a deadline's command id is derived"
        # Forgotten first: a moved deadline is one that has not fired.
        self._rows.forget(DEADLINES, (name, key))
        self._rows.put(
            DEADLINES,
            (name, key),
            view=self._view,
            due_at_us=due_at_us,
            command_type=command.DESCRIPTOR.full_name,
            command=command.SerializeToString(deterministic=True),
            event_id=self.event_id,
            traceparent=self.traceparent,
        )

    def clear(self, name: str, key: str) -> None:
        self._rows.forget(DEADLINES, (name, key))


def deadline_command_id(name: str, key: str, due_at_us: int) -> str:
    """Fired twice, done once; a moved deadline fires again."""
    return derived_id("deadline", name, key, due_at_us)


class DeadlineRunner:
    """Sends what is due, once: by the index of due times, so that what is not due costs nothing.

    The mark that a deadline fired is no part of the view: a rebuilt deadline does not fire again.
    """

    def __init__(
        self,
        viewstore: "ViewStore",
        send: Send,
        clock: Clock | None = None,
        *,
        longest_wait_s: float = LONGEST_WAIT_S,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._views = viewstore
        self._send = send
        self._clock = clock or viewstore.clock
        self._longest_wait_s = longest_wait_s
        self._settle_s = settle_s
        self._attempts = 0
        # Who is started may have been ended by an outage of the database, which its reporters tell
        # of only now. A file is away with nobody but ourselves.
        self._unsettled = viewstore.engine.dialect.name != "sqlite"

    async def run(self) -> None:
        """Send for ever. What an operator has mended since the last start is tried again."""
        await self._views.change(_forget_stopped)
        while True:
            try:
                if self._unsettled:
                    await self._views.query(open_count)
                    await self._clock.sleep(self._settle_s)
                    self._unsettled = False
                moved = await self.step()
            except Exception as error:
                # The views' database is away: the rows wait in it.
                log.warning("deadlines.restarted", error=reason_of(error))
                moved, self._unsettled = 0, True
            if not moved:
                await self._clock.sleep(
                    wait_s(self._attempts, self._longest_wait_s) if self._attempts else POLL_S
                )

    async def step(self) -> int:
        """One round of what is due now; how many are settled by it."""
        now_us = self._clock.now_us()
        due = await self._views.query(lambda connection: _due(connection, now_us))
        if not due:
            return 0
        outcomes = await asyncio.gather(*(self._fire(row) for row in due))
        settled = [
            (row, reason) for row, reason in zip(due, outcomes, strict=True) if reason is not None
        ]
        self._attempts = 0 if settled else self._attempts + 1
        await self._views.change(lambda connection: _settle(connection, settled, now_us))
        return len(settled)

    async def _fire(self, row: Row[Any]) -> str | None:
        """ "" when the owner answered, a reason when it never will, None when it may later."""
        if row.already_us is not None:
            return ""
        command: Any = message_of(row.command_type, row.command)
        command.command_id = deadline_command_id(row.name, row.key, row.due_at_us)
        metadata = {CAUSED_BY: row.event_id}
        if row.traceparent:
            metadata[TRACEPARENT] = row.traceparent
        try:
            failpoint("deadlines.before-send")
            await self._send(command, metadata)
            failpoint("deadlines.after-send")
        except Exception as error:
            reason = reason_of(error)
            again = worth_retrying(error)
            alarm = log.info if again and self._attempts < ALARM_AFTER_ATTEMPTS else log.error
            alarm("deadline.unanswered", name=row.name, key=row.key, reason=reason, again=again)
            return None if again else reason
        return ""


def _due(connection: Connection, now_us: int) -> Sequence[Row[Any]]:
    fired = and_(
        FIRED.c.name == DEADLINES.c.name,
        FIRED.c.key == DEADLINES.c.key,
        FIRED.c.due_at_us == DEADLINES.c.due_at_us,
    )
    return connection.execute(
        select(DEADLINES, FIRED.c.fired_at_us.label("already_us"))
        .select_from(DEADLINES.outerjoin(FIRED, fired))
        .where(DEADLINES.c.fired_at_us.is_(None), DEADLINES.c.due_at_us <= now_us)
        .order_by(DEADLINES.c.due_at_us)
        .limit(ROUND_COUNT)
    ).all()


def _settle(connection: Connection, settled: Sequence[tuple[Row[Any], str]], now_us: int) -> None:
    for row, reason in settled:
        if row.already_us is None:
            mark = {
                "name": row.name,
                "key": row.key,
                "due_at_us": row.due_at_us,
                "fired_at_us": now_us,
                "stopped": reason,
            }
            connection.execute(_MARK[connection.dialect.name], mark)
        connection.execute(
            update(DEADLINES)
            .where(
                DEADLINES.c.name == row.name,
                DEADLINES.c.key == row.key,
                # It may have been moved meanwhile: then it is to fire again.
                DEADLINES.c.due_at_us == row.due_at_us,
            )
            .values(fired_at_us=now_us)
        )


def _forget_stopped(connection: Connection) -> None:
    stopped = (
        select(FIRED.c.due_at_us)
        .where(
            FIRED.c.name == DEADLINES.c.name,
            FIRED.c.key == DEADLINES.c.key,
            FIRED.c.due_at_us == DEADLINES.c.due_at_us,
            FIRED.c.stopped != "",
        )
        .exists()
    )
    connection.execute(update(DEADLINES).where(stopped).values(fired_at_us=None))
    connection.execute(delete(FIRED).where(FIRED.c.stopped != ""))


def open_count(connection: Connection) -> int:
    """Deadlines that have not fired."""
    waiting = select(func.count()).select_from(DEADLINES).where(DEADLINES.c.fired_at_us.is_(None))
    return int(connection.scalar(waiting) or 0)


def stopped_deadlines(connection: Connection) -> Sequence[Row[Any]]:
    """Deadlines whose command met an error that nobody mends by waiting; at most a screenful."""
    return connection.execute(select(FIRED).where(FIRED.c.stopped != "").limit(20)).all()


_MARK = {
    "sqlite": sqlite.insert(FIRED).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(FIRED).on_conflict_do_nothing(),
}
