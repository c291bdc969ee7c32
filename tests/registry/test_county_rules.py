"""Counties: application, sample, exit; every miss is refused."""

from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given as drawn_by
from hypothesis import strategies as st

from services.registry.decider.county import Candidates, CountyStanding
from services.registry.decider.error_arithmetic import Finding, arithmetic, misses
from services.registry.decider.sampling import draw
from services.registry.decider.standing import e4
from tests.registry.subjects import (
    NUMBERS,
    ON,
    C,
    V,
    Walk,
    by,
    counties,
)
from tests.registry.test_village_rules import LATER
from tuopin.registry.v1 import county_pb2 as county
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_EXITED,
    HOUSEHOLD_STATUS_REGISTERED,
)

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
