"""The shipped catalogues say only what the contracts know, in both languages."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from services.planning.decider.catalogue import draw_up
from tests.given import NOW
from tuopin.planning.v1.plan_pb2 import DraftPlan, MeasureClass, PlanMember
from tuopin.registry.v1.household_pb2 import Cause, Health, HousingSafety, Labour
from tuopin.training.v1.cadre_pb2 import Post

PROGRAMME = Path(__file__).resolve().parents[2] / "programme"


def catalogue(name: str) -> dict[str, Any]:
    return tomllib.loads((PROGRAMME / f"{name}.toml").read_text(encoding="utf-8"))


def words(enum: Any, prefix: str) -> set[str]:
    return {name.removeprefix(prefix) for name in enum.DESCRIPTOR.values_by_name} - {"UNSPECIFIED"}


def test_measures_use_the_words_of_the_contracts() -> None:
    known = {"causes", "class", "who", "amount_fen", "weeks", "zh", "en"}
    optional = {"health", "labour", "at_school", "from_age", "to_age", "housing"}
    for code, entry in catalogue("measures").items():
        assert known <= set(entry) <= known | optional, code
        assert entry["class"] in words(MeasureClass, "MEASURE_CLASS_"), code
        assert set(entry["causes"]) <= words(Cause, "CAUSE_"), code
        assert set(entry.get("health", ())) <= words(Health, "HEALTH_"), code
        assert set(entry.get("labour", ())) <= words(Labour, "LABOUR_"), code
        assert set(entry.get("housing", ())) <= words(HousingSafety, "HOUSING_SAFETY_"), code
        assert entry["who"] in ("household", "members"), code
        assert entry["amount_fen"] > 0 < entry["weeks"], code
        assert entry["zh"], code
        assert entry["en"], code


@pytest.mark.parametrize("cause", sorted(set(Cause.values()) - {Cause.CAUSE_UNSPECIFIED}))
def test_every_cause_has_a_measure_whoever_lives_in_the_household(cause: Cause.ValueType) -> None:
    command = DraftPlan(household_id="h-1", main_cause=cause, members=[PlanMember(birth_year=1900)])
    measures = draw_up(command, "plan-1", catalogue("measures"), NOW.date())
    assert cause in {measure.cause for measure in measures}


def test_courses_use_the_words_of_the_contracts() -> None:
    for code, entry in catalogue("courses").items():
        assert set(entry) == {"hours", "valid_months", "audience", "zh", "en"}, code
        assert set(entry["audience"]) <= words(Post, "POST_"), code
        assert entry["hours"] > 0 < entry["valid_months"], code
