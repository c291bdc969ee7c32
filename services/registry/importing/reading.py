"""CSV as it arrives, in pieces of any size: complete records with the line each begins on.

Memory is bounded by one piece and one record.
"""

import codecs
import csv
from collections.abc import Iterator

# Smaller pieces wait for each other: looking for the end of a record costs as much as what waits.
LEAST_BYTES = 64 * 1024
# A record longer than this is a quotation mark that was never closed.
RECORD_MAX_CHARS = 256 * 1024

Record = tuple[int, list[str]]


class Unreadable(Exception):
    """From this line on the file cannot be read."""

    def __init__(self, slug: str, line: int) -> None:
        super().__init__(slug)
        self.slug = slug
        self.line = line


class Reading:
    """Feed the pieces in order, then finish; UTF-8 with or without byte order mark."""

    def __init__(self, least_bytes: int = LEAST_BYTES) -> None:
        self._least_bytes = least_bytes
        self._pieces = bytearray()
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._waiting = ""
        self._line = 1

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
        try:
            return self._decoder.decode(piece, last)
        except UnicodeDecodeError as error:
            raise Unreadable("file-not-utf8", self._line) from error

    def _records(self, text: str) -> Iterator[Record]:
        first = self._line
        rows = csv.reader(text.splitlines(keepends=True), strict=True)
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


def _last_record_end(text: str) -> int:
    """Where the last complete record ends: at a line end with every quotation mark closed."""
    end = text.rfind("\n") + 1
    while end and text.count('"', 0, end) % 2:
        end = text.rfind("\n", 0, end - 1) + 1
    return end
