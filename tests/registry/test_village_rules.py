"""Villages: file, designation, exit; every shortcut is refused."""

from datetime import timedelta
from typing import Any

import pytest

from services.registry.decider.village import SERVICES
from tests.given import NOW, new_id
from tests.registry.subjects import (
    ON,
    V,
    Walk,
    villages,
)
from tuopin.registry.v1 import village_pb2 as village
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_EXITED,
    HOUSEHOLD_STATUS_REGISTERED,
)


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
