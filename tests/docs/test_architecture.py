"""A newcomer finds every module of chassis in docs/architecture.md."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MAP = PAGE.partition("## What is where in chassis")[2].partition("\n## ")[0]


def test_every_module_of_chassis_has_its_place_in_the_map() -> None:
    told = {each.rstrip("/") for each in re.findall(r"`([\w/]+)`", MAP)} - {"chassis"}
    modules = {
        path.stem for path in (ROOT / "chassis").rglob("*.py") if path.stem != "__init__"
    } | {"store"}
    assert told == modules


def test_every_promise_names_tests_that_exist() -> None:
    section = PAGE.partition("## What holds, and where it is proven")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(tests/\w+)`", section))
    assert named
    assert {name for name in named if not list((ROOT / name).glob("test_*.py"))} == set()
