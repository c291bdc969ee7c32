"""Sends the commands of reactions to their owner, until it has answered each of them."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from opentelemetry import metrics
from sqlalchemy import Connection, Row, delete, select, update

from chassis.clock import MICROSECONDS
from chassis.failpoints import failpoint
from chassis.feedtables import OUTBOX
from chassis.reactionfeed import unstick
from chassis.sending import (
    CAUSED_BY,
    ON_BEHALF_OF,
    TRACEPARENT,
    Send,
    message_of,
    reason_of,
    wait_s,
    worth_retrying,
)
from chassis.viewstore import ViewStore

# Rows read, sent side by side and acknowledged together.
PAGE_COUNT = 256
IN_FLIGHT_COUNT = 64
LONGEST_WAIT_S = 30.0
# From here on every further failure is an alarm.
ALARM_AFTER_ATTEMPTS = 8
SWEEP_EVERY_S = 3.0
IDLE_S = 1.0

log = structlog.get_logger(__name__)
_meter = metrics.get_meter(__name__)
_sent = _meter.create_counter("tuopin_reactions_sent", unit="1")
_failed = _meter.create_counter("tuopin_reactions_unanswered", unit="1")
_stops = _meter.create_counter("tuopin_reactions_stopped", unit="1")


class ReactionRunner:
    """Commands for one stream go one after the other, different streams side by side.

    A stream whose command waits or has stopped holds back its later commands, not the others.
    """

    def __init__(
        self,
        viewstore: ViewStore,
        send: Send,
        *,
        in_flight_count: int = IN_FLIGHT_COUNT,
        longest_wait_s: float = LONGEST_WAIT_S,
    ) -> None:
        self._views = viewstore
        self._send = send
        self._clock = viewstore.clock
        self._longest_wait_s = longest_wait_s
        self._free = asyncio.Semaphore(in_flight_count)
        # Streams to be left alone for a while: failed attempts, and when the next may be.
        self._waits: dict[str, tuple[int, int]] = {}
        self._sweep_due_us = 0
        self._settled_seq = 0

    async def run(self) -> None:
        """Send for ever. What an operator has mended since the last start is tried again."""
        await self._views.change(_resume)
        while True:
            moves = self._views.moves_count
            try:
                sent = await self.step()
            except Exception as error:
                # The views' database is away: the rows wait in it.
                log.warning("reactions.restarted", error=reason_of(error))
                await self._clock.sleep(IDLE_S)
                continue
            if not sent:
                await self._views.moved(moves, self._pause_s())

    async def step(self) -> int:
        """One round over all rows that may go now; how many were answered."""
        await self._sweep()
        after = count = 0
        held = set(await self._views.query(_stopped_targets))
        while rows := await self._views.query(lambda connection: _page(connection, after)):  # noqa: B023
            after = rows[-1].seq
            if after > self._settled_seq:
                # Decided again after a power cut, with newer facts, the same id could name
                # another command: what leaves must be there to stay.
                await self._views.settle()
                self._settled_seq = after
            answered = await self._send_page(rows, held)
            count += answered
            if not answered and self._waits:
                # The owner seems to be away; reading on would read the whole outbox for nothing.
                break
        return count

    async def _sweep(self) -> None:
        now_us = self._clock.now_us()
        if not self._sweep_due_us <= now_us + int(SWEEP_EVERY_S * MICROSECONDS):
            self._sweep_due_us = now_us  # the clock was set back
        if now_us >= self._sweep_due_us:
            self._sweep_due_us = now_us + int(SWEEP_EVERY_S * MICROSECONDS)
            await self._views.retry_parked()

    async def _send_page(self, rows: Sequence[Row[Any]], held: set[str]) -> int:
        now_us = self._clock.now_us()
        streams: dict[str, list[Row[Any]]] = {}
        for row in rows:
            if self._waits.get(row.target, (0, 0))[1] > now_us:
                # For the whole round: its turn must not come between two of its rows.
                held.add(row.target)
            if row.target not in held:
                streams.setdefault(row.target, []).append(row)
        outcomes = await asyncio.gather(*(self._send_stream(each) for each in streams.values()))
        answered: list[int] = []
        stopped: list[dict[str, Any]] = []
        for stream, (done, reason) in zip(streams.values(), outcomes, strict=True):
            answered += [row.seq for row in stream[:done]]
            if done < len(stream):
                held.add(stream[done].target)
            if reason:
                stopped.append({"row": stream[done].seq, "reason": reason})
        if answered or stopped:
            await self._views.change(lambda connection: _settle(connection, answered, stopped))
        return len(answered) + len(stopped)

    async def _send_stream(self, rows: Sequence[Row[Any]]) -> tuple[int, str]:
        """How many were answered, and why the next one never will be ("" when it may)."""
        for done, row in enumerate(rows):
            async with self._free:
                try:
                    await self._send_one(row)
                except Exception as error:
                    if worth_retrying(error):
                        self._wait(row, error)
                        return done, ""
                    _stops.add(1, {"reaction": row.reaction})
                    log.error("reaction.stopped", **_told(row), reason=reason_of(error))
                    return done, reason_of(error)
            self._waits.pop(row.target, None)
            _sent.add(1, {"reaction": row.reaction})
        return len(rows), ""

    async def _send_one(self, row: Row[Any]) -> None:
        metadata = {CAUSED_BY: row.event_id}
        if row.on_behalf_of:
            metadata[ON_BEHALF_OF] = row.on_behalf_of
        if row.traceparent:
            metadata[TRACEPARENT] = row.traceparent
        failpoint("reacting.before-send")
        # A refusal is an answer too: the owner has stored it as an event.
        await self._send(message_of(row.command_type, row.command), metadata)
        failpoint("reacting.after-send")

    def _wait(self, row: Row[Any], error: Exception) -> None:
        attempts = self._waits.get(row.target, (0, 0))[0] + 1
        pause_s = wait_s(attempts, self._longest_wait_s)
        self._waits[row.target] = (attempts, self._clock.now_us() + int(pause_s * MICROSECONDS))
        _failed.add(1, {"reaction": row.reaction})
        alarm = log.error if attempts >= ALARM_AFTER_ATTEMPTS else log.info
        alarm("reaction.unanswered", **_told(row), reason=reason_of(error), attempts=attempts)

    def _pause_s(self) -> float:
        """Until the next stream may be tried, or new rows may be there."""
        now_us = self._clock.now_us()
        due = [due_us for _, due_us in self._waits.values()]
        soonest_s = (min(due) - now_us) / MICROSECONDS if due else IDLE_S
        return min(max(soonest_s, 0.01), IDLE_S)


def _told(row: Row[Any]) -> dict[str, str]:
    return {
        "reaction": row.reaction,
        "command_id": row.command_id,
        "command_type": row.command_type,
        "event_id": row.event_id,
    }


def _page(connection: Connection, after: int) -> Sequence[Row[Any]]:
    return connection.execute(
        select(OUTBOX)
        .where(OUTBOX.c.seq > after, OUTBOX.c.stopped == "")
        .order_by(OUTBOX.c.seq)
        .limit(PAGE_COUNT)
    ).all()


def _stopped_targets(connection: Connection) -> Iterable[str]:
    return connection.scalars(
        select(OUTBOX.c.target).where(OUTBOX.c.stopped != "").distinct()
    ).all()


def _settle(
    connection: Connection, answered: Sequence[int], stopped: Sequence[dict[str, Any]]
) -> None:
    if answered:
        connection.execute(delete(OUTBOX).where(OUTBOX.c.seq.in_(answered)))
    for each in stopped:
        connection.execute(
            update(OUTBOX).where(OUTBOX.c.seq == each["row"]).values(stopped=each["reason"])
        )


def _resume(connection: Connection) -> None:
    connection.execute(update(OUTBOX).where(OUTBOX.c.stopped != "").values(stopped=""))
    unstick(connection)
