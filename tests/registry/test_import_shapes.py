"""Headers, households, villages and workbooks of real files: understood, or named."""

from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from services.registry.decider.identity import check_digit
from services.registry.importing import cells
from services.registry.synthetic import COLUMNS
from tests.registry.files import (
    CODES,
    HEADER,
    changed,
    faults_of,
    members_of_first,
    table,
    text_of,
    validated,
)
from tests.registry.sheets import (
    BORN,
    IDENTITY,
    NUMBER,
    VILLAGE,
    bytes_of,
    commands,
    notes,
    read,
    sheet,
)
from tuopin.registry.v1.import_pb2 import ImportHeader

# Header


@pytest.mark.parametrize(
    ("said", "column"),
    [
        ("身份证号码", "identity_number"),
        ("ID Number", "identity_number"),
        ("与户主关系", "relation"),
        ("耕地面积(亩)", "farmland_mu"),
        ("  户 编 号 ", "household_number"),
        ("Household＿Number", "household_number"),
        ("WAGES (YUAN)", "wages_yuan"),
    ],
)
def test_a_header_is_known_by_many_names(said: str, column: str, tmp_path: Path) -> None:
    rows = table()
    rows[0][COLUMNS.index(column)] = said
    assert len(read(text_of(rows).encode(), tmp_path)) == 3


def test_a_header_nobody_knows_is_named_or_left_out_by_the_mapping(tmp_path: Path) -> None:
    rows = table()
    rows[0][IDENTITY] = "旧列名"
    rows = [[*row, "x"] for row in rows]
    rows[0][-1] = "备注"
    header = ImportHeader()
    header.CopyFrom(HEADER)
    assert (1, "旧列名", "column-not-known") in faults_of(text_of(rows).encode(), tmp_path)
    header.columns["旧列名"] = "identity_number"
    header.columns["备注"] = ""
    assert len(read(text_of(rows).encode(), tmp_path, header)) == 3
    header.columns["没有的列"] = "name"
    header.columns["备注"] = "nothing"
    slugs = {slug for _, _, slug in faults_of(text_of(rows).encode(), tmp_path, header)}
    assert {"column-mapped-is-missing", "column-mapped-to-nothing"} <= slugs


def test_titles_above_the_header_are_passed_over_and_rows_keep_their_numbers(
    tmp_path: Path,
) -> None:
    rows = table()
    rows[1][COLUMNS.index("sex")] = "?"
    titled = [["某县建档立卡台账"], ["填报单位：", "", "2020年"], *rows]
    for data in (text_of(titled).encode(), sheet(titled)):
        assert faults_of(data, tmp_path) == [(4, "sex", "value-not-in-code-list")]


def test_no_two_columns_and_no_two_codes_share_a_word() -> None:
    for name, list_of_words in CODES.lists.items():
        assert "" not in list_of_words, name
    assert set(CODES.headers.values()) == set(CODES.columns)


# Rows and households


def test_blank_rows_are_passed_over(tmp_path: Path) -> None:
    rows = table()
    gaps = [each for row in rows for each in (row, [""] * len(row))]
    expected = commands(read(text_of(rows).encode(), tmp_path))
    for data in (text_of(gaps).encode(), sheet(gaps)):
        assert commands(read(data, tmp_path)) == expected


def test_a_household_without_or_with_two_heads_is_named(tmp_path: Path) -> None:
    rows = table(20)
    relation = COLUMNS.index("relation")
    second = next(n for n in range(2, len(rows)) if rows[n][NUMBER] == rows[n - 1][NUMBER])
    rows[second][relation] = "head"
    rows[1][relation] = "parent"
    if second == 2:
        rows[2][relation] = "spouse"
    found = {slug for _, _, slug in faults_of(text_of(rows).encode(), tmp_path)}
    expected = {"household-without-head"} | ({"household-with-two-heads"} if second != 2 else set())
    assert found == expected


def test_the_number_of_a_household_may_be_written_once(tmp_path: Path) -> None:
    rows = table(20)
    expected = commands(read(text_of(rows).encode(), tmp_path))
    followers = [n for n in range(2, len(rows)) if rows[n][NUMBER] == rows[n - 1][NUMBER]]
    for n in followers:
        rows[n][NUMBER] = ""
    validation, households = validated(text_of(rows).encode(), tmp_path)
    assert validation.faults.count == 0
    assert commands(households) == expected
    slug = "household-number-from-above"
    assert notes(validation) == [(n + 1, "household_number", slug) for n in followers]


def test_a_head_without_a_number_belongs_nowhere(tmp_path: Path) -> None:
    rows = table(2)
    second = 1 + members_of_first(rows)
    rows[second][NUMBER] = ""
    found = faults_of(text_of(rows[: second + 1]).encode(), tmp_path)
    assert found == [(second + 1, "household_number", "value-required")]


def test_cells_merged_over_a_household_count_for_all_its_rows(tmp_path: Path) -> None:
    rows = table(20)
    expected = commands(read(text_of(rows).encode(), tmp_path))
    merged, first = [], 1
    for n in range(2, len(rows) + 1):
        if n == len(rows) or rows[n][NUMBER] != rows[first][NUMBER]:
            merged += [f"{letter}{first + 1}:{letter}{n}" for letter in "ABG" if n - 1 > first]
            first = n
    assert merged
    validation, households = validated(sheet(rows, merged=merged), tmp_path)
    assert validation.faults.shown == []
    assert commands(households) == expected
    assert notes(validation) == []


# Villages


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("试验村", "433124111201"),
        ("试验", "433124111201"),
        ("试验村委会", "433124111201"),
        ("石栏镇试验村", "433124111201"),
        ("433124111201", "433124111201"),
        (" ４３３１２４１１１２０１", "433124111201"),
    ],
)
def test_a_village_may_be_named(written: str, code: str, tmp_path: Path) -> None:
    rows = table(1)
    for row in rows[1:]:
        row[VILLAGE] = written
    assert read(text_of(rows).encode(), tmp_path)[0].command.village_id == code


def test_a_name_that_two_villages_have_names_them_both(tmp_path: Path) -> None:
    rows = table(1)[:2]
    validation, _ = validated(changed(2, "village_id", "合成村", rows), tmp_path)
    (fault,) = validation.faults.shown
    assert (fault.row, fault.column, fault.slug) == (2, "village_id", "village-name-ambiguous")
    shown = str(fault.details["candidates"])
    assert "433124110226 双龙镇合成村" in shown
    assert "433124110227" in shown


def test_a_name_that_no_village_of_the_county_has_is_a_fault(tmp_path: Path) -> None:
    rows = table(1)[:2]
    found = faults_of(changed(2, "village_id", "别处村", rows), tmp_path)
    assert found == [(2, "village_id", "village-name-not-known")]


# Workbooks


def test_a_workbook_says_the_same_as_a_csv(tmp_path: Path) -> None:
    rows = table(30)
    assert commands(read(sheet(rows), tmp_path)) == commands(read(text_of(rows).encode(), tmp_path))


def test_numbers_and_dates_of_a_workbook_need_not_be_text(tmp_path: Path) -> None:
    rows: list[list[object]] = [list(row) for row in table()]
    expected = commands(read(text_of(table()).encode(), tmp_path))
    for row in rows[1:]:
        for column in ("birth_year", "income_year", "village_id", "housing_area_m2"):
            row[COLUMNS.index(column)] = int(str(row[COLUMNS.index(column)]))
        for column in ("wages_yuan", "farmland_mu"):
            row[COLUMNS.index(column)] = float(str(row[COLUMNS.index(column)]))
        row[BORN] = datetime(int(str(row[BORN])), 3, 4)
    assert commands(read(sheet(rows), tmp_path)) == expected  # type: ignore[arg-type]


def test_the_sheet_with_the_header_is_found(tmp_path: Path) -> None:
    book = Workbook()
    book.active.append(["说明"])
    hidden = book.create_sheet("旧")
    hidden.append(list(COLUMNS))
    hidden.sheet_state = "hidden"
    data = book.create_sheet("数据")
    for row in table():
        data.append(row)
    assert len(read(bytes_of(book), tmp_path)) == 3


def test_dates_of_a_workbook_from_1904_are_read_as_such(tmp_path: Path) -> None:
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    book = Workbook()
    book.epoch = CALENDAR_MAC_1904
    rows = [[*row, datetime(2019, 5, 1)] for row in table()]
    rows[0][-1] = "registered_on"
    for row in rows:
        book.active.append(row)
    households = read(bytes_of(book), tmp_path)
    assert {each.command.effective_on for each in households} == {"2019-05-01"}


def test_the_order_of_old_numbers_has_the_check_digit_of_the_standard() -> None:
    assert cells.identity_number("110105491231002") == ("11010519491231002X", True)
    assert check_digit("11010519491231002") == "X"
