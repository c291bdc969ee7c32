"""A file as somebody tells it, laid beside the one that is known: what it does not speak of stays,
and its people are found again.
"""

from collections.abc import Iterable, Sequence, Set
from typing import Any

from chassis.rejection import require
from tuopin.registry.v1.household_pb2 import Household, Member, RegisterHousehold

MEMBERS = "members."
# What makes the register: a file that does not tell these is none.
_ALWAYS_TOLD = frozenset(
    {"source", "household_number", "members", "members.identity_number", "members.name"}
)

Pairs = list[tuple[Member, Member]]


def as_told(
    file: RegisterHousehold, not_told: Iterable[str], current: Household
) -> RegisterHousehold:
    """The file with everything that it does not tell as it stands."""
    told = RegisterHousehold()
    told.CopyFrom(file)
    for path in not_told:
        require(path not in _ALWAYS_TOLD, "field-must-be-told", field="not_told", path=path)
        if path.startswith(MEMBERS):
            _keep_of_people(told, path.removeprefix(MEMBERS), current)
        else:
            _keep(told, current, path.split("."))
    return told


def _keep_of_people(told: RegisterHousehold, name: str, current: Household) -> None:
    known = {member.identity_number: member for member in current.members}
    for member in told.members:
        before = known.get(member.identity_number)
        if before is not None:
            _keep(member, before, [name])


def _keep(told: Any, known: Any, path: Sequence[str]) -> None:
    name, *rest = path
    field = known.DESCRIPTOR.fields_by_name.get(name)
    mine = told.DESCRIPTOR.fields_by_name.get(name)
    known_here = field is not None and mine is not None
    require(known_here, "field-not-of-file", field="not_told", path=name)
    if rest:
        require(field.message_type is not None, "field-not-of-file", field="not_told", path=name)
        if known.HasField(name):
            _keep(getattr(told, name), getattr(known, name), rest)
        return
    told.ClearField(name)
    if field.is_repeated:
        getattr(told, name).extend(getattr(known, name))
    elif field.message_type is None:
        setattr(told, name, getattr(known, name))
    elif known.HasField(name):
        getattr(told, name).CopyFrom(getattr(known, name))


def same_people(
    told: Iterable[Member], known: Iterable[Member], erased: Set[str]
) -> tuple[Pairs, list[Member], list[Member]]:
    """Who of the file is who of the register: (pairs, people who are new, people it leaves out).

    By identity number; one that was mistyped shows as a name and a sex that agree with exactly one
    person left. Whoever was erased cannot be told and stays.
    """
    left = {each.identity_number: each for each in known if each.person_id not in erased}
    pairs: Pairs = []
    unknown: list[Member] = []
    for each in told:
        found = left.pop(each.identity_number, None)
        if found is None:
            unknown.append(each)
        else:
            pairs.append((each, found))
    new = []
    for each in unknown:
        alike = [other for other in left.values() if _alike(each, other)]
        rivals = [other for other in unknown if _alike(each, other)]
        if len(alike) == len(rivals) == 1:
            pairs.append((each, left.pop(alike[0].identity_number)))
        else:
            new.append(each)
    return pairs, new, list(left.values())


def _alike(one: Member, other: Member) -> bool:
    return one.name == other.name and one.sex == other.sex
