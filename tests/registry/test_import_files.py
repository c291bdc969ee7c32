"""A file of households: read in pieces, every fault named by row, column and reason."""

import csv
from pathlib import Path

import pytest

from chassis.programme import placeholders
from services.registry.importing.columns import IMPORT_COLUMN
from services.registry.importing.framing import framed, unframed
from services.registry.importing.template import write_template
from services.registry.synthetic import COLUMNS, invent, write_csv
from tests.registry.files import (
    CODES,
    HEADER,
    PROGRAMME,
    VILLAGES,
    changed,
    faults_of,
    members_of_first,
    table,
    text_of,
    validated,
)
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1.import_pb2 import ImportHeader


def sound() -> bytes:
    return text_of(table()).encode()


@pytest.mark.parametrize("piece_bytes", [1, 7, 4096, 10**6])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte-order-mark"])
def test_a_file_says_the_same_in_pieces_of_any_size(
    piece_bytes: int, mark: bytes, tmp_path: Path
) -> None:
    expected = validated(sound(), tmp_path)[1]
    found, households = validated(mark + sound(), tmp_path, piece_bytes)
    assert found.faults.count == 0
    assert [each.command for each in expected] == [each.command for each in households]
    assert found.rows == len(table()) - 1
    assert found.households == 3


def test_a_row_becomes_a_member_and_its_household(tmp_path: Path) -> None:
    rows = table()
    _, households = validated(sound(), tmp_path)
    first, cells = households[0], dict(zip(COLUMNS, rows[1], strict=True))
    command, head = first.command, first.command.members[0]
    assert first.rows == list(range(2, 2 + members_of_first(rows)))
    assert command.household_number == cells["household_number"]
    assert command.source == "433124"
    assert command.effective_on == "2020-01-01"
    assert command.synthetic
    assert head.name == cells["name"]
    assert head.identity_number == cells["identity_number"]
    assert head.relation == pb.RELATION_HEAD
    assert head.birth_year == int(cells["identity_number"][6:10])
    wages = cells["wages_yuan"].replace(".", "")
    assert command.income.wages_fen == int(wages)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_template_is_a_file_that_passes(language: str, tmp_path: Path) -> None:
    path = tmp_path / "households.csv"
    write_template(path, language)
    header = next(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    labels = PROGRAMME.table("codes")[IMPORT_COLUMN]
    assert header == [labels[column][language] for column in COLUMNS]
    assert set(COLUMNS) <= set(labels)
    validation, households = validated(path.read_bytes(), tmp_path)
    assert validation.faults.count == 0
    assert len(households) == 1


def test_optional_columns_may_be_missing(tmp_path: Path) -> None:
    place = COLUMNS.index("phone")
    rows = [[cell for n, cell in enumerate(row) if n != place] for row in table()]
    validation, households = validated(text_of(rows).encode(), tmp_path)
    assert validation.faults.count == 0
    assert households[0].command.members[0].phone == ""


def test_columns_may_come_in_any_order(tmp_path: Path) -> None:
    rows = [row[::-1] for row in table()]
    expected = validated(sound(), tmp_path)[1]
    found = validated(text_of(rows).encode(), tmp_path)[1]
    assert [each.command for each in expected] == [each.command for each in found]


def test_quoted_cells_may_hold_separators_and_line_ends(tmp_path: Path) -> None:
    rows = table()
    second = 2 + members_of_first(rows)
    data = changed(second, "name", '合成,"阿布"\n禾米', rows)
    validation, households = validated(data, tmp_path)
    assert validation.faults.count == 0
    assert households[1].command.members[0].name == '合成,"阿布"\n禾米'
    assert households[2].rows[0] == 3 + second + len(households[1].rows) - 2


@pytest.mark.parametrize(
    ("column", "to", "slug"),
    [
        ("attribute", "rich", "value-not-in-code-list"),
        ("attribute", "", "value-required"),
        ("main_cause", "", "value-required"),
        ("main_cause", "bad luck", "value-not-in-code-list"),
        ("power", "perhaps", "value-not-in-code-list"),
        ("housing_area_m2", "12.5", "number-not-readable"),
        ("housing_area_m2", "99999", "field-range"),
        ("farmland_mu", "1,5", "amount-not-readable"),
        ("wages_yuan", "-1", "amount-not-readable"),
        ("wages_yuan", "1.005", "amount-not-readable"),
        ("income_year", "", "value-required"),
        ("income_year", "1999", "field-range"),
        ("income_year", "2005", "parameter-unknown"),
        ("village_id", "433124", "field-pattern"),
        ("village_id", "110101001001", "village-outside-region"),
        ("name", "", "field-required"),
        ("name", "合" * 61, "field-too-long"),
        ("identity_number", "12345", "field-pattern"),
        ("identity_number", "990001197001010019", "identity-number-not-valid"),
        ("birth_year", "1900", "birth-year-not-of-identity-number"),
        ("relation", "child", "household-without-head"),
        ("phone", "abc", "field-pattern"),
        ("sex", "", "value-required"),
    ],
)
def test_a_fault_names_row_column_and_reason(
    column: str, to: str, slug: str, tmp_path: Path
) -> None:
    rows = [row for row in table() if row[0] in ("household_number", table()[1][0])][:2]
    assert faults_of(changed(2, column, to, rows), tmp_path) == [(2, column, slug)]


def test_every_fault_of_a_file_is_reported(tmp_path: Path) -> None:
    rows = table()
    second = 2 + members_of_first(rows)
    changed(2, "sex", "?", rows)
    data = changed(second, "health", "tired", rows)
    assert faults_of(data, tmp_path) == [
        (2, "sex", "value-not-in-code-list"),
        (second, "health", "value-not-in-code-list"),
    ]


def test_other_causes_stand_in_their_own_columns(tmp_path: Path) -> None:
    rows = table()[:2]
    for column, to in (("main_cause", "illness"), ("other_cause_1", "因病")):
        changed(2, column, to, rows)
    data = changed(2, "other_cause_2", "", rows)
    assert faults_of(data, tmp_path) == [(2, "other_cause_1", "cause-given-twice")]


def test_the_rows_of_a_household_stand_together(tmp_path: Path) -> None:
    rows = table(2)
    first = members_of_first(rows)
    moved = [rows[0], *rows[2:], rows[1]] if first > 1 else [*rows, rows[1]]
    found = faults_of(text_of(moved).encode(), tmp_path)
    assert (len(moved), "household_number", "household-rows-not-together") in found


def test_rows_of_a_household_agree_or_are_silent(tmp_path: Path) -> None:
    rows = table(20)
    row = next(n for n in range(2, len(rows)) if rows[n][0] == rows[n - 1][0]) + 1
    assert faults_of(changed(row, "road", "", rows), tmp_path) == []
    other = "no" if rows[row - 2][COLUMNS.index("road")] == "yes" else "yes"
    assert faults_of(changed(row, "road", other, rows), tmp_path) == [
        (row, "road", "household-rows-differ")
    ]


def test_no_person_stands_twice_in_a_file(tmp_path: Path) -> None:
    rows = table()
    second = 2 + members_of_first(rows)
    changed(second, "identity_number", rows[1][COLUMNS.index("identity_number")], rows)
    data = changed(second, "birth_year", rows[1][COLUMNS.index("birth_year")], rows)
    assert faults_of(data, tmp_path) == [(second, "identity_number", "person-twice-in-file")]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", (1, "", "file-empty")),
        (",".join(COLUMNS).encode(), (1, "", "file-empty")),
        (text_of(table()).encode() + b"\xff", (1, "", "file-encoding-broken")),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", (1, "", "file-is-old-excel")),
        (b"PK\x03\x04 and then something else", (1, "", "file-not-xlsx")),
        (b'household_number,"a"b\n', (1, "", "file-not-csv")),
        (b'"' + b"a" * 300_000, (1, "", "file-not-csv")),
    ],
    ids=["nothing", "header-only", "mixed", "old-excel", "no-xlsx", "stray-quote", "open-quote"],
)
def test_a_file_that_cannot_be_read_says_so(
    data: bytes, fault: tuple[int, str, str], tmp_path: Path
) -> None:
    assert fault in faults_of(data, tmp_path)


def test_the_header_is_checked_first(tmp_path: Path) -> None:
    rows = table()
    rows[0][COLUMNS.index("name")] = "nom"
    rows[0][COLUMNS.index("phone")] = "sex"
    found = faults_of(text_of(rows).encode(), tmp_path)
    assert found == [
        (1, "nom", "column-not-known"),
        (1, "sex", "column-twice"),
        (1, "name", "column-missing"),
    ]


def test_a_row_of_other_length_is_not_guessed_at(tmp_path: Path) -> None:
    rows = table()
    rows[1].append("too much")
    assert (2, "", "row-of-other-length") in faults_of(text_of(rows).encode(), tmp_path)


def test_the_faults_shown_are_bounded_and_all_are_counted(tmp_path: Path) -> None:
    rows = table(400)
    for cells in rows[1:]:
        cells[COLUMNS.index("sex")] = "?"
    validation, _ = validated(text_of(rows).encode(), tmp_path, 65_536)
    assert validation.faults.count == len(rows) - 1
    assert len(validation.faults.shown) == 1_000


def test_a_household_has_at_most_thirty_members(tmp_path: Path) -> None:
    rows = table()[:2]
    data = text_of([rows[0], *[rows[1]] * 31]).encode()
    assert (2, "household_number", "household-too-large") in faults_of(data, tmp_path)


def test_a_file_for_another_region_stays_out(tmp_path: Path) -> None:
    elsewhere = ImportHeader(region_id="110101", source="x", effective_on="2020-01-01")
    slugs = {slug for _, _, slug in faults_of(sound(), tmp_path, elsewhere)}
    assert slugs == {"village-outside-region"}


async def test_what_is_kept_comes_back_in_pieces_of_any_size(tmp_path: Path) -> None:
    _, households = validated(sound(), tmp_path)
    data = framed(households)
    for size in (1, 100, len(data)):

        async def pieces(size: int = size):  # type: ignore[no-untyped-def]
            for start in range(0, len(data), size):
                yield data[start : start + size]

        found = [each async for some in unframed(pieces()) for each in some]
        assert [each.command for each in households] == [each.command for each in found]
        assert [each.rows[0] for each in households] == [each.row for each in found]


def test_invented_people_cannot_be_anybody(tmp_path: Path) -> None:
    for household in invent(50, 7, VILLAGES):
        for row in household:
            cells = dict(zip(COLUMNS, row, strict=True))
            assert cells["identity_number"].startswith("990007")
            assert cells["name"].startswith("合成")
            assert not cells["phone"] or cells["phone"].startswith("000")
            assert not cells["bank_card"] or cells["bank_card"].startswith("0000")
    assert list(invent(5, 7, VILLAGES)) == list(invent(5, 7, VILLAGES))
    assert write_csv(tmp_path / "x.csv", 5, 7, VILLAGES) == sum(map(len, invent(5, 7, VILLAGES)))


def test_every_code_has_labels_that_mean_one_thing() -> None:
    codes = PROGRAMME.table("codes")
    for name, codes_of_list in codes.items():
        for language in ("zh", "en"):
            labels = [labels[language].lower() for labels in codes_of_list.values()]
            assert len(labels) == len(set(labels)), (name, language)


@pytest.mark.parametrize("name", sorted(CODES.lists))
def test_a_code_list_has_every_value_of_its_enum(name: str) -> None:
    enum = "".join(part.capitalize() for part in name.split("-"))
    values = pb.DESCRIPTOR.enum_types_by_name[enum].values[1:]
    assert {value.number for value in values} == set(CODES.lists[name].values())


def test_sentences_of_the_registry_say_the_same_in_both_languages() -> None:
    assert HEADER.region_id
    zh, en = (PROGRAMME.sentences[language] for language in ("zh", "en"))
    for slug in zh.keys() & en.keys():
        assert placeholders(zh[slug]) == placeholders(en[slug]), slug
