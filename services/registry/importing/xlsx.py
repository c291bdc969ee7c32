"""XLSX, row by row: neither the sheet nor its texts are ever in memory as a whole.

Cells come as text: numbers with the digits a spreadsheet really keeps, dates as YYYY-MM-DD, merged
cells with what their first cell says.
"""

import re
import zipfile
from array import array
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree
from xml.parsers import expat

from services.registry.importing.cells import BadCell, of_serial
from services.registry.importing.scratch import Texts

MAGIC = b"PK\x03\x04"
READ_BYTES = 64 * 1024
# Workbook, relations and styles are small; more is no spreadsheet of ours.
PART_MAX_BYTES = 16 * 1024 * 1024
# What a file may become when it is unpacked.
UNPACKED_MAX_BYTES = 8 * 1024**3
COLUMNS_MAX = 16_384
# From here on a number has lost digits, and is shown the way that says so.
FIRST_INEXACT = 10**15
# Number formats of the standard that show a day.
_DATE_FORMATS = frozenset({*range(14, 18), 22, *range(27, 37), *range(50, 59)})
_FORMAT_TEXT = re.compile(r'"[^"]*"|\[[^]]*\]|\\.')
_SHOWS_DAY = re.compile(r"[yd年日]", re.IGNORECASE)
_MERGED = re.compile(rb'mergeCell\b[^>]*?\bref="([A-Z]+)([0-9]+):([A-Z]+)([0-9]+)"')
_SHEET_END = re.compile(rb"</(?:\w+:)?sheetData>|<(?:\w+:)?sheetData/>")
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_RELATION_IDS = (
    "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id",
    "{http://purl.oclc.org/ooxml/officeDocument/relationships}id",
)

Row = tuple[int, list[str]]


class NotXlsx(Exception):
    """The file is none, or is damaged."""


class Workbook:
    """An open file; `folder` is for scratch."""

    def __init__(self, file: IO[bytes], folder: Path) -> None:
        self._folder = folder
        try:
            self._zip = zipfile.ZipFile(file)
            if sum(part.file_size for part in self._zip.infolist()) > UNPACKED_MAX_BYTES:
                raise NotXlsx
            workbook = self._part("xl/workbook.xml")
            self.sheets = list(self._sheets(workbook))
            properties = _found(workbook, "workbookPr")
            self.dates_from_1904 = any(each.get("date1904") in ("1", "true") for each in properties)
            self._day_styles = self._styles_of_days()
        except (zipfile.BadZipFile, KeyError, ElementTree.ParseError) as error:
            raise NotXlsx from error
        self._texts: Texts | None = None

    def _part(self, name: str) -> ElementTree.Element:
        if self._zip.getinfo(name).file_size > PART_MAX_BYTES:
            raise NotXlsx
        return ElementTree.fromstring(self._zip.read(name))  # noqa: S314 - expat refuses bombs

    def _sheets(self, workbook: ElementTree.Element) -> Iterator[str]:
        """Paths of the sheets that are shown, in their order."""
        relations = {
            each.get("Id"): each.get("Target", "")
            for each in self._part("xl/_rels/workbook.xml.rels")
        }
        for each in _found(workbook, "sheet"):
            ids = (each.get(name, "") for name in _RELATION_IDS)
            target = next((relations[one] for one in ids if one in relations), "")
            if target and each.get("state", "visible") == "visible":
                yield target.lstrip("/") if target.startswith("/") else f"xl/{target}"

    def _styles_of_days(self) -> frozenset[str]:
        """Numbers of the cell styles that show a day."""
        if "xl/styles.xml" not in self._zip.namelist():
            return frozenset()
        styles = self._part("xl/styles.xml")
        shown = {
            each.get("numFmtId"): _FORMAT_TEXT.sub("", each.get("formatCode", ""))
            for each in _found(styles, "numFmt")
        }
        formats = [
            each.get("numFmtId", "0") for group in _found(styles, "cellXfs") for each in group
        ]
        return frozenset(
            str(style)
            for style, number in enumerate(formats)
            if (
                _SHOWS_DAY.search(shown[number])
                if number in shown
                else int(number) in _DATE_FORMATS
            )
        )

    def rows(self, sheet: str) -> Iterator[Row]:
        """Every row that says anything, with its number."""
        try:
            merged = _Merged(self._ranges(sheet))
            parsing = _Sheet(self._shared(), self._day_styles, self.dates_from_1904)
            with self._zip.open(sheet) as part:
                while piece := part.read(READ_BYTES):
                    yield from merged.filled(parsing.feed(piece))
        except (zipfile.BadZipFile, KeyError, IndexError, ValueError, expat.ExpatError) as error:
            raise NotXlsx from error

    def _shared(self) -> Texts:
        """The texts that cells name by number, read once."""
        if self._texts is None:
            self._texts = Texts(self._folder)
            if "xl/sharedStrings.xml" in self._zip.namelist():
                with self._zip.open("xl/sharedStrings.xml") as part:
                    _read_texts(part, self._texts.add)
        return self._texts

    def _ranges(self, sheet: str) -> "array[int]":
        """Merged cells, four numbers each; they stand behind the rows, and are needed before."""
        ranges = array("L")
        behind, waiting = False, b""
        with self._zip.open(sheet) as part:
            while piece := part.read(READ_BYTES):
                waiting += piece
                if not behind:
                    found = _SHEET_END.search(waiting)
                    behind = found is not None
                    waiting = waiting[found.end() :] if found else waiting[-64:]
                if behind:
                    whole = waiting.rfind(b">") + 1
                    for left, top, right, bottom in _MERGED.findall(waiting[:whole]):
                        if top != bottom:
                            ranges.extend((int(top), _column(left), int(bottom), _column(right)))
                    waiting = waiting[whole:]
        return ranges

    def close(self) -> None:
        if self._texts is not None:
            self._texts.close()
        self._zip.close()


def _found(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [*element.iter(_MAIN + name), *element.iter(_STRICT + name)]


def _column(letters: bytes | str) -> int:
    """A is 0."""
    text = letters.decode() if isinstance(letters, bytes) else letters
    number = 0
    for letter in text:
        number = number * 26 + ord(letter) - 64
    return number - 1


class _Merged:
    """Fills what is merged downwards."""

    def __init__(self, ranges: "array[int]") -> None:
        order = sorted(range(0, len(ranges), 4), key=ranges.__getitem__)
        self._waiting = (
            (ranges[at], ranges[at + 1], ranges[at + 2], ranges[at + 3]) for at in order
        )
        self._next = next(self._waiting, None)
        # Column -> last row and what its first cell said.
        self._open: dict[int, tuple[int, str]] = {}

    def filled(self, rows: list[Row]) -> Iterator[Row]:
        for number, cells in rows:
            for column, (last, text) in list(self._open.items()):
                if number > last:
                    del self._open[column]
                elif text:
                    cells.extend([""] * (column + 1 - len(cells)))
                    cells[column] = cells[column] or text
            while self._next is not None and self._next[0] <= number:
                top, left, bottom, right = self._next
                text = cells[left] if top == number and left < len(cells) else ""
                self._open |= dict.fromkeys(range(left, right + 1), (bottom, text))
                self._next = next(self._waiting, None)
            if any(cells):
                yield number, cells


class _Sheet:
    """The rows that are complete with each piece of a sheet's XML."""

    def __init__(self, texts: Texts, day_styles: frozenset[str], dates_from_1904: bool) -> None:
        self._texts = texts
        self._day_styles = day_styles
        self._dates_from_1904 = dates_from_1904
        self._columns: dict[str, int] = {}
        self._done: list[Row] = []
        self._row = 0
        self._cells: list[str] = []
        self._kind = ""
        self._style = ""
        self._place = -1
        self._taking = False
        self._in_phonetic = False
        self._parts: list[str] = []
        self._parser = _parser(self._start, self._end, self._data)

    def feed(self, piece: bytes) -> list[Row]:
        self._parser.Parse(piece, False)
        done, self._done = self._done, []
        return done

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if ":" in name:
            name = name.rpartition(":")[2]
        if name == "c":
            self._kind = attributes.get("t", "n")
            self._style = attributes.get("s", "")
            self._parts.clear()
            self._place = self._placed(attributes.get("r", ""))
        elif name in ("v", "t"):
            self._taking = not self._in_phonetic
        elif name == "rPh":
            self._in_phonetic = True
        elif name == "row":
            self._row = int(attributes.get("r") or self._row + 1)
            self._cells = []
            self._place = -1

    def _placed(self, reference: str) -> int:
        if not reference:
            return self._place + 1
        letters = reference.rstrip("0123456789")
        place = self._columns.get(letters)
        if place is None:
            place = self._columns[letters] = _column(letters)
            if place >= COLUMNS_MAX:
                raise ValueError("no sheet has so many columns")
        return place

    def _data(self, text: str) -> None:
        if self._taking:
            self._parts.append(text)

    def _end(self, name: str) -> None:
        if ":" in name:
            name = name.rpartition(":")[2]
        if name in ("v", "t"):
            self._taking = False
        elif name == "c":
            cells = self._cells
            if self._parts:
                parts = self._parts
                said = parts[0] if len(parts) == 1 else "".join(parts)
                # Most cells are texts by number.
                text = self._texts[int(said)] if self._kind == "s" else self._told(said)
                if self._place > len(cells):
                    cells.extend([""] * (self._place - len(cells)))
                cells.append(text)
        elif name == "rPh":
            self._in_phonetic = False
        elif name == "row":
            self._done.append((self._row, self._cells))

    def _told(self, text: str) -> str:
        match self._kind:
            case "n":
                return self._number(text)
            case "b":
                return "true" if text == "1" else "false"
            case "d":
                return text[:10]
            case _:
                return text

    def _number(self, text: str) -> str:
        if self._style in self._day_styles:
            try:
                day: date = of_serial(int(float(text)), dates_from_1904=self._dates_from_1904)
            except BadCell:
                return text
            return day.isoformat()
        if text.isdigit():
            return text
        number = float(text)
        if abs(number) >= FIRST_INEXACT:
            # 17 digits, 15 of them true: the reader of the cell sees that some are missing.
            return f"{number:.14E}"
        return f"{number:.15g}"


def _read_texts(part: IO[bytes], add: Callable[[str], None]) -> None:
    parts: list[str] = []
    place = {"taking": False, "phonetic": False}

    def start(name: str, _: dict[str, str]) -> None:
        match name.rpartition(":")[2]:
            case "si":
                parts.clear()
            case "t":
                place["taking"] = not place["phonetic"]
            case "rPh":
                place["phonetic"] = True

    def end(name: str) -> None:
        match name.rpartition(":")[2]:
            case "si":
                add("".join(parts))
            case "t":
                place["taking"] = False
            case "rPh":
                place["phonetic"] = False

    def data(text: str) -> None:
        if place["taking"]:
            parts.append(text)

    parser = _parser(start, end, data)
    while piece := part.read(READ_BYTES):
        parser.Parse(piece, False)


def _parser(
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    data: Callable[[str], None],
) -> Any:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = data
    parser.StartDoctypeDeclHandler = _no_doctype
    return parser


def _no_doctype(*_: object) -> None:
    raise ValueError("a sheet has no document type")
