"""What people see is plain words; what programs get is the contract."""

import json

import pytest
import typer

from services.cli.contact import refused
from services.cli.funds import fen, source_of
from services.cli.household_page import entry_lines
from services.cli.households import known_at_us
from services.cli.output import (
    as_dict,
    decimal,
    moment,
    next_page_command,
    readable,
    show,
    show_one,
    show_page,
    shown_name,
)
from tests.cli.refusals import Refusal
from tuopin.funding.v1.ledger_pb2 import SOURCE_COUNTY, Payment
from tuopin.notifier.v1.assignment_pb2 import ASSIGNMENT_STATUS_OFFERED, Assignment
from tuopin.registry.v1.household_pb2 import (
    CAUSE_DISABILITY,
    FileEntry,
    Household,
    HouseholdPage,
    HouseholdRow,
    LivingConditions,
    Member,
)

RECORDED_AT_US = 1_795_468_373_699_229


def test_json_keeps_the_contract_s_names_and_units_and_numbers_stay_numbers() -> None:
    payment = Payment(payment_id="p", amount_fen=120_050)
    assert as_dict(payment) == {"payment_id": "p", "amount_fen": 120_050}


def test_a_complete_row_names_what_was_not_said_too() -> None:
    row = as_dict(HouseholdRow(household_id="h"), complete=True)
    assert (row["member_count"], row["income_per_head_fen"], row["synthetic"]) == (0, 0, False)


def test_people_read_enum_values_without_the_contract_s_prefix() -> None:
    row = HouseholdRow(main_cause=CAUSE_DISABILITY)
    assert readable(row, as_dict(row, complete=True))["main_cause"] == "disability"
    assert readable(row, as_dict(row, complete=True))["status"] == ""


def test_people_read_times_in_the_programme_s_zone() -> None:
    task = Assignment(due_at_us=RECORDED_AT_US, status=ASSIGNMENT_STATUS_OFFERED)
    assert readable(task, as_dict(task)) == {
        "due_at": "2026-11-24 05:12:53",
        "status": "offered",
    }
    assert moment(0) == ""


def test_people_read_yuan_and_mu_where_the_contract_counts_hundredths() -> None:
    household = Household(
        income_per_head_fen=265_035, living_conditions=LivingConditions(farmland_mu_e2=1135)
    )
    shown = readable(household, as_dict(household))
    assert shown["income_per_head_yuan"] == "2,650.35"
    assert shown["living_conditions"] == {"farmland_mu": "11.35"}


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0.00"),
        (5, "0.05"),
        (-5, "-0.05"),
        (120_050, "1,200.50"),
        (-12_345_678, "-123,456.78"),
    ],
)
def test_hundredths_are_shown_without_rounding(amount: int, shown: str) -> None:
    assert decimal(amount) == shown


def test_a_heading_says_the_unit_that_is_shown() -> None:
    shown = [shown_name(name) for name in ("amount_fen", "done_at_us", "farmland_mu_e2", "hours")]
    assert shown == ["amount_yuan", "done_at", "farmland_mu", "hours"]


def test_what_people_wrote_is_never_markup(capsys: pytest.CaptureFixture[str]) -> None:
    household = Household(address="[red]19组[/red]", members=[Member(name="[bold]示例")])
    show_one(household, title="household", as_json=False)
    out = capsys.readouterr().out
    assert "[red]19组[/red]" in out
    assert "[bold]示例" in out


def test_a_field_in_brackets_survives_in_a_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        refused(Refusal("INVALID_ARGUMENT", "field-pattern", "region_id", "It is wrong."))
    assert capsys.readouterr().err == "✗ field-pattern [region_id]: It is wrong.\n"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("INTERNAL", 1),
        ("INVALID_ARGUMENT", 2),
        ("ALREADY_EXISTS", 2),
        ("FAILED_PRECONDITION", 3),
        ("NOT_FOUND", 3),
        ("UNAUTHENTICATED", 4),
        ("PERMISSION_DENIED", 4),
        ("UNAVAILABLE", 5),
        ("ABORTED", 5),
        ("DEADLINE_EXCEEDED", 5),
    ],
)
def test_every_answer_of_a_server_has_its_exit_code(status: str, code: int) -> None:
    with pytest.raises(typer.Exit) as left:
        refused(Refusal(status, "some-fact"))
    assert left.value.exit_code == code


def test_a_server_that_is_away_is_told_with_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUOPIN_LANGUAGE", "en")
    with pytest.raises(typer.Exit):
        refused(Refusal("UNAVAILABLE"))
    assert "make run" in capsys.readouterr().err


def test_the_next_page_is_the_same_command_with_the_new_token() -> None:
    given = ["household", "list", "--region", "4331", "--page-token", "old", "--json"]
    expected = "tuopin household list --region 4331 --json --page-token new="
    assert next_page_command(given, "new=") == expected
    assert next_page_command([*given[:4], "--page-token=old", "--json"], "new=") == expected


def test_a_page_with_more_behind_it_ends_with_the_command_to_type(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["tuopin", "household", "list"])
    page = HouseholdPage(
        households=[HouseholdRow(household_id="h")], total=2, next_page_token="T" * 300
    )
    show_page(page.households, ("household_id",), page=page, noun="households", as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "1 of 2 households"
    assert lines[-1] == f"tuopin household list --page-token {'T' * 300}"

    show_page(page.households, ("household_id",), page=page, noun="households", as_json=True)
    said = capsys.readouterr()
    assert [json.loads(line)["household_id"] for line in said.out.splitlines()] == ["h"]
    assert f"--page-token {'T' * 300}" in said.err


def test_a_list_inside_an_answer_is_a_table_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    show((), ("payment_id", "amount_fen"), title="payments", as_json=False)
    assert "amount_yuan" in capsys.readouterr().out


def test_an_entry_of_a_file_says_when_what_who_and_by_what_it_is_proven() -> None:
    entry = FileEntry(
        event_id="plan-1@2",
        type="PlanConsented",
        effective_on="2026-01-01",
        recorded_at_us=RECORDED_AT_US,
        actor="office",
        on_behalf_of="cadre-1",
        reference="plan-1",
        detail="a=b",
        proofs=["paper:ab"],
    )
    assert entry_lines(entry) == (
        ["2026-11-24 05:12:53", "effective 2026-01-01"],
        ["PlanConsented", "a=b"],
        ["office", "for cadre-1"],
        ["plan-1@2", "of plan-1", "paper:ab"],
    )


@pytest.mark.parametrize(
    ("yuan", "amount"),
    [("1200", 120_000), ("1200.5", 120_050), ("1,200.50", 120_050), ("0.01", 1), ("007", 700)],
)
def test_yuan_become_integer_fen(yuan: str, amount: int) -> None:
    assert fen(yuan) == amount


@pytest.mark.parametrize(
    "yuan", ["", ".", ".5", "-1", "+1", "1.234", "1.2.3", "1e3", "十元", "１２", "²", "9" * 30]
)
def test_what_is_no_amount_is_bad_input(yuan: str) -> None:
    with pytest.raises(typer.Exit) as left:
        fen(yuan)
    assert left.value.exit_code == 2


def test_a_source_is_one_of_the_contract_s() -> None:
    assert source_of("county") == SOURCE_COUNTY
    for wrong in ("unspecified", "COUNTY", "bank"):
        with pytest.raises(typer.Exit):
            source_of(wrong)


def test_a_time_without_zone_is_the_programme_s() -> None:
    assert known_at_us("") == 0
    assert known_at_us("2026-11-23T10:00") == known_at_us("2026-11-23T02:00+00:00")
    with pytest.raises(typer.Exit):
        known_at_us("yesterday")
