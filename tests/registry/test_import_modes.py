"""Row by row, known at once, and the report: what becomes of a file that is not all sound."""

import csv
import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from openpyxl import Workbook

from chassis.client import Client
from services.registry.importing import running as import_running
from services.registry.importing.households import Interpreter
from services.registry.importing.reporting import FaultsOfRows, write_report
from services.registry.synthetic import COLUMNS
from tests.registry.files import (
    CODES,
    Table,
    changed,
    faults_of,
    members_of_first,
    table,
    text_of,
    validated,
)
from tests.registry.serving import HEADER, commit, finished, registry, validate
from tests.services.running import Running
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1 import import_pb2 as imports
from tuopin.registry.v1.correction_pb2 import HouseholdCorrected
from tuopin.registry.v1.import_pb2 import ImportFault, ImportHeader

NUMBER = COLUMNS.index("household_number")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Running]:
    async with registry(tmp_path) as running_here:
        yield running_here


@pytest.fixture
def county(here: Running) -> Client:
    return here.client("county-office@433124")


def header(**fields: object) -> ImportHeader:
    given = ImportHeader(**fields)  # type: ignore[arg-type]
    given.MergeFrom(HEADER)
    return given


BY_ROWS = header(mode=imports.IMPORT_MODE_ROWS)


async def told(
    county: Client, data: bytes, given: ImportHeader = HEADER
) -> list[imports.CheckedImport]:
    async def pieces() -> AsyncIterator[imports.CheckImport]:
        yield imports.CheckImport(header=given)
        for start in range(0, len(data), 50_000):
            yield imports.CheckImport(chunk=data[start : start + 50_000])

    return [each async for each in county.converse(pieces(), imports.CheckImport)]


async def imported(county: Client, data: bytes, given: ImportHeader = HEADER) -> str:
    report = await validate(county, data, given)
    assert report.import_id, report.faults
    await commit(county, report.import_id)
    await finished(county, report.import_id)
    return report.import_id


async def numbers(here: Running) -> set[str]:
    return {event.household_number for event in await here.events(pb.HouseholdRegistered)}


async def test_row_by_row_what_is_valid_gets_in_and_the_rest_is_named(
    here: Running, county: Client
) -> None:
    rows = table(6)
    bad = rows[1][NUMBER]
    report = await validate(county, changed(2, "sex", "?", rows), BY_ROWS)
    assert report.phase == imports.IMPORT_PHASE_VALIDATED
    assert (report.fault_count, report.households_left_out, report.households) == (1, 1, 6)
    await commit(county, report.import_id)
    done = await finished(county, report.import_id)
    assert (done.households_done, done.households_left_out) == (5, 1)
    assert await numbers(here) == {row[NUMBER] for row in rows[1:]} - {bad}


async def test_a_file_of_which_something_stayed_out_may_come_again(
    here: Running, county: Client
) -> None:
    data = changed(2, "sex", "?", table(6))
    first = await imported(county, data, BY_ROWS)
    again = await validate(county, data, BY_ROWS)
    assert not again.already_imported
    assert again.import_id != first
    assert (again.households_unchanged, again.households_left_out) == (5, 1)


async def test_a_household_whose_rows_are_torn_apart_stays_out_as_a_whole(
    here: Running, county: Client
) -> None:
    rows = table(30)
    first = rows[1][NUMBER]
    size = members_of_first(rows)
    torn = [rows[0], *rows[1 : 1 + size], *rows[1 + size :], rows[1]]
    report = await validate(county, text_of(torn).encode(), BY_ROWS)
    assert report.households_left_out == 2
    await commit(county, report.import_id)
    assert (await finished(county, report.import_id)).households_done == 29
    assert first not in await numbers(here)


async def test_a_header_that_is_wrong_keeps_out_everything_in_every_mode(county: Client) -> None:
    rows = table(3)
    rows[0][3] = "?"
    report = await validate(county, text_of(rows).encode(), BY_ROWS)
    assert report.phase == imports.IMPORT_PHASE_REJECTED


async def test_every_fault_is_told_beyond_those_that_the_report_shows(county: Client) -> None:
    rows = table(600)
    for row in rows[1:]:
        row[COLUMNS.index("sex")] = "?"
    answers = await told(county, text_of(rows).encode())
    faults = [fault for answer in answers for fault in answer.faults]
    assert [fault.row for fault in faults] == list(range(2, len(rows) + 1))
    assert answers[-1].report.fault_count == len(faults) > 1_000
    assert len(answers[-1].report.faults) == 1_000
    assert len(answers) > 2


async def test_a_known_file_is_answered_before_any_of_it_is_sent(
    here: Running, county: Client
) -> None:
    data = text_of(table(5)).encode()
    known = header(file_sha256=hashlib.sha256(data).hexdigest())
    *_, unknown = await told(county, b"", known)
    assert unknown.report.phase == imports.IMPORT_PHASE_REJECTED
    import_id = await imported(county, data)
    later = header(file_sha256=known.file_sha256, effective_on="2020-02-01")
    later.effective_on = "2020-02-01"
    for given in (known, later):
        (answer,) = await told(county, b"", given)
        assert answer.report.already_imported
        assert answer.report.import_id == import_id


async def test_rows_that_did_not_change_are_not_read_again(
    here: Running, county: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await imported(county, text_of(table(5)).encode())
    read: list[str] = []
    original = Interpreter.household

    def reading(self: Interpreter, number: str, records: Sequence[object]) -> object:
        read.append(number)
        return original(self, number, records)  # type: ignore[arg-type]

    monkeypatch.setattr(Interpreter, "household", reading)
    rows = table(7)
    report = await validate(county, text_of(rows).encode())
    assert (report.households, report.households_unchanged) == (7, 5)
    assert set(read) == {row[NUMBER] for row in rows[1:]} - {row[NUMBER] for row in table(5)[1:]}


async def test_written_differently_but_saying_the_same_is_no_change(
    here: Running, county: Client
) -> None:
    await imported(county, text_of(table(3)).encode())
    rows = [row[::-1] for row in table(3)]
    for row in rows[1:]:
        row[len(COLUMNS) - 1 - COLUMNS.index("sex")] = "男" if "male" in row else "女"
    report = await validate(county, text_of(rows).encode())
    assert report.faults == []
    assert report.households_unchanged == 3


async def test_a_stopped_import_of_corrections_corrects_each_household_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_running, "BATCH_HOUSEHOLDS", 3)
    rows = table(20)
    async with registry(tmp_path) as here:
        county = here.client("county-office@433124")
        await imported(county, text_of(rows).encode())
        for row in rows[1:]:
            row[COLUMNS.index("address")] = "合成新址"
        report = await validate(county, text_of(rows).encode())
        assert (report.households_corrected, report.households_unchanged) == (20, 0)
        await commit(county, report.import_id)
        await here.until(HouseholdCorrected)
    async with registry(tmp_path) as here:
        done = await finished(here.client("county-office@433124"), report.import_id)
        assert (done.households_corrected, done.households_done, done.fault_count) == (20, 0, 0)
        corrected = await here.events(HouseholdCorrected)
        assert len({event.household_id for event in corrected}) == len(corrected) == 20


async def test_a_file_with_fewer_columns_changes_only_what_it_tells(
    here: Running, county: Client
) -> None:
    rows = table(3)
    await imported(county, text_of(rows).encode())
    untold = {COLUMNS.index(each) for each in ("phone", "bank_card", "fuel", "wages_yuan")}
    fewer = [[cell for n, cell in enumerate(row) if n not in untold] for row in rows]
    report = await validate(county, text_of(fewer).encode())
    assert (report.faults, report.households_unchanged) == ([], 3)


async def test_an_erased_person_does_not_come_back_with_an_old_file(
    here: Running, county: Client
) -> None:
    rows = table(3)
    await imported(county, text_of(rows).encode())
    (household, *_) = await here.events(pb.HouseholdRegistered)
    erase = pb.ErasePerson(
        command_id="erase",
        household_id=household.household_id,
        person_id=household.members[0].person_id,
        ground="request",
    )
    await here.seen(await county.call(erase))
    report = await validate(county, text_of([*rows, []]).encode())
    assert [fault.slug for fault in report.faults] == ["household-with-erased-person"]


async def test_tasks_follow_only_from_an_import_that_asks_for_them(
    here: Running, county: Client
) -> None:
    quiet, loud = (text_of(table(1, seed)).encode() for seed in (1, 2))
    import_id = await imported(county, quiet)
    await imported(county, loud, header(notify=True))
    found = {event.import_id for event in await here.events(pb.HouseholdRegistered)}
    # What is held back by policies is known by the import that stands in the event.
    assert found == {import_id, ""}
    summaries = await here.events(imports.ImportCompleted)
    assert sorted(event.registered for event in summaries) == [1, 1]


# The report


def reported(rows: Table, folder: Path, *, encoding: str = "", xlsx: bool = False) -> Path:
    """A file and its report, as the command line writes it."""
    source = folder / ("file.xlsx" if xlsx else "file.csv")
    if xlsx:
        book = Workbook()
        for row in rows:
            book.active.append(row)
        book.save(source)
    else:
        source.write_bytes(text_of(rows).encode(encoding))
    validation, _ = validated(source.read_bytes(), folder)
    faults = FaultsOfRows()
    faults.add(
        [
            ImportFault(row=each.row, column=each.column, sentence=each.slug, note=each.note)
            for each in (*validation.faults.shown, *validation.faults.notes)
        ]
    )
    target = folder / f"report{source.suffix}"
    write_report(source, target, faults, CODES, "zh")
    faults.close()
    return target


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_a_report_is_the_file_with_a_column_of_faults(encoding: str, tmp_path: Path) -> None:
    rows = table()
    rows[1][COLUMNS.index("sex")] = "?"
    rows[2][COLUMNS.index("name")] = "合成,两\n行"
    target = reported([["某县台账"], [], *rows], tmp_path, encoding=encoding)
    opened = {"utf-8": "utf-8-sig"}.get(encoding, encoding)
    if encoding == "utf-8":
        assert target.read_bytes().startswith(b"\xef\xbb\xbf")
    with target.open(encoding=opened, newline="") as file:
        said = list(csv.reader(file))
    assert said[0][0] == "某县台账"
    assert said[2] == [*rows[0], "错误"]
    assert said[3] == [*rows[1], "sex: value-not-in-code-list"]
    assert said[4:] == [[*row, ""] for row in rows[2:]]


@pytest.mark.parametrize("xlsx", [True, False], ids=["xlsx", "csv"])
def test_a_report_once_mended_is_a_file_to_import(xlsx: bool, tmp_path: Path) -> None:
    rows = table()
    right = rows[1][COLUMNS.index("sex")]
    rows[1][COLUMNS.index("sex")] = "?"
    target = reported(rows, tmp_path, encoding="utf-8", xlsx=xlsx)
    found = faults_of(target.read_bytes(), tmp_path)
    assert found == [(2, "sex", "value-not-in-code-list")]
    if not xlsx:
        text = target.read_text(encoding="utf-8-sig").replace("?", right, 1)
        assert faults_of(text.encode(), tmp_path) == []


def test_what_is_wrong_with_the_header_stands_in_the_header(tmp_path: Path) -> None:
    rows = table()
    rows[0][COLUMNS.index("name")] = "nom"
    target = reported(rows, tmp_path, encoding="utf-8")
    first = next(csv.reader(target.read_text(encoding="utf-8-sig").splitlines()))
    assert first[:-1] == rows[0]
    assert first[-1].startswith("错误: ")
    assert "column-not-known" in first[-1]
    rows[0][COLUMNS.index("name")] = "name"
    rows = [[*row, ""] for row in rows]
    rows[0][-1] = first[-1]
    assert faults_of(text_of(rows).encode(), tmp_path) == []


def test_a_file_that_ends_in_garbage_is_reported_up_to_there(tmp_path: Path) -> None:
    source = tmp_path / "file.csv"
    source.write_bytes(text_of(table()).encode() + b'"x"y\n')
    validation, _ = validated(source.read_bytes(), tmp_path)
    faults = FaultsOfRows()
    faults.add([ImportFault(row=f.row, sentence=f.slug) for f in validation.faults.shown])
    write_report(source, tmp_path / "report.csv", faults, CODES, "en")
    faults.close()
    with (tmp_path / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        last = list(csv.reader(file))[-1]
    assert last[-1] == "file-not-csv"
