"""CONTRIBUTING's recipe "add a rejection", applied as a patch to a copy of the tree."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATCH = Path(__file__).with_name("add-a-rejection.patch")
# What the rule, its test and the tests of the catalogue stand on.
COPIED = ("chassis", "services", "tuopin", "programme", "tests", "devtools", "localchat", "tools")
DECIDER = "services/training/decider/session.py"
RULE_TEST = "tests/training/test_session_rules.py"
CATALOGUE = "programme/sentences/training.toml"
SLUG = "session-too-large"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree with the patch in it; the list of regions is not needed and large."""
    copy = tmp_path_factory.mktemp("recipe")
    ignored = shutil.ignore_patterns("__pycache__", "*.csv.gz")
    for folder in COPIED:
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)
    command = ["git", "apply", "-C1", str(PATCH)]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, f"the recipe no longer applies: {done.stderr}"
    return copy


def run(tree: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True)


def test_it_touches_the_decider_its_test_and_the_catalogue_of_sentences() -> None:
    touched = re.findall(r"^\+\+\+ b/(.+)$", PATCH.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(touched) == sorted([DECIDER, RULE_TEST, CATALOGUE])


def test_the_recipe_names_these_three_files() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipe = text.partition("## Recipe: add a rejection")[2].partition("\n## ")[0]
    steps = re.findall(r"^\d\. `([^`]+)`", recipe, re.MULTILINE)
    assert len(steps) == 3
    rule, test, sentences = steps
    assert rule.startswith("services/X/decider/")
    assert test.startswith("tests/X/test_")
    assert sentences == "programme/sentences/X.toml"


def test_its_test_and_the_tests_of_the_catalogue_pass(tree: Path) -> None:
    done = run(tree, RULE_TEST, "tests/chassis/test_sentences.py")
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_the_sentence_the_catalogue_s_test_fails(tree: Path) -> None:
    catalogue = tree / CATALOGUE
    whole = catalogue.read_text(encoding="utf-8")
    section = re.compile(rf"\[{SLUG}\]\n.*\n.*\n")
    assert section.search(whole)
    catalogue.write_text(section.sub("", whole), encoding="utf-8")
    try:
        done = run(tree, "tests/chassis/test_sentences.py")
    finally:
        catalogue.write_text(whole, encoding="utf-8")
    assert done.returncode == 1
    assert SLUG in done.stdout


def test_without_the_rule_its_test_fails(tree: Path) -> None:
    decider = tree / DECIDER
    whole = decider.read_text(encoding="utf-8")
    kept = [line for line in whole.splitlines(keepends=True) if SLUG not in line]
    decider.write_text("".join(kept), encoding="utf-8")
    try:
        done = run(tree, RULE_TEST)
    finally:
        decider.write_text(whole, encoding="utf-8")
    assert done.returncode == 1
