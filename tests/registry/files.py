"""CSV files of households, right and wrong in one place."""

import csv
import io
from collections.abc import Callable
from datetime import date
from itertools import chain
from pathlib import Path

from chassis.programme import Programme
from services.registry.importing.columns import CodeLists
from services.registry.importing.households import FileHousehold
from services.registry.importing.staging import Staging
from services.registry.importing.validation import Validation
from services.registry.importing.villages import Villages
from services.registry.synthetic import COLUMNS, invent
from tuopin.registry.v1.import_pb2 import ImportHeader

VILLAGES = ["433124110226", "433124110227"]
NAMES = {
    "433124": "花垣县",
    "433124110": "双龙镇",
    "433124110226": "合成村",
    "433124110227": "合成村",
    "433124111": "石栏镇",
    "433124111201": "试验村",
}
PROGRAMME = Programme.load(Path(__file__).parents[2] / "programme")
CODES = CodeLists(PROGRAMME)
HEADER = ImportHeader(
    region_id="433124", source="433124", effective_on="2020-01-01", synthetic=True
)
TODAY = date(2020, 3, 2)

Table = list[list[str]]


def table(households: int = 3, seed: int = 1) -> Table:
    """Header and rows of a sound file."""
    rows = [row for household in invent(households, seed, VILLAGES) for row in household]
    return [list(COLUMNS), *rows]


def text_of(rows: Table) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def changed(row: int, column: str, to: str, rows: Table | None = None) -> bytes:
    """A sound file with one cell changed; row as in a report."""
    rows = table() if rows is None else rows
    rows[row - 1][COLUMNS.index(column)] = to
    return text_of(rows).encode()


def members_of_first(rows: Table) -> int:
    """Rows of the first household."""
    return sum(1 for row in rows[1:] if row[0] == rows[1][0])


def validated(
    data: bytes,
    folder: Path,
    piece_bytes: int = 1_000,
    header: ImportHeader = HEADER,
    blind: Callable[[str], bytes] = str.encode,
) -> tuple[Validation, list[FileHousehold]]:
    """The file fed in small pieces."""
    staging = Staging(folder / "file.staging")
    villages = Villages(NAMES.items(), CODES.village_endings)
    validation = Validation(CODES, header, staging, blind, PROGRAMME, TODAY, folder, villages)
    pieces = (data[start : start + piece_bytes] for start in range(0, len(data), piece_bytes))
    batches = chain(chain.from_iterable(map(validation.feed, pieces)), validation.finish())
    households = [each for batch in batches for each in validation.interpreted(batch)]
    validation.close()
    staging.close()
    return validation, households


def faults_of(
    data: bytes, folder: Path, header: ImportHeader = HEADER
) -> list[tuple[int, str, str]]:
    """(row, column, slug) of every fault."""
    validation, _ = validated(data, folder, header=header)
    return [(fault.row, fault.column, fault.slug) for fault in validation.faults.shown]
