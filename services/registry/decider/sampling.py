"""Samples that anyone can draw again, and what they say about all: pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from math import sqrt
from typing import NamedTuple

E4, E6 = 10_000, 1_000_000
# Digits of the regions a rate is given for: prefecture, county, township, village.
LEVELS = (4, 6, 9, 12)


class Interval(NamedTuple):
    """A share and the bounds of its confidence interval, in millionths."""

    share_e6: int
    low_e6: int
    high_e6: int


def draw(seed: str, stratum: int, frame: Iterable[str], count: int) -> list[str]:
    """`count` of the frame, without regard to the order in which it is given.

    Each subject gets the number SHA-256(seed, stratum, subject); the smallest are drawn. Whoever
    knows seed and frame finds the same ones; nobody can choose a seed for a household without
    trying seeds, which is why the seed is thrown in public.
    """
    return sorted(frame, key=lambda subject: (_number(seed, stratum, subject), subject))[:count]


def _number(seed: str, stratum: int, subject: str) -> bytes:
    return sha256(f"{seed}\n{stratum}\n{subject}".encode()).digest()


def digest_of(frame: Iterable[str]) -> str:
    """SHA-256 over the sorted subjects, one a line."""
    return sha256("".join(f"{subject}\n" for subject in sorted(frame)).encode()).hexdigest()


def wilson(wrong: int, reached: int, z_e4: int) -> Interval:
    """The score interval: E. B. Wilson, Probable inference, the law of succession, and statistical
    inference, Journal of the American Statistical Association 22 (1927), 209-212.

    With nobody reached nothing is known: from 0 to 1.
    """
    if reached == 0:
        return Interval(0, 0, E6)
    z, n = z_e4 / E4, reached
    share = wrong / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = max(centre - half, 0.0), min(centre + half, 1.0)
    return Interval(round(share * E6), round(low * E6), round(high * E6))


def regions_of(region_id: str, villages: Iterable[str]) -> Sequence[str]:
    """The campaign's own region and every region below it that the villages lie in."""
    found = {region_id}
    for village_id in villages:
        found.update(village_id[:digits] for digits in LEVELS if digits > len(region_id))
    return sorted(found, key=lambda code: (len(code), code))


def counts(values: Iterable[tuple[str, int, int]]) -> Mapping[tuple[str, int], Mapping[int, int]]:
    """(village, stratum, verdict) -> how often each verdict, by village and stratum."""
    found: dict[tuple[str, int], dict[int, int]] = {}
    for village_id, stratum, verdict in values:
        of_both = found.setdefault((village_id, stratum), {})
        of_both[verdict] = of_both.get(verdict, 0) + 1
    return found
