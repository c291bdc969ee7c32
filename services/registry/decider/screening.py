"""The platform's own screening: rules of the programme data over what is known of a household."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.registry.decider.watch import Watch
from tuopin.registry.v1.household_pb2 import HEALTH_SEVERE_ILLNESS, Household
from tuopin.registry.v1.monitoring_pb2 import (
    DIFFICULTY_DISASTER,
    DIFFICULTY_ILLNESS_COST,
    DIFFICULTY_INCOME,
    DIFFICULTY_LOST_WORK,
    DIFFICULTY_NECESSARY_SPENDING,
    DIFFICULTY_SCHOOL_LEAVING,
    Difficulty,
)

Facts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sign:
    """A rule that spoke; `sudden`: what it saw came as a blow."""

    rule: str
    sudden: bool


def facts_of(
    file: Household,
    watch: Watch,
    *,
    people: int,
    poverty_line_fen: int,
    today: date,
    table: Mapping[str, Any],
) -> Facts:
    """The household in numbers, each with the name that rules use; a share of no income is 0."""
    known = dict(_recent(watch, today, table["window"]["difficulty-days"]))
    income = known.get(DIFFICULTY_INCOME, file.income_per_head_fen * people)
    illness = known.get(DIFFICULTY_ILLNESS_COST, 0)
    spending = illness + known.get(DIFFICULTY_NECESSARY_SPENDING, 0)
    line = poverty_line_fen * people
    school = table["school"]
    return {
        "income-percent-of-line": _percent(income, line),
        "income-after-spending-percent-of-line": _percent(income - spending, line),
        "income-drop-percent": _drop(file),
        "illness-cost-percent-of-income": _percent(illness, income),
        "spending-percent-of-income": _percent(spending, income),
        "disaster-loss-percent-of-income": _percent(known.get(DIFFICULTY_DISASTER, 0), income),
        "disasters": int(DIFFICULTY_DISASTER in known),
        "children-out-of-school": int(DIFFICULTY_SCHOOL_LEAVING in known)
        or sum(
            school["from-age"] <= today.year - member.birth_year <= school["to-age"]
            and not member.at_school
            for member in file.members
        ),
        "severely-ill-without-insurance": sum(
            member.health == HEALTH_SEVERE_ILLNESS and not member.medical_insurance
            for member in file.members
        ),
        "lost-work": int(DIFFICULTY_LOST_WORK in known),
    }


def signs(facts: Facts, table: Mapping[str, Any]) -> Iterator[Sign]:
    """The rules whose conditions all hold, in the order of their names."""
    for name, rule in sorted(table["rules"].items()):
        if all(_holds(facts[condition["fact"]], condition) for condition in rule["when"]):
            yield Sign(name, rule["sudden"])


def _holds(value: int, condition: Mapping[str, Any]) -> bool:
    if "below" in condition:
        return bool(value < condition["below"])
    return bool(value >= condition["at-least"])


def _recent(watch: Watch, today: date, days: int) -> Iterator[tuple[Difficulty.ValueType, int]]:
    for difficulty, (amount_fen, on) in watch.difficulties.items():
        if (today - date.fromisoformat(on)).days <= days:
            yield difficulty, amount_fen


def _percent(part: int, whole: int) -> int:
    return 100 * part // whole if whole > 0 else 0


def _drop(file: Household) -> int:
    """How far the last year stated fell behind the one before it."""
    stated = file.income_statements
    if len(stated) < 2 or stated[-1].income.year != stated[-2].income.year + 1:
        return 0
    before, now = stated[-2].income_per_head_fen, stated[-1].income_per_head_fen
    return max(_percent(before - now, before), 0)
