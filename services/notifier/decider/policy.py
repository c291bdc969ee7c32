"""The policies of the programme data in force: which file counts where and when, what a kind asks.

Whoever is asked next is chosen here, too: by the terms, among those who are there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from chassis.decider import Context, Parameters
from chassis.rejection import reject
from tuopin.notifier.v1.handling_pb2 import Terms

# The cause names this one; every other name in `who` is a post.
HELPER = "HELPER"
PROOFS = ("none", "any", "photo", "paper")
TASK, ALERT = "task", "alert"
EXPIRE = "expire"
COUNTY_DIGITS, TOWNSHIP_DIGITS = 6, 9
# Digits of the regions in which somebody may be found for a village, nearest first.
LEVELS = (12, TOWNSHIP_DIGITS, COUNTY_DIGITS)


@dataclass(frozen=True, slots=True)
class Posted:
    """One posting, from the notifier's own copy."""

    cadre_id: str
    post: str
    region_id: str


@dataclass(frozen=True, slots=True)
class World:
    """What the notifier's own copies know when somebody is to be asked."""

    # Posts held in the village, its township and its county.
    posted: tuple[Posted, ...] = ()
    # Of these and the helper: who has no chat, or whose chat turned the latest message away.
    unreachable: frozenset[str] = frozenset()
    # Who has left the programme.
    departed: frozenset[str] = frozenset()
    # Times in which a provider was away: (from, to), to 0 while it still is.
    outages: tuple[tuple[int, int], ...] = ()
    # When the cause of such a task was last taken away; 0: never.
    gone_at_us: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """What one kind of assignment asks for."""

    name: str
    terms: Terms
    proof: str
    due_after: timedelta
    expires_at_due: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Who is asked, and for which region."""

    cadre_id: str
    region_id: str
    # Steps of the terms used up on the way.
    level: int


def policy_of(kind: str, region_id: str, context: Context) -> Policy:
    """The policy in force there today; its name carries file and edition of the data."""
    found = entry_of(kind, region_id, context.today, context.parameters)
    if found is None:
        reject("assignment-kind-not-known", field="kind", kind=kind)
    file, row = found
    return Policy(
        name=f"{kind}@{file}:{context.parameters.edition[:12]}",
        terms=terms_of(row, queued_at_most_s=_queued_at_most_s(context)),
        proof=row["proof"],
        due_after=timedelta(seconds=row["due_after_s"]),
        expires_at_due=row["at_due"] == EXPIRE,
    )


def entry_of(
    kind: str, region_id: str, on: date, parameters: Parameters
) -> tuple[str, Mapping[str, Any]] | None:
    """File and entry: of the nearest region, in it the latest day; None when no file has the kind.

    A file with a kind says all of it; nothing is mixed from two.
    """
    best: tuple[int, date, str] | None = None
    for name in parameters.table("policies")["files"]:
        file = parameters.table(name)
        rank = (len(file["region"]), file["valid_from"], name)
        fits = region_id.startswith(file["region"]) and file["valid_from"] <= on
        if fits and kind in file["kinds"] and (best is None or rank > best):
            best = rank
    if best is None:
        return None
    return best[2], parameters.table(best[2])["kinds"][kind]


def terms_of(row: Mapping[str, Any], *, queued_at_most_s: int) -> Terms:
    """What is fixed for an assignment of this entry."""
    assert row["proof"] in PROOFS
    assert len(row["remind_after_s"]) == len(row["remind_by"])
    return Terms(
        priority=row["priority"],
        who=row["who"],
        remind_after_s=row["remind_after_s"],
        remind_by=row["remind_by"],
        escalate_after_s=row["escalate_after_s"],
        steps=row["steps"],
        queued_at_most_s=queued_at_most_s,
        progress_after_s=row["progress_after_s"],
        snoozes_max=row["snoozes_max"],
        snooze_max_s=row["snooze_max_s"],
        expire_after_s=row["expire_after_s"],
        verified_by=row["verified_by"],
        working_days=row["working_days"],
    )


def limit(name: str, context: Context) -> int:
    """A number of the section [limits]."""
    return int(context.parameters.table("policies")["limits"][name])


def sending(context: Context) -> dict[str, Any]:
    """The section [sending]."""
    return dict(context.parameters.table("policies")["sending"])


def listed(section: str, context: Context) -> Mapping[str, Any]:
    """A list of codes with their words: decline_reasons, return_reasons, topics."""
    found: Mapping[str, Any] = context.parameters.table("policies")[section]
    return found


def township_of(village_id: str) -> str:
    """The first nine digits of a village's code."""
    return village_id[:TOWNSHIP_DIGITS]


def county_of(village_id: str) -> str:
    """The first six digits of a village's code."""
    return village_id[:COUNTY_DIGITS]


def regions_of(village_id: str) -> tuple[str, ...]:
    """The village, its township, its county; a task of a township or county begins there."""
    return tuple(dict.fromkeys(village_id[:digits] for digits in LEVELS))


def candidates(
    terms: Terms, helper_id: str, village_id: str, world: World, tried: Iterable[str]
) -> list[str]:
    """Everyone whom the policy names and who is there, in its order, reachable or not."""
    not_again = {*tried, *world.departed}
    found: dict[str, None] = {}
    for who in terms.who:
        if who == HELPER and helper_id:
            found[helper_id] = None
        for each in holders(who, village_id, world.posted):
            found[each.cadre_id] = None
    return [cadre_id for cadre_id in found if cadre_id not in not_again]


def holders(post: str, village_id: str, posted: Iterable[Posted]) -> list[Posted]:
    """Who holds the post for the village, the nearest region first."""
    regions = regions_of(village_id)
    there = [each for each in posted if each.post == post and each.region_id in regions]
    return sorted(there, key=lambda each: (regions.index(each.region_id), each.cadre_id))


def upward(terms: Terms, level: int, village_id: str, world: World, tried: Iterable[str]) -> Found:
    """The next level with somebody who can be reached; "" when it is the county's list by now."""
    not_again = {*tried, *world.departed, *world.unreachable}
    for taken, post in enumerate(terms.steps[level:], start=level + 1):
        for each in holders(post, village_id, world.posted):
            if each.cadre_id not in not_again:
                return Found(each.cadre_id, each.region_id, taken)
    return Found("", county_of(village_id), len(terms.steps))


def _queued_at_most_s(context: Context) -> int:
    return int(context.parameters.table("hours")["answer"]["queued_at_most_s"])
