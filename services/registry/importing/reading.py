"""A file as it arrives, in pieces of any size: complete records with the line each begins on.

Memory is bounded by one piece and one record, of CSV and of XLSX.
"""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from services.registry.importing import xlsx
from services.registry.importing.scratch import Scratch

# Smaller pieces wait for each other: looking for the end of a record costs as much as what waits.
LEAST_BYTES = 64 * 1024
# A record longer than this is a quotation mark that was never closed.
RECORD_MAX_CHARS = 256 * 1024
# Rows in which the header is looked for; what stands above it is a title.
TITLE_ROWS_MAX = 20
OLD_EXCEL = b"\xd0\xcf\x11\xe0"
DELIMITERS = ",\t;"
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Record = tuple[int, list[str]]


class Unreadable(Exception):
    """From this line on the file cannot be read."""

    def __init__(self, slug: str, line: int) -> None:
        super().__init__(slug)
        self.slug = slug
        self.line = line


class Reading:
    """Feed the pieces in order, then finish; what the file is shows in its first bytes."""

    def __init__(
        self,
        folder: Path,
        is_header: Callable[[Sequence[str]], bool],
        least_bytes: int = LEAST_BYTES,
    ) -> None:
        self._folder = folder
        self._is_header = is_header
        self._least_bytes = least_bytes
        self._first = b""
        self._reading: CsvReading | XlsxReading | None = None

    @property
    def is_xlsx(self) -> bool:
        """Rows have cells where something stands; none says where a row ends."""
        return isinstance(self._reading, XlsxReading)

    @property
    def dates_from_1904(self) -> bool:
        """Whether the file's serial numbers count from 1904."""
        return isinstance(self._reading, XlsxReading) and self._reading.dates_from_1904

    def feed(self, piece: bytes) -> Iterator[Record]:
        """The records that are complete with this piece."""
        if self._reading is None:
            piece = self._first = self._first + piece
            if len(piece) < len(xlsx.MAGIC):
                return
            self._reading = self._of(piece)
        yield from self._reading.feed(piece)

    def finish(self) -> Iterator[Record]:
        """The rest."""
        if self._reading is None:
            self._reading = self._of(self._first)
            yield from self._reading.feed(self._first)
        yield from self._reading.finish()

    def _of(self, first: bytes) -> "CsvReading | XlsxReading":
        if first.startswith(xlsx.MAGIC):
            return XlsxReading(self._folder, self._is_header)
        if first.startswith(OLD_EXCEL):
            raise Unreadable("file-is-old-excel", 1)
        return CsvReading(self._least_bytes)

    def close(self) -> None:
        if isinstance(self._reading, XlsxReading):
            self._reading.close()


class XlsxReading:
    """Keeps the file until it is whole, then reads the first sheet that has a header."""

    def __init__(self, folder: Path, is_header: Callable[[Sequence[str]], bool]) -> None:
        self._folder = folder
        self._is_header = is_header
        self._scratch = Scratch(folder)
        self.dates_from_1904 = False

    def feed(self, piece: bytes) -> Iterator[Record]:
        """Nothing can be read before the end: what the file holds is listed there."""
        self._scratch.append(piece)
        return iter(())

    def finish(self) -> Iterator[Record]:
        """All rows."""
        line = 1
        try:
            workbook = xlsx.Workbook(self._scratch, self._folder)  # type: ignore[arg-type]
            self.dates_from_1904 = workbook.dates_from_1904
            try:
                for line, cells in workbook.rows(sheet_with_header(workbook, self._is_header)):
                    yield line, cells
            finally:
                workbook.close()
        except xlsx.NotXlsx as damaged:
            raise Unreadable("file-not-xlsx", line) from damaged

    def close(self) -> None:
        self._scratch.close()


def sheet_with_header(workbook: xlsx.Workbook, is_header: Callable[[Sequence[str]], bool]) -> str:
    """The first sheet with a header in its first rows; the first of all when none has."""
    for sheet in workbook.sheets:
        rows = workbook.rows(sheet)
        if any(
            is_header(cells) for _, (_, cells) in zip(range(TITLE_ROWS_MAX), rows, strict=False)
        ):
            return sheet
    if not workbook.sheets:
        raise xlsx.NotXlsx
    return workbook.sheets[0]


class CsvReading:
    """CSV in UTF-8 with or without its mark, in UTF-16 with one, or in GB 18030 (GBK is part of
    it), separated by commas, tabs or semicolons.
    """

    def __init__(self, least_bytes: int = LEAST_BYTES) -> None:
        self._least_bytes = least_bytes
        self._pieces = bytearray()
        self._decoder: codecs.IncrementalDecoder | None = None
        self._waiting = ""
        self._line = 1
        self.encoding = ""
        self.delimiter = ""

    def feed(self, piece: bytes) -> Iterator[Record]:
        """The records that are complete with this piece."""
        self._pieces += piece
        if len(self._pieces) < self._least_bytes:
            return
        text = self._waiting + self._decoded(last=False)
        end = _last_record_end(text)
        self._waiting = text[end:]
        if len(self._waiting) > RECORD_MAX_CHARS:
            raise Unreadable("file-not-csv", self._line)
        yield from self._records(text[:end])

    def finish(self) -> Iterator[Record]:
        """The last record, which may lack its line end."""
        text, self._waiting = self._waiting + self._decoded(last=True), ""
        yield from self._records(text)

    def _decoded(self, last: bool) -> str:
        piece, self._pieces = bytes(self._pieces), bytearray()
        if self._decoder is None:
            if piece.isascii() and not last:
                # Every encoding says the same so far.
                return piece.decode("ascii")
            self.encoding = encoding_of(piece, last)
            self._decoder = codecs.getincrementaldecoder(self.encoding)()
        try:
            return self._decoder.decode(piece, last)
        except UnicodeDecodeError as error:
            raise Unreadable("file-encoding-broken", self._line) from error

    def _records(self, text: str) -> Iterator[Record]:
        if not self.delimiter:
            self.delimiter = _delimiter_of(text)
        first = self._line
        # Lines end at line feeds and carriage returns, not at whatever Unicode ends a line with.
        lines = io.StringIO(text, newline="")
        rows = csv.reader(lines, delimiter=self.delimiter, strict=True)
        begins = 0
        try:
            for cells in rows:
                self._line = first + begins
                begins = rows.line_num
                if cells and (cells[0] or any(cells)):
                    yield self._line, cells
        except csv.Error as error:
            raise Unreadable("file-not-csv", first + begins) from error
        self._line = first + rows.line_num


def encoding_of(piece: bytes, last: bool) -> str:
    """Of a piece that is not plain ASCII: what is no UTF-8 is GB 18030."""
    if piece.startswith(UTF_16_MARKS):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(piece, last)
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8-sig"


def _delimiter_of(text: str) -> str:
    head = "".join(text.splitlines(keepends=True)[:TITLE_ROWS_MAX])
    return max(DELIMITERS, key=head.count)


def _last_record_end(text: str) -> int:
    """Where the last complete record ends: at a line end with every quotation mark closed."""
    end = text.rfind("\n") + 1
    while end and text.count('"', 0, end) % 2:
        end = text.rfind("\n", 0, end - 1) + 1
    return end
