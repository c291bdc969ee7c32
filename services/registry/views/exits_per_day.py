"""The answer to: who let how many households exit on one day? Many exits on one day by one person
raise an alarm.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, select

from chassis.decider import Parameters
from chassis.times import day_of
from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.household_pb2 import HouseholdExited

METADATA = MetaData()

EXITS_PER_DAY = Table(
    "exits_per_day",
    METADATA,
    Column("actor", String(200), primary_key=True),
    # The day on which the system learnt of it: an effective date can be spread at will.
    Column("day", String(10), primary_key=True),
    Column("exits", Integer, server_default="0"),
)

THRESHOLD = "exits-a-day-alarm-count"
# An alarm is shown for as many days, today included.
SHOWN_DAYS = 7


@dataclass(frozen=True, slots=True)
class Alarm:
    """One person let this many households exit on one day; `most` is what passes unremarked."""

    actor: str
    day: str
    exits: int
    most: int


def project(rows: Rows, envelope: Envelope, event: HouseholdExited) -> None:
    """Counts are rows, not windows: exact after a kill and after a rebalance."""
    rows.add(EXITS_PER_DAY, (event.exited_by, day_of(envelope.recorded_at_us)), exits=1)


VIEW = View(
    name="exits_per_day",
    tables=(EXITS_PER_DAY,),
    topics=("household",),
    project=project,
    events=(HouseholdExited,),
)


def alarms(connection: Connection, parameters: Parameters, today: date) -> list[Alarm]:
    """The days of the last week on which somebody went beyond the number in force that day."""
    first = today - timedelta(days=SHOWN_DAYS - 1)
    counts = EXITS_PER_DAY.c
    found = connection.execute(
        select(EXITS_PER_DAY)
        .where(counts.day >= first.isoformat(), counts.day <= today.isoformat())
        .order_by(counts.day.desc(), counts.actor)
    )
    raised = (
        Alarm(
            row.actor,
            row.day,
            row.exits,
            parameters.number(THRESHOLD, on=date.fromisoformat(row.day)),
        )
        for row in found
    )
    return [alarm for alarm in raised if alarm.exits > alarm.most]
