"""Villages and counties: files, designation, exits; every miss and every shortcut is refused."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given as drawn_by
from hypothesis import strategies as st

from chassis.decider import Actor
from chassis.programme import Programme
from services.registry.decider.county import COUNTY, Candidates, CountyStanding
from services.registry.decider.error_arithmetic import Finding, arithmetic, misses
from services.registry.decider.sampling import draw
from services.registry.decider.standing import e4
from services.registry.decider.village import SERVICES, VILLAGE
from tests.given import NOW, FixedParameters, Given, Result, new_id
from tuopin.registry.v1 import county_pb2 as county
from tuopin.registry.v1 import village_pb2 as village
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_EXITED,
    HOUSEHOLD_STATUS_REGISTERED,
)

V = "433124110226"
C = "433124"
PROGRAMME = Programme.load("programme")
NUMBERS = {
    "village-collective-income-fen": 3_000_000,
    "exit-incidence-e4": 200,
    "subject-exit-posting-days": 7,
    "county-sample-villages": 2,
    "county-sample-households-a-village": 2,
    "county-sample-doors-a-village": 1,
    "county-wrongly-exited-e4": 200,
    "county-omitted-e4": 200,
    "county-recognition-e4": 9_000,
}
PARAMETERS = FixedParameters(
    NUMBERS, {"figures": PROGRAMME.table("figures"), "codes": PROGRAMME.table("codes")}
)
villages = Given(VILLAGE, PARAMETERS, facts=True)
counties = Given(COUNTY, PARAMETERS, facts=True)
ON = "2020-03-02"


def by(name: str) -> Actor:
    return Actor(subject=name)


class Walk:
    """Steps one after the other, each on what the earlier ones led to."""

    def __init__(self, rules: Given[Any]) -> None:
        self.rules = rules
        self.events: list[Message] = []

    def does(self, command: Message, who: str, *, facts: Any = None, at: datetime = NOW) -> Result:
        result = self.rules(*self.events).when(command, by=by(who), facts=facts, at=at)
        if result.rejection is None:
            self.events += result.events
        return result


def file(**changes: Any) -> village.VillageFile:
    fields: dict[str, Any] = {
        "year": 2019,
        "terrain": village.TERRAIN_MOUNTAINS,
        "registered_people": 1_000,
        "registered_households": 250,
        "labour_force": 500,
        **dict.fromkeys(SERVICES, True),
        "economy": village.CollectiveEconomy(income_fen=5_000_000),
        "organisation": village.Organisation(
            seats=5, seats_filled=5, rating=village.ORGANISATION_RATING_SOUND
        ),
    }
    return village.VillageFile(**{**fields, **changes})


def state_village(**changes: Any) -> village.StateVillage:
    return village.StateVillage(village_id=V, file=file(**changes), effective_on="2020-01-10")


def poor_village(**changes: Any) -> Walk:
    walk = Walk(villages)
    walk.does(state_village(**changes), "committee")
    walk.does(
        village.DesignateVillage(village_id=V, document="2014-1", effective_on="2020-01-11"),
        "county",
    )
    return walk


PROPOSE = village.ProposeVillageExit(village_id=V, effective_on="2020-03-01")
POST = village.PostVillageExit(village_id=V, effective_on="2020-03-01")
OBJECT = village.ObjectToVillageExit(village_id=V, point="road", effective_on=ON)
APPROVE = village.ApproveVillageExit(village_id=V, document="2020-9", effective_on=ON)
STANDING = {HOUSEHOLD_STATUS_REGISTERED: 19, HOUSEHOLD_STATUS_EXITED: 300}


def posted_village() -> Walk:
    walk = poor_village()
    walk.does(PROPOSE, "committee", facts=STANDING).then_event(
        village.VillageExitProposed, poor_people=19, incidence_e4=190, limit_e4=200
    )
    walk.does(POST, "township").then_event(village.VillageExitPosted, days=7)
    return walk


LATER = NOW + timedelta(days=8)
APPROVE_LATER = village.ApproveVillageExit(
    village_id=V, document="2020-9", effective_on="2020-03-10"
)


def test_a_village_exits_by_its_file_the_register_and_a_posting() -> None:
    walk = posted_village()
    walk.does(APPROVE_LATER, "county", at=LATER).then_event(village.VillageExited)
    walk.does(APPROVE_LATER, "other", at=LATER).then_rejected("village-already-exited")
    walk.does(PROPOSE, "committee", facts=STANDING).then_rejected("village-already-exited")


def test_nobody_shortens_the_posting_of_a_village() -> None:
    walk = posted_village()
    almost = NOW + timedelta(days=7) - timedelta(seconds=1)
    walk.does(APPROVE, "county", at=almost).then_rejected("subject-posting-still-open")


def test_nobody_decides_on_a_village_at_two_levels() -> None:
    walk = poor_village()
    walk.does(PROPOSE, "one", facts=STANDING)
    walk.does(POST, "one").then_rejected("same-person-at-two-levels")
    walk.does(POST, "two")
    walk.does(APPROVE_LATER, "two", at=LATER).then_rejected("same-person-at-two-levels")


def test_an_open_objection_stops_the_exit_and_a_dismissed_one_begins_the_posting_anew() -> None:
    walk = posted_village()
    walk.does(OBJECT, "clerk").then_event(village.VillageExitObjected, point="road")
    walk.does(APPROVE_LATER, "county", at=LATER).then_rejected("subject-objection-open")
    objection = new_id("objection")

    def settle(upheld: bool, on: str = "2020-03-09") -> village.SettleVillageObjection:
        return village.SettleVillageObjection(
            village_id=V, objection_id=objection, upheld=upheld, effective_on=on
        )

    day_7 = NOW + timedelta(days=7)
    walk.does(settle(False), "clerk", at=day_7).then_rejected("same-person-at-two-levels")
    walk.does(settle(False), "judge", at=day_7)
    walk.does(settle(False), "judge", at=day_7).then_rejected("objection-not-open")
    walk.does(APPROVE_LATER, "county", at=LATER).then_rejected("subject-posting-still-open")


def test_an_upheld_objection_ends_the_exit() -> None:
    walk = posted_village()
    walk.does(OBJECT, "clerk")
    upheld = village.SettleVillageObjection(
        village_id=V, objection_id=new_id("objection"), upheld=True, effective_on=ON
    )
    walk.does(upheld, "judge").then_event(village.VillageObjectionSettled, closes_at_us=0)
    walk.does(APPROVE_LATER, "county", at=LATER).then_rejected("village-exit-not-posted")
    again = village.ProposeVillageExit(village_id=V, effective_on=ON)
    walk.does(again, "committee", facts=STANDING).then_event(village.VillageExitProposed)


@pytest.mark.parametrize("service", SERVICES)
def test_a_village_without_a_service_does_not_exit(service: str) -> None:
    walk = poor_village(**{service: False})
    (
        walk.does(PROPOSE, "committee", facts=STANDING).then_rejected(
            "village-service-missing", service=service
        )
    )


def test_a_village_with_too_many_poor_does_not_exit() -> None:
    walk = poor_village()
    two_percent = {HOUSEHOLD_STATUS_REGISTERED: 20}
    walk.does(PROPOSE, "committee", facts=two_percent).then_rejected("incidence-too-high", poor=20)


def test_what_else_keeps_a_village_in() -> None:
    low = poor_village(economy=village.CollectiveEconomy(income_fen=2_999_999))
    low.does(PROPOSE, "committee", facts=STANDING).then_rejected("collective-income-too-low")
    old = poor_village(year=2018)
    old.does(PROPOSE, "committee", facts=STANDING).then_rejected("village-file-too-old")
    never = Walk(villages)
    never.does(PROPOSE, "committee", facts=STANDING).then_rejected("village-not-known")
    never.does(state_village(), "committee")
    never.does(PROPOSE, "committee", facts=STANDING).then_rejected("village-not-designated")
    bare = Walk(villages)
    bare.does(village.DesignateVillage(village_id=V, document="1", effective_on=ON), "county")
    bare.does(PROPOSE, "committee", facts=STANDING).then_rejected("village-file-missing")
    twice = posted_village()
    twice.does(PROPOSE, "x", facts=STANDING).then_rejected("village-exit-already-proposed")


def test_steps_of_a_village_come_in_their_order() -> None:
    walk = poor_village()
    for command, slug in (
        (POST, "village-exit-not-proposed"),
        (OBJECT, "village-exit-not-posted"),
        (APPROVE, "village-exit-not-posted"),
    ):
        walk.does(command, "somebody").then_rejected(slug)
    posted = posted_village()
    early = village.ObjectToVillageExit(village_id=V, point="road", effective_on="2020-02-01")
    posted.does(early, "x").then_rejected("subject-step-before-last")
    odd = village.ObjectToVillageExit(village_id=V, point="weather", effective_on=ON)
    posted.does(odd, "x").then_rejected("village-exit-point-not-listed")


def test_a_villages_file_is_checked() -> None:
    walk = Walk(villages)
    for changes, slug in (
        ({"year": 2021}, "village-file-of-the-future"),
        ({"labour_force": 1_001}, "labour-force-above-people"),
        (
            {"organisation": village.Organisation(seats=3, seats_filled=4, rating=1)},
            "more-seats-filled-than-there-are",
        ),
        (
            {"economy": village.CollectiveEconomy(income_fen=1, paid_to_households_fen=2)},
            "collective-paid-more-than-it-has",
        ),
    ):
        walk.does(state_village(**changes), "committee").then_rejected(slug)
    walk.does(state_village(), "committee", facts=False).then_rejected("village-not-in-regions")
    walk.does(state_village(), "committee").then_event(village.VillageStated)
    walk.does(state_village(), "committee").then_nothing()
    walk.does(state_village(year=2018), "x").then_rejected("village-file-older-than-last")


def test_a_village_is_designated_once() -> None:
    again = village.DesignateVillage(village_id=V, document="2", effective_on=ON)
    poor_village().does(again, "county").then_rejected("village-already-designated")


# Counties

PEOPLE = {HOUSEHOLD_STATUS_REGISTERED: 50, HOUSEHOLD_STATUS_EXITED: 1_000}
APPLIED = CountyStanding(PEOPLE, rural_people=20_000, villages_without_file=0)
CANDIDATES = Candidates({f"{C}00000{n}": (f"h-{n}a", f"h-{n}b", f"h-{n}c") for n in range(1, 5)})


def on(command: type[Any], **fields: Any) -> Any:
    return command(county_id=C, effective_on=ON, **fields)


def poor_county() -> Walk:
    walk = Walk(counties)
    walk.does(on(county.DesignateCounty, document="2012-3"), "province")
    return walk


def sampled_county() -> Walk:
    walk = poor_county()
    walk.does(on(county.ApplyForCountyExit), "county", facts=APPLIED).then_event(
        county.CountyExitApplied, remaining_people=50, exited_people=1_000
    )
    walk.does(on(county.CheckCountyExit, passed=True), "prefecture")
    walk.does(on(county.DrawCountySample, seed="seed1234"), "province", facts=CANDIDATES)
    return walk


def find(walk: Walk, *, wrong: int = 0, omitted: int = 0, denies: int = 0) -> None:
    """Findings at every door of the sample; so many of each kind go wrong."""
    sample = next(each for each in walk.events if isinstance(each, county.CountySampleDrawn))
    places: list[dict[str, Any]] = [
        {"household_id": each, "village_id": sample.village_ids[0]}
        for each in sample.exited_household_ids
    ]
    places += [{"door": 1, "village_id": each} for each in sample.village_ids]
    for number, place in enumerate(places):
        exited = "household_id" in place
        bad = number < wrong if exited else len(places) - number <= omitted
        finding = on(
            county.RecordSampleFinding,
            people=4,
            wrong=bad,
            recognises=number >= denies,
            **place,
        )
        walk.does(finding, "assessor").then_event(county.SampleFindingRecorded)
        walk.does(finding, "assessor").then_nothing()


CONCLUDE = county.ConcludeCountySample(county_id=C, effective_on=ON)


def test_a_county_exits_when_nothing_is_missed() -> None:
    walk = sampled_county()
    find(walk)
    walk.does(CONCLUDE, "province").then_event(county.CountyExitVerified)
    walk.does(on(county.PostCountyExit), "province")
    approve = on(county.ApproveCountyExit, document="2020-1")
    walk.does(approve, "minister").then_rejected("subject-posting-still-open")
    walk.does(approve, "minister", at=LATER).then_event(county.CountyExited)
    walk.does(approve, "minister", at=LATER).then_rejected("county-already-exited")


@pytest.mark.parametrize(
    ("found", "missed"),
    [
        ({"wrong": 1}, ["wrongly-exited"]),
        ({"omitted": 1}, ["combined-incidence", "omitted"]),
        ({"denies": 1}, ["recognition"]),
    ],
)
def test_any_miss_blocks_a_county(found: dict[str, int], missed: list[str]) -> None:
    walk = sampled_county()
    find(walk, **found)
    result = walk.does(CONCLUDE, "province")
    (blocked,) = result.events
    assert isinstance(blocked, county.CountyExitBlocked)
    assert list(blocked.misses) == missed
    walk.does(on(county.PostCountyExit), "province").then_rejected("county-exit-not-verified")
    again = walk.does(on(county.ApplyForCountyExit), "county", facts=APPLIED)
    again.then_event(county.CountyExitApplied)


def test_a_sample_is_concluded_when_every_door_has_a_finding() -> None:
    walk = sampled_county()
    walk.does(CONCLUDE, "province").then_rejected("sample-findings-missing", missing=6, wanted=6)


def test_findings_are_of_the_sample_and_not_rewritten() -> None:
    walk = sampled_county()
    sample = walk.events[-1]
    assert isinstance(sample, county.CountySampleDrawn)
    inside, household = sample.village_ids[0], sample.exited_household_ids[0]

    def found(**fields: Any) -> Message:
        message: Message = on(county.RecordSampleFinding, people=3, **fields)
        return message

    for fields, slug in (
        ({"village_id": "433124999999", "door": 1}, "village-not-in-sample"),
        ({"village_id": inside, "household_id": "h-9"}, "household-not-in-sample"),
        (
            {"village_id": inside, "household_id": household, "door": 1},
            "door-of-household-in-sample",
        ),
        ({"village_id": inside, "door": 2}, "door-not-in-sample"),
        ({"village_id": inside}, "door-not-in-sample"),
    ):
        walk.does(found(**fields), "assessor").then_rejected(slug)
    walk.does(found(village_id=inside, door=1), "assessor")
    other = found(village_id=inside, door=1, wrong=True)
    walk.does(other, "assessor").then_rejected("finding-already-recorded")


def test_steps_of_a_county_come_in_their_order_and_from_different_people() -> None:
    nobody = Walk(counties)
    nobody.does(on(county.ApplyForCountyExit), "county").then_rejected("county-not-designated")
    nobody.does(on(county.DesignateCounty, document="1"), "province", facts=False).then_rejected(
        "county-not-in-regions"
    )
    walk = poor_county()
    walk.does(on(county.DesignateCounty, document="1"), "x").then_rejected(
        "county-already-designated"
    )
    check = on(county.CheckCountyExit, passed=True)
    draw = on(county.DrawCountySample, seed="seed1234")
    walk.does(check, "x").then_rejected("county-exit-not-applied-for")
    walk.does(draw, "x").then_rejected("county-exit-not-checked")
    walk.does(CONCLUDE, "x").then_rejected("county-sample-not-drawn")
    walk.does(on(county.ApproveCountyExit, document="1"), "x").then_rejected(
        "county-exit-not-posted"
    )
    none = CountyStanding(PEOPLE, 0, 4)
    apply = on(county.ApplyForCountyExit)
    walk.does(apply, "county", facts=none).then_rejected("county-without-village-files")
    walk.does(apply, "county", facts=APPLIED)
    walk.does(apply, "county", facts=APPLIED).then_rejected("county-exit-already-applied-for")
    walk.does(check, "county").then_rejected("same-person-at-two-levels")
    walk.does(check, "prefecture")
    walk.does(draw, "p", facts=Candidates({V: ()})).then_rejected("county-without-exits")
    walk.does(on(county.CheckCountyExit, passed=False), "y").then_rejected(
        "county-exit-not-applied-for"
    )


def test_a_drawing_without_an_exited_household_is_drawn_again() -> None:
    walk = poor_county()
    walk.does(on(county.ApplyForCountyExit), "county", facts=APPLIED)
    walk.does(on(county.CheckCountyExit, passed=True), "prefecture")
    villages_of = {f"{C}{n:06}": () for n in range(200)} | {f"{C}999999": ("h",)}
    seeds = [f"seed{n:04}" for n in range(20)]
    outcomes = {
        walk.rules(*walk.events)
        .when(on(county.DrawCountySample, seed=seed), by=by("p"), facts=Candidates(villages_of))
        .rejection
        is None
        for seed in seeds
    }
    assert False in outcomes


def test_a_prefecture_that_does_not_pass_sends_the_county_back() -> None:
    walk = poor_county()
    walk.does(on(county.ApplyForCountyExit), "county", facts=APPLIED)
    walk.does(on(county.CheckCountyExit, passed=False), "prefecture")
    walk.does(on(county.ApplyForCountyExit), "county", facts=APPLIED).then_event(
        county.CountyExitApplied
    )


@drawn_by(st.text("abc123", min_size=4), st.sets(st.text("xyz", min_size=1)), st.integers(0, 9))
def test_anybody_draws_the_same_sample_from_the_seed(seed: str, ids: set[str], count: int) -> None:
    ours = draw(seed, 0, ids, count)
    assert ours == draw(seed, 0, sorted(ids, reverse=True), count)
    assert len(ours) == min(count, len(ids))
    assert set(ours) <= ids


@drawn_by(
    st.lists(
        st.builds(Finding, st.booleans(), st.integers(1, 9), st.booleans(), st.booleans()),
        min_size=1,
        max_size=30,
    )
)
def test_one_more_fault_never_helps_a_county(findings: list[Finding]) -> None:
    applied = county.CountyExitApplied(remaining_people=10, exited_people=500, rural_people=9_000)

    def missed(of: list[Finding]) -> set[str]:
        return set(misses(arithmetic(applied, of, NUMBERS.__getitem__)))

    worse = [findings[0]._replace(wrong=True, recognises=False), *findings[1:]]
    assert missed(findings) <= missed(worse)


def test_rates_are_rounded_against_the_exit() -> None:
    assert e4(1, 3) == 3_334
    assert e4(0, 3) == 0
    assert e4(1, 0) == 0
