"""Cells as counties have them: each kind of dirt is read for what it means, or named."""

import csv
import io
from datetime import date
from pathlib import Path

import pytest

from services.registry.importing import cells
from services.registry.importing.cells import BadCell
from services.registry.synthetic import COLUMNS
from tests.registry.files import (
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
    commands,
    notes,
    read,
    sheet,
)
from tuopin.registry.v1.household_pb2 import (
    NEED_HOUSING_REPAIR,
    NEED_MEDICAL_AID,
    NEED_RELOCATION,
    RELATION_HEAD,
)

# Bytes


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le-mark"]
)
@pytest.mark.parametrize("piece_bytes", [3, 10_000])
def test_a_file_says_the_same_in_every_encoding(
    encoding: str, piece_bytes: int, tmp_path: Path
) -> None:
    text = text_of(table(30))
    marked = encoding == "utf-16-le-mark"
    data = b"\xff\xfe" + text.encode("utf-16-le") if marked else text.encode(encoding)
    expected = read(text.encode(), tmp_path)
    validation, households = validated(data, tmp_path, piece_bytes)
    assert validation.faults.count == 0
    assert commands(households) == commands(expected)


def test_a_long_beginning_in_plain_letters_does_not_decide_the_encoding(tmp_path: Path) -> None:
    rows = table(400)
    for row in rows[1:]:
        for place, cell in enumerate(row):
            row[place] = cell if cell.isascii() else "x"
    rows[-1][COLUMNS.index("name")] = "合成阿布"
    text = text_of(rows)
    assert len(text) > 200_000
    households = read(text.encode("gb18030"), tmp_path)
    assert households[-1].command.members[-1].name == "合成阿布"


@pytest.mark.parametrize("delimiter", ["\t", ";", ","])
def test_columns_may_be_separated_by_tabs_and_semicolons(delimiter: str, tmp_path: Path) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(table())
    expected = read(text_of(table()).encode(), tmp_path)
    assert commands(read(out.getvalue().encode(), tmp_path)) == commands(expected)


# Cells


def test_digits_and_letters_of_full_width_are_digits_and_letters(tmp_path: Path) -> None:
    rows = table()
    expected = commands(read(text_of(rows).encode(), tmp_path))
    for row in rows[1:]:
        for column in ("identity_number", "birth_year", "wages_yuan", "village_id", "phone"):
            place = COLUMNS.index(column)
            row[place] = "".join(
                chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in row[place]
            )
    assert commands(read(text_of(rows).encode(), tmp_path)) == expected


@pytest.mark.parametrize(
    "written",
    ["4.33124E+17", "4.33124199001010E+17", "4.3312419900101E17", "433124199001010000"],
)
def test_an_identity_number_that_lost_its_digits_says_so(written: str, tmp_path: Path) -> None:
    data = changed(2, "identity_number", written)
    slugs = [(row, slug) for row, _, slug in faults_of(data, tmp_path)]
    assert slugs == [(2, "identity-number-digits-lost")]


def test_a_number_of_a_spreadsheet_has_lost_the_digits_that_it_shows(tmp_path: Path) -> None:
    rows: list[list[object]] = [list(row) for row in table()]
    rows[1][IDENTITY] = float(str(rows[1][IDENTITY])[:17] + "0")
    assert faults_of(sheet(rows), tmp_path) == [  # type: ignore[arg-type]
        (2, "identity_number", "identity-number-digits-lost")
    ]


def test_all_digits_in_scientific_notation_are_read(tmp_path: Path) -> None:
    number = table()[1][IDENTITY]
    if number.endswith("X"):
        pytest.skip("a number with X is never taken for a number")
    written = f"{number[0]}.{number[1:]}E+17"
    households = read(changed(2, "identity_number", written), tmp_path)
    assert households[0].command.members[0].identity_number == number


def test_a_wrong_check_digit_is_a_fault(tmp_path: Path) -> None:
    number = table()[1][IDENTITY]
    other = "1" if number[17] != "1" else "2"
    found = faults_of(changed(2, "identity_number", number[:17] + other), tmp_path)
    assert found == [(2, "identity_number", "identity-number-not-valid")]


def test_an_old_number_of_15_digits_becomes_one_of_18_and_the_report_says_so(
    tmp_path: Path,
) -> None:
    number = next(row[IDENTITY] for row in table(50)[1:] if row[IDENTITY][6:8] == "19")
    rows = table(50)
    row = next(n for n, each in enumerate(rows) if each[IDENTITY] == number)
    rows[row][IDENTITY] = number[:6] + number[8:17]
    validation, households = validated(text_of(rows).encode(), tmp_path)
    assert validation.faults.count == 0
    people = [each.identity_number for one in households for each in one.command.members]
    assert number in people
    assert notes(validation) == [(row + 1, "identity_number", "identity-number-of-15-digits")]


@pytest.mark.parametrize("written", [" {} ", "\t{}", "'{}", "{}\u200b", "\u00a0{}", "{:.6} {:.18}"])
def test_what_nobody_sees_does_not_matter(written: str, tmp_path: Path) -> None:
    number = table()[1][IDENTITY]
    cell = f"{number[:6]} {number[6:]}" if ":" in written else written.format(number)
    households = read(changed(2, "identity_number", cell.replace("\ufeff", "")), tmp_path)
    assert households[0].command.members[0].identity_number == number


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2019-05-01", date(2019, 5, 1)),
        ("2019/5/1", date(2019, 5, 1)),
        ("2019.05.1", date(2019, 5, 1)),
        ("2019年5月1日", date(2019, 5, 1)),
        ("２０１９年５月", date(2019, 5, 1)),
        ("20190501", date(2019, 5, 1)),
        ("2019-05-01 00:00:00", date(2019, 5, 1)),
        ("43586", date(2019, 5, 1)),
        ("43586.75", date(2019, 5, 1)),
    ],
)
def test_a_date_is_read_in_the_usual_spellings_and_as_a_serial(
    written: str, expected: date
) -> None:
    assert cells.day(written) == expected


def test_serials_of_1904_are_four_years_later() -> None:
    assert cells.day("42124", dates_from_1904=True) == date(2019, 5, 1)


@pytest.mark.parametrize(
    "written", ["1/5/2019", "19年5月1日", "2019-13-01", "2019-02-30", "someday", "2019", "1"]
)
def test_a_date_that_could_be_another_is_not_guessed(written: str) -> None:
    with pytest.raises(BadCell):
        cells.day(written)


@pytest.mark.parametrize("form", ["{}-03-04", "{}年3月", "{}0304", "{}年"])
def test_a_date_of_birth_gives_the_year(form: str, tmp_path: Path) -> None:
    rows = table()
    expected = commands(read(text_of(rows).encode(), tmp_path))
    for row in rows[1:]:
        row[BORN] = form.format(row[BORN])
    assert commands(read(text_of(rows).encode(), tmp_path)) == expected


def test_a_year_of_birth_that_is_missing_stands_in_the_identity_number(tmp_path: Path) -> None:
    rows = table()
    expected = commands(read(text_of(rows).encode(), tmp_path))
    without = [[cell for place, cell in enumerate(row) if place != BORN] for row in rows]
    assert commands(read(text_of(without).encode(), tmp_path)) == expected


def test_since_when_a_household_counts_may_stand_in_the_file(tmp_path: Path) -> None:
    rows = [[*row, "43586"] for row in table()]
    rows[0][-1] = "识别时间"
    validation, households = validated(text_of(rows).encode(), tmp_path)
    assert {each.command.effective_on for each in households} == {"2019-05-01"}
    assert {slug for _, _, slug in notes(validation)} == {"date-from-serial"}


@pytest.mark.parametrize(
    "written", ["1,234.50", "1234.5元", "￥1,234.50", "1234.500", "１２３４.5"]
)
def test_an_amount_may_have_its_currency_and_separators(written: str, tmp_path: Path) -> None:
    rows = table()
    rows[1][COLUMNS.index("wages_yuan")] = written
    for row in rows[2 : 1 + members_of_first(rows)]:
        row[COLUMNS.index("wages_yuan")] = ""
    assert read(text_of(rows).encode(), tmp_path)[0].command.income.wages_fen == 123_450


def test_a_dash_stands_for_nothing(tmp_path: Path) -> None:
    households = read(changed(2, "phone", "—"), tmp_path)
    assert households[0].command.members[0].phone == ""


def test_words_of_a_county_stand_for_codes(tmp_path: Path) -> None:
    rows = table()[:2]
    for column, to in (("relation", "本人或户主"), ("sex", "男性"), ("power", "√")):
        changed(2, column, to, rows)
    (household,) = read(text_of(rows).encode(), tmp_path)
    assert household.command.members[0].relation == RELATION_HEAD
    assert household.command.living_conditions.power


def test_several_codes_stand_in_one_cell(tmp_path: Path) -> None:
    rows = [[*row, "医疗救助、Relocation;housing-repair"] for row in table(1)]
    rows[0][-1] = "帮扶需求"
    found = faults_of(text_of(rows).encode(), tmp_path)
    assert [(column, slug) for _, column, slug in found] == [("needs", "value-not-in-code-list")]
    for row in rows[1:]:
        row[-1] = row[-1].replace("医疗救助", "健康扶贫")
    (household,) = read(text_of(rows).encode(), tmp_path)
    assert list(household.command.needs) == [NEED_MEDICAL_AID, NEED_RELOCATION, NEED_HOUSING_REPAIR]
