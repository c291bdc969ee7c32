"""What the register says of a village or county, and rules that both exits share."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from chassis.decider import Context
from chassis.rejection import require
from chassis.times import micros
from services.registry.decider.part import person_of
from tuopin.registry.v1.household_pb2 import HouseholdStatus

# People of households in the register, by status.
Standing = Mapping[int, int]


def people_in_class(standing: Standing, name: str, tables: Mapping[str, Any]) -> int:
    """People whose household's status is in a class of programme/figures.toml."""
    statuses = {
        HouseholdStatus.Value(f"HOUSEHOLD_STATUS_{code.upper().replace('-', '_')}")
        for code in tables["classes"][name]["statuses"]
    }
    return sum(people for status, people in standing.items() if status in statuses)


def e4(part: int, whole: int) -> int:
    """Parts in 10,000, rounded up: a doubt counts against the exit. Nothing of nothing is 0."""
    return -(-part * 10_000 // whole) if whole else 0


def closes_at_us(context: Context, days: int) -> int:
    """When a posting closes that opens now."""
    return micros(context.now + timedelta(days=days))


def require_posting_over(context: Context, closes_us: int) -> None:
    """Nobody can shorten a posting."""
    require(micros(context.now) >= closes_us, "subject-posting-still-open")


def require_another_person(context: Context, *earlier: str) -> None:
    """Nobody decides at two levels."""
    require(person_of(context) not in earlier, "same-person-at-two-levels")
