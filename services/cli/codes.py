"""Enums of the contracts as the codes that people type."""

from typing import Any


def codes_of(enum: Any, prefix: str) -> dict[str, Any]:
    """The values of an enum by their codes: EXIT_CHECK_FOOD_AND_CLOTHING is food-and-clothing."""
    return {
        name.removeprefix(prefix).lower().replace("_", "-"): value
        for name, value in enum.items()
        if value
    }
