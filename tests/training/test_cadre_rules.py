"""The rules of cadres, as sentences."""

from typing import Any

import pytest

from services.training.decider.cadre import DECIDER
from tests.given import Given
from tuopin.training.v1.cadre_pb2 import (
    AppointCadre,
    CadreAppointed,
    CadreDeparted,
    CadrePosted,
    CadrePosting,
    EndPost,
    Post,
    PostCadre,
    PostEnded,
    RecordDeparture,
    RezonePost,
)

COUNTY, TOWNSHIP, VILLAGE = "433124", "433124100", "433124100201"
given = Given(DECIDER)


def appoint() -> AppointCadre:
    return AppointCadre(
        cadre_id="cadre-wu",
        region_id=COUNTY,
        name="Wu",
        phone="13900000000",
        unit="county office of agriculture",
        language="zh",
        effective_on="2020-01-10",
    )


def appointed() -> CadreAppointed:
    return CadreAppointed(
        cadre_id="cadre-wu",
        region_id=COUNTY,
        name="Wu",
        phone="13900000000",
        unit="county office of agriculture",
        language="zh",
        effective_on="2020-01-10",
    )


def post(region_id: str = VILLAGE, **fields: Any) -> PostCadre:
    return PostCadre(
        **{
            "cadre_id": "cadre-wu",
            "region_id": region_id,
            "post": Post.POST_FIRST_SECRETARY,
            "effective_on": "2020-02-01",
            **fields,
        }
    )


def posted(region_id: str = VILLAGE) -> CadrePosted:
    return CadrePosted(
        cadre_id="cadre-wu",
        region_id=region_id,
        post=Post.POST_FIRST_SECRETARY,
        effective_on="2020-02-01",
    )


def test_a_cadre_is_appointed() -> None:
    given().when(appoint()).then(appointed())


def test_a_cadre_is_appointed_once() -> None:
    given(appointed()).when(appoint()).then_rejected("cadre-already-appointed", on="2020-01-10")


def test_a_cadre_is_posted() -> None:
    given(appointed()).when(post()).then(posted())


def test_the_same_posting_again_has_no_effect() -> None:
    given(appointed(), posted()).when(post(effective_on="2020-03-01")).then_nothing()


def test_a_cadre_may_have_several_villages() -> None:
    given(appointed(), posted()).when(post("433124100202")).then(posted("433124100202"))


def test_nobody_is_posted_before_being_appointed() -> None:
    given().when(post()).then_rejected("cadre-not-known")
    (
        given(appointed())
        .when(post(effective_on="2020-01-09"))
        .then_rejected("posting-before-appointment", on="2020-01-10")
    )


def test_a_cadre_stays_in_its_county() -> None:
    (
        given(appointed())
        .when(post("433125100201"))
        .then_rejected("posting-outside-county", county=COUNTY)
    )


@pytest.mark.parametrize(
    ("kind", "levels"),
    [
        (Post.POST_FIRST_SECRETARY, {VILLAGE}),
        (Post.POST_RESIDENT_TEAM, {VILLAGE}),
        (Post.POST_HELPER, {VILLAGE, TOWNSHIP}),
        (Post.POST_TOWNSHIP_SPECIALIST, {TOWNSHIP}),
        (Post.POST_COUNTY_LEADER, {COUNTY}),
    ],
)
def test_each_post_has_its_level(kind: Post.ValueType, levels: set[str]) -> None:
    for region in (COUNTY, TOWNSHIP, VILLAGE, "4331241"):
        result = given(appointed()).when(post(region, post=kind))
        if region in levels:
            result.then_event(CadrePosted, region_id=region, post=kind)
        else:
            result.then_rejected("post-at-another-level")


def end(effective_on: str = "2020-06-01") -> EndPost:
    return EndPost(
        cadre_id="cadre-wu",
        region_id=VILLAGE,
        post=Post.POST_FIRST_SECRETARY,
        reason="term-over",
        effective_on=effective_on,
    )


def ended() -> PostEnded:
    return PostEnded(
        cadre_id="cadre-wu",
        region_id=VILLAGE,
        post=Post.POST_FIRST_SECRETARY,
        reason="term-over",
        effective_on="2020-06-01",
    )


def leave(effective_on: str = "2020-06-01") -> RecordDeparture:
    return RecordDeparture(cadre_id="cadre-wu", reason="recalled", effective_on=effective_on)


def left() -> CadreDeparted:
    post_held = CadrePosting(region_id=VILLAGE, post=Post.POST_FIRST_SECRETARY, since="2020-02-01")
    return CadreDeparted(
        cadre_id="cadre-wu",
        region_id=COUNTY,
        reason="recalled",
        effective_on="2020-06-01",
        posts=[post_held],
    )


def test_a_post_ends_once() -> None:
    given(appointed(), posted()).when(end()).then(ended())
    given(appointed(), posted(), ended()).when(end()).then_nothing()


def test_a_post_that_is_over_may_be_taken_up_again() -> None:
    given(appointed(), posted(), ended()).when(post()).then(posted())


def test_nobody_leaves_before_coming() -> None:
    story = given(appointed(), posted())
    story.when(end("2020-01-31")).then_rejected("end-before-posting", on="2020-02-01")
    story.when(leave("2020-01-31")).then_rejected("end-before-posting", on="2020-02-01")


def test_a_departure_names_every_post_that_is_over() -> None:
    given(appointed(), posted()).when(leave()).then(left())
    given(appointed(), posted(), left()).when(leave()).then_nothing()


def test_who_has_left_is_not_posted_again() -> None:
    given(appointed(), posted(), left()).when(post()).then_rejected("cadre-departed")


NEXT_DOOR = "433125100201"
REZONE = RezonePost(
    cadre_id="cadre-wu",
    from_region_id=VILLAGE,
    region_id=NEXT_DOOR,
    post=Post.POST_FIRST_SECRETARY,
    effective_on="2020-03-01",
)
POSTED = CadrePosted(
    cadre_id="cadre-wu",
    region_id=VILLAGE,
    post=Post.POST_FIRST_SECRETARY,
    effective_on="2020-02-01",
)


def test_a_post_goes_along_with_its_village_even_to_another_county() -> None:
    there = CadrePosted(
        cadre_id="cadre-wu",
        region_id=NEXT_DOOR,
        post=Post.POST_FIRST_SECRETARY,
        effective_on="2020-03-01",
    )
    ended = PostEnded(
        cadre_id="cadre-wu",
        region_id=VILLAGE,
        post=Post.POST_FIRST_SECRETARY,
        reason="rezoned",
        effective_on="2020-03-01",
    )
    given(appointed(), POSTED).when(REZONE).then(there, ended)
    given(appointed(), POSTED, there, ended).when(REZONE).then_nothing()
    given(appointed(), POSTED, there).when(REZONE).then(ended)


def test_who_was_posted_after_the_day_of_the_change_goes_along_from_then() -> None:
    late = CadrePosted()
    late.CopyFrom(POSTED)
    late.effective_on = "2020-04-01"
    given(appointed(), late).when(REZONE).then_event(PostEnded, effective_on="2020-04-01")


def test_who_left_the_village_stays_where_they_are() -> None:
    given(appointed()).when(REZONE).then_nothing()
