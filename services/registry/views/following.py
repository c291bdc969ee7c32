"""Which households still have to follow their villages to a newer edition: read from their spans,
so that whoever has followed, whatever was killed, is not found again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, select

from services.registry.decider.mapping import successor_of
from services.registry.views.spans import NO_MOMENT_US, SPANS
from tuopin.types.v1.types_pb2 import RegionChange

VILLAGE_DIGITS = 12


class Follower(NamedTuple):
    """A household that lived, on or after the day of a change, in a village that is no more so."""

    household_id: str
    change: RegionChange


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
