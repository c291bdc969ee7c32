"""Which households still have to follow their villages to a newer edition: read from their spans,
so that whoever has followed, whatever was killed, is not found again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    String,
    Table,
    and_,
    func,
    select,
)

from chassis.views import Rows, View
from services.registry.decider.mapping import successor_of
from services.registry.views.region_changes import changes_of
from services.registry.views.regions import EDITIONS
from services.registry.views.spans import NO_MOMENT_US, SPANS
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.region_pb2 import RegionChanges
from tuopin.registry.v1.rezoning_pb2 import HouseholdRezoned, RegionsFollowed
from tuopin.types.v1.types_pb2 import RegionChange

METADATA = MetaData()

REZONED = Table(
    "rezoned_households",
    METADATA,
    Column("edition", String(100), primary_key=True),
    Column("household_id", String(60), primary_key=True),
    Column("from_village_id", String(12), primary_key=True),
)

FOLLOWED = Table(
    "followed_editions",
    METADATA,
    Column("edition", String(100), primary_key=True),
    Column("households", BigInteger),
)

VILLAGE_DIGITS = 12


class Follower(NamedTuple):
    """A household that lived, on or after the day of a change, in a village that is no more so."""

    household_id: str
    change: RegionChange


def project(rows: Rows, envelope: Envelope, event: HouseholdRezoned | RegionsFollowed) -> None:
    """Who has followed which edition, and which one everybody has."""
    if isinstance(event, RegionsFollowed):
        rows.put(FOLLOWED, (event.edition,), households=event.households)
        return
    rows.put(REZONED, (event.edition, event.household_id, event.from_village_id))


VIEW = View(
    name="following",
    tables=(REZONED, FOLLOWED),
    topics=("household", "region"),
    project=project,
    events=(HouseholdRezoned, RegionsFollowed),
)


def followed_count(connection: Connection, edition: str) -> int:
    """How many households have followed an edition so far."""
    counted = func.count(REZONED.c.household_id.distinct())
    return connection.scalar(select(counted).where(REZONED.c.edition == edition)) or 0


def is_followed(connection: Connection, edition: str) -> bool:
    """Whether everybody has."""
    found = select(FOLLOWED.c.edition).where(FOLLOWED.c.edition == edition)
    return connection.scalar(found) is not None


def leaving(changes: Iterable[RegionChange]) -> Iterator[RegionChange]:
    """The changes that lead to another code."""
    return (each for each in changes if each.new_id != each.old_id)


def of_villages(changes: Iterable[RegionChange]) -> dict[str, list[RegionChange]]:
    """The changes of each village that somebody may have to leave."""
    found: dict[str, list[RegionChange]] = defaultdict(list)
    for each in changes:
        if len(each.old_id) == VILLAGE_DIGITS:
            found[each.old_id].append(each)
    return {
        village_id: group
        for village_id, group in found.items()
        if any(each.new_id != village_id for each in group)
    }


def followers(
    connection: Connection, changes: Iterable[RegionChange], count: int
) -> list[Follower]:
    """The next so many."""
    found: list[Follower] = []
    for group in of_villages(changes).values():
        for household_id in connection.scalars(
            select(SPANS.c.household_id)
            .distinct()
            .where(_staying_on(group))
            .order_by(SPANS.c.household_id)
            .limit(count - len(found))
        ):
            found.append(Follower(household_id, successor_of(group, household_id)))
        if len(found) >= count:
            break
    return found


def waiting_of(connection: Connection, changes: Iterable[RegionChange]) -> dict[str, int]:
    """How many households of each village would have to follow."""
    counts: dict[str, int] = {}
    for village_id, group in of_villages(changes).items():
        households = func.count(SPANS.c.household_id.distinct())
        counts[village_id] = connection.scalar(select(households).where(_staying_on(group))) or 0
    return counts


def add_progress(connection: Connection, told: RegionChanges) -> None:
    """How many have followed the edition, and how many of each village are to."""
    version = select(EDITIONS.c.version).where(EDITIONS.c.name == told.edition)
    newest = connection.scalar(version.order_by(EDITIONS.c.version.desc()).limit(1)) or 0
    told.followed = followed_count(connection, told.edition)
    told.completed = is_followed(connection, told.edition) or not told.total
    waiting = {} if told.completed else waiting_of(connection, changes_of(connection, newest))
    told.waiting = sum(waiting.values())
    for row in told.changes:
        if row.change.default_successor:
            row.households = waiting.get(row.change.old_id, 0)


def _staying_on(group: Sequence[RegionChange]) -> ColumnElement[bool]:
    """Spans in the old village on days when it is no more theirs."""
    first = group[0]
    there = and_(
        SPANS.c.village_id == first.old_id,
        SPANS.c.valid_to > first.effective_on,
        SPANS.c.known_to_us == NO_MOMENT_US,
    )
    if any(each.new_id == first.old_id and each.default_successor for each in group):
        # Its code stays: only those go that are named elsewhere.
        named = [i for each in group if each.new_id != first.old_id for i in each.household_ids]
        return and_(there, SPANS.c.household_id.in_(named))
    if any(each.new_id == first.old_id for each in group):
        stay = [i for each in group if each.new_id == first.old_id for i in each.household_ids]
        return and_(there, SPANS.c.household_id.not_in(stay))
    return there
