"""Proof of the views: each rebuilt from history in a scratch database and compared with the live
one, row by row, at the same checkpoints.
"""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, Table, select

from chassis.envelope import parse
from chassis.feeding import Batch, bulk
from chassis.feedtables import DEADLINES, Lane
from chassis.history import History
from chassis.projecting import DeadlineConsumer, ViewConsumer
from chassis.viewstore import ViewStore
from tuopin.operations.v1.operations_pb2 import Finding

# How long a live view may take to reach the heads that were there when the proof began.
REACH_TIMEOUT_S = 30.0
LOOK_EVERY_S = 0.05
FETCH_COUNT = 1_000
INLINE_ATTEMPTS_COUNT = 200
FINDINGS_PER_VIEW_COUNT = 5

Rebuildable = ViewConsumer | DeadlineConsumer


async def verify_views(views: ViewStore, history: History) -> tuple[int, list[Finding]]:
    """How many views were compared, and what differs."""
    findings: list[Finding] = []
    count = 0
    for name, consumer in views.consumers.items():
        if isinstance(consumer, ViewConsumer | DeadlineConsumer):
            count += 1
            findings += await _verify_view(views, history, name, consumer)
    return count, findings


async def _verify_view(
    views: ViewStore, history: History, name: str, consumer: Rebuildable
) -> list[Finding]:
    heads = await history.heads(consumer.topics)
    if not await _reached(views, name, heads):
        stopped = (await views.beside(views.stopped)).get(name)
        if stopped:
            return [Finding(kind="projection", where=name, sentence=f"stopped: {stopped}")]
        sentence = f"has not reached the heads within {REACH_TIMEOUT_S:.0f} seconds"
        return [Finding(kind="view", where=name, sentence=sentence)]
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        scratch = _scratch(views, name, str(Path(folder, "scratch.db")))
        try:
            at = await _replay(scratch, history, {}, heads)
            if views.inline:
                return await _compare_inline(views, history, name, consumer, scratch, at)
            with views.snapshot() as live:
                # Few events: those that came while the scratch view was built.
                reached = await asyncio.to_thread(_positions, views, live, name)
                await _replay(scratch, history, at, reached)
                return await asyncio.to_thread(_compare, name, consumer, live, scratch)
        finally:
            scratch.close()


async def _compare_inline(
    views: ViewStore,
    history: History,
    name: str,
    consumer: Rebuildable,
    scratch: ViewStore,
    at: Mapping[Lane, int],
) -> list[Finding]:
    """In memory nobody can hold a moment: come again until none has passed meanwhile."""
    for _ in range(INLINE_ATTEMPTS_COUNT):
        reached = views.read(lambda live: _positions(views, live, name))
        at = await _replay(scratch, history, at, reached)
        if reached == views.read(lambda live: _positions(views, live, name)):
            return views.read(lambda live: _compare(name, consumer, live, scratch))
    return [Finding(kind="view", where=name, sentence="moves on faster than it can be compared")]


async def _reached(views: ViewStore, name: str, heads: Mapping[Lane, int]) -> bool:
    waited_s = 0.0
    while waited_s < REACH_TIMEOUT_S:
        at = await views.query(lambda connection: _positions(views, connection, name))
        if all(at.get(lane, 0) >= head for lane, head in heads.items()):
            return True
        if name in await views.beside(views.stopped):
            return False
        await asyncio.sleep(LOOK_EVERY_S)
        waited_s += LOOK_EVERY_S
    return False


def _positions(views: ViewStore, connection: Connection, name: str) -> dict[Lane, int]:
    found = views.load_checkpoints(connection, name)
    return {lane: checkpoint.position for lane, checkpoint in found.items()}


def _scratch(views: ViewStore, name: str, place: str) -> ViewStore:
    scratch = ViewStore(
        place,
        [view for view in views.views if view.name == name],
        deadlines=[view for view in views.deadlines if f"deadlines:{view.name}" == name],
        clock=views.clock,
    )
    scratch.create()
    return scratch


async def _replay(
    scratch: ViewStore, history: History, at: Mapping[Lane, int], upto: Mapping[Lane, int]
) -> dict[Lane, int]:
    """Feed the scratch view lane by lane; where it stands then."""
    reached = dict(at)
    for (topic, partition), end in upto.items():
        after = reached.get((topic, partition), 0)
        while after < end:
            records = await history.read(topic, partition, after, end)
            if not records:
                break
            await asyncio.to_thread(_apply, scratch, topic, partition, records)
            after = records[-1].position
        reached[topic, partition] = after
    return reached


def _apply(scratch: ViewStore, topic: str, partition: int, records: Sequence[Any]) -> None:
    with bulk():
        heard = [(each.position, parse(each.envelope), None) for each in records]
        scratch.apply([Batch(topic, partition, heard)])


def _compare(
    name: str, consumer: Rebuildable, live: Connection, scratch: ViewStore
) -> list[Finding]:
    findings: list[Finding] = []
    for table in consumer.tables:
        columns = [column for column in table.columns if column.name != "fired_at_us"]
        wanted = select(*columns)
        if table is DEADLINES:
            wanted = wanted.where(DEADLINES.c.view == name)
        keys = [column.name for column in table.primary_key]

        def compare(
            rebuilt: Connection, wanted: Select[Any] = wanted, table: Table = table
        ) -> list[str]:
            sides = (_rows(live, wanted, table), _rows(rebuilt, wanted, table))
            return _differences(*sides, [column.name for column in columns], len(keys))  # noqa: B023

        for sentence in scratch.read(compare):
            findings.append(Finding(kind="view", where=f"{name} {table.name}", sentence=sentence))
    return findings


Row = tuple[Any, ...]


def _rows(connection: Connection, wanted: Select[Any], table: Table) -> Iterator[Row]:
    """Key columns first, in an order that both engines agree on."""
    keys = list(table.primary_key.columns)
    order = [_ordered(connection, column) for column in keys]
    others = [column for column in wanted.selected_columns if column.name not in table.primary_key]
    rows = connection.execution_options(yield_per=FETCH_COUNT).execute(
        wanted.with_only_columns(*keys, *others).order_by(*order)
    )
    for row in rows:
        yield tuple(row)


def _ordered(connection: Connection, column: ColumnElement[Any]) -> ColumnElement[Any]:
    if connection.dialect.name == "postgresql" and isinstance(column.type, String):
        return column.collate("C")
    return column


def _differences(
    live: Iterator[Row], rebuilt: Iterator[Row], names: Sequence[str], keys_count: int
) -> list[str]:
    """Where two ordered sequences of rows differ: keys and columns, never values."""
    found: list[str] = []
    ours, theirs = next(live, None), next(rebuilt, None)
    while (ours is not None or theirs is not None) and len(found) < FINDINGS_PER_VIEW_COUNT:
        our_key = _key(ours, keys_count)
        their_key = _key(theirs, keys_count)
        if our_key == their_key and ours is not None and theirs is not None:
            if ours != theirs:
                columns = [n for n, a, b in zip(names, ours, theirs, strict=True) if a != b]
                found.append(f"row {our_key} differs from the events in {', '.join(columns)}")
            ours, theirs = next(live, None), next(rebuilt, None)
        elif theirs is None or (our_key is not None and our_key < their_key):  # type: ignore[operator]
            found.append(f"row {our_key} does not follow from any event")
            ours = next(live, None)
        else:
            found.append(f"row {their_key} is missing")
            theirs = next(rebuilt, None)
    return found


def _key(row: Row | None, count: int) -> Row | None:
    if row is None:
        return None
    # PostgreSQL's "C" and SQLite order texts by their bytes, Python by code points: the same.
    return row[:count]
