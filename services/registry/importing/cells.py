"""What the cells of real files mean: digits of any width, numbers as Excel leaves them, dates in
the usual spellings and as serials, identity numbers of both lengths.
"""

import re
import unicodedata
from datetime import date, timedelta
from decimal import Decimal

from services.registry.decider import identity

# What people write where there is nothing to say.
BLANKS = frozenset({"", "/", "-", "--", "—", "——", "－", "N/A", "#N/A"})
IDENTITY_CHARS, OLD_IDENTITY_CHARS = 18, 15
# Day 0 of a spreadsheet's serial numbers, in either system; the first counts 29 February 1900.
SERIAL_EPOCH_1900, SERIAL_EPOCH_1904 = date(1899, 12, 30), date(1904, 1, 1)
# Smaller numbers are years, larger ones no days of anybody's life.
FIRST_SERIAL, LAST_SERIAL = 2_201, 109_940

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
# With a point or a sign: 1E5 may well be somebody's number for a household.
_SCIENTIFIC = re.compile(r"(?=.*[.+])([0-9])(?:\.([0-9]+))?[eE]\+?([0-9]{1,2})")
# A spreadsheet takes texts that begin so for formulas; a mark before them keeps them texts.
FORMULA_BEGINS = ("=", "+", "-", "@")
TEXT_MARK = "'"
_MARKED = (*FORMULA_BEGINS, TEXT_MARK)
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,2})0*)?")
_DAY = re.compile(
    r"([0-9]{4})(?:\s*[-/.年]\s*([0-9]{1,2})(?:\s*[-/.月]\s*([0-9]{1,2}))?|([0-9]{2})([0-9]{2})?)"
    r"\s*[日号月年]?(?:[ T]+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?"
)
_SERIAL = re.compile(r"([0-9]{4,6})(?:\.[0-9]+)?")
_BETWEEN = re.compile(r"[,;、|/]")
_UNITS = ("元", "亩", "平方米", "m2", "人", "个月")


class BadCell(Exception):
    """A cell cannot be read."""

    def __init__(self, slug: str, **details: str) -> None:
        super().__init__(slug)
        self.slug = slug
        self.details = details


def plain(text: str) -> str:
    """The text without what nobody sees, in digits and letters of ordinary width."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_INVISIBLE))
    text = text.strip()
    # What forces a spreadsheet to take digits as text.
    return text.removeprefix(TEXT_MARK).strip() if text[:1] == TEXT_MARK else text


def said(text: str) -> str:
    """The cell as people mean it: stripped, and empty where a dash stands for nothing."""
    text = text.strip()
    if text[:1] == TEXT_MARK and text[1:2] in _MARKED:
        return text[1:]
    return "" if text in BLANKS else text


def marked(text: str) -> str:
    """A cell of CSV that no spreadsheet takes for a formula, and that `said` gives back."""
    begins = text[:1]
    return TEXT_MARK + text if begins and begins in _MARKED and text not in BLANKS else text


def digits(text: str, slug: str = "digits-lost") -> str:
    """A number that is a name (of a household, a village, a card): no digit may be missing."""
    if _is_digits(text):
        return text
    text = plain(text)
    matched = _SCIENTIFIC.fullmatch(text)
    if matched is None:
        whole, point, zeros = text.partition(".")
        return whole if point and whole.isdigit() and not zeros.strip("0") else text
    exponent = int(matched[3])
    if 1 + len(matched[2] or "") < exponent + 1:
        raise BadCell(slug)
    return f"{Decimal(text):f}".partition(".")[0]


def several(text: str) -> list[str]:
    """What stands in one cell, separated by one of the usual marks."""
    return [each.strip() for each in _BETWEEN.split(plain(text)) if each.strip()]


def phone(text: str) -> str:
    """Digits only, whatever they were written with."""
    return text if _is_digits(text) else re.sub(r"[\s()-]", "", digits(text))


def bank_card(text: str) -> str:
    """The same for a card."""
    return text if _is_digits(text) else re.sub(r"[\s-]", "", digits(text))


def identity_number(text: str) -> tuple[str, bool]:
    """18 characters, and whether they were 15; whether they are valid is for the rules to say."""
    if len(text) == IDENTITY_CHARS and text.isascii() and text[:17].isdigit():
        number = text.upper()
    else:
        number = re.sub(r"\s", "", digits(text, "identity-number-digits-lost")).upper()
        number = number.replace("×", "X")
        if len(number) == OLD_IDENTITY_CHARS and number.isascii() and number.isdigit():
            return _of_18(number), True
    if number.endswith("000") and number[:17].isdigit() and not identity.is_valid(number):
        # 15 digits, then zeros: a spreadsheet took it for a number.
        raise BadCell("identity-number-digits-lost")
    return number, False


def _of_18(number: str) -> str:
    """The old number with its century and its check digit (GB 11643)."""
    body = f"{number[:6]}19{number[6:]}"
    return body + identity.check_digit(body)


def whole(text: str) -> int:
    """A whole number, perhaps with its unit."""
    text = text if _is_digits(text) else _unit_less(text)
    if not (_is_digits(text) and len(text) <= 9):
        raise BadCell("number-not-readable")
    return int(text)


def hundredths(text: str) -> int:
    """Yuan to fen, mu to hundredths; exact."""
    matched = _AMOUNT.fullmatch(text) or _AMOUNT.fullmatch(_unit_less(text))
    if matched is None:
        raise BadCell("amount-not-readable")
    units, cents = matched.groups(default="")
    return int(units) * 100 + int(cents.ljust(2, "0"))


def _is_digits(text: str) -> bool:
    """The usual case, which needs no reading."""
    return text.isascii() and text.isdigit()


def _unit_less(text: str) -> str:
    text = plain(text).lstrip("¥$").strip()
    for unit in _UNITS:
        text = text.removesuffix(unit).rstrip()
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    before, point, after = text.partition(".")
    return before if point and after and not after.strip("0") else text


def year(text: str, *, dates_from_1904: bool = False) -> int:
    """A year, or that of a date."""
    text = plain(text)
    bare = _unit_less(text.removesuffix("年"))
    if len(bare) == 4 and bare.isascii() and bare.isdigit():
        return int(bare)
    try:
        return day(text, dates_from_1904=dates_from_1904).year
    except BadCell:
        raise BadCell("number-not-readable") from None


def day(text: str, *, dates_from_1904: bool = False) -> date:
    """A date: year first in any of the usual spellings (a month without its day is its first), or a
    spreadsheet's serial.
    """
    text = plain(text)
    matched = _DAY.fullmatch(text)
    try:
        if matched is not None:
            month, of_month = matched[2] or matched[4], matched[3] or matched[5]
            return date(int(matched[1]), int(month), int(of_month or 1))
    except ValueError:
        raise BadCell("date-not-readable") from None
    serial = _SERIAL.fullmatch(text)
    if serial is None:
        raise BadCell("date-not-readable")
    return of_serial(int(serial[1]), dates_from_1904=dates_from_1904)


def is_serial(text: str) -> bool:
    """Whether a cell that is a date was written as a spreadsheet's number."""
    text = plain(text)
    return _SERIAL.fullmatch(text) is not None and _DAY.fullmatch(text) is None


def of_serial(serial: int, *, dates_from_1904: bool) -> date:
    """The day of a spreadsheet's serial number."""
    if not FIRST_SERIAL <= serial <= LAST_SERIAL:
        raise BadCell("date-not-readable")
    epoch = SERIAL_EPOCH_1904 if dates_from_1904 else SERIAL_EPOCH_1900
    return epoch + timedelta(days=serial)
