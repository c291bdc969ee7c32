"""What became of regions: the file, its faults, and what a code is on any day."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from chassis.viewdb import url_of
from services.registry.decider.mapping import Difference, check
from services.registry.mappingfile import parse
from services.registry.newer_list import compared
from services.registry.views import region_loading, regions
from services.registry.views.region_changes import history_of, list_changes, resolved
from tests.registry.editions import mapping, ship, shipped_to, villages
from tuopin.registry.v1.region_pb2 import (
    AdoptRegions,
    FindRegions,
    GetRegion,
    ListRegionChanges,
    PreviewRegions,
)
from tuopin.types.v1.types_pb2 import (
    REGION_CHANGE_KIND_MERGED,
    REGION_CHANGE_KIND_MOVED,
    REGION_CHANGE_KIND_SPLIT,
    RegionChange,
)

T = "433124110"
A, B, C, D, E = (f"{T}20{n}" for n in range(1, 6))
ON = "2024-07-01"
ADOPTED_ON = "2025-01-01"


def difference(
    removed: str = "", added: str = "", stays: str = "", renamed: str = ""
) -> Difference:
    """Villages by the last digit of their codes."""
    known = {f"{T}20{n}" for n in stays + removed + renamed}
    return Difference(
        removed={f"{T}20{n}": "" for n in removed},
        added={f"{T}20{n}": "新" for n in added},
        in_force=dict.fromkeys(known, ""),
        households={(A, "H-1"): ("h-1",), (A, "H-2"): ("h-2", "h-3")},
    )


def faults(*rows: str, of: Difference) -> list[tuple[int, str, str]]:
    read, unread = parse(mapping(*rows))
    found = [*unread, *check(read, of, ADOPTED_ON).faults]
    return [(each.row, each.column, each.slug) for each in found]


GONE = difference("1", "2")
UNDER_T = Difference(removed={A: ""}, in_force={A: "", T: ""})


def test_each_kind_of_change_says_where_all_goes() -> None:
    rows = mapping(
        f"{A},{D},renamed,{ON},,",
        f"{B},{C},merged,{ON},,",
        f"{C},{C},split,{ON},yes,",
        f"{C},{E},split,{ON},,",
    )
    read, unread = parse(rows)
    found = check(read, difference("12", "45", stays="3"), ADOPTED_ON)
    assert (unread, found.faults) == ([], ())
    said = [(each.old_id, each.new_id, each.default_successor) for each in found.changes]
    assert said == [(A, D, True), (B, C, True), (C, C, True), (C, E, False)]


def test_words_of_the_file_may_be_chinese() -> None:
    rows, unread = parse(mapping(f"{A},{B},合并,{ON},,", f"{C},{D},拆分,{ON},是,H-1；H-2"))
    assert unread == []
    kinds = [row.kind for row in rows]
    assert kinds == [REGION_CHANGE_KIND_MERGED, REGION_CHANGE_KIND_SPLIT]
    assert (rows[1].is_default, rows[1].households) == (True, ("H-1", "H-2"))


@pytest.mark.parametrize(
    ("data", "row", "slug"),
    [
        (b"\xff\xfe", 0, "mapping-not-utf-8"),
        (b"old,new\n", 1, "mapping-format-not-known"),
        (b"tuopin-region-mapping,2\n", 1, "mapping-format-not-known"),
        (b"tuopin-region-mapping,1\nold_code,new_code\n", 2, "mapping-column-not-known"),
        (mapping('"'), 3, "mapping-not-csv"),
        (bytes(4 * 1024 * 1024 + 1), 0, "mapping-too-large"),
        (mapping(f"4331x,{B},moved,{ON},,"), 3, "mapping-code-malformed"),
        (mapping(f"{A},{B},vanished,{ON},,"), 3, "mapping-kind-not-known"),
        (mapping(f"{A},{B},moved,1.7.2024,,"), 3, "mapping-day-malformed"),
        (mapping(f"{A},{B},split,{ON},perhaps,"), 3, "mapping-default-not-yes-or-no"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(data: bytes, row: int, slug: str) -> None:
    rows, unread = parse(data)
    assert [(each.row, each.slug) for each in unread] == [(row, slug)]
    assert rows == []


@pytest.mark.parametrize(
    ("rows", "of", "slug", "row"),
    [
        ([], GONE, "mapping-region-missing", 0),
        ([f"{E},{B},moved,{ON},,"], GONE, "mapping-code-not-in-force", 3),
        ([f"{A},{E},moved,{ON},,"], GONE, "mapping-target-not-listed", 3),
        ([f"{A},{T},merged,{ON},,"], UNDER_T, "mapping-levels-differ", 3),
        ([f"{A},{C},moved,{ON},,"], difference("1", "2", "3"), "mapping-target-was-there", 3),
        ([f"{A},{B},moved,{ON},,", f"{C},{B},merged,{ON},,"], difference("13", "2"),
         "mapping-target-taken", 4),
        ([f"{A},{B},merged,{ON},,", f"{C},{B},merged,{ON},,"], difference("1", "2", "3"),
         "mapping-region-still-there", 4),
        ([f"{A},{B},merged,{ON},,", f"{A},{B},merged,{ON},,"], GONE, "mapping-region-twice", 4),
        ([f"{A},{B},moved,2025-01-02,,"], GONE, "mapping-day-outside", 3),
        ([f"{A},{B},moved,{ON},yes,"], GONE, "mapping-default-without-split", 3),
        ([f"{A},{B},split,{ON},yes,"], GONE, "mapping-split-into-one", 3),
        ([f"{A},{B},split,{ON},yes,", f"{A},{C},split,{ON},,", f"{A},{C},split,{ON},,"],
         difference("1", "23"), "mapping-split-target-twice", 5),
        ([f"{A},{B},split,{ON},,", f"{A},{C},split,{ON},,"], difference("1", "23"),
         "mapping-split-needs-one-default", 3),
        ([f"{A},{B},split,{ON},yes,", f"{A},{C},split,2024-08-01,,"], difference("1", "23"),
         "mapping-split-on-two-days", 4),
        ([f"{A},{B},split,{ON},yes,", f"{A},{C},split,{ON},,H-2"], difference("1", "23"),
         "mapping-household-not-there", 4),
        ([f"{A},{B},split,{ON},yes,H-1", f"{A},{C},split,{ON},,H-1"], difference("1", "23"),
         "mapping-household-twice", 4),
        ([f"{A},{A},split,{ON},,", f"{A},{B},split,{ON},yes,", f"{B},{B},split,{ON},,",
          f"{B},{A},split,{ON},yes,"], difference("", "", "12"), "mapping-in-a-circle", 3),
    ],
)  # fmt: skip
def test_every_fault_names_row_and_reason(
    rows: list[str], of: Difference, slug: str, row: int
) -> None:
    assert (row, slug) in {(line, named) for line, _, named in faults(*rows, of=of)}


def test_a_moved_township_takes_its_villages_along() -> None:
    of = Difference(
        removed={T: "", A: "", B: ""},
        added={"433125110": "镇", f"433125110{A[-3:]}": "村", C: "村"},
        in_force={T: "", B: ""},
    )
    read, _ = parse(mapping(f"{T},433125110,moved,{ON},,", f"{B},{C},moved,2024-08-01,,"))
    found = check(read, of, ADOPTED_ON)
    assert found.faults == ()
    assert [(each.old_id, each.new_id, each.effective_on) for each in found.changes] == [
        (T, "433125110", ON),
        (A, f"433125110{A[-3:]}", ON),
        (B, C, "2024-08-01"),
    ]


def test_a_merged_township_takes_nothing_along() -> None:
    of = Difference(
        removed={T: "", A: ""},
        in_force={T: "", "433125110": "", f"433125110{A[-3:]}": ""},
    )
    rows = [f"{T},433125110,merged,{ON},,"]
    assert faults(*rows, of=of) == [(0, "old_code", "mapping-region-missing")]


# What a code is on a day


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    regions.create(engine)
    with shipped_to(tmp_path), engine.begin() as connection:
        yield connection


def adopt(
    connection: Connection,
    folder: Path,
    version: int,
    codes: Sequence[str],
    rows: Sequence[str] = (),
    on: str = ADOPTED_ON,
) -> list[RegionChange]:
    """As the service does it: compared, checked, loaded."""
    edition = ship(folder, f"edition-{version}", villages(codes))
    command = AdoptRegions(edition=edition, effective_on=on, mapping=mapping(*rows))
    file = compared(connection, command).file
    assert file.faults == ()
    assert region_loading.load(connection, version, edition, effective_on=on, changes=file.changes)
    return list(file.changes)


def test_search_names_and_ancestors_answer_as_of_a_day(
    connection: Connection, tmp_path: Path
) -> None:
    adopt(connection, tmp_path, 1, [A, B, C])
    rows = [f"{A},{D},moved,{ON},,", f"{B},{C},merged,2024-09-01,,"]
    adopt(connection, tmp_path, 2, [C, D, E], rows)

    def codes(as_of: str = "") -> list[str]:
        found = regions.find_regions(connection, FindRegions(level=12, as_of=as_of))
        return [each.region_id for each in found.regions]

    assert codes("2024-06-30") == [A, B, C]
    assert codes(ON) == [B, C, D]
    assert codes("2024-09-01") == [C, D]
    assert codes() == codes(ADOPTED_ON) == [C, D, E]
    assert regions.known(connection, [A, B, C, D]) == {C, D}
    before = regions.find_regions(connection, FindRegions(text=A, as_of="2020-01-01"))
    assert list(before.regions[0].path)[-2:] == ["双龙镇", "村201"]
    history = history_of(connection, GetRegion(region_id=B, as_of="2024-12-01"))
    assert history is not None
    assert [each.region_id for each in history.regions] == [C]
    assert not history.in_force
    assert [(each.valid_from, each.valid_to) for each in history.periods] == [("", "2024-09-01")]
    assert [(each.old_name, each.new_name) for each in history.changes] == [("村202", "村203")]
    listed = list_changes(connection, ListRegionChanges())
    assert listed is not None
    assert (listed.edition, listed.total) == ("edition-2", 2)
    assert list_changes(connection, ListRegionChanges(edition="edition-3")) is None


def test_a_region_renamed_under_its_code_has_both_names(
    connection: Connection, tmp_path: Path
) -> None:
    adopt(connection, tmp_path, 1, [A])
    edition = ship(tmp_path, "newer", villages([A]) | {A: "十八洞村"})
    rows = mapping(f"{A},{A},renamed,{ON},,")
    command = PreviewRegions(edition=edition, effective_on=ADOPTED_ON, mapping=rows)
    file = compared(connection, command).file
    assert file.faults == ()
    region_loading.load(connection, 2, edition, effective_on=ADOPTED_ON, changes=file.changes)
    assert regions.names_of(connection, [A], "2024-06-30") == {A: "村201"}
    assert regions.names_of(connection, [A], ON) == regions.names_of(connection, [A])
    assert resolved(connection, A, "2020-01-01") == resolved(connection, A) == [A]
    found = regions.find_regions(connection, FindRegions(text="shibadong"))
    assert [each.region_id for each in found.regions] == [A]


def test_a_list_whose_codes_do_not_rise_follows_no_other(
    connection: Connection, tmp_path: Path
) -> None:
    adopt(connection, tmp_path, 1, [A])
    edition = ship(tmp_path, "falling", villages([A, B]), falling=True)
    command = AdoptRegions(edition=edition, effective_on=ADOPTED_ON)
    assert not compared(connection, command).file.sorted


def test_both_engines_give_the_same_regions_on_every_day(postgres_dsn: str, tmp_path: Path) -> None:
    rows = [f"{A},{D},moved,{ON},,", f"{B},{B},split,{ON},yes,", f"{B},{E},split,{ON},,"]
    told = []
    for place in ("", postgres_dsn):
        engine = create_engine(url_of(place) if place else "sqlite://")
        regions.create(engine)
        folder = tmp_path / (engine.dialect.name)
        folder.mkdir()
        with shipped_to(folder), engine.begin() as connection:
            adopt(connection, folder, 1, [A, B, C])
            adopt(connection, folder, 2, [B, C, D, E], rows)
            told.append(
                [
                    regions.find_regions(connection, FindRegions(level=12, as_of=day))
                    for day in ("2024-06-30", ON, "")
                ]
                + [history_of(connection, GetRegion(region_id=code)) for code in (A, B, E)]
            )
        engine.dispose()
    assert told[0] == told[1]
    assert [each.region_id for each in told[1][2].regions] == [B, C, D, E]


# Any chain of editions


class Step(NamedTuple):
    day: str
    codes: frozenset[str]
    # Default first.
    leads: dict[str, list[str]]


@dataclass
class Model:
    """The slow truth: every step kept, every code walked through all of them."""

    steps: list[Step] = field(default_factory=list)

    def resolved(self, code: str, on: str) -> list[str]:
        past = [step for step in self.steps if step.day <= on]
        present = [code in step.codes for step in past]
        if not any(present):
            return []
        if present[-1]:
            return [code]
        found = [code]
        last = max(n for n, there in enumerate(present) if there)
        for step in past[last + 1 :]:
            found = [each for code in found for each in step.leads.get(code, [code])]
        return list(dict.fromkeys(found))


@st.composite
def chains(draw: st.DrawFn) -> list[tuple[Step, list[str]]]:
    """Editions of up to a dozen villages, each with its mapping."""
    fresh = iter(f"{T}{n}" for n in range(201, 999))
    codes = [next(fresh) for _ in range(draw(st.integers(2, 5)))]
    day = date(2020, 1, 1)
    steps = [(Step("", frozenset(codes), {}), [])]
    gone: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        day += timedelta(days=draw(st.integers(2, 40)))
        on = day.isoformat()
        leads: dict[str, list[str]] = {}
        rows: list[str] = []
        staying = set(codes)
        for code in draw(st.permutations(codes))[: draw(st.integers(1, len(codes)))]:
            kind = draw(st.sampled_from(["moved", "merged", "split", "split-stays"]))
            if kind.startswith("split"):
                stays = kind == "split-stays"
                parts = [code if stays else next(fresh), next(fresh)]
                default = draw(st.integers(0, 1))
                leads[code] = [parts[default], parts[1 - default]]
                rows += [
                    f"{code},{part},split,{on},{'yes' if part == parts[default] else ''},"
                    for part in parts
                ]
                if not stays:
                    staying.discard(code)
                continue
            # A code that stood for another place long ago may come back.
            again = kind == "moved" and gone and draw(st.booleans())
            others = sorted(staying - leads.keys() - {code})
            target = gone.pop() if again else next(fresh)
            if kind == "merged" and others:
                target = draw(st.sampled_from(others))
                # What others are merged into is left as it is in this edition.
                leads[target] = [target]
            leads[code] = [target]
            rows.append(f"{code},{target},{kind},{on},,")
            staying.discard(code)
        rows = [row for row in rows if row.split(",")[0] != row.split(",")[1] or "split" in row]
        after = staying | {part for parts in leads.values() for part in parts}
        before = set(codes)
        leads = {code: parts for code, parts in leads.items() if parts != [code]}
        merged_into = {parts[0] for parts in leads.values() if len(parts) == 1}
        if merged_into & leads.keys():
            continue
        gone += sorted(before - after)
        codes = sorted(after)
        steps.append((Step(on, frozenset(codes), leads), rows))
    return steps


@given(chain=chains())
@settings(max_examples=40, deadline=None)
def test_every_code_is_on_every_day_exactly_what_came_of_it(
    chain: list[tuple[Step, list[str]]],
) -> None:
    model = Model([step for step, _ in chain])
    engine = create_engine("sqlite://")
    regions.create(engine)
    with (
        tempfile.TemporaryDirectory() as folder,
        shipped_to(Path(folder)),
        engine.begin() as connection,
    ):
        for version, (step, rows) in enumerate(chain, 1):
            on = step.day or "2020-01-01"
            adopt(connection, Path(folder), version, sorted(step.codes), rows, on)
        every = sorted(set().union(*(step.codes for step, _ in chain)))
        for step, _ in chain[1:]:
            day = date.fromisoformat(step.day)
            for on in (day - timedelta(days=1), day, day + timedelta(days=1)):
                for code in every:
                    told = resolved(connection, code, on.isoformat())
                    assert told == model.resolved(code, on.isoformat()), (code, on)


def test_what_is_taken_along_has_the_kind_moved() -> None:
    of = Difference(removed={T: "", A: ""}, added={"433125110": "镇", f"433125110{A[-3:]}": "村"},
                    in_force={T: ""})  # fmt: skip
    read, _ = parse(mapping(f"{T},433125110,renamed,{ON},,"))
    assert check(read, of, ADOPTED_ON).changes[1].kind == REGION_CHANGE_KIND_MOVED
