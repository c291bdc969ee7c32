"""What the documents name exists, and nothing in them is left to be filled in.

Commands, targets and links are looked up in tests/system/test_house.py; here are the rest.
"""

import re
from pathlib import Path

import pytest
import typer

from services.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
# Words in place of something that varies: NOUN.py, services/X.
VARYING = re.compile(r"\b(NOUN|VIEW|SERVICE|X)\b")
LINES_MAX = 200


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def quoted(name: str) -> set[str]:
    """What stands between backticks in the running text."""
    prose = re.sub(r"^```.*?^```", "", text(name), flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([^`\n]+)`", prose))


@pytest.mark.parametrize("name", NAMES)
def test_no_placeholder_is_left(name: str) -> None:
    assert re.findall(r"\b(?:TOUR|NOTYET|TBD|lorem)\b", text(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_file_and_folder_that_is_named_exists(name: str) -> None:
    top = {path.name for path in ROOT.iterdir() if path.is_dir()}
    named = {
        each.split("::")[0]
        for each in quoted(name)
        if re.fullmatch(r"[\w./{},-]+", each) and each.split("/")[0] in top and "/" in each
    }
    gone = {
        path
        for each in named
        if not VARYING.search(each)
        for path in expanded(each)
        if not (ROOT / path).exists() and not path.startswith("bench/results/")
    }
    assert gone == set()


def expanded(path: str) -> list[str]:
    """`a/{b,c}.py` -> a/b.py, a/c.py."""
    found = re.fullmatch(r"(.*)\{([^}]*)\}(.*)", path)
    if not found:
        return [path]
    before, choices, after = found.groups()
    return [f"{before}{each}{after}" for each in choices.split(",")]


def known_commands() -> tuple[set[str], set[str]]:
    """Whole commands and groups of the command line, the hidden parts included."""
    whole, groups = set(), set()
    root = typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        if inner is None:
            whole.add(name)
        else:
            groups.add(name)
            whole |= {f"{name} {child}" for child in inner}
    return whole, groups


@pytest.mark.parametrize("name", NAMES)
def test_every_command_in_the_running_text_exists(name: str) -> None:
    whole, groups = known_commands()
    wrong = set()
    for each in quoted(name):
        called = re.match(r"(?:\.venv/bin/)?tuopin ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", each)
        if called is None:
            continue
        first, second = called[1], called[2] or ""
        known = whole if first in groups and second else whole | groups
        if not {first, f"{first} {second}"} & known:
            wrong.add(each)
    assert wrong == set()


def test_every_decision_can_be_found() -> None:
    assert "docs/decisions" in text("README.md")
    for path in (ROOT / "docs" / "decisions").glob("*.md"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("# "), path.name
        assert len(lines) < 45, f"{path.name} is longer than a page"


def test_the_readme_can_be_read_in_minutes() -> None:
    assert text("README.md").count("\n") < LINES_MAX
