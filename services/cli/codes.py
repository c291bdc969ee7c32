"""Enums of the contracts as the codes that people type."""

from collections.abc import Mapping
from typing import Any

from chassis.enumcodes import number_by_code
from services.cli.contact import chosen


def codes_of(enum: Any) -> Mapping[str, Any]:
    """The values of an enum by their codes: EXIT_CHECK_FOOD_AND_CLOTHING is food-and-clothing."""
    return number_by_code(enum.DESCRIPTOR)


def chosen_of(enum: Any, option: str, code: str) -> Any:
    """The enum's value of a code; a usage error names the option when there is no such code."""
    codes = codes_of(enum)
    return codes[chosen(option, code, codes)]
