"""The file that says what became of an older edition's regions (programme/regions/README.md)."""

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Protocol

from services.registry.decider.mapping import KINDS, LEVELS, MappingFault, MappingRow

# The first line of the file: what it is, in which version of the format.
FORMAT, VERSION = "tuopin-region-mapping", "1"
COLUMNS = ("old_code", "new_code", "kind", "effective_on")
OPTIONAL = ("default", "households")
MAX_BYTES = 4 * 1024 * 1024
_CODE = re.compile(r"[0-9]+")
_YES = {"yes", "1", "true", "是"}
_NO = {"", "no", "0", "false", "否"}


class _Lines(Protocol):
    """A csv reader."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


def parse(data: bytes) -> tuple[list[MappingRow], list[MappingFault]]:
    """The rows that can be read and the faults of the others; a file of no bytes has no rows."""
    if not data:
        return [], []
    if len(data) > MAX_BYTES:
        return [], [MappingFault(0, "", "mapping-too-large", {"most": str(MAX_BYTES)})]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return [], [MappingFault(0, "", "mapping-not-utf-8")]
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        return _parse(reader)
    except csv.Error:
        return [], [MappingFault(reader.line_num, "", "mapping-not-csv")]


def _parse(reader: "_Lines") -> tuple[list[MappingRow], list[MappingFault]]:
    head = [cell.strip() for cell in next(reader, [])]
    if head[:2] != [FORMAT, VERSION]:
        details = {"wanted": f"{FORMAT},{VERSION}"}
        return [], [MappingFault(1, "", "mapping-format-not-known", details)]
    names = [cell.strip().lower() for cell in next(reader, [])]
    missing = [name for name in COLUMNS if name not in names]
    strange = [name for name in names if name not in (*COLUMNS, *OPTIONAL)]
    if missing or strange:
        details = {"wanted": ",".join((*COLUMNS, *OPTIONAL))}
        return [], [MappingFault(2, (missing + strange)[0], "mapping-column-not-known", details)]
    rows: list[MappingRow] = []
    faults: list[MappingFault] = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        told = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        found = list(_cell_faults(reader.line_num, told))
        faults += found
        if not found:
            rows.append(_row(reader.line_num, told))
    return rows, faults


def _cell_faults(line: int, told: Mapping[str, str]) -> Iterator[MappingFault]:
    for name in ("old_code", "new_code"):
        code = told.get(name, "")
        if not _CODE.fullmatch(code) or len(code) not in LEVELS:
            yield MappingFault(line, name, "mapping-code-malformed", {"code": code})
    if told.get("kind", "").lower() not in KINDS:
        details = {"known": ", ".join(KINDS)}
        yield MappingFault(line, "kind", "mapping-kind-not-known", details)
    if not _is_day(told.get("effective_on", "")):
        yield MappingFault(line, "effective_on", "mapping-day-malformed")
    if told.get("default", "").lower() not in _YES | _NO:
        yield MappingFault(line, "default", "mapping-default-not-yes-or-no")


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _row(line: int, told: Mapping[str, str]) -> MappingRow:
    households = re.split(r"[;；\s]+", told.get("households", ""))
    return MappingRow(
        row=line,
        old_id=told["old_code"],
        new_id=told["new_code"],
        kind=KINDS[told["kind"].lower()],
        effective_on=told["effective_on"],
        is_default=told.get("default", "").lower() in _YES,
        households=tuple(filter(None, households)),
    )
