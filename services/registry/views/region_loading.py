"""An adopted edition becomes rows: the first one whole, a newer one by what it changes."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from services.registry.editions import regions_of
from services.registry.spelling import Spelling
from services.registry.views.regions import ALWAYS, CHANGES, EDITIONS, NO_DAY, REGIONS, holding
from tuopin.types.v1.types_pb2 import Edition, RegionChange

BATCH_ROWS = 20_000
_KEYS_COUNT = 500
_COLUMNS = "(region_id, valid_from, valid_to, name, pinyin, initials)"
_COPY = f"COPY region_periods {_COLUMNS} FROM STDIN"
_INSERT = f"INSERT INTO region_periods {_COLUMNS} VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608

_Row = tuple[str, str, str, str, str, str]


class Unsorted(Exception):
    """The file's codes do not rise; nothing of it may be used."""


class Differing(NamedTuple):
    """A code whose name differs, or that only one of the lists has (the other name is "")."""

    region_id: str
    valid_from: str
    name: str
    newer_name: str


def load(
    connection: Connection,
    version: int,
    edition: Edition,
    folder: Path | None = None,
    *,
    effective_on: str = ALWAYS,
    changes: Sequence[RegionChange] = (),
) -> bool:
    """Load an adopted edition within one transaction; False when it is loaded already.

    Killed or called twice at once, the rows are there once and whole or not at all.
    """
    if connection.scalar(select(EDITIONS.c.name).where(EDITIONS.c.version == version)):
        return False
    is_first = connection.scalar(select(EDITIONS.c.version).limit(1)) is None
    # Before the rows, so that a second loader waits here and then fails on the key.
    connection.execute(
        insert(EDITIONS).values(
            version=version, name=edition.name, sha256=edition.sha256, effective_on=effective_on
        )
    )
    if is_first:
        # The oldest list that is known answers for all days before it, too.
        listed = regions_of(edition.sha256, folder)
        _copy(connection, _rows((code, ALWAYS, name) for code, name in listed))
        return True
    _keep_changes(connection, version, changes)
    differing = list(differences(connection, edition.sha256, folder))
    differing += _split_from(connection, changes, {each.region_id for each in differing})
    _apply(connection, differing, changes, effective_on)
    return True


def loaded(connection: Connection) -> set[int]:
    """Versions of the region stream whose editions are loaded."""
    return set(connection.scalars(select(EDITIONS.c.version)))


def differences(
    connection: Connection, sha256: str, folder: Path | None = None
) -> Iterator[Differing]:
    """The regions in force against a list, both read in the order of codes, neither kept."""
    newer = _rising(regions_of(sha256, folder))
    query = (
        select(REGIONS.c.region_id, REGIONS.c.valid_from, REGIONS.c.name)
        .where(holding(""))
        .order_by(REGIONS.c.region_id)
        # Of the statement: an option of the connection would stay, and writes cannot be streamed.
        .execution_options(yield_per=BATCH_ROWS)
    )
    streamed = connection.execute(query)
    other = next(newer, None)
    for code, valid_from, name in streamed:
        while other is not None and other[0] < code:
            yield Differing(other[0], ALWAYS, "", other[1])
            other = next(newer, None)
        if other is None or other[0] > code:
            yield Differing(code, valid_from, name, "")
            continue
        if other[1] != name:
            yield Differing(code, valid_from, name, other[1])
        other = next(newer, None)
    while other is not None:
        yield Differing(other[0], ALWAYS, "", other[1])
        other = next(newer, None)


def _rising(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    last = ""
    for row in rows:
        if row[0] <= last:
            raise Unsorted(row[0])
        last = row[0]
        yield row


def _keep_changes(connection: Connection, version: int, changes: Sequence[RegionChange]) -> None:
    rows = [
        {
            "version": version,
            "old_id": each.old_id,
            "new_id": each.new_id,
            "kind": each.kind,
            "effective_on": each.effective_on,
            "is_default": each.default_successor,
            "household_ids": ",".join(each.household_ids),
        }
        for each in changes
    ]
    if rows:
        connection.execute(insert(CHANGES), rows)


def _apply(
    connection: Connection,
    differing: Sequence[Differing],
    changes: Sequence[RegionChange],
    effective_on: str,
) -> None:
    """Close the periods that end, begin those that begin."""
    ends = {each.old_id: each.effective_on for each in changes}
    begins = _first_days(changes)
    # Renamed, or what something was split from: another region under the same code.
    staying = {each.old_id: each.effective_on for each in changes if each.old_id == each.new_id}
    closing: list[dict[str, Any]] = []
    beginning: list[tuple[str, str, str]] = []
    said_anew: list[dict[str, Any]] = []
    for each in differing:
        key = {"of_id": each.region_id, "since": each.valid_from}
        if not each.name:
            day = begins.get(each.region_id, effective_on)
            beginning.append((each.region_id, day, each.newer_name))
            continue
        if not each.newer_name:
            day = ends.get(each.region_id, effective_on)
        else:
            day = staying.get(each.region_id, effective_on)
            if day <= each.valid_from:
                # The name before never held on any day.
                said_anew.append(key | _spelt(each.newer_name))
                continue
            beginning.append((each.region_id, day, each.newer_name))
        closing.append(key | {"until": max(day, each.valid_from)})
    this = (REGIONS.c.region_id == bindparam("of_id"), REGIONS.c.valid_from == bindparam("since"))
    if closing:
        close = update(REGIONS).where(*this).values(valid_to=bindparam("until"))
        connection.execute(close, closing)
    if said_anew:
        connection.execute(update(REGIONS).where(*this), said_anew)
    _copy(connection, _rows(beginning))


def _split_from(
    connection: Connection, changes: Iterable[RegionChange], differing: Container[str]
) -> list[Differing]:
    """Regions that keep code and name while something was split from them: they begin anew."""
    codes = [each.old_id for each in changes if each.old_id == each.new_id]
    found = []
    for start in range(0, len(codes), _KEYS_COUNT):
        some = REGIONS.c.region_id.in_(codes[start : start + _KEYS_COUNT])
        for row in connection.execute(select(REGIONS).where(holding(""), some)):
            if row.region_id not in differing:
                found.append(Differing(row.region_id, row.valid_from, row.name, row.name))
    return found


def _first_days(changes: Iterable[RegionChange]) -> Mapping[str, str]:
    """A region that came of others begins when the first of them ends."""
    days: dict[str, str] = {}
    for each in changes:
        days[each.new_id] = min(days.get(each.new_id, NO_DAY), each.effective_on)
    return days


def _spelt(name: str) -> dict[str, str]:
    pinyin, initials = Spelling()(name)
    return {"name": name, "pinyin": pinyin, "initials": initials}


def _rows(named: Iterable[tuple[str, str, str]]) -> Iterator[_Row]:
    spoken = Spelling()
    for code, valid_from, name in named:
        yield (code, valid_from, NO_DAY, name, *spoken(name))


def _copy(connection: Connection, rows: Iterator[_Row]) -> None:
    if connection.dialect.name == "postgresql":
        raw = connection.connection.driver_connection
        assert raw is not None
        with raw.cursor().copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)
        return
    while batch := list(islice(rows, BATCH_ROWS)):
        connection.exec_driver_sql(_INSERT, batch)
