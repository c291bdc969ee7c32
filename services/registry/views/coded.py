"""What is counted of a household: coded attributes only, nobody can be recognised by them."""

from collections import Counter
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from tuopin.registry.v1.household_pb2 import Household, Member


class Dimension(IntEnum):
    """What a sum is counted by; the numbers are stored."""

    HOUSEHOLD = 0
    ATTRIBUTE = 1
    CAUSE = 2
    ANY_CAUSE = 3
    SIZE = 4
    SEX = 20
    BIRTH_YEAR = 21
    HEALTH = 22
    LABOUR = 23
    EDUCATION = 24
    AT_SCHOOL = 25


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
    """One cell of the standard crosses: a value of a dimension, crossed with the status."""

    dimension: int
    value: int
    status: int


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


def cells(of: Coded) -> Iterator[tuple[Cell, int, int]]:
    """The cells a household counts in, with its households (0 or 1) and its people there."""
    people = len(of.people)
    own = {
        Dimension.HOUSEHOLD: (0,),
        Dimension.ATTRIBUTE: (of.attribute,),
        Dimension.CAUSE: (of.cause,),
        Dimension.ANY_CAUSE: (of.cause, *of.other_causes),
        Dimension.SIZE: (people,),
    }
    for dimension, values in own.items():
        for value in values:
            yield Cell(dimension, value, of.status), 1, people
    for dimension, counts in _people(of.people).items():
        for value, count in counts.items():
            yield Cell(dimension, value, of.status), 0, count


def _people(people: tuple[Person, ...]) -> dict[Dimension, Counter[int]]:
    return {
        Dimension.SEX: Counter(each.sex for each in people),
        Dimension.BIRTH_YEAR: Counter(each.birth_year for each in people),
        Dimension.HEALTH: Counter(each.health for each in people),
        Dimension.LABOUR: Counter(each.labour for each in people),
        Dimension.EDUCATION: Counter(each.education for each in people),
        Dimension.AT_SCHOOL: Counter(each.at_school for each in people),
    }


def packed(of: Coded) -> str:
    """Members as one short text, for the crosses that are counted on demand."""
    return ";".join(",".join(map(str, each)) for each in of.people)


def unpacked(text: str) -> tuple[Person, ...]:
    """The members of a packed text."""
    return tuple(Person(*map(int, each.split(","))) for each in text.split(";") if each)
