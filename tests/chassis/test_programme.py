from datetime import date
from pathlib import Path

import pytest

from chassis.programme import (
    DEFAULT_LANGUAGE,
    LANGUAGES,
    PARAMETERS,
    ParameterUnknown,
    Programme,
    ProgrammeFault,
    chosen_language,
    placeholders,
)

FOLDER = Path(__file__).parents[2] / "programme"
VILLAGE = "433124100201"


@pytest.fixture(scope="module")
def programme() -> Programme:
    return Programme.load(FOLDER)


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path = path.with_name(f"{path.name}.toml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def said(text: str) -> str:
    return f"[s]\nzh = '{text}'\nen = 'x'"


@pytest.mark.parametrize(
    ("on", "fen"),
    [
        (date(2010, 1, 1), 230_000),
        (date(2014, 12, 31), 230_000),
        (date(2015, 1, 1), 285_500),
        (date(2019, 12, 31), 285_500),
        (date(2020, 12, 31), 400_000),
        (date(2035, 12, 31), 400_000),
    ],
)
def test_the_poverty_line_is_the_latest_published_one(
    programme: Programme, on: date, fen: int
) -> None:
    assert programme.number("poverty-line-fen", on=on, region=VILLAGE) == fen


def test_before_the_first_value_nothing_is_made_up(programme: Programme) -> None:
    with pytest.raises(ParameterUnknown) as refused:
        programme.number("poverty-line-fen", on=date(2009, 12, 31))
    assert refused.value.slug == "parameter-unknown"


def test_the_nearest_region_counts_before_the_latest_date(tmp_path: Path) -> None:
    programme = Programme.load(
        written(
            tmp_path,
            parameters="""
            [line-fen]
            values = [
                { since = 2010-01-01, value = 1 },
                { since = 2020-01-01, value = 2 },
                { since = 2015-01-01, value = 3, region = "43" },
                { since = 2015-01-01, value = 4, region = "4331" },
                { since = 2018-01-01, value = 5, region = "4331" },
            ]
            """,
        )
    )

    def line(year: int, region: str) -> int:
        return programme.number("line-fen", on=date(year, 6, 1), region=region)

    assert [line(2021, VILLAGE), line(2016, VILLAGE), line(2012, VILLAGE)] == [5, 4, 1]
    assert [line(2021, "43"), line(2021, "44"), line(2021, "")] == [3, 2, 2]


@pytest.mark.parametrize(
    "text",
    [
        "[line-fen]\n",
        "[line-fen]\nvalues = []\n",
        "[line-fen]\nvalues = [{ since = 2010-01-01, value = 1.5 }]\n",
        "[line-fen]\nvalues = [{ since = '2010', value = 1 }]\n",
        "[line-fen]\nvalues = 3\n",
        "line-fen = [",
    ],
)
def test_an_unsound_parameter_stops_the_start_and_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProgrammeFault, match=f"{PARAMETERS}.toml"):
        Programme.load(written(tmp_path, parameters=text))


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProgrammeFault):
        Programme.load(tmp_path)


def test_the_edition_follows_the_data_and_not_the_sentences(tmp_path: Path) -> None:
    first = Programme.load(written(tmp_path, a="x = 1", sentences__a=said("甲"))).edition
    assert Programme.load(written(tmp_path, sentences__a=said("乙"))).edition == first
    assert Programme.load(written(tmp_path, a="x = 2")).edition != first
    assert Programme.load(written(tmp_path, a="x = 1")).edition == first


def test_a_sentence_is_filled_in_the_callers_language(programme: Programme) -> None:
    details = {"role": "county-office"}
    assert programme.sentence("role-missing", "en", details) == "This needs the role county-office."
    assert programme.sentence("role-missing", "zh", details) == "此操作需要county-office角色。"
    assert programme.sentence("role-missing", "fr", details) == "此操作需要county-office角色。"


def test_a_sentence_that_lacks_a_detail_or_is_not_written_still_answers(
    programme: Programme,
) -> None:
    assert programme.sentence("role-missing", "en") == "This needs the role …."
    assert programme.sentence("no-such-slug", "en") == "no-such-slug"


def test_a_detail_with_braces_is_text(programme: Programme) -> None:
    shown = programme.sentence("role-missing", "en", {"role": "{__class__} {0}"})
    assert shown == "This needs the role {__class__} {0}."


def test_one_slug_said_in_two_ways_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path, a="x = 1", sentences__a=said("甲"), sentences__b=said("乙"))
    with pytest.raises(ProgrammeFault, match="two ways"):
        Programme.load(folder)


def test_a_slug_in_one_language_only_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path, a="x = 1", sentences__a="[s]\nzh = '甲'")
    with pytest.raises(ProgrammeFault, match="zh and en"):
        Programme.load(folder)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("en", "en"),
        ("en-GB,en;q=0.8", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("fr, en;q=0.5", "en"),
        ("fr", DEFAULT_LANGUAGE),
        ("", DEFAULT_LANGUAGE),
        (None, DEFAULT_LANGUAGE),
    ],
)
def test_the_first_language_that_we_speak_is_chosen(header: str | None, language: str) -> None:
    assert chosen_language(header) == language


def test_both_languages_say_the_same_facts_with_the_same_details(programme: Programme) -> None:
    zh, en = (programme.sentences[language] for language in LANGUAGES)
    assert sorted(zh) == sorted(en)
    assert {
        slug: (placeholders(zh[slug]), placeholders(en[slug]))
        for slug in zh
        if placeholders(zh[slug]) != placeholders(en[slug])
    } == {}
