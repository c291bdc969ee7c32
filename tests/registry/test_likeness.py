"""How much two people look like one: the rules, and that no block misses a candidate."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.keys import SqliteKeys
from chassis.sealing import Sealer
from services.registry import tokens
from services.registry.decider.likeness import (
    NOBODY,
    TABLE,
    Person,
    Rules,
    UnsoundRules,
    keys_of,
    likeness,
    most_possible,
)
from services.registry.hearing import Ear
from tests.registry.files import PROGRAMME

MASTER_KEY = bytes(32)
READINGS = PROGRAMME.table(tokens.TABLE)["surname_readings"]
EAR = Ear(Sealer(SqliteKeys(":memory:", MASTER_KEY), MASTER_KEY), PROGRAMME.table(TABLE), READINGS)
RULES = EAR.rules
VILLAGE, NEXT_VILLAGE, FAR_VILLAGE = "433124110226", "433124110227", "433124111201"


def person(name: str = "合成石小花", head: str = "", **changes: Any) -> Person:
    """A member of a household of their own, unless told otherwise."""
    fields: dict[str, Any] = {
        "person_id": "person-1",
        "household_id": "household-1",
        "village_id": VILLAGE,
        "birth_year": 1956,
        "sex": 2,
        "name": EAR.called(name),
        "head": EAR.called(head) if head else NOBODY,
    }
    return Person(**{**fields, **changes})


def other(name: str = "合成石小花", head: str = "", **changes: Any) -> Person:
    fields = {"person_id": "person-2", "household_id": "household-2", **changes}
    return person(name, head, **fields)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (other(), "name-same"),
        (other(" 合成 石小花"), "name-same"),
        (other("合成石晓华"), "name-homophone"),
        (other("合成时小华"), "name-homophone"),
        (other("合成司小花"), "name-alike"),
        (other("合成石小梅"), "name-near"),
        (other("合成石花"), "name-near"),
        (other(birth_year=1956), "birth-same"),
        (other(birth_year=1957), "birth-close"),
        (other(birth_year=1965), "birth-swapped"),
        (other(sex=1), "sex-other"),
        (other(village_id=NEXT_VILLAGE), "place-township"),
    ],
)
def test_what_speaks_for_one_person(entry: Person, reason: str) -> None:
    assert reason in likeness(person(), entry, RULES).reasons


def test_a_surname_is_read_as_surnames_are() -> None:
    found = likeness(person("单小明"), other("山晓明"), RULES)
    assert "name-homophone" in found.reasons


def test_the_score_is_the_sum_of_the_reasons() -> None:
    found = likeness(person(), other("合成石晓华", birth_year=1957), RULES)
    assert found.reasons == ("name-homophone", "birth-close", "sex-same", "place-village")
    assert found.score == sum(RULES.points[code] for code in found.reasons) == 80


@pytest.mark.parametrize(
    "entry",
    [
        other("合成李大山"),
        other(birth_year=1990),
        other(village_id=FAR_VILLAGE),
        other("合成石小梅"),
    ],
)
def test_one_thing_in_common_too_few_is_no_candidate(entry: Person) -> None:
    assert likeness(person(), entry, RULES).score < RULES.threshold


def test_heads_with_one_name_speak_for_their_members_only() -> None:
    child, same = person("合成石宝", "合成石大山"), other("合成石贝", "合成石大山")
    assert likeness(child, same, RULES).score >= RULES.threshold
    heard = likeness(child, other("合成石宝", "合成时达山"), RULES)
    assert heard.reasons[-1] == "head-alike"
    assert likeness(person(), other(), RULES).reasons[-1] == "place-village"


def test_brothers_and_sisters_are_not_alike_but_one_who_stands_twice_in_a_file_is() -> None:
    twin = replace(person("合成石小梅", "合成石大山"), person_id="person-2")
    assert likeness(person(head="合成石大山"), twin, RULES).score == 0
    twice = replace(person("合成石晓花", "合成石大山"), person_id="person-2")
    assert likeness(person(head="合成石大山"), twice, RULES).score >= RULES.threshold


def test_an_erased_name_speaks_for_nothing() -> None:
    nobody = replace(other(), name=NOBODY)
    assert likeness(nobody, nobody, RULES).score < RULES.threshold
    assert keys_of(nobody, RULES) == []


def test_rules_whose_blocks_could_miss_a_candidate_are_refused() -> None:
    table = PROGRAMME.table(TABLE)
    with pytest.raises(UnsoundRules, match="name-same"):
        Rules.of({**table, "threshold": 70})
    with pytest.raises(UnsoundRules, match="no block"):
        Rules.of({**table, "blocks": table["blocks"][:2]})
    with pytest.raises(UnsoundRules, match="colour"):
        Rules.of({**table, "blocks": [{"of": ["colour"]}]})
    reasons = {code: each for code, each in table["reasons"].items() if code != "sex-same"}
    with pytest.raises(UnsoundRules, match="sex-same"):
        Rules.of({**table, "reasons": reasons})


def test_every_reason_has_a_label_in_both_languages() -> None:
    for code, entry in PROGRAMME.table(TABLE)["reasons"].items():
        assert min(len(entry["zh"]), len(entry["en"])) > 0, code


# At random

NAMES = ("合成石小花", "合成石晓华", "合成司小花", "合成石花", "合成李大山", "合成李大三", "")
PEOPLE = st.builds(
    lambda number, name, head, village, year, sex: Person(
        f"person-{number}",
        f"household-{number % 3}",
        village,
        year,
        sex,
        EAR.called(name),
        EAR.called(head),
    ),
    st.integers(1, 9),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.sampled_from((VILLAGE, NEXT_VILLAGE, FAR_VILLAGE)),
    st.sampled_from((1956, 1957, 1965, 1990)),
    st.sampled_from((0, 1, 2)),
)


@given(PEOPLE, PEOPLE)
@settings(max_examples=300)
def test_likeness_does_not_depend_on_who_comes_first(one: Person, two: Person) -> None:
    assert likeness(one, two, RULES) == likeness(two, one, RULES)
    assert most_possible(one, two, RULES) == most_possible(two, one, RULES)


@given(PEOPLE, PEOPLE)
@settings(max_examples=300)
def test_a_candidate_shares_a_block_and_is_never_left_out_unopened(
    one: Person, two: Person
) -> None:
    if likeness(one, two, RULES).score >= RULES.threshold:
        assert set(keys_of(one, RULES)) & set(keys_of(two, RULES))
        assert most_possible(one, two, RULES) >= RULES.threshold
