"""Tables on their way out, row by row: CSV that Excel opens, XLSX that keeps every digit."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.utils import get_column_letter

from services.registry.importing.cells import marked

XLSX = ".xlsx"
# The number format that makes a spreadsheet take digits as text.
AS_TEXT = "@"


class Writing(Protocol):
    """A table on its way out."""

    def row(self, cells: Sequence[str]) -> None: ...

    def close(self) -> None:
        """Whole and readable."""
        ...

    def give_up(self) -> None:
        """Instead of close: what is written so far is nobody's."""
        ...


def writing(path: Path, columns: int) -> Writing:
    """What the name's ending asks for; UTF-8 with the mark without which Excel reads it wrongly."""
    if path.suffix.lower() == XLSX:
        return XlsxWriting(path, columns)
    return CsvWriting(path)


class CsvWriting:
    """CSV in an encoding."""

    def __init__(
        self,
        path: Path,
        encoding: str = "utf-8-sig",
        delimiter: str = ",",
        *,
        verbatim: bool = False,
    ) -> None:
        self._file = path.open("w", encoding=encoding, newline="")
        self._writer = csv.writer(self._file, delimiter=delimiter)
        self._verbatim = verbatim

    def row(self, cells: Sequence[str]) -> None:
        self._writer.writerow(cells if self._verbatim else map(marked, cells))

    def close(self) -> None:
        self._file.close()

    def give_up(self) -> None:
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
        self._sheet.append([self._text(cell) for cell in cells])

    def _text(self, said: str) -> Any:
        """Never a formula, whatever it begins with."""
        if not said:
            return None
        cell = WriteOnlyCell(self._sheet, ILLEGAL_CHARACTERS_RE.sub("", said))
        cell.data_type = "s"
        return cell

    def close(self) -> None:
        self._book.save(self._path)

    def give_up(self) -> None:
        self._sheet.close()
