"""Tables on their way out, row by row: CSV that Excel opens, XLSX that keeps every digit."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.utils import get_column_letter

XLSX = ".xlsx"
# The number format that makes a spreadsheet take digits as text.
AS_TEXT = "@"


class Writing(Protocol):
    """A table on its way out."""

    def row(self, cells: Sequence[str]) -> None: ...

    def close(self) -> None: ...


def writing(path: Path, columns: int) -> Writing:
    """What the name's ending asks for; UTF-8 with the mark without which Excel reads it wrongly."""
    if path.suffix.lower() == XLSX:
        return XlsxWriting(path, columns)
    return CsvWriting(path)


class CsvWriting:
    """CSV in an encoding."""

    def __init__(self, path: Path, encoding: str = "utf-8-sig", delimiter: str = ",") -> None:
        self._file = path.open("w", encoding=encoding, newline="")
        self._writer = csv.writer(self._file, delimiter=delimiter)

    def row(self, cells: Sequence[str]) -> None:
        self._writer.writerow(cells)

    def close(self) -> None:
        self._file.close()


class XlsxWriting:
    """One sheet; every cell as text, also those that somebody fills in later."""

    def __init__(self, path: Path, columns: int) -> None:
        self._path = path
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet()
        for number in range(1, columns + 1):
            self._sheet.column_dimensions[get_column_letter(number)].number_format = AS_TEXT

    def row(self, cells: Sequence[str]) -> None:
        self._sheet.append([ILLEGAL_CHARACTERS_RE.sub("", cell) for cell in cells])

    def close(self) -> None:
        self._book.save(self._path)
