"""How much two people look like one: points by reason, and what must agree before two are compared.

Nothing depends on which of the two comes first. Weights, threshold and blocks are programme data
(programme/duplicates.toml); rules whose blocks could miss a candidate are refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

TABLE = "duplicates"
TOWNSHIP_DIGITS = 9
COUNTY_DIGITS = 6

# Aspect -> its reasons, the one that says most first.
ASPECTS: Mapping[str, tuple[str, ...]] = {
    "name": ("name-same", "name-homophone", "name-alike", "name-near"),
    "birth": ("birth-same", "birth-swapped", "birth-close"),
    "sex": ("sex-same", "sex-other"),
    "place": ("place-village", "place-township"),
    "head": ("head-same", "head-alike"),
}
# Field of a block -> the reasons under which two people surely agree in it.
AGREEING: Mapping[str, frozenset[str]] = {
    "sound": frozenset({"name-same", "name-homophone", "name-alike"}),
    "head-sound": frozenset({"head-same", "head-alike"}),
    "birth": frozenset({"birth-same"}),
    "sex": frozenset({"sex-same"}),
    "village": frozenset({"place-village"}),
    "township": frozenset({"place-village", "place-township"}),
    "county": frozenset({"place-village", "place-township"}),
}


# Told by names, which are sealed.
_HIDDEN = ("name", "head")
# Brothers and sisters are alike in everything else.
_IN_ONE_HOUSEHOLD = ("name-same", "name-homophone")


class UnsoundRules(Exception):
    """The programme data cannot be used; the text says why."""


class Called(NamedTuple):
    """A name: as compared, its syllables, and these as they are heard."""

    text: str
    sounds: tuple[str, ...]
    heard: tuple[str, ...]


NOBODY = Called("", (), ())


@dataclass(frozen=True, slots=True)
class Person:
    """What is compared of a member of a household."""

    person_id: str
    household_id: str
    village_id: str
    birth_year: int
    sex: int
    name: Called
    # Of the household's head, nobody when the person is the head.
    head: Called = NOBODY


@dataclass(frozen=True, slots=True)
class Likeness:
    """Sum of the points, and the reasons in the order of the aspects."""

    score: int
    reasons: tuple[str, ...]


NOT_ALIKE = Likeness(0, ())


@dataclass(frozen=True, slots=True)
class Rules:
    """The programme's word on it."""

    threshold: int
    block_most: int
    points: Mapping[str, int]
    blocks: tuple[tuple[str, ...], ...]
    initials: Mapping[str, str]
    endings: Mapping[str, str]

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "Rules":
        """Read and checked; UnsoundRules where a reason is unknown or a pair could be missed."""
        rules = cls(
            table["threshold"],
            table["block_most"],
            {code: entry["points"] for code, entry in table["reasons"].items()},
            tuple(tuple(block["of"]) for block in table["blocks"]),
            table["sound"]["initials"],
            table["sound"]["endings"],
        )
        known = {code for codes in ASPECTS.values() for code in codes}
        if set(rules.points) != known:
            raise UnsoundRules(f"reasons: {sorted(set(rules.points) ^ known)}")
        for block in rules.blocks:
            if not block or not set(block) <= set(AGREEING):
                raise UnsoundRules(f"block {block}")
        for missed in uncovered(rules):
            raise UnsoundRules(f"no block brings together a pair with {', '.join(missed)}")
        return rules

    def heard(self, syllable: str) -> str:
        """The syllable as one hears it."""
        for written, said in self.initials.items():
            if syllable.startswith(written):
                syllable = said + syllable[len(written) :]
                break
        for written, said in self.endings.items():
            if syllable.endswith(written):
                return syllable[: -len(written)] + said
        return syllable


def uncovered(rules: Rules) -> Iterator[tuple[str, ...]]:
    """Sums of reasons that make a candidate of two people who need not share a block."""
    for combination in product(*(("", *codes) for codes in ASPECTS.values())):
        reasons = tuple(code for code in combination if code)
        if sum(rules.points[code] for code in reasons) < rules.threshold:
            continue
        if not any(all(AGREEING[of] & set(reasons) for of in block) for block in rules.blocks):
            yield reasons


def likeness(one: Person, other: Person, rules: Rules) -> Likeness:
    """What speaks for the two being one person."""
    name = _name(one.name, other.name)
    if one.household_id == other.household_id and name not in _IN_ONE_HOUSEHOLD:
        return NOT_ALIKE
    found = (name, *_open_reasons(one, other), _head(one, other))
    reasons = tuple(code for code in found if code)
    return Likeness(sum(rules.points[code] for code in reasons), reasons)


def most_possible(one: Person, other: Person, rules: Rules) -> int:
    """What the two could come to as far as can be told without opening a name."""
    hidden = sum(max(0, *(rules.points[code] for code in ASPECTS[each])) for each in _HIDDEN)
    return hidden + sum(rules.points[code] for code in _open_reasons(one, other) if code)


def _open_reasons(one: Person, other: Person) -> tuple[str, str, str]:
    return _birth(one.birth_year, other.birth_year), _sex(one.sex, other.sex), _place(one, other)


def _name(one: Called, other: Called) -> str:
    if not one.text or not other.text:
        return ""
    if one.text == other.text:
        return "name-same"
    if one.sounds == other.sounds:
        return "name-homophone"
    if one.heard == other.heard:
        return "name-alike"
    return "name-near" if _one_apart(one.heard, other.heard) else ""


def _one_apart(one: Sequence[str], other: Sequence[str]) -> bool:
    """One syllable is another or left out; a name of one syllable says nothing."""
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < 2 or len(longer) - len(shorter) > 1:
        return False
    same = next((n for n, each in enumerate(shorter) if each != longer[n]), len(shorter))
    if len(shorter) == len(longer):
        return shorter[same + 1 :] == longer[same + 1 :]
    return shorter[same:] == longer[same + 1 :]


def _birth(one: int, other: int) -> str:
    if one == other:
        return "birth-same"
    if one // 100 == other // 100 and one % 100 == _swapped(other % 100):
        return "birth-swapped"
    return "birth-close" if abs(one - other) == 1 else ""


def _swapped(digits: int) -> int:
    return digits % 10 * 10 + digits // 10


def _sex(one: int, other: int) -> str:
    if not one or not other:
        return ""
    return "sex-same" if one == other else "sex-other"


def _place(one: Person, other: Person) -> str:
    if one.village_id == other.village_id:
        return "place-village"
    mine, theirs = one.village_id[:TOWNSHIP_DIGITS], other.village_id[:TOWNSHIP_DIGITS]
    return "place-township" if mine == theirs else ""


def _head(one: Person, other: Person) -> str:
    """Says nothing of two people of one household."""
    if one.household_id == other.household_id or not one.head.text or not other.head.text:
        return ""
    if one.head.text == other.head.text:
        return "head-same"
    return "head-alike" if one.head.heard == other.head.heard else ""


def keys_of(person: Person, rules: Rules) -> list[str]:
    """What stands for the person in each block that they are in; a block they lack a field for is
    left out. Personal: only keyed digests of these are kept.
    """
    fields = {
        "sound": " ".join(person.name.heard),
        "head-sound": " ".join(person.head.heard),
        "birth": str(person.birth_year),
        "sex": str(person.sex or ""),
        "village": person.village_id,
        "township": person.village_id[:TOWNSHIP_DIGITS],
        "county": person.village_id[:COUNTY_DIGITS],
    }
    return [
        "\x1f".join((*block, *(fields[each] for each in block)))
        for block in rules.blocks
        if all(fields[each] for each in block)
    ]
