"""What is counted of every household on every day, as known at every moment: spans, and their sums.

A span says that a household had these coded attributes on the days [valid_from, valid_to), as far
as was known at the moments [known_from_us, known_to_us). An event changes the days from its
effective date on, and only what is known from its recorded time on: the spans of an earlier
known-at never change. The sums are kept per county, by year, month and day of both axes, so that a
figure of any past moment is the sum of a few dozen rows however many events there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import add, sub
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    select,
)

from chassis.personal import places, put
from chassis.times import day_of
from chassis.views import OwnRows
from services.registry.views.coded import (
    SUM_NAMES,
    Cell,
    Coded,
    cell_of,
    coded,
    packed,
    sums_of,
    unpacked,
)
from services.registry.views.folding import Version, fold, step
from services.registry.views.versions import HOUSEHOLD_VERSIONS
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.household_pb2 import Household

METADATA = MetaData()

# Ends of what has not ended.
NO_DAY = "9999-12-31"
NO_MOMENT_US = 2**62
COUNTY_DIGITS = 6
NO_SUMS = (0,) * len(SUM_NAMES)
_READ_COUNT = 500

SPANS = Table(
    "household_spans",
    METADATA,
    Column("household_id", String(60), primary_key=True),
    # Version of the event that made it known, and its place among the spans of that event.
    Column("opened_by", Integer, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("village_id", String(12)),
    Column("valid_from", String(10)),
    Column("valid_to", String(10)),
    Column("known_from_us", BigInteger),
    Column("known_to_us", BigInteger),
    Column("status", Integer),
    Column("attribute", Integer),
    Column("cause", Integer),
    # Codes, joined by commas.
    Column("other_causes", String(10)),
    Column("income_per_head_fen", BigInteger),
    Column("people_count", Integer),
    # Coded attributes of the members, packed.
    Column("people", String(2000)),
    Index(
        "household_spans_in_force",
        "village_id",
        "valid_to",
        "valid_from",
        "known_from_us",
        "known_to_us",
    ),
    Index("household_spans_opened", "known_from_us"),
)

# Per household what the next event is folded onto when it is not dated back.
HEADS = Table(
    "household_heads",
    METADATA,
    Column("household_id", String(60), primary_key=True),
    # Latest effective date of any event.
    Column("last_on", String(10)),
    # The folded file without personal fields.
    Column("file", LargeBinary),
    # Key and first day of the open span that has no last day; 0 before there is one.
    Column("opened_by", Integer),
    Column("ordinal", Integer),
    Column("valid_from", String(10)),
)

# Changes of the cells of a county, added up by bucket: "y2020", "m2020-03", "d2020-03-15".
SUMS = Table(
    "household_sums",
    METADATA,
    Column("county_id", String(6), primary_key=True),
    Column("known_in", String(11), primary_key=True),
    Column("effective_in", String(11), primary_key=True),
    Column("status", Integer, primary_key=True, autoincrement=False),
    Column("attribute", Integer, primary_key=True, autoincrement=False),
    Column("cause", Integer, primary_key=True, autoincrement=False),
    *(Column(name, Integer, server_default="0", nullable=False) for name in SUM_NAMES),
    sqlite_with_rowid=False,
)


class Segment(NamedTuple):
    """Days on which a household had the same coded attributes."""

    valid_from: str
    valid_to: str
    of: Coded


@dataclass(slots=True)
class Head:
    """A row of HEADS at hand, and the open span it names."""

    file: Household | None = None
    last_on: str = ""
    key: tuple[str, int, int] = ("", 0, 0)
    open: Segment | None = None


def derive(rows: OwnRows, heard: Sequence[tuple[Envelope, Any]]) -> None:
    """One event after the other: what a span says never depends on where a batch ends."""
    heads = _heads(rows, sorted({event.household_id for _, event in heard}))
    changes = Changes()
    for envelope, event in heard:
        Advance(rows, heads[event.household_id], envelope, event, changes).run()
    changes.write(rows)
    for household_id, head in heads.items():
        _keep(rows, household_id, head)


def _heads(rows: OwnRows, household_ids: Sequence[str]) -> dict[str, Head]:
    heads = {household_id: Head() for household_id in household_ids}
    for start in range(0, len(household_ids), _READ_COUNT):
        some = household_ids[start : start + _READ_COUNT]
        for row in rows.connection.execute(select(HEADS).where(HEADS.c.household_id.in_(some))):
            head = heads[row.household_id]
            head.last_on = row.last_on
            if row.file is not None:
                head.file = Household.FromString(row.file)
            if row.opened_by:
                head.key = (row.household_id, row.opened_by, row.ordinal)
                assert head.file is not None
                head.open = Segment(row.valid_from, NO_DAY, coded(head.file))
    return heads


def _keep(rows: OwnRows, household_id: str, head: Head) -> None:
    _, opened_by, ordinal = head.key
    rows.put(
        HEADS,
        (household_id,),
        last_on=head.last_on,
        file=None if head.file is None else head.file.SerializeToString(deterministic=True),
        opened_by=opened_by,
        ordinal=ordinal,
        valid_from=head.open.valid_from if head.open else "",
    )


class Changes:
    """What a batch adds to the sums: few cells on few days, however many households."""

    def __init__(self) -> None:
        # (county, day it became known, effective date, cell) -> its sums, more or less.
        self._sums: dict[tuple[str, str, str, Cell], list[int]] = {}

    def add(self, known_us: int, of_event: Mapping[tuple[str, str, Cell], list[int]]) -> None:
        """One event's; a cell that it leaves as it was gets no row by it."""
        known_on = day_of(known_us)
        for (county_id, day, cell), sums in of_event.items():
            if any(sums):
                key = (county_id, known_on, day, cell)
                before = self._sums.get(key)
                self._sums[key] = sums if before is None else list(map(add, before, sums))

    def write(self, rows: OwnRows) -> None:
        """Into the year, the month and the day of both axes."""
        for (county_id, known_on, day, cell), sums in self._sums.items():
            for known in buckets(known_on):
                for effective in buckets(day):
                    deltas = dict(zip(SUM_NAMES, sums, strict=True))
                    rows.add(SUMS, (county_id, known, effective, *cell), **deltas)


class Advance:
    """What one event makes of the spans of its household."""

    def __init__(
        self, rows: OwnRows, head: Head, envelope: Envelope, event: Any, changes: Changes
    ) -> None:
        self._rows = rows
        self._head = head
        self._envelope = envelope
        self._event = event
        self._household_id: str = event.household_id
        self._known_us = envelope.recorded_at_us
        self._ordinal = 0
        self._of_batch = changes
        # (county, effective date, cell) -> its sums, more or less from that day on.
        self._changes: dict[tuple[str, str, Cell], list[int]] = {}

    def run(self) -> None:
        """Write the spans and sums; the head goes on."""
        head, on = self._head, self._envelope.effective_on
        # A correction may speak of any day, whatever day it carries.
        forward = on >= head.last_on and not getattr(self._event, "corrects_version", 0)
        head.last_on = max(head.last_on, on)
        if forward:
            self._go_on(head, on)
        else:
            self._go_back(head)
        self._of_batch.add(self._known_us, self._changes)

    def _go_on(self, head: Head, on: str) -> None:
        """Nothing known is later: only what holds from today on changes."""
        version = Version(self._envelope.version, on, self._envelope.type, b"")
        head.file = step(head.file, self._event, version)
        if head.file is None:
            return
        _strip(head.file)
        after = coded(head.file)
        before = head.open
        if before is not None and before.of == after:
            return
        if before is not None:
            self._close(head.key, before)
            if before.valid_from < on:
                self._open(Segment(before.valid_from, on, before.of))
        head.open = Segment(on, NO_DAY, after)
        head.key = self._open(head.open)

    def _go_back(self, head: Head) -> None:
        """A fact that arrives late: the days after it are told anew, for those who know it."""
        self._rows.flush()
        old = self._open_spans()
        new = self._timeline()
        for segment, key in old.items():
            if segment not in new:
                self._close(key, segment)
        for segment in new:
            key = old[segment] if segment in old else self._open(segment)
            if segment.valid_to == NO_DAY:
                head.key, head.open = key, segment
        head.file = self._folded(NO_DAY)
        if head.file is not None:
            _strip(head.file)

    def _open_spans(self) -> dict[Segment, tuple[str, int, int]]:
        found = self._rows.connection.execute(
            select(SPANS).where(
                SPANS.c.household_id == self._household_id, SPANS.c.known_to_us == NO_MOMENT_US
            )
        )
        return {segment_of(row): (row.household_id, row.opened_by, row.ordinal) for row in found}

    def _timeline(self) -> list[Segment]:
        """The days told anew, neighbours that say the same made one."""
        self._versions = self._load_versions()
        days = sorted({version.effective_on for version in self._versions})
        told = [(day, self._folded(day)) for day in days]
        said = [(day, coded(file)) for day, file in told if file is not None]
        kept = [each for n, each in enumerate(said) if n == 0 or each[1] != said[n - 1][1]]
        ends = [day for day, _ in kept[1:]] + [NO_DAY]
        return [Segment(day, end, of) for (day, of), end in zip(kept, ends, strict=True)]

    def _load_versions(self) -> list[Version]:
        versions = HOUSEHOLD_VERSIONS.c
        found = self._rows.connection.execute(
            select(versions.version, versions.effective_on, versions.type, versions.event)
            .where(
                versions.household_id == self._household_id,
                versions.version <= self._envelope.version,
            )
            .order_by(versions.version)
        )
        return [Version(*row) for row in found]

    def _folded(self, on: str) -> Household | None:
        return fold(self._versions, on)

    def _open(self, segment: Segment) -> tuple[str, int, int]:
        key = (self._household_id, self._envelope.version, self._ordinal)
        self._ordinal += 1
        of = segment.of
        self._rows.put(
            SPANS,
            key,
            village_id=of.village_id,
            valid_from=segment.valid_from,
            valid_to=segment.valid_to,
            known_from_us=self._known_us,
            known_to_us=NO_MOMENT_US,
            status=of.status,
            attribute=of.attribute,
            cause=of.cause,
            other_causes=",".join(map(str, of.other_causes)),
            income_per_head_fen=of.income_per_head_fen,
            people_count=len(of.people),
            people=packed(of),
        )
        self._count(segment, 1)
        return key

    def _close(self, key: tuple[str, int, int], segment: Segment) -> None:
        self._rows.put(SPANS, key, known_to_us=self._known_us)
        self._count(segment, -1)

    def _count(self, segment: Segment, sign: int) -> None:
        of = segment.of
        county_id, cell, sums = of.village_id[:COUNTY_DIGITS], cell_of(of), sums_of(of)
        for day, way in ((segment.valid_from, sign), (segment.valid_to, -sign)):
            if day == NO_DAY:
                continue
            before = self._changes.get((county_id, day, cell), NO_SUMS)
            change = map(add if way > 0 else sub, before, sums)
            self._changes[county_id, day, cell] = list(change)


def segment_of(row: Row[Any]) -> Segment:
    """The segment of a row of SPANS."""
    return Segment(row.valid_from, row.valid_to, coded_of(row))


def coded_of(row: Row[Any]) -> Coded:
    """The coded attributes of a row of SPANS."""
    return Coded(
        row.village_id,
        row.status,
        row.attribute,
        row.cause,
        tuple(int(each) for each in row.other_causes.split(",") if each),
        row.income_per_head_fen,
        unpacked(row.people),
    )


@lru_cache(maxsize=4096)
def buckets(day: str) -> tuple[str, str, str]:
    """The year, the month and the day that a day counts in."""
    return f"y{day[:4]}", f"m{day[:7]}", f"d{day}"


def _strip(household: Household) -> None:
    for place in places(household):
        put(place, "")
