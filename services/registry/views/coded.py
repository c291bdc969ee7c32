"""What is counted of a household: coded attributes only, nobody can be recognised by them."""

from collections.abc import Mapping
from operator import attrgetter
from typing import NamedTuple

from tuopin.registry.v1 import household_pb2
from tuopin.registry.v1.household_pb2 import Household, Member


class Person(NamedTuple):
    """The coded attributes of one member."""

    sex: int
    birth_year: int
    health: int
    labour: int
    education: int
    at_school: int


class Coded(NamedTuple):
    """What is counted of a household at one moment."""

    village_id: str
    status: int
    attribute: int
    cause: int
    other_causes: tuple[int, ...]
    income_per_head_fen: int
    people: tuple[Person, ...]


class Cell(NamedTuple):
    """What the sums are kept by: a household is in exactly one cell."""

    status: int
    attribute: int
    cause: int


# Attribute of a person -> its codes: of every cell the people of each code are summed up.
PERSON_CODES: Mapping[str, tuple[int, ...]] = {
    "sex": tuple(household_pb2.Sex.values()),
    "health": tuple(household_pb2.Health.values()),
    "labour": tuple(household_pb2.Labour.values()),
    "education": tuple(household_pb2.Education.values()),
    "at_school": (0, 1),
}
# Names of the sums: households, people, sex_1, sex_2, health_1 ...
SUM_NAMES = (
    "households",
    "people",
    *(f"{name}_{code}" for name, codes in PERSON_CODES.items() for code in codes),
)
# Attribute of a person, its codes and their places among the sums.
_PLACES = tuple(
    (attrgetter(name), {code: SUM_NAMES.index(f"{name}_{code}") for code in codes})
    for name, codes in PERSON_CODES.items()
)


def coded(household: Household) -> Coded:
    """The coded attributes of a folded file, members in a fixed order."""
    return Coded(
        household.village_id,
        household.status,
        household.attribute,
        household.main_cause,
        tuple(sorted(household.other_causes)),
        household.income_per_head_fen,
        tuple(sorted(map(_person, household.members))),
    )


def _person(member: Member) -> Person:
    return Person(
        member.sex,
        member.birth_year,
        member.health,
        member.labour,
        member.education,
        int(member.at_school),
    )


def cell_of(of: Coded) -> Cell:
    """The one cell that a household counts in."""
    return Cell(of.status, of.attribute, of.cause)


def sums_of(of: Coded) -> list[int]:
    """What a household adds to its cell, in the order of SUM_NAMES."""
    sums = [0] * len(SUM_NAMES)
    sums[0] = 1
    sums[1] = len(of.people)
    for value_of, places in _PLACES:
        for code in map(value_of, of.people):
            sums[places[code]] += 1
    return sums


def packed(of: Coded) -> str:
    """Members as one short text, for the crosses that are counted on demand."""
    return ";".join(",".join(map(str, each)) for each in of.people)


def unpacked(text: str) -> tuple[Person, ...]:
    """The members of a packed text."""
    return tuple(Person(*map(int, each.split(","))) for each in text.split(";") if each)
