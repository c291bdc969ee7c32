"""Enums of the contracts as the codes that people type, files carry and labels are listed under."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from google.protobuf.descriptor import EnumDescriptor


@cache
def code_by_number(enum: EnumDescriptor) -> Mapping[int, str]:
    """Every value's code: CAUSE_LACK_OF_LAND is lack-of-land, CAUSE_UNSPECIFIED unspecified."""
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    return MappingProxyType(
        {
            each.number: each.name.removeprefix(prefix).lower().replace("_", "-")
            for each in enum.values
        }
    )


@cache
def number_by_code(enum: EnumDescriptor) -> Mapping[str, int]:
    """The values somebody may choose, by code, in the contract's order: all but the unspecified."""
    return MappingProxyType(
        {code: number for number, code in code_by_number(enum).items() if number}
    )
