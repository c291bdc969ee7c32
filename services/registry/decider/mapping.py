"""Whether a mapping says of every region that a newer edition lacks what became of it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tuopin.types.v1.types_pb2 import (
    REGION_CHANGE_KIND_MERGED,
    REGION_CHANGE_KIND_MOVED,
    REGION_CHANGE_KIND_RENAMED,
    REGION_CHANGE_KIND_SPLIT,
    RegionChange,
    RegionChangeKind,
)

# Codes of the levels from province to village have as many digits.
LEVELS = (2, 4, 6, 9, 12)
# The same place: what was said of it is still true.
ONE_TO_ONE = frozenset({REGION_CHANGE_KIND_RENAMED, REGION_CHANGE_KIND_MOVED})


class MappingRow(NamedTuple):
    """A row of the file; `households` are numbers as the village knows them."""

    row: int
    old_id: str
    new_id: str
    kind: RegionChangeKind.ValueType
    effective_on: str
    is_default: bool = False
    households: tuple[str, ...] = ()


class MappingFault(NamedTuple):
    """What is wrong in which row (0: a row is missing) and column."""

    row: int
    column: str
    slug: str
    details: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Difference:
    """The newer list against the regions in force, as far as they differ or the mapping asks."""

    # Code -> since when it is in force ("" since always) of the regions that the newer list lacks.
    removed: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    # Code -> (name now, name in the newer list).
    renamed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    # Of the codes in the mapping, those in force -> since when.
    in_force: Mapping[str, str] = field(default_factory=dict)
    # (village, household number) -> ids of the households of that number there.
    households: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def has_now(self, code: str) -> bool:
        """Whether the regions in force have the code."""
        return code in self.in_force or code in self.removed

    def will_have(self, code: str) -> bool:
        """Whether the newer list has the code."""
        return code in self.added or (code in self.in_force and code not in self.removed)


class Checked(NamedTuple):
    """Every fault, and what became of every region that is no more as it was."""

    faults: tuple[MappingFault, ...]
    changes: tuple[RegionChange, ...]


def check(rows: Sequence[MappingRow], found: Difference, effective_on: str) -> Checked:
    """All faults at once. A renamed or moved region takes with it what lies below it and is said
    nothing else of, as long as the newer list has it there.
    """
    of_old: dict[str, list[MappingRow]] = defaultdict(list)
    for row in rows:
        of_old[row.old_id].append(row)
    faults = [fault for row in rows for fault in _row_faults(row, found, effective_on)]
    faults += [fault for group in of_old.values() for fault in _group_faults(group)]
    faults += _taken(rows)
    faults += _household_faults(rows, found)
    faults += _cycles(rows)
    changes = [_change(row, found) for row in rows]
    for code in sorted(found.removed.keys() - of_old.keys()):
        taken_along = _taken_along(code, of_old, found)
        if taken_along is None:
            details = {"code": code}
            faults.append(MappingFault(0, "old_code", "mapping-region-missing", details))
        else:
            changes.append(taken_along)
    changes.sort(key=lambda each: (each.old_id, not each.default_successor, each.new_id))
    return Checked(tuple(sorted(faults, key=lambda each: each[:3])), tuple(changes))


def _row_faults(row: MappingRow, found: Difference, effective_on: str) -> Iterator[MappingFault]:
    old_id, new_id = row.old_id, row.new_id
    if not found.has_now(old_id):
        yield MappingFault(row.row, "old_code", "mapping-code-not-in-force", {"code": old_id})
        return
    if not found.will_have(new_id):
        yield MappingFault(row.row, "new_code", "mapping-target-not-listed", {"code": new_id})
    elif len(old_id) != len(new_id):
        yield MappingFault(row.row, "new_code", "mapping-levels-differ", {"code": new_id})
    elif row.kind in ONE_TO_ONE and new_id not in found.added and new_id != old_id:
        yield MappingFault(row.row, "new_code", "mapping-target-was-there", {"code": new_id})
    if old_id not in found.removed and not _may_stay(row, found):
        yield MappingFault(row.row, "old_code", "mapping-region-still-there", {"code": old_id})
    since = found.removed.get(old_id, found.in_force.get(old_id, ""))
    if not since < row.effective_on <= effective_on:
        details = {"since": since or "-", "until": effective_on}
        yield MappingFault(row.row, "effective_on", "mapping-day-outside", details)
    if row.kind != REGION_CHANGE_KIND_SPLIT and (row.is_default or row.households):
        yield MappingFault(row.row, "default", "mapping-default-without-split")


def _may_stay(row: MappingRow, found: Difference) -> bool:
    """A code stays when something is split from it, or when only its name is another."""
    if row.kind == REGION_CHANGE_KIND_RENAMED and row.new_id == row.old_id:
        return row.old_id in found.renamed
    return row.kind == REGION_CHANGE_KIND_SPLIT


def _group_faults(group: Sequence[MappingRow]) -> Iterator[MappingFault]:
    """What is said of one old region in several rows."""
    first = group[0]
    if any(row.kind != REGION_CHANGE_KIND_SPLIT for row in group):
        for row in group[1:]:
            yield MappingFault(row.row, "old_code", "mapping-region-twice", {"row": str(first.row)})
        return
    if len({row.new_id for row in group}) < 2:
        yield MappingFault(first.row, "new_code", "mapping-split-into-one")
    if len({row.new_id for row in group}) < len(group):
        yield MappingFault(group[-1].row, "new_code", "mapping-split-target-twice")
    if sum(row.is_default for row in group) != 1:
        yield MappingFault(first.row, "default", "mapping-split-needs-one-default")
    if len({row.effective_on for row in group}) > 1:
        yield MappingFault(group[-1].row, "effective_on", "mapping-split-on-two-days")


def _taken(rows: Iterable[MappingRow]) -> Iterator[MappingFault]:
    """A region that was renamed or moved came of one region, not of two."""
    first: dict[str, MappingRow] = {}
    for row in rows:
        if row.new_id in first and {row.kind, first[row.new_id].kind} & ONE_TO_ONE:
            details = {"row": str(first[row.new_id].row)}
            yield MappingFault(row.row, "new_code", "mapping-target-taken", details)
        first.setdefault(row.new_id, row)


def _household_faults(rows: Iterable[MappingRow], found: Difference) -> Iterator[MappingFault]:
    told: dict[tuple[str, str], int] = {}
    for row in rows:
        for number in row.households:
            key = (row.old_id, number)
            details = {"number": number}
            if len(found.households.get(key, ())) != 1:
                yield MappingFault(row.row, "households", "mapping-household-not-there", details)
            elif key in told:
                details["row"] = str(told[key])
                yield MappingFault(row.row, "households", "mapping-household-twice", details)
            told.setdefault(key, row.row)


def _cycles(rows: Iterable[MappingRow]) -> Iterator[MappingFault]:
    """No region may come of itself by way of others."""
    leads: dict[str, list[str]] = defaultdict(list)
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(row.old_id, row.row)
        if row.new_id != row.old_id:
            leads[row.old_id].append(row.new_id)
    for start in sorted(leads):
        seen: set[str] = set()
        ahead = list(leads[start])
        while ahead:
            code = ahead.pop()
            if code == start:
                yield MappingFault(first[start], "new_code", "mapping-in-a-circle", {"code": start})
                break
            if code not in seen:
                seen.add(code)
                ahead += leads.get(code, ())


def _taken_along(
    code: str, of_old: Mapping[str, Sequence[MappingRow]], found: Difference
) -> RegionChange | None:
    """The nearest ancestor that was renamed or moved took it along."""
    for digits in reversed([each for each in LEVELS if each < len(code)]):
        for row in of_old.get(code[:digits], ()):
            new_id = row.new_id + code[digits:]
            begun = found.removed[code] < row.effective_on
            if row.kind in ONE_TO_ONE and new_id in found.added and begun:
                return RegionChange(
                    old_id=code,
                    new_id=new_id,
                    kind=REGION_CHANGE_KIND_MOVED,
                    effective_on=row.effective_on,
                    default_successor=True,
                )
    return None


def _change(row: MappingRow, found: Difference) -> RegionChange:
    ids = (found.households.get((row.old_id, number), ()) for number in row.households)
    return RegionChange(
        old_id=row.old_id,
        new_id=row.new_id,
        kind=row.kind,
        effective_on=row.effective_on,
        default_successor=row.is_default or row.kind != REGION_CHANGE_KIND_SPLIT,
        household_ids=sorted(each for found_ids in ids for each in found_ids),
    )


def successor_of(changes: Iterable[RegionChange], household_id: str) -> RegionChange:
    """Where a household goes, of the changes of its one old village."""
    ordered = sorted(changes, key=lambda each: not each.default_successor)
    return next((each for each in ordered if household_id in each.household_ids), ordered[0])


KINDS: Mapping[str, RegionChangeKind.ValueType] = {
    "renamed": REGION_CHANGE_KIND_RENAMED,
    "moved": REGION_CHANGE_KIND_MOVED,
    "merged": REGION_CHANGE_KIND_MERGED,
    "split": REGION_CHANGE_KIND_SPLIT,
    "更名": REGION_CHANGE_KIND_RENAMED,
    "划转": REGION_CHANGE_KIND_MOVED,
    "合并": REGION_CHANGE_KIND_MERGED,
    "拆分": REGION_CHANGE_KIND_SPLIT,
}
