"""Who belongs to a household: people come, change and go, and one of them is the head."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.decider import Claim, Release
from tests.given import Result, new_id
from tests.registry.filing import files_after, given, state_after
from tests.registry.stories import (
    CHILD_ID,
    HEAD_ID,
    HOUSEHOLD_ID,
    VILLAGE,
    child,
    household_registered,
    identity_number,
    person_erased,
)
from tuopin.registry.v1 import file_pb2 as pb
from tuopin.registry.v1 import household_pb2 as base
from tuopin.registry.v1.correction_pb2 import CorrectDate, DateCorrected

REGISTERED = household_registered()
LATER = datetime(2020, 6, 2, tzinfo=UTC)
ON = "2020-02-01"
BABY = child(name="合成塔娜", identity_number=identity_number("20200115"), birth_year=2020)
ABOUT: dict[str, Any] = {"household_id": HOUSEHOLD_ID, "effective_on": ON}


def told(command: Message, *events: Message, **more: Any) -> Result:
    events = (REGISTERED, *events)
    return given(*events).when(command, facts=files_after(*events), **more)


def add(**changes: Any) -> pb.AddMember:
    fields = {**ABOUT, "member": BABY, "arrival": base.ARRIVAL_BIRTH}
    return pb.AddMember(**{**fields, **changes})


def remove(person_id: str = CHILD_ID, **changes: Any) -> pb.RemoveMember:
    fields = {**ABOUT, "person_id": person_id, "departure": base.DEPARTURE_MARRIAGE}
    return pb.RemoveMember(**{**fields, **changes})


def left(**changes: Any) -> pb.MemberLeft:
    fields = {
        **ABOUT,
        "village_id": VILLAGE,
        "person_id": CHILD_ID,
        "departure": base.DEPARTURE_MARRIAGE,
        "member_count": 1,
    }
    return pb.MemberLeft(**{**fields, **changes})


def test_a_child_is_born_and_claimed() -> None:
    result = told(add())
    (event,) = result.events
    assert isinstance(event, pb.MemberJoined)
    assert (event.member_count, event.member.person_id) == (3, new_id("person"))
    owner = f"{HOUSEHOLD_ID}/{event.member.person_id}"
    result.then_claims(
        Claim("active-member", BABY.identity_number, owner, "person-already-in-household")
    )


def test_somebody_who_comes_back_is_the_same_person() -> None:
    back = child(relation=base.RELATION_OTHER)
    result = told(add(member=back, arrival=base.ARRIVAL_RETURN), left())
    (event,) = result.events
    assert isinstance(event, pb.MemberJoined)
    assert event.member.person_id == CHILD_ID
    after = state_after(REGISTERED, left(), event)
    assert after.person_ids == (HEAD_ID, CHILD_ID)
    assert not after.file.former_members


def test_a_member_who_is_there_already_does_not_come_again() -> None:
    told(add(member=child(), arrival=base.ARRIVAL_OMITTED)).then_nothing()
    other = child(name="合成别名")
    told(add(member=other)).then_rejected("member-already-in-household")


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"arrival": base.ARRIVAL_OTHER_HOUSEHOLD}, "arrival-by-move"),
        ({"member": child(relation=base.RELATION_HEAD, name="x",
                          identity_number=identity_number("20200115"), birth_year=2020)},
         "household-with-two-heads"),
        ({"member": child(identity_number="123456789012345678")}, "identity-number-not-valid"),
        ({"effective_on": "2020-01-10"}, "joined-before-birth"),
        ({"member": child(identity_number=identity_number("20100115"), birth_year=2010)},
         "birth-long-past"),
        ({"effective_on": "2019-12-31"}, "before-registration"),
        ({"effective_on": "2020-12-31"}, "effective-date-in-the-future"),
    ],
)  # fmt: skip
def test_who_cannot_come(changes: dict[str, Any], slug: str) -> None:
    told(add(**changes)).then_rejected(slug)


def test_who_leaves_gives_the_claim_back_and_is_remembered() -> None:
    result = told(remove())
    result.then(left()).then_claims(Release("active-member", f"{HOUSEHOLD_ID}/{CHILD_ID}"))
    file = state_after(REGISTERED, left()).file
    (former,) = file.former_members
    assert (former.member.person_id, former.left_on) == (CHILD_ID, ON)
    told(remove(), left()).then_nothing()
    died = remove(departure=base.DEPARTURE_DEATH)
    told(died, left()).then_rejected("member-already-left")


def test_the_head_leaves_when_the_next_one_is_named() -> None:
    first, second = told(remove(HEAD_ID, new_head_id=CHILD_ID)).events
    assert isinstance(first, pb.HeadChanged)
    relations = {each.person_id: each.relation for each in first.relations}
    assert relations == {CHILD_ID: base.RELATION_HEAD, HEAD_ID: base.RELATION_PARENT}
    assert isinstance(second, pb.MemberLeft)


@pytest.mark.parametrize(
    ("command", "slug"),
    [
        (remove("nobody"), "person-not-in-household"),
        (remove(departure=base.DEPARTURE_SPLIT), "departure-by-move"),
        (remove(HEAD_ID), "new-head-missing"),
        (remove(HEAD_ID, new_head_id=HEAD_ID), "new-head-leaves"),
        (remove(HEAD_ID, new_head_id="nobody"), "person-not-in-household"),
        (remove(new_head_id=CHILD_ID), "head-stays"),
    ],
)
def test_who_cannot_leave(command: pb.RemoveMember, slug: str) -> None:
    told(command).then_rejected(slug)


def test_the_last_member_does_not_leave() -> None:
    told(remove(HEAD_ID), left()).then_rejected("last-member-cannot-leave")


# What a person is


def change(*changed: str, person_id: str = CHILD_ID, **fields: Any) -> pb.ChangeMember:
    attributes = pb.MemberAttributes(person_id=person_id, changed=changed, **fields)
    return pb.ChangeMember(**ABOUT, attributes=attributes)


def test_only_what_is_another_now_is_recorded() -> None:
    command = change("health", "at_school", health=base.HEALTH_SEVERE_ILLNESS, at_school=True)
    (event,) = told(command).events
    assert isinstance(event, pb.MemberChanged)
    assert list(event.attributes.changed) == ["health"]
    file = state_after(REGISTERED, event).file
    assert (file.members[1].health, file.members[1].name) == (
        base.HEALTH_SEVERE_ILLNESS,
        "合成禾米",
    )
    told(change("at_school", at_school=True)).then_nothing()


def test_work_is_told_as_a_whole() -> None:
    works = {"employment": base.EMPLOYMENT_WAGE_WORK, "work_place": base.WORK_PLACE_COUNTY}
    told(change(*works, person_id=HEAD_ID, **works)).then_event(pb.MemberChanged)
    place = change("work_place", work_place=base.WORK_PLACE_COUNTY)
    told(place).then_rejected("work-place-without-employment")
    told(change("work_months", work_months=3)).then_rejected("work-months-without-employment")


@pytest.mark.parametrize(
    ("command", "slug"),
    [
        (change("birth_year"), "attribute-not-changeable"),
        (change("health"), "attribute-must-be-told"),
        (change("name"), "attribute-must-be-told"),
        (change("phone", person_id="nobody"), "person-not-in-household"),
    ],
)
def test_what_cannot_change_about_a_person(command: pb.ChangeMember, slug: str) -> None:
    told(command).then_rejected(slug)


def test_nothing_changes_about_somebody_erased() -> None:
    told(change("at_school"), person_erased(CHILD_ID)).then_rejected("person-erased")


# The head


def head(person_id: str = CHILD_ID, **relations: int) -> pb.ChangeHead:
    named = [pb.RelationToHead(person_id=each, relation=to) for each, to in relations.items()]
    return pb.ChangeHead(**ABOUT, person_id=person_id, relations=named)


def test_there_is_always_exactly_one_head() -> None:
    (event,) = told(head()).events
    members = state_after(REGISTERED, event).file.members
    assert [each.relation for each in members] == [base.RELATION_PARENT, base.RELATION_HEAD]
    told(head(HEAD_ID)).then_nothing()
    told(head("nobody")).then_rejected("person-not-in-household")
    two = head(**{HEAD_ID: base.RELATION_HEAD})
    told(two).then_rejected("household-with-two-heads")
    twice = head()
    twice.relations.add(person_id=HEAD_ID, relation=base.RELATION_OTHER)
    twice.relations.add(person_id=HEAD_ID, relation=base.RELATION_OTHER)
    told(twice).then_rejected("person-named-twice")


def test_relations_can_be_told_with_the_new_head() -> None:
    (event,) = told(head(**{HEAD_ID: base.RELATION_GRANDPARENT})).events
    members = state_after(REGISTERED, event).file.members
    assert members[0].relation == base.RELATION_GRANDPARENT


# How and where they live


@pytest.mark.parametrize(
    ("command", "event", "fields"),
    [
        (pb.ChangeAddress(**ABOUT, address="新"), pb.AddressChanged, {"address": "新"}),
        (pb.ChangeAttribute(**ABOUT, attribute=2), pb.AttributeChanged, {"attribute": 2}),
        (pb.ChangeCauses(**ABOUT, main_cause=4), pb.CausesChanged, {"main_cause": 4}),
        (pb.ChangeNeeds(**ABOUT, needs=[4, 6]), pb.NeedsChanged, {"needs": [4, 6]}),
        (
            pb.ChangeLivingConditions(**ABOUT, living_conditions=base.LivingConditions(power=True)),
            pb.LivingConditionsChanged,
            {"living_conditions": base.LivingConditions(power=True)},
        ),
        (
            pb.MoveHousehold(**ABOUT, village_id="433124110227", address="新"),
            pb.HouseholdMoved,
            {"village_id": "433124110227", "address": "新"},
        ),
    ],
)
def test_a_household_changes_once(command: Message, event: Any, fields: dict[str, Any]) -> None:
    result = told(command)
    result.then_event(event, **fields)
    file = state_after(REGISTERED, *result.events).file
    assert {name: getattr(file, name) for name in fields} == fields
    told(command, *result.events).then_nothing()


def test_causes_and_needs_are_named_once() -> None:
    causes = pb.ChangeCauses(**ABOUT, main_cause=1, other_causes=[1])
    told(causes).then_rejected("cause-given-twice")
    causes = pb.ChangeCauses(**ABOUT, main_cause=1, other_causes=[2, 3, 4])
    told(causes).then_rejected("household-with-too-many-causes")
    told(pb.ChangeNeeds(**ABOUT, needs=[1, 1])).then_rejected("need-given-twice")


def test_a_household_moves_to_a_village_that_there_is() -> None:
    command = pb.MoveHousehold(**ABOUT, village_id="999999999999")
    facts = files_after(REGISTERED, village_known=False)
    given(REGISTERED).when(command, facts=facts).then_rejected("village-not-in-regions")


# The day of a fact


def correct_date(version: int, on: str) -> CorrectDate:
    about = {"household_id": HOUSEHOLD_ID, "effective_on": on, "reason": "日期有误"}
    return CorrectDate(version=version, **about)  # type: ignore[arg-type]


def test_the_day_of_a_fact_is_corrected_by_an_event_that_names_it() -> None:
    (event,) = told(correct_date(2, "2020-01-20"), left()).events
    assert isinstance(event, DateCorrected)
    assert event.corrects_event_id == f"household-{HOUSEHOLD_ID}@2"
    assert (event.effective_before, event.effective_on) == (ON, "2020-01-20")
    told(correct_date(2, "2020-01-20"), left(), event).then_nothing()
    told(correct_date(2, ON), left()).then_nothing()


def test_the_day_of_the_registration_moves_the_whole_file() -> None:
    (event,) = told(correct_date(1, "2019-12-01"), left()).events
    assert isinstance(event, DateCorrected)
    assert event.of_registration
    assert state_after(REGISTERED, left(), event).file.registered_on == "2019-12-01"
    late = correct_date(1, "2020-02-02")
    told(late, left()).then_rejected("registration-after-other-facts", on=ON)


def test_only_the_day_of_what_still_counts_is_corrected() -> None:
    told(correct_date(7, ON)).then_rejected("event-not-in-file")
    told(correct_date(2, "2019-01-01"), left()).then_rejected("before-registration")
    told(correct_date(2, "2021-01-01"), left()).then_rejected("effective-date-in-the-future")


def test_nothing_of_the_file_changes_before_the_registration() -> None:
    empty = household_registered(effective_on="")
    result = given(empty).when(add(), facts=files_after(empty))
    result.then_rejected("household-not-registered")
