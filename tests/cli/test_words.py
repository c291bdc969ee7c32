"""The command line's own sentences: all there, all used, the same in both languages."""

import ast
from pathlib import Path

import pytest

from chassis.programme import placeholders
from services.cli.words import LANGUAGES, known, language, say

CLI = Path(__file__).resolve().parents[2] / "services" / "cli"
SENTENCES = known()


def spoken() -> dict[str, set[str]]:
    """Slug -> names that are given to it, in every call of `say` and `hint`."""
    found: dict[str, set[str]] = {}
    for path in CLI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("say", "hint"):
                slug = node.args[0]
                if isinstance(slug, ast.Constant):
                    named = {each.arg for each in node.keywords if each.arg}
                    found.setdefault(str(slug.value), set()).update(named)
    return found


def test_the_command_line_says_exactly_the_sentences_that_are_written() -> None:
    assert spoken().keys() == SENTENCES.keys()


@pytest.mark.parametrize("slug", SENTENCES)
def test_a_sentence_wants_the_same_in_both_languages(slug: str) -> None:
    assert set(SENTENCES[slug]) == set(LANGUAGES)
    wanted = {each: placeholders(SENTENCES[slug][each]) for each in LANGUAGES}
    assert wanted["zh"] == wanted["en"]


def test_the_language_is_the_user_s_and_chinese_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, spoken_language in (("en", "en"), ("zh", "zh"), ("fr", "zh"), ("", "zh")):
        monkeypatch.setenv("TUOPIN_LANGUAGE", given)
        assert language() == spoken_language
    monkeypatch.setenv("TUOPIN_LANGUAGE", "en")
    assert say("next-page") == "next page:"
    monkeypatch.delenv("TUOPIN_LANGUAGE")
    assert say("next-page") == "下一页："
