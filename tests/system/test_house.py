"""House rules, read from the source: `tidy`.

Elsewhere: failpoints beside every commit and the list of their names (tests/handle/
test_failpoints.py), sentences (tests/chassis/test_sentences.py), settings (tests/chassis/
test_settings.py), generated code (tests/contracts), recipes (tests/recipes).
"""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from services.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
LINES_MAX = 400
# Longer for a reason; nobody joins without one.
LONGER: dict[str, str] = {}
BINARY = (".gz", ".png", ".jpg", ".bin", ".binpb", ".ico")
# Only this file names what it looks for.
SELF = "tests/system/test_house.py"
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home|Users|mnt)/[\w.-]+")


@cache
def tracked() -> tuple[str, ...]:
    """What belongs to the project: files that git knows or would add, and that are there."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return tuple(sorted(name for name in set(listed) if (ROOT / name).is_file()))


def texts() -> list[tuple[str, str]]:
    """Name and text of what people wrote; generated code and data are left out."""
    return [
        (name, (ROOT / name).read_text(encoding="utf-8"))
        for name in tracked()
        if not name.startswith("tuopin/") and not name.endswith(BINARY) and name != SELF
    ]


def test_no_python_file_is_longer_than_a_reader_s_patience() -> None:
    long = {
        name
        for name, text in texts()
        if name.endswith(".py") and text.count("\n") > LINES_MAX and name not in LONGER
    }
    assert long == set()


def test_every_exception_to_the_length_is_still_needed() -> None:
    lines = {name: (ROOT / name).read_text(encoding="utf-8").count("\n") for name in LONGER}
    assert [name for name, count in lines.items() if count <= LINES_MAX] == []


def test_nothing_is_marked_as_unfinished() -> None:
    found = [
        f"{name}:{number}"
        for name, text in texts()
        if not name.endswith((".lock", ".csv"))
        for number, line in enumerate(text.splitlines(), start=1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_no_path_of_a_machine_is_written_down() -> None:
    found = [
        f"{name}: {match.group()}" for name, text in texts() for match in MACHINE.finditer(text)
    ]
    assert found == []


# --- README


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


def test_every_make_command_of_the_documents_exists() -> None:
    named = {
        target
        for name, text in texts()
        if name.endswith(".md")
        for target in re.findall(r"(?:^|`)make ([a-z][a-z-]*)", text, re.MULTILINE)
    }
    assert {"run", "test", "demo"} <= named
    assert named <= make_targets()


def test_every_tuopin_command_of_the_documents_exists() -> None:
    known = {" ".join(path) for path, _ in commands()}
    groups = {path[0] for path, _ in commands() if len(path) > 1}
    found = []
    for name, text in texts():
        if not name.endswith(".md"):
            continue
        for words in re.findall(
            r"^\$? ?(?:\.venv/bin/)?tuopin ((?:[a-z-]+ ?)+)", text, re.MULTILINE
        ):
            first, second, *_ = [*words.split(), "", ""]
            if not ({first, f"{first} {second}"} & known or (first in groups and not second)):
                found.append(f"{name}: tuopin {words}")
    assert found == []


def test_readme_says_what_is_not_there_yet() -> None:
    section = readme().partition("## Not yet")[2].partition("\n## ")[0]
    entries = re.findall(r"^[-|*] ?.+$", section, re.MULTILINE)
    assert len(entries) >= 5, "the list of what is missing is itself missing"


def test_every_link_of_the_documents_leads_somewhere() -> None:
    found = []
    for name, text in texts():
        if not name.endswith(".md"):
            continue
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", text):
            if not (ROOT / name).parent.joinpath(target).exists():
                found.append(f"{name}: {target}")
    assert found == []


# --- the command line


def commands() -> list[tuple[tuple[str, ...], click.Command]]:
    """Every command that people see, with its path."""
    found: list[tuple[tuple[str, ...], click.Command]] = []

    def walk(command: Any, path: tuple[str, ...]) -> None:
        if command.hidden:
            return
        if hasattr(command, "commands"):
            for name, child in sorted(command.commands.items()):
                walk(child, (*path, name))
        else:
            found.append((path, command))

    walk(typer.main.get_command(app), ())
    return found


@pytest.mark.parametrize(
    ("path", "command"),
    commands(),
    ids=[" ".join(path) for path, _ in commands()],
)
def test_every_command_explains_itself_with_an_example(
    path: tuple[str, ...], command: click.Command
) -> None:
    said = command.help or ""
    assert len(said.split()) > 3
    example = f"Example: tuopin {' '.join(path)}"
    assert example in " ".join(said.split()), f"no line that begins with {example!r}"
