"""The answer to: what became of a region, and what is a code on a day?"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from chassis.paging import PAGE_SIZE, below
from services.registry.views.regions import (
    CHANGES,
    EDITIONS,
    NO_DAY,
    REGIONS,
    described,
    edition_in_force,
    names_of,
)
from tuopin.registry.v1.region_pb2 import (
    GetRegion,
    ListRegionChanges,
    RegionChangeRow,
    RegionChanges,
    RegionHistory,
    RegionPeriod,
)
from tuopin.types.v1.types_pb2 import RegionChange

# The last day that something in force holds.
_LAST = "9999-12-30"


def resolved(connection: Connection, region_id: str, on: str = "") -> list[str]:
    """What a code is on a day ("": now): itself while it is in force, else what came of it, the
    default successor first; nothing when it is not yet or never.
    """
    on = on or _LAST
    periods = _periods(connection, region_id)
    if any(each.valid_from <= on < each.valid_to for each in periods):
        return [region_id]
    past = [each for each in periods if each.valid_to <= on]
    if not past:
        return []
    return list(dict.fromkeys(_came_of(connection, region_id, past[-1].valid_to, on)))


def _came_of(connection: Connection, region_id: str, ended_on: str, on: str) -> Iterator[str]:
    """Step by step, each later than the one before, down to what is in force on the day."""
    for successor in _successors(connection, region_id, ended_on):
        end = _end_of(connection, successor, ended_on)
        if end > on:
            yield successor
        elif end:
            yield from _came_of(connection, successor, end, on)


def _periods(connection: Connection, region_id: str) -> Sequence[Row[Any]]:
    return connection.execute(
        select(REGIONS).where(REGIONS.c.region_id == region_id).order_by(REGIONS.c.valid_from)
    ).all()


def _successors(connection: Connection, region_id: str, ended_on: str) -> Sequence[str]:
    """The default first; a code that only got another name is its own successor."""
    found = connection.scalars(
        select(CHANGES.c.new_id)
        .where(CHANGES.c.old_id == region_id, CHANGES.c.effective_on == ended_on)
        .order_by(CHANGES.c.is_default.desc(), CHANGES.c.new_id)
    ).all()
    return found or [region_id]


def _end_of(connection: Connection, region_id: str, on: str) -> str:
    """The end of the period that holds on a day; "" when none does."""
    end = connection.scalar(
        select(REGIONS.c.valid_to).where(
            REGIONS.c.region_id == region_id, REGIONS.c.valid_from <= on, REGIONS.c.valid_to > on
        )
    )
    return str(end or "")


def history_of(connection: Connection, query: GetRegion) -> RegionHistory | None:
    """All that is known of a code; None when no edition ever had it."""
    edition_in_force(connection)
    periods = _periods(connection, query.region_id)
    if not periods:
        return None
    leads_to = resolved(connection, query.region_id, query.as_of)
    touching = or_(CHANGES.c.old_id == query.region_id, CHANGES.c.new_id == query.region_id)
    return RegionHistory(
        region_id=query.region_id,
        as_of=query.as_of,
        in_force=leads_to == [query.region_id],
        regions=described(connection, leads_to, query.as_of),
        periods=[
            RegionPeriod(
                name=each.name,
                valid_from=each.valid_from,
                valid_to="" if each.valid_to == NO_DAY else each.valid_to,
            )
            for each in periods
        ],
        changes=_rows(
            connection,
            connection.execute(select(CHANGES).where(touching).order_by(*_ORDER)).all(),
        ),
    )


_ORDER = (CHANGES.c.effective_on, CHANGES.c.old_id, CHANGES.c.is_default.desc(), CHANGES.c.new_id)


def list_changes(connection: Connection, query: ListRegionChanges) -> RegionChanges | None:
    """What an edition changed; None when it was never adopted."""
    wanted = select(EDITIONS).order_by(EDITIONS.c.version.desc())
    if query.edition:
        wanted = wanted.where(EDITIONS.c.name == query.edition)
    edition = connection.execute(wanted.limit(1)).first()
    if edition is None:
        return None
    meant = CHANGES.c.version == edition.version
    if query.region_id:
        meant &= or_(
            below(CHANGES.c.old_id, query.region_id), below(CHANGES.c.new_id, query.region_id)
        )
    total = connection.scalar(select(func.count()).select_from(CHANGES).where(meant))
    found = connection.execute(
        select(CHANGES).where(meant).order_by(*_ORDER).limit(query.page_size or PAGE_SIZE)
    ).all()
    return RegionChanges(
        edition=edition.name,
        effective_on=edition.effective_on,
        changes=_rows(connection, found),
        total=total or 0,
    )


def changes_of(connection: Connection, version: int) -> list[RegionChange]:
    """All that the edition of a version changed."""
    found = connection.execute(select(CHANGES).where(CHANGES.c.version == version))
    return [_change(row) for row in found]


def _rows(connection: Connection, found: Sequence[Row[Any]]) -> list[RegionChangeRow]:
    changes = [_change(row) for row in found]
    return named(connection, changes)


def named(connection: Connection, changes: Sequence[RegionChange]) -> list[RegionChangeRow]:
    """With the name that each region had before, and the one it has since."""
    rows = []
    for each in changes:
        before = names_of(connection, [each.old_id], _day_before(each.effective_on))
        after = names_of(connection, [each.new_id], each.effective_on)
        rows.append(
            RegionChangeRow(
                change=each,
                old_name=before.get(each.old_id, ""),
                new_name=after.get(each.new_id, ""),
            )
        )
    return rows


def _day_before(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def _change(row: Row[Any]) -> RegionChange:
    return RegionChange(
        old_id=row.old_id,
        new_id=row.new_id,
        kind=row.kind,
        effective_on=row.effective_on,
        default_successor=row.is_default,
        household_ids=row.household_ids.split(",") if row.household_ids else (),
    )
