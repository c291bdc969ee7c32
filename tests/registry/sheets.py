"""Files made for the tests of reading, and what is read of them."""

import io
from pathlib import Path

from openpyxl import Workbook

from services.registry.importing.households import FileHousehold
from services.registry.importing.validation import Validation
from services.registry.synthetic import COLUMNS
from tests.registry.files import (
    HEADER,
    Table,
    validated,
)
from tuopin.registry.v1.import_pb2 import ImportHeader

IDENTITY = COLUMNS.index("identity_number")
NUMBER = COLUMNS.index("household_number")
VILLAGE = COLUMNS.index("village_id")
BORN = COLUMNS.index("birth_year")


def sheet(rows: Table, **options: object) -> bytes:
    """The rows as a workbook."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    for cell in options.get("merged", ()):  # type: ignore[attr-defined]
        book.active.merge_cells(cell)
    return bytes_of(book)


def bytes_of(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(data: bytes, folder: Path, header: ImportHeader = HEADER) -> list[FileHousehold]:
    """The households of a file that has no fault."""
    validation, households = validated(data, folder, header=header)
    assert validation.faults.shown == []
    return households


def commands(households: list[FileHousehold]) -> list[object]:
    return [each.command for each in households]


def notes(validation: Validation) -> list[tuple[int, str, str]]:
    return [(note.row, note.column, note.slug) for note in validation.faults.notes]
