"""Separation of duties: one person reviews at one level, and never a relative's file."""

from collections.abc import Mapping

from chassis.decider import Context
from chassis.rejection import require
from services.registry.decider.part import person_of
from services.registry.decider.state import State

VILLAGE = "village"
TOWNSHIP = "township"
COUNTY = "county"


def require_no_relative(state: State, context: Context) -> None:
    """Whoever is declared a relative of the household takes no step in its file."""
    require(person_of(context) not in state.relatives, "reviewer-is-a-relative")


def require_one_level(state: State, context: Context, level: str) -> None:
    """Who has appraised or reviewed at one level does not do so at another, nor for a relative."""
    require_no_relative(state, context)
    acted_at = state.acted.get(person_of(context), level)
    require(acted_at == level, "reviewer-at-two-levels", level=acted_at)


def having_acted(state: State, subject: str, level: str) -> Mapping[str, str]:
    """State.acted with this person's step."""
    return {**state.acted, subject: level}
