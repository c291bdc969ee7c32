"""The report beside a file: the same rows in the same form, with a column of what was found.

Row by row in and out: neither the file nor its faults are ever in memory as a whole.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from services.registry.importing import xlsx
from services.registry.importing.columns import FAULTS_COLUMN, CodeLists
from services.registry.importing.reading import (
    TITLE_ROWS_MAX,
    CsvReading,
    Record,
    Unreadable,
    sheet_with_header,
)
from services.registry.importing.writing import CsvWriting, Writing, XlsxWriting
from tuopin.registry.v1.import_pb2 import ImportFault

PIECE_BYTES = 256 * 1024


class FaultsOfRows:
    """Everything that was found, on disk; sentences never quote what a cell says."""

    def __init__(self) -> None:
        # A file without a name that SQLite deletes itself.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("CREATE TABLE faults (row INTEGER, said TEXT)")
        self._db.execute("CREATE INDEX faults_by_row ON faults (row)")

    def add(self, faults: Sequence[ImportFault]) -> None:
        self._db.executemany(
            "INSERT INTO faults VALUES (?, ?)",
            [(each.row, _said(each)) for each in faults],
        )

    def of_row(self, row: int) -> str:
        """All that was found in a row, in the order of finding; each thing once."""
        found = self._db.execute("SELECT DISTINCT said FROM faults WHERE row = ?", (row,))
        return " | ".join(said for (said,) in found)

    def close(self) -> None:
        self._db.close()


def _said(fault: ImportFault) -> str:
    said = f"{fault.column}: {fault.sentence}" if fault.column else fault.sentence
    return f"({said})" if fault.note else said


class _Placed:
    """Each row at its own line, or as near below it as the lines before allow."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._next = 1
        # A row of CSV is as many lines as its cells have.
        self._lines = isinstance(writing, CsvWriting)

    def row(self, number: int, cells: Sequence[str]) -> None:
        while self._next < number:
            self._writing.row([])
            self._next += 1
        self._writing.row(cells)
        self._next += 1 + self._lines * sum(cell.count("\n") for cell in cells)

    def close(self) -> None:
        self._writing.close()


def write_report(
    source: Path, target: Path, faults: FaultsOfRows, codes: CodeLists, language: str
) -> None:
    """The rows of `source` with one more column, to `target`."""
    with source.open("rb") as file:
        is_xlsx = file.read(len(xlsx.MAGIC)) == xlsx.MAGIC
    with _XlsxSource(source, codes.is_header) if is_xlsx else _CsvSource(source) as rows:
        placed: _Placed | None = None
        try:
            titles: list[Record] = []
            columns = 0
            for number, cells in _until_unreadable(rows):
                placed = placed or _Placed(rows.writing(target))
                if columns:
                    placed.row(number, [*_fitted(cells, columns), faults.of_row(number)])
                elif codes.is_header(cells) or len(titles) == TITLE_ROWS_MAX:
                    columns = len(cells)
                    label = codes.label(FAULTS_COLUMN, language)
                    found = faults.of_row(number)
                    placed.row(number, [*cells, f"{label}: {found}" if found else label])
                else:
                    titles.append((number, cells))
                    placed.row(number, [*cells, faults.of_row(number)])
        finally:
            if placed is not None:
                placed.close()


def _until_unreadable(rows: "_CsvSource | _XlsxSource") -> Iterator[Record]:
    """What cannot be read ends the report; its fault stands in the row where it begins."""
    try:
        yield from rows
    except Unreadable as unreadable:
        yield unreadable.line, []
    except xlsx.NotXlsx:
        return


def _fitted(cells: list[str], columns: int) -> list[str]:
    """So many cells that the next one is the report's own; a longer row loses nothing."""
    if len(cells) <= columns:
        return [*cells, *[""] * (columns - len(cells))]
    return [*cells[: columns - 1], " ".join(cells[columns - 1 :])]


class _CsvSource:
    """Records of a CSV; they know their encoding once the first one is read."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._reading = CsvReading()

    def __enter__(self) -> "_CsvSource":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Record]:
        while piece := self._file.read(PIECE_BYTES):
            yield from self._reading.feed(piece)
        yield from self._reading.finish()

    def writing(self, target: Path) -> Writing:
        reading = self._reading
        return CsvWriting(
            target, reading.encoding or "utf-8-sig", reading.delimiter or ",", verbatim=True
        )


class _XlsxSource:
    """Rows of the sheet that was imported."""

    def __init__(self, path: Path, is_header: Callable[[Sequence[str]], bool]) -> None:
        self._file = path.open("rb")
        self._folder = path.parent
        self._is_header = is_header
        self._workbook: xlsx.Workbook | None = None

    def __enter__(self) -> "_XlsxSource":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._workbook is not None:
            self._workbook.close()
        self._file.close()

    def __iter__(self) -> Iterator[Record]:
        self._workbook = xlsx.Workbook(self._file, self._folder)
        yield from self._workbook.rows(sheet_with_header(self._workbook, self._is_header))

    def writing(self, target: Path) -> Writing:
        return XlsxWriting(target, 0)
