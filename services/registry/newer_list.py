"""What a newer edition of the region list does to the regions in force, before it is adopted."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from chassis.rejection import FactMissing
from services.registry.decider.mapping import Difference, MappingRow, check
from services.registry.decider.region import RegionFile
from services.registry.editions import count_of
from services.registry.mappingfile import parse
from services.registry.views import regions
from services.registry.views.households import HOUSEHOLDS
from services.registry.views.region_loading import Unsorted, differences
from tuopin.registry.v1.region_pb2 import AdoptRegions, PreviewRegions

_KEYS_COUNT = 500


class Compared(NamedTuple):
    """What the rules are told of the newer file, and in what it differs."""

    file: RegionFile
    difference: Difference


def region_file(connection: Connection, command: AdoptRegions) -> RegionFile:
    """What the rules are told."""
    return compared(connection, command).file


def compared(connection: Connection, command: AdoptRegions | PreviewRegions) -> Compared:
    """Whether the file of this digest is here and whole, how many regions it holds, and what it
    does to those in force.
    """
    try:
        count = count_of(command.edition.sha256)
    except FileNotFoundError:
        return Compared(RegionFile(found=False), Difference())
    try:
        _, after = regions.edition_in_force(connection)
    except FactMissing:
        return Compared(RegionFile(found=True, count=count), Difference())
    rows, unread = parse(command.mapping)
    try:
        difference = difference_of(connection, command.edition.sha256, rows)
    except Unsorted:
        unsorted = RegionFile(found=True, count=count, sorted=False, after=after)
        return Compared(unsorted, Difference())
    checked = check(rows, difference, command.effective_on)
    file = RegionFile(
        found=True,
        count=count,
        after=after,
        mapping_sha256=hashlib.sha256(command.mapping).hexdigest() if command.mapping else "",
        # What a row says that cannot be read is not missing.
        faults=(*unread, *(each for each in checked.faults if each.row or not unread)),
        changes=checked.changes,
    )
    return Compared(file, difference)


def difference_of(connection: Connection, sha256: str, rows: Sequence[MappingRow]) -> Difference:
    """The newer list against the regions in force."""
    removed: dict[str, str] = {}
    added: dict[str, str] = {}
    renamed: dict[str, tuple[str, str]] = {}
    for each in differences(connection, sha256):
        if not each.name:
            added[each.region_id] = each.newer_name
        elif not each.newer_name:
            removed[each.region_id] = each.valid_from
        else:
            renamed[each.region_id] = (each.name, each.newer_name)
    codes = sorted({code for row in rows for code in (row.old_id, row.new_id)})
    return Difference(
        removed=removed,
        added=added,
        renamed=renamed,
        in_force=_in_force(connection, codes),
        households=_households(connection, rows),
    )


def _in_force(connection: Connection, codes: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    columns = (regions.REGIONS.c.region_id, regions.REGIONS.c.valid_from)
    for start in range(0, len(codes), _KEYS_COUNT):
        some = codes[start : start + _KEYS_COUNT]
        wanted = select(*columns).where(regions.holding(""), regions.REGIONS.c.region_id.in_(some))
        found |= {row.region_id: row.valid_from for row in connection.execute(wanted)}
    return found


def _households(
    connection: Connection, rows: Sequence[MappingRow]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """The households that a split names, by village and number."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in rows:
        numbers = list(row.households)
        for start in range(0, len(numbers), _KEYS_COUNT):
            columns = HOUSEHOLDS.c
            some = connection.execute(
                select(columns.household_number, columns.household_id).where(
                    columns.village_id == row.old_id,
                    columns.household_number.in_(numbers[start : start + _KEYS_COUNT]),
                )
            )
            for number, household_id in some:
                key = (row.old_id, number)
                found[key] = (*found.get(key, ()), household_id)
    return found
