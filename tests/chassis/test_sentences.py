"""Every refusal that the code can utter has a sentence; found by reading the code."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.programme import Programme

ROOT = Path(__file__).parents[2]
# Callable -> place of the slug among its positional arguments.
UTTERANCES = {
    "require": 1,
    "reject": 0,
    "Rejected": 0,
    "Forbidden": 0,
    "Unauthenticated": 0,
    "Problem": None,
}
KEYWORDS = {"slug", "rejection"}


def slugs_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = UTTERANCES.get(name)
            if place is not None and len(node.args) > place:
                yield from _texts(node.args[place])
            for keyword in node.keywords:
                if keyword.arg in KEYWORDS:
                    yield from _texts(keyword.value)
            # super().__init__("slug") of an exception that is a rejection of its own
            if name == "__init__" and node.args:
                yield from (t for t in _texts(node.args[0]) if _is_slug(t))
        # Field faults are returned as ("slug", details).
        if isinstance(node, ast.Constant) and str(node.value).startswith("field-"):
            yield str(node.value)


def _texts(node: ast.expr) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value:
            yield each.value


def _is_slug(text: str) -> bool:
    return "-" in text and text == text.lower() and " " not in text


def uttered() -> dict[str, str]:
    found: dict[str, str] = {}
    for folder in ("chassis", "services"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for slug in slugs_of(tree):
                found.setdefault(slug, str(path.relative_to(ROOT)))
    return found


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_refusal_in_the_code_has_a_sentence(language: str) -> None:
    known = Programme.load(ROOT / "programme").sentences[language]
    silent = {slug: place for slug, place in uttered().items() if slug not in known}
    assert silent == {}


def test_the_reader_of_the_code_finds_refusals_where_they_are_uttered() -> None:
    tree = ast.parse(
        """
require(a, "fact-a", until=b)
reject("fact-b")
raise Rejected("fact-c")
Claim("kind", key, owner, rejection="fact-d")
require(a, "fact-e" if b else "fact-f")
return "field-g", {}
"""
    )
    assert sorted(slugs_of(tree)) == [
        "fact-a",
        "fact-b",
        "fact-c",
        "fact-d",
        "fact-e",
        "fact-f",
        "field-g",
    ]


def test_chassis_has_no_sentence_that_nobody_utters() -> None:
    texts = {
        node.value
        for path in (ROOT / "chassis").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    sentences = (ROOT / "programme/sentences/chassis.toml").read_text(encoding="utf-8")
    assert set() == tomllib.loads(sentences).keys() - texts
