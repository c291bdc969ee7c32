"""The dry run of a newer edition: what would change, what would follow, what the mapping lacks."""

import asyncio
from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, Table, func, select

from services.registry.decider.mapping import LEVELS, MappingFault
from services.registry.decider.region import RegionFile
from services.registry.newer_list import Compared, compared
from services.registry.views import subjects
from services.registry.views.following import leaving, waiting_of
from services.registry.views.region_changes import named
from services.registry.views.residents import RESIDENTS
from services.wiring import ServeParts
from tuopin.funding.v1.ledger_pb2 import ListPayments
from tuopin.registry.v1.region_pb2 import PreviewRegions, RegionChangeRow, RegionsPreview
from tuopin.training.v1.cadre_pb2 import ListCadres
from tuopin.types.v1.types_pb2 import RegionChange

# All are counted.
FAULTS_SHOWN = 200
CHANGES_SHOWN = 1_000
ASKED_AT_ONCE = 20
_KEYS_COUNT = 500


def batched(codes: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """So many at a time."""
    return (codes[start : start + size] for start in range(0, len(codes), size))


class Preview:
    """Answers PreviewRegions."""

    def __init__(self, parts: ServeParts) -> None:
        self._parts = parts

    async def tell(self, request: PreviewRegions, actor: str, language: str) -> RegionsPreview:
        """Every fault of the mapping, and what would follow to another region."""
        told, codes = await self._parts.views.query(
            lambda connection: self._tell(connection, request, language)
        )
        ask = self._parts.ask
        for some in batched(codes, ASKED_AT_ONCE):
            cadres = (ListCadres(region_id=each, page_size=1) for each in some)
            pages = await asyncio.gather(*(ask("training", each, actor) for each in cadres))
            told.cadres += sum(page.total for page in pages)
            payments = (ListPayments(region_id=each, page_size=1) for each in some)
            pages = await asyncio.gather(*(ask("funding", each, actor) for each in payments))
            told.payments += sum(page.total for page in pages)
        return told

    def _tell(
        self, connection: Connection, request: PreviewRegions, language: str
    ) -> tuple[RegionsPreview, list[str]]:
        found = compared(connection, request)
        told = RegionsPreview(edition=request.edition.name, follows=found.file.after)
        for fault in _faults(found.file, request)[:FAULTS_SHOWN]:
            details = {"line": fault.row, "column": fault.column, **fault.details}
            said = self._parts.programme.sentence(fault.slug, language, details)
            told.faults.add(row=fault.row, column=fault.column, slug=fault.slug, sentence=said)
        if not found.file.after:
            told.added = found.file.count
            return told, []
        _count(connection, found, told)
        return told, topmost({each.old_id for each in leaving(found.file.changes)})


def topmost(codes: set[str]) -> list[str]:
    """Those below none of the others."""
    return [
        code
        for code in sorted(codes)
        if not any(code[:digits] in codes for digits in LEVELS if digits < len(code))
    ]


def _faults(file: RegionFile, request: PreviewRegions) -> list[MappingFault]:
    """Of the list itself first; then all of the mapping."""
    sha256 = request.edition.sha256
    if not file.found:
        return [MappingFault(0, "", "edition-file-not-found", {"sha256": sha256})]
    if file.count != request.edition.count:
        return [MappingFault(0, "", "edition-count-not-of-file", {"count": str(file.count)})]
    if not file.sorted:
        return [MappingFault(0, "", "edition-file-not-sorted")]
    return list(file.faults)


def _count(connection: Connection, found: Compared, told: RegionsPreview) -> None:
    changes, difference = found.file.changes, found.difference
    told.added, told.removed = len(difference.added), len(difference.removed)
    told.renamed = len(difference.renamed)
    told.change_count = len(changes)
    waiting = waiting_of(connection, changes)
    told.households = sum(waiting.values())
    told.changes.extend(_rows(connection, found, changes[:CHANGES_SHOWN], waiting))
    gone = sorted({each.old_id for each in leaving(changes)})
    told.villages = _rows_of(connection, subjects.VILLAGES, subjects.VILLAGES.c.village_id, gone)
    told.counties = _rows_of(connection, subjects.COUNTIES, subjects.COUNTIES.c.county_id, gone)
    told.residents = _rows_of(connection, RESIDENTS, RESIDENTS.c.village_id, gone)


def _rows(
    connection: Connection,
    found: Compared,
    changes: Sequence[RegionChange],
    waiting: dict[str, int],
) -> list[RegionChangeRow]:
    rows = named(connection, changes)
    renamed = {code: name for code, (_, name) in found.difference.renamed.items()}
    newer = {**found.difference.added, **renamed}
    for row in rows:
        change = row.change
        row.new_name = newer.get(change.new_id, row.new_name)
        if change.default_successor:
            row.households = waiting.get(change.old_id, 0)
    return rows


def _rows_of(
    connection: Connection, table: Table, column: ColumnElement[str], codes: Sequence[str]
) -> int:
    total = 0
    for start in range(0, len(codes), _KEYS_COUNT):
        some = column.in_(codes[start : start + _KEYS_COUNT])
        total += connection.scalar(select(func.count()).select_from(table).where(some)) or 0
    return total
