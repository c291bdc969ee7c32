"""A county's file through the command line: checked, committed, again, broken, and cut off."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.starting import System
from services.registry.synthetic import write_csv
from tests.cli.shell import Shell

COUNTY, VILLAGE = "433124", "433124110226"
HOUSEHOLDS = 25
# More than one batch, so that the server can be killed between two.
MANY = 800
# Commits of a fresh system: regions adopted, file validated, import committed, then batches.
IN_THE_MIDDLE = "store.before-commit:6=kill"
PATIENCE_S = 60


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("imports")) as running:
        Shell(running.folder).done("regions", "adopt")
        yield running


@pytest.fixture(scope="module")
def tuopin(system: System) -> Shell:
    return Shell(system.folder)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "households.csv"
    write_csv(path, HOUSEHOLDS, seed=4711, villages=[VILLAGE])
    return path


def count(tuopin: Shell) -> int:
    said = tuopin.done("household", "list")
    found = re.match(r"\d+ of (\d+) households", said.out)
    assert found, said
    return int(found.group(1))


def test_a_file_is_checked_then_imported_then_known(tuopin: Shell, file: Path) -> None:
    words = ("import", "households", str(file), "--region", COUNTY, "--synthetic")
    before = count(tuopin)
    checked = tuopin.done(*words, "--validate-only")
    assert "the file is valid" in checked.out
    assert "without --validate-only" in checked.err
    assert count(tuopin) == before

    done = tuopin.done(*words, "--json").one()
    assert (done["phase"], done["households_done"]) == ("IMPORT_PHASE_COMPLETED", HOUSEHOLDS)
    again = tuopin.done(*words)
    assert "imported before" in again.out
    assert count(tuopin) == before + HOUSEHOLDS


def test_a_bad_file_names_row_column_and_reason_and_changes_nothing(
    tuopin: Shell, file: Path, tmp_path: Path
) -> None:
    header, first, *others = file.read_text(encoding="utf-8-sig").splitlines()
    identity = next(cell for cell in first.split(",") if re.fullmatch(r"\d{17}[\dX]", cell))
    bad = tmp_path / "bad.csv"
    wrong = first.replace(identity, "433124199001010019")
    bad.write_text("\n".join([header, wrong, *others]) + "\n", encoding="utf-8")
    words = ("import", "households", str(bad), "--region", COUNTY)
    before = count(tuopin)
    for extra in ((), ("--validate-only",)):
        said = tuopin(*words, *extra)
        assert said.code == 2
        assert "identity_number" in said.out
        assert "nothing was changed" in said.out
    (fault, *_) = tuopin(*words, "--json", TUOPIN_LANGUAGE="zh").rows()
    assert (fault["row"], fault["column"]) == (2, "identity_number")
    assert re.search(r"[\u4e00-\u9fff]", fault["sentence"])
    assert count(tuopin) == before


@pytest.mark.parametrize(("name", "content"), [("empty", ""), ("text", "谁都不在\n"), ("half", "﻿")])
def test_what_is_no_household_file_is_refused_with_a_reason(
    tuopin: Shell, tmp_path: Path, name: str, content: str
) -> None:
    path = tmp_path / f"{name}.csv"
    path.write_text(content, encoding="utf-8")
    said = tuopin("import", "households", str(path), "--region", COUNTY)
    assert said.code == 2, said
    assert said.out or said.err


def test_another_county_s_file_needs_its_role(tuopin: Shell, file: Path) -> None:
    token = tuopin.done("token", "office-2", "--role", "county-office@433123").out.strip()
    words = ("import", "households", str(file), "--region", COUNTY)
    said = tuopin(*words, TUOPIN_TOKEN=token)
    assert said.code == 4
    assert COUNTY in said.err


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_template_is_a_valid_file(tuopin: Shell, tmp_path: Path, language: str) -> None:
    path = tmp_path / "template.csv"
    written = tuopin.done("template", str(path), "--language", language)
    assert "--validate-only" in written.err
    cells = path.read_text(encoding="utf-8-sig").split(",")
    region = next(cell for cell in cells if re.fullmatch(r"\d{12}", cell))
    words = (
        "import",
        "households",
        str(path),
        "--region",
        region[:6],
        "--source",
        language,
        "--validate-only",
    )
    assert "the file is valid" in tuopin.done(*words).out
    assert tuopin("template", str(path)).code == 2


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_what_is_exported_is_a_file_to_import(tuopin: Shell, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out.{ending}"
    words = ("--region", COUNTY, "--file", str(path))
    said = tuopin("household", "export", *words, "--purpose", "curiosity")
    assert said.code == 3
    assert not path.exists()
    done = tuopin.done("household", "export", *words, "--purpose", "audit")
    assert "on record" in done.err
    checked = tuopin.done(
        "import", "households", str(path), "--region", COUNTY, "--validate-only", "--json"
    ).one()
    assert checked["households"] == checked["households_unchanged"] == count(tuopin)
    assert tuopin("household", "export", *words, "--purpose", "audit").code == 2


def test_row_by_row_the_faulty_rows_come_back_in_a_report(tuopin: Shell, tmp_path: Path) -> None:
    path, report = tmp_path / "some.csv", tmp_path / "report.csv"
    write_csv(path, 5, seed=4713, villages=[VILLAGE])
    text = path.read_text(encoding="utf-8")
    path.write_bytes(text.replace("identity_number", "旧列").replace("male", "?", 1).encode("gbk"))
    words = ("import", "households", str(path), "--region", COUNTY, "--mode", "rows", "--json")
    mapped = ("--map", "旧列=identity_number", "--report", str(report))
    done = tuopin.done(*words, *mapped).one()
    assert (done["households_done"], done["households_left_out"]) == (4, 1)
    rows = report.read_text(encoding="gb18030").splitlines()
    assert rows[0].endswith(",faults")
    assert sum("sex: " in row for row in rows) == 1


def test_an_import_that_is_cut_off_is_followed_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    write_csv(path, MANY, seed=4712, villages=[VILLAGE])
    system = System(tmp_path / "data")
    shell = Shell(system.folder)
    try:
        hits = tmp_path / "hits"
        system.start(TUOPIN_FAILPOINTS=IN_THE_MIDDLE, TUOPIN_FAILPOINT_LOG=str(hits))
        shell.done("regions", "adopt")
        client = shell.child("import", "households", str(path), "--region", COUNTY, "--json")
        system.wait(PATIENCE_S)
        assert "store.before-commit" in hits.read_text()
        system.start()
        out, err = client.communicate(timeout=PATIENCE_S)
        assert client.returncode == 0, err
        assert f'"households_done": {MANY}' in out
        assert count(shell) == MANY
        assert shell("verify").code == 0
    finally:
        system.stop()
