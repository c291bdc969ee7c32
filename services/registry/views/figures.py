"""The answer to: how many, of what kind, on which day, as known when? Drawn from the spans of the
households (standard crosses from their sums).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from chassis.paging import below
from chassis.times import day_of, micros, start_of
from services.registry.views.coded import SUM_NAMES, Cell, Coded, cell_of, sums_of
from services.registry.views.spans import (
    COUNTY_DIGITS,
    NO_MOMENT_US,
    SPANS,
    SUMS,
    buckets,
    coded_of,
)

# Recorded times begin with the system.
_FIRST_RECORDED_YEAR = 2000
_FETCH_COUNT = 5_000
_KEYS_COUNT = 500


class Moment(NamedTuple):
    """The day asked about and the moment of knowing; NO_MOMENT_US: everything known counts."""

    as_of: str
    known_at_us: int


class Counted(NamedTuple):
    """Households and people of one cell."""

    households: int
    people: int


def holding(region_id: str, at: Moment) -> ColumnElement[bool]:
    """The span of each household of a region that held then, as known then."""
    last_known_us = min(at.known_at_us, NO_MOMENT_US - 1)
    return and_(
        below(SPANS.c.village_id, region_id),
        SPANS.c.valid_from <= at.as_of,
        SPANS.c.valid_to > at.as_of,
        SPANS.c.known_from_us <= last_known_us,
        SPANS.c.known_to_us > last_known_us,
    )


def in_force(connection: Connection, region_id: str, at: Moment) -> Iterator[Row[Any]]:
    """Those spans, one by one."""
    streamed = connection.execution_options(yield_per=_FETCH_COUNT)
    yield from streamed.execute(select(SPANS).where(holding(region_id, at)))


def standard(
    connection: Connection, region_id: str, at: Moment, names: Sequence[str]
) -> dict[Cell, tuple[int, ...]]:
    """The named sums (of SUM_NAMES) of every cell, for a region of at least a county."""
    assert len(region_id) <= COUNTY_DIGITS, region_id
    totals: dict[Cell, list[int]] = defaultdict(lambda: [0] * len(names))
    known_in = SUMS.c.known_in.in_(_known_in(at.known_at_us))
    cell = (SUMS.c.status, SUMS.c.attribute, SUMS.c.cause)
    for county_id, effective in product(_counties(connection, region_id), _effective_in(at.as_of)):
        found = connection.execute(
            select(*cell, *(func.sum(SUMS.c[name]) for name in names))
            # Equal, not between: the index then finds the buckets too.
            .where(SUMS.c.county_id == county_id, known_in, effective)
            .group_by(*cell)
        )
        for status, attribute, cause, *sums in found:
            _add(totals[Cell(status, attribute, cause)], map(int, sums))
    if at.known_at_us < NO_MOMENT_US:
        places = [SUM_NAMES.index(name) for name in names]
        for of, way in _since_midnight(connection, region_id, at):
            sums = sums_of(of)
            _add(totals[cell_of(of)], (way * sums[place] for place in places))
    return {each: tuple(total) for each, total in totals.items() if any(total)}


def _counties(connection: Connection, region_id: str) -> list[str]:
    """The counties of a region that have sums, found by steps along the key."""
    if len(region_id) == COUNTY_DIGITS:
        return [region_id]
    found: list[str] = []
    column = SUMS.c.county_id
    end = region_id.ljust(COUNTY_DIGITS, "9")
    after = column >= region_id
    while county_id := connection.scalar(select(func.min(column)).where(after, column <= end)):
        found.append(county_id)
        after = column > county_id
    return found


def _add(total: list[int], amounts: Iterable[int]) -> None:
    for place, amount in enumerate(amounts):
        total[place] += amount


def _known_in(known_at_us: int) -> list[str]:
    """The buckets that make up everything recorded before the day of the moment; with no moment,
    all years.
    """
    if known_at_us >= NO_MOMENT_US:
        return [f"y{year}" for year in range(_FIRST_RECORDED_YEAR, 2101)]
    year, month, day = map(int, day_of(known_at_us).split("-"))
    years = [f"y{each}" for each in range(_FIRST_RECORDED_YEAR, year)]
    months = [f"m{year}-{each:02}" for each in range(1, month)]
    days = [f"d{year}-{month:02}-{each:02}" for each in range(1, day)]
    return years + months + days


def _effective_in(as_of: str) -> Iterator[ColumnElement[bool]]:
    """Ranges of the buckets that make up everything effective until the end of the day."""
    column = SUMS.c.effective_in
    year, month, day = buckets(as_of)
    yield and_(column >= "y", column < year)
    yield and_(column >= f"m{as_of[:4]}", column < month)
    yield and_(column >= f"d{as_of[:7]}", column <= day)


def _since_midnight(
    connection: Connection, region_id: str, at: Moment
) -> Iterator[tuple[Coded, int]]:
    """Households that came in (1) and went out (-1) on the moment's own day until the moment: too
    fine for a bucket.
    """
    start_us = micros(start_of(day_of(at.known_at_us)))
    # An event that closes a span opens another one, of the same household at the same moment.
    touched = connection.scalars(
        select(SPANS.c.household_id)
        .where(SPANS.c.known_from_us >= start_us, SPANS.c.known_from_us <= at.known_at_us)
        .distinct()
    ).all()
    for start in range(0, len(touched), _KEYS_COUNT):
        found = connection.execute(
            select(SPANS).where(
                SPANS.c.household_id.in_(touched[start : start + _KEYS_COUNT]),
                SPANS.c.known_to_us >= start_us,
                SPANS.c.valid_from <= at.as_of,
                SPANS.c.valid_to > at.as_of,
            )
        )
        for row in found:
            began = start_us <= row.known_from_us <= at.known_at_us
            ended = start_us <= row.known_to_us <= at.known_at_us
            if began != ended and row.village_id.startswith(region_id):
                yield coded_of(row), int(began) - int(ended)


def deciles(incomes_fen: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """(households, least, most, mean rounded down) of ten groups, poorest first; a remainder goes
    to the first groups. Fewer than ten incomes give as many groups.
    """
    ordered = sorted(incomes_fen)
    size, rest = divmod(len(ordered), 10)
    groups = []
    start = 0
    for ordinal in range(10):
        end = start + size + (ordinal < rest)
        group = ordered[start:end]
        if group:
            groups.append((len(group), group[0], group[-1], sum(group) // len(group)))
        start = end
    return groups


class Transition(NamedTuple):
    """From what class to what class; "" where there was no file in the region."""

    before: str
    after: str


def flows(
    before: Iterable[Row[Any]], after: Iterable[Row[Any]], class_of: dict[int, str]
) -> dict[Transition, Counted]:
    """Households whose class differs on two days, with their people."""
    stood = {row.household_id: (class_of[row.status], row.people_count) for row in before}
    totals: dict[Transition, list[int]] = defaultdict(lambda: [0, 0])
    for row in after:
        was, _ = stood.pop(row.household_id, ("", 0))
        became = class_of[row.status]
        if was != became:
            total = totals[Transition(was, became)]
            total[0] += 1
            total[1] += row.people_count
    for was, people in stood.values():
        total = totals[Transition(was, "")]
        total[0] += 1
        total[1] += people
    return {transition: Counted(*total) for transition, total in totals.items()}


def coded_in_force(connection: Connection, region_id: str, at: Moment) -> Iterator[Coded]:
    """The coded attributes of every household of a region then."""
    return (coded_of(row) for row in in_force(connection, region_id, at))
