"""Access where no role reaches: the rules, as sentences."""

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.decider import Actor
from services.registry.decider.break_glass import BREAK_GLASS, REASONS, TABLE, break_glass_id_of
from tests.given import COMMAND_ID, NOW, SOMEBODY, FixedParameters, Given
from tuopin.registry.v1 import access_pb2 as pb

VILLAGE, ELSEWHERE = "433124110226", "433125"
PARAMETERS = FixedParameters(
    {"break-glass-hours-max": 24}, {TABLE: {REASONS: {"disaster": {}, "court-order": {}}}}
)
given = Given(BREAK_GLASS, PARAMETERS, facts="")
ID = break_glass_id_of(pb.OpenBreakGlass(command_id=COMMAND_ID))
SUPERVISOR = Actor("zhao-county", {"county-office": (ELSEWHERE,)})
OVER = NOW + timedelta(hours=2)


def open_break_glass(**changes: Any) -> pb.OpenBreakGlass:
    fields: dict[str, Any] = {
        "reason": "disaster",
        "note": "洪水",
        "region_id": ELSEWHERE,
        "hours": 2,
    }
    return pb.OpenBreakGlass(**{**fields, **changes})


def opened(**changes: Any) -> pb.BreakGlassOpened:
    fields: dict[str, Any] = {
        "break_glass_id": ID,
        "reader": SOMEBODY.subject,
        "reason": "disaster",
        "note": "洪水",
        "region_id": ELSEWHERE,
        "opened_at_us": round(NOW.timestamp() * 1e6),
        "expires_at_us": round(OVER.timestamp() * 1e6),
    }
    return pb.BreakGlassOpened(**{**fields, **changes})


def expire() -> pb.ExpireBreakGlass:
    return pb.ExpireBreakGlass(break_glass_id=ID)


def review(finding: pb.BreakGlassFinding.ValueType) -> pb.ReviewBreakGlass:
    return pb.ReviewBreakGlass(break_glass_id=ID, finding=finding)


def expired() -> pb.BreakGlassExpired:
    return pb.BreakGlassExpired(break_glass_id=ID, region_id=ELSEWHERE)


def reviewed(
    finding: pb.BreakGlassFinding.ValueType = pb.BREAK_GLASS_FINDING_JUSTIFIED,
) -> pb.BreakGlassReviewed:
    return pb.BreakGlassReviewed(
        break_glass_id=ID, region_id=ELSEWHERE, finding=finding, reviewed_by=SUPERVISOR.subject
    )


def test_whoever_opens_it_says_why_where_and_for_how_long() -> None:
    given().when(open_break_glass()).then(opened())


def test_of_a_household_its_village_is_told() -> None:
    command = open_break_glass(region_id="", household_id="h-1")
    story = given().when(command, facts=VILLAGE)
    story.then(opened(region_id=VILLAGE, household_id="h-1"))


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"reason": "curiosity"}, "break-glass-reason-not-listed"),
        ({"hours": 25}, "break-glass-too-long"),
        ({"region_id": ""}, "break-glass-target-missing"),
        ({"household_id": "h-1"}, "break-glass-target-missing"),
        ({"region_id": "", "household_id": "h-unknown"}, "household-not-known"),
    ],
)
def test_what_is_not_listed_bounded_and_one_place_opens_nothing(
    changes: dict[str, Any], slug: str
) -> None:
    given().when(open_break_glass(**changes)).then_rejected(slug)


def test_it_ends_by_itself() -> None:
    given(opened()).when(expire(), at=OVER).then(expired())


def test_it_does_not_end_before_its_time() -> None:
    given(opened()).when(expire(), at=NOW).then_rejected("break-glass-not-over")


@pytest.mark.parametrize("ended", [expired(), reviewed()])
def test_what_is_over_ends_once(ended: Message) -> None:
    given(opened(), ended).when(expire(), at=OVER).then_nothing()


@pytest.mark.parametrize("before", [(opened(),), (opened(), expired())])
def test_somebody_else_reviews_it_open_or_over(before: tuple[Message, ...]) -> None:
    finding = pb.BREAK_GLASS_FINDING_UNJUSTIFIED
    given(*before).when(review(finding), by=SUPERVISOR).then(reviewed(finding))


def test_nobody_reviews_their_own() -> None:
    asked = review(pb.BREAK_GLASS_FINDING_JUSTIFIED)
    given(opened()).when(asked).then_rejected("break-glass-own-review")


def test_a_review_said_twice_stands_once_and_is_not_turned_round() -> None:
    story = given(opened(), reviewed())
    story.when(review(pb.BREAK_GLASS_FINDING_JUSTIFIED), by=SUPERVISOR).then_nothing()
    turned = story.when(review(pb.BREAK_GLASS_FINDING_UNJUSTIFIED), by=SUPERVISOR)
    turned.then_rejected("break-glass-already-reviewed")


@pytest.mark.parametrize("command", [expire(), review(pb.BREAK_GLASS_FINDING_JUSTIFIED)])
def test_what_was_never_opened_is_not_known(command: Message) -> None:
    given().when(command).then_rejected("break-glass-not-known")
