"""The policy of a kind of assignment, read from the programme data in force."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chassis.decider import Context
from chassis.rejection import reject

# The cause names this one; every other name in `who` is a post.
HELPER = "HELPER"
PROOFS = ("none", "any", "paper")


@dataclass(frozen=True, slots=True)
class Posted:
    """One posting, from the notifier's own copy."""

    cadre_id: str
    post: str
    region_id: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What one kind of assignment asks for."""

    name: str
    who: tuple[str, ...]
    proof: str
    remind_after: timedelta
    escalate_after: timedelta
    due_after: timedelta


def policy_of(kind: str, context: Context) -> Policy:
    """The policy in force; its name carries the edition of the data."""
    kinds = context.parameters.table("policies")["kinds"]
    if kind not in kinds:
        reject("assignment-kind-not-known", field="kind", kind=kind)
    row = kinds[kind]
    assert row["proof"] in PROOFS
    return Policy(
        name=f"{kind}@{context.parameters.edition[:12]}",
        who=tuple(row["who"]),
        proof=row["proof"],
        remind_after=timedelta(seconds=row["remind_after_s"]),
        escalate_after=timedelta(seconds=row["escalate_after_s"]),
        due_after=timedelta(seconds=row["due_after_s"]),
    )


def limit(name: str, context: Context) -> int:
    """A number of the section [limits]."""
    return int(context.parameters.table("policies")["limits"][name])


def sending(context: Context) -> dict[str, Any]:
    """The section [sending]."""
    return dict(context.parameters.table("policies")["sending"])


def township_of(village_id: str) -> str:
    """The first nine digits of a village's code."""
    return village_id[:9]


def whom(policy: Policy, helper_id: str, village_id: str, posted: Iterable[Posted]) -> str:
    """The first that the policy names and that is there; "" when nobody is."""
    places = (village_id, township_of(village_id))
    there = sorted((p for p in posted if p.region_id in places), key=lambda p: p.cadre_id)
    for who in policy.who:
        if who == HELPER and helper_id:
            return helper_id
        for each in there:
            if each.post == who:
                return each.cadre_id
    return ""


def specialist(village_id: str, posted: Iterable[Posted], but: str, context: Context) -> str:
    """Who holds the township's post for what nobody answers, other than `but`; "" when nobody."""
    post = context.parameters.table("policies")["escalation"]["post"]
    township = township_of(village_id)
    return min(
        (
            each.cadre_id
            for each in posted
            if each.post == post and each.region_id == township and each.cadre_id != but
        ),
        default="",
    )
