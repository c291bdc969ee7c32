"""Invented households for demos, tests and benches: the same again from the same seed.

Nothing in them can belong to anybody: identity numbers begin with 99, which no region has, phones
and cards with zeros, names with 合成 (synthetic).
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random

from services.registry.decider.identity import check_digit

COLUMNS = (
    "household_number", "village_id", "attribute", "main_cause", "other_cause_1",
    "other_cause_2", "address", "housing_safety", "housing_area_m2", "safe_drinking_water",
    "power", "road", "toilet", "fuel", "farmland_mu", "income_year", "wages_yuan",
    "business_yuan", "property_yuan", "transfers_yuan", "production_cost_yuan", "name",
    "identity_number", "phone", "bank_card", "relation", "birth_year", "sex", "ethnicity",
    "education", "at_school", "health", "labour", "medical_insurance", "pension_insurance",
)  # fmt: skip

_SYLLABLES = ("阿布", "多朵", "禾米", "吉拉", "卡罗", "米娅", "诺兰", "奇塔", "塔娜", "维多")
_SIZES, _SIZE_WEIGHTS = (1, 2, 3, 4, 5, 6, 7), (10, 17, 22, 25, 16, 7, 3)
_CAUSES = (
    "illness", "disability", "schooling", "disaster", "lack-of-land", "lack-of-water",
    "lack-of-skills", "lack-of-funds", "lack-of-labour", "poor-transport", "weak-drive",
)  # fmt: skip
_YEAR = 2019
# Relation, youngest and oldest age, in the order in which a household fills up.
_ROLES = (
    ("head", 26, 60), ("spouse", 24, 60), ("child", 3, 24), ("child", 1, 22), ("parent", 61, 88),
    ("parent", 61, 88), ("grandchild", 0, 8),
)  # fmt: skip


def write_csv(path: Path, households: int, seed: int, villages: Sequence[str]) -> int:
    """Write a file of households, one row per person, and return the number of rows."""
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for household in invent(households, seed, villages):
            writer.writerows(household)
            rows += len(household)
    return rows


def invent(households: int, seed: int, villages: Sequence[str]) -> Iterator[list[list[str]]]:
    """Rows of one household after the other, in the order of COLUMNS."""
    random = Random(seed)  # noqa: S311 - data that must come again, no secret
    born: dict[date, int] = {}
    for ordinal in range(1, households + 1):
        yield _household(random, f"S{seed}-{ordinal:07d}", random.choice(villages), seed, born)


def _household(
    random: Random, number: str, village_id: str, seed: int, born: dict[date, int]
) -> list[list[str]]:
    (size,) = random.choices(_SIZES, _SIZE_WEIGHTS)
    causes = random.sample(_CAUSES, random.randint(1, 3))
    shared = [
        number,
        village_id,
        random.choice(("ordinary-poor", "ordinary-poor", "subsistence-allowance")),
        *([*causes, "", ""])[:3],
        f"合成地址{random.randint(1, 99)}组{random.randint(1, 999)}号",
        random.choice("abcd"),
        str(random.randint(20, 180)),
        *(random.choice(("yes", "yes", "no")) for _ in range(4)),
        random.choice(("柴草", "电", "煤气")),
        f"{random.randint(0, 1200) / 100:.2f}",
        str(_YEAR),
        *(f"{random.randint(0, most)}.{random.randint(0, 99):02d}" for most in _INCOME_MOST),
    ]
    return [shared + _member(random, role, seed, born) for role in _ROLES[:size]]


_INCOME_MOST = (14_000, 6_000, 500, 3_000, 2_000)


def _member(
    random: Random, role: tuple[str, int, int], seed: int, born: dict[date, int]
) -> list[str]:
    relation, youngest, oldest = role
    age = random.randint(youngest, oldest)
    born_on = date(_YEAR - age, 1, 1) + timedelta(days=random.randrange(365))
    male = relation == "head" or (relation != "spouse" and random.random() < 0.5)
    at_school = 6 <= age <= 22
    return [
        "合成" + random.choice(_SYLLABLES) + random.choice(_SYLLABLES),
        _identity_number(born_on, seed, born),
        f"000{random.randrange(10**8):08d}" if age >= 18 else "",
        f"0000{random.randrange(10**12):012d}" if relation == "head" else "",
        relation,
        str(born_on.year),
        "male" if male else "female",
        random.choice(("苗族", "土家族", "汉族")),
        "primary" if age > 40 else "junior" if age > 14 else "none",
        "yes" if at_school else "no",
        random.choice(("healthy", "healthy", "healthy", "chronic-illness", "severe-illness")),
        "none" if age < 16 else "lost" if age > 75 else random.choice(("ordinary", "weak")),
        "yes",
        "yes" if age >= 16 else "no",
    ]


def _identity_number(born_on: date, seed: int, born: dict[date, int]) -> str:
    """The seed stands in the region's place, so that two seeds never invent the same person."""
    order = born[born_on] = born.get(born_on, -1) + 1
    assert order < 1000, "more births on one day than the number can tell apart"
    body = f"99{seed % 10_000:04d}{born_on:%Y%m%d}{order:03d}"
    return body + check_digit(body)
