"""The citizen identity number (GB 11643): what its eighteen characters must agree on."""

from datetime import date
from operator import mul

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"
# The weights applied to the characters instead of the digits add this much.
_OF_CHARACTERS = ord("0") * sum(_WEIGHTS)


def check_digit(body: str) -> str:
    """The eighteenth character that belongs to these seventeen digits."""
    total = sum(map(mul, body.encode("ascii"), _WEIGHTS)) - _OF_CHARACTERS
    return _CHECK_DIGITS[total % 11]


def is_valid(number: str) -> bool:
    """Whether length, digits, date of birth and check digit agree."""
    body = number[:17]
    if len(number) != 18 or not (body.isascii() and body.isdigit()):
        return False
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return check_digit(body) == number[17]


def birth_year(number: str) -> int:
    """Year of birth that the number states."""
    return int(number[6:10])
