"""A log of households made from a seed, the view the tests keep of it, and a fold that is slow and
plain on purpose."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Integer, MetaData, String, Table, select

from chassis.envelope import event_of
from chassis.lanes import lane_of
from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.household_pb2 import HouseholdExited, HouseholdRegistered

TOPIC = "household"
VILLAGES = [f"4331241002{n:02d}" for n in range(20)]
OFFICERS = ["officer-1", "officer-2", "officer-3"]
DAYS = [f"2026-10-{day:02d}" for day in range(1, 6)]

metadata = MetaData()
households = Table(
    "households",
    metadata,
    Column("household_id", String, primary_key=True),
    Column("village_id", String),
    Column("exited", Boolean),
)
villages = Table(
    "villages",
    metadata,
    Column("village_id", String, primary_key=True),
    Column("registered", Integer, nullable=False, server_default="0"),
)
# The windowed fact: rows per (who, day), counted in the view's own transaction.
exits = Table(
    "exits",
    metadata,
    Column("exited_by", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("exits", Integer, nullable=False, server_default="0"),
)


def project(rows: Rows, envelope: Envelope, event: Any) -> None:
    match event:
        case HouseholdRegistered():
            key = (event.household_id,)
            rows.put(households, key, village_id=event.village_id, exited=False)
            rows.add(villages, (event.village_id,), registered=1)
        case HouseholdExited():
            rows.put(households, (event.household_id,), exited=True)
            rows.add(villages, (event.village_id,), registered=-1)
            rows.add(exits, (event.exited_by, event.effective_on), exits=1)


VIEW = View(
    name="households",
    tables=(households, villages, exits),
    topics=(TOPIC,),
    project=project,
    events=(HouseholdRegistered, HouseholdExited),
)


def event_pairs(
    count: int, seed: int = 1
) -> list[tuple[str, HouseholdRegistered | HouseholdExited]]:
    """(stream, event) in the order in which they happen: two thirds register, one third exits."""
    draw = random.Random(seed)
    pairs: list[tuple[str, HouseholdRegistered | HouseholdExited]] = []
    inside: list[tuple[str, str]] = []
    for n in range(count):
        if inside and n % 3 == 2:
            household_id, village_id = inside.pop(draw.randrange(len(inside)))
            pairs.append(
                (
                    f"household-{household_id}",
                    HouseholdExited(
                        household_id=household_id,
                        village_id=village_id,
                        exited_by=draw.choice(OFFICERS),
                        effective_on=draw.choice(DAYS),
                    ),
                )
            )
        else:
            household_id, village_id = f"{seed:04x}-{n:08x}", draw.choice(VILLAGES)
            inside.append((household_id, village_id))
            pairs.append(
                (
                    f"household-{household_id}",
                    HouseholdRegistered(household_id=household_id, village_id=village_id),
                )
            )
    return pairs


def envelopes(count: int, seed: int = 1) -> list[Envelope]:
    """The same events as a store would keep them: gapless positions per lane."""
    positions: Counter[int] = Counter()
    versions: Counter[str] = Counter()
    made = []
    for n, (stream, event) in enumerate(event_pairs(count, seed)):
        lane = lane_of(stream)
        positions[lane] += 1
        versions[stream] += 1
        made.append(
            Envelope(
                id=f"{stream}@{versions[stream]}",
                type=event.DESCRIPTOR.full_name,
                stream=stream,
                version=versions[stream],
                topic=TOPIC,
                partition=lane,
                position=positions[lane],
                recorded_at_us=1_790_000_000_000_000 + n,
                effective_on="2026-10-01",
                actor="office-433124",
                command_id=f"command-{n}",
                programme="2026.1",
                data=event.SerializeToString(),
            )
        )
    return made


Rowset = dict[str, set[tuple[Any, ...]]]


def fold(log: Iterable[Envelope]) -> Rowset:
    """What the view must hold, without any of its machinery."""
    homes: dict[str, tuple[str, bool]] = {}
    registered: Counter[str] = Counter()
    exited: Counter[tuple[str, str]] = Counter()
    for envelope in log:
        event: Any = event_of(envelope)
        if isinstance(event, HouseholdRegistered):
            homes[event.household_id] = (event.village_id, False)
            registered[event.village_id] += 1
        else:
            homes[event.household_id] = (event.village_id, True)
            registered[event.village_id] -= 1
            exited[event.exited_by, event.effective_on] += 1
    return {
        "households": {(key, *row) for key, row in homes.items()},
        "villages": set(registered.items()),
        "exits": {(*key, count) for key, count in exited.items()},
    }


def rows_of(connection: Connection, tables: Sequence[Table] = VIEW.tables) -> Rowset:
    return {
        table.name: {tuple(row) for row in connection.execute(select(table))} for table in tables
    }
