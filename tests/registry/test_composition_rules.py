"""Who lives with whom: moves, splits, mergers, and mergers taken apart."""

from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.decider import Claim, Release, derived_id
from services.registry.decider.current import CurrentFiles
from services.registry.decider.state import State
from tests.given import Result
from tests.registry.filing import files_after, given, state_after
from tests.registry.stories import (
    CHILD_ID,
    HEAD_ID,
    HOUSEHOLD_ID,
    SOURCE,
    child,
    exit_proposed,
    household_registered,
    identity_number,
    member,
    person_erased,
)
from tuopin.registry.v1 import composition_pb2 as pb
from tuopin.registry.v1 import household_pb2 as base
from tuopin.registry.v1.file_pb2 import HeadChanged, MemberJoined, MemberLeft, RelationToHead

OTHER = "household-2"
OTHER_HEAD, OTHER_CHILD = "person-3", "person-4"
ON = "2020-02-01"
ABOUT: dict[str, Any] = {"household_id": HOUSEHOLD_ID, "effective_on": ON}
REGISTERED = household_registered()
SECOND = household_registered(
    household_id=OTHER,
    household_number="S1-0000002",
    members=[
        member(person_id=OTHER_HEAD, name="合成诺兰", identity_number=identity_number(order=5)),
        child(person_id=OTHER_CHILD, name="合成维多",
              identity_number=identity_number("20080601", 5)),
    ],
)  # fmt: skip
NEW_ID = derived_id("household", SOURCE, "S1-0000009")


def facts(*stories: tuple[Message, ...]) -> CurrentFiles:
    each = [files_after(*story) for story in stories if story]
    files = {key: file for one in each for key, file in one.files.items()}
    versions = {key: version for one in each for key, version in one.versions.items()}
    return CurrentFiles(files, True, versions)


def told(
    command: Message,
    own: tuple[Message, ...] = (REGISTERED,),
    other: tuple[Message, ...] = (SECOND,),
    other_id: str = OTHER,
) -> Result:
    return given(*own).when(command, facts=facts(own, other), beside={other_id: other})


def after(result: Result, own: tuple[Message, ...], other: tuple[Message, ...]) -> list[State]:
    beside = [event for _, event in result.elsewhere]
    return [state_after(*own, *result.events), state_after(*other, *beside)]


def heads(state: State) -> int:
    return sum(each.relation == base.RELATION_HEAD for each in state.file.members)


def passes(number: str, person_id: str, to: str, of: str = HOUSEHOLD_ID) -> list[Claim | Release]:
    return [
        Release("active-member", f"{of}/{person_id}"),
        Claim("active-member", number, f"{to}/{person_id}", "person-already-in-household"),
    ]


# Moves


def move(person_id: str = CHILD_ID, **changes: Any) -> pb.MoveMember:
    fields = {
        **ABOUT,
        "person_id": person_id,
        "to_household_id": OTHER,
        "relation": base.RELATION_GRANDCHILD,
    }
    return pb.MoveMember(**{**fields, **changes})


def test_a_person_moves_with_their_claim() -> None:
    result = told(move())
    result.then_event(MemberLeft, person_id=CHILD_ID, to_household_id=OTHER)
    ((to, joined),) = result.elsewhere
    assert isinstance(joined, MemberJoined)
    assert (to, joined.from_household_id, joined.member_count) == (OTHER, HOUSEHOLD_ID, 3)
    assert joined.member.relation == base.RELATION_GRANDCHILD
    result.then_claims(*passes(identity_number("20080601"), CHILD_ID, OTHER))


def test_a_person_who_has_moved_already_does_not_move_again() -> None:
    first = told(move())
    own, other = (REGISTERED, *first.events), (SECOND, first.elsewhere[0][1])
    told(move(), own, other).then_nothing()


def test_an_erased_person_moves_without_texts_and_without_a_claim() -> None:
    own = (REGISTERED, person_erased(CHILD_ID))
    result = told(move(), own)
    ((_, joined),) = result.elsewhere
    assert isinstance(joined, MemberJoined)
    assert (joined.member.name, joined.member.identity_number) == ("", "")
    result.then_claims()
    assert state_after(SECOND, joined).erased == {CHILD_ID}


@pytest.mark.parametrize(
    ("command", "slug"),
    [
        (move(to_household_id=HOUSEHOLD_ID), "move-to-same-household"),
        (move(to_household_id="nowhere"), "household-not-known"),
        (move("nobody"), "person-not-in-household"),
        (move(relation=base.RELATION_HEAD), "household-with-two-heads"),
        (move(HEAD_ID), "new-head-missing"),
        (move(effective_on="2019-01-01"), "before-registration"),
    ],
)
def test_who_cannot_move(command: pb.MoveMember, slug: str) -> None:
    told(command, other_id=OTHER).then_rejected(slug)


def test_the_last_member_does_not_move() -> None:
    alone = household_registered(members=[member(person_id=HEAD_ID)])
    told(move(HEAD_ID), (alone,)).then_rejected("last-member-cannot-leave")


def test_nobody_moves_into_a_time_before_the_household_was() -> None:
    young = household_registered(household_id=OTHER, effective_on="2020-02-20")
    told(move(), other=(young,)).then_rejected("before-registration")


def test_a_household_has_at_most_thirty_members() -> None:
    many = [child(person_id=f"p-{n}") for n in range(29)]
    full = household_registered(household_id=OTHER, members=[member(person_id=OTHER_HEAD), *many])
    told(move(), other=(full,)).then_rejected("household-too-large", most=30)


# Splits


def split(**changes: Any) -> pb.SplitHousehold:
    fields = {
        **ABOUT,
        "source": SOURCE,
        "household_number": "S1-0000009",
        "members": [RelationToHead(person_id=CHILD_ID, relation=base.RELATION_HEAD)],
        "income": base.Income(year=2019, wages_fen=500_000),
    }
    return pb.SplitHousehold(**{**fields, **changes})


def splitting(command: pb.SplitHousehold, *own: Message, other: tuple[Message, ...] = ()) -> Result:
    return told(command, own or (REGISTERED,), other, NEW_ID)


def test_those_who_split_off_are_a_household_as_poor_as_the_one_they_leave() -> None:
    result = splitting(split())
    result.then_event(pb.HouseholdSplit, person_ids=[CHILD_ID], member_count=1)
    ((new_id, born),) = result.elsewhere
    assert isinstance(born, base.HouseholdRegistered)
    assert (new_id, born.household_id, born.split_from) == (NEW_ID, NEW_ID, HOUSEHOLD_ID)
    assert (born.main_cause, born.status) == (base.CAUSE_ILLNESS, 1)
    assert (born.address, born.income_per_head_fen) == ("合成地址1组1号", 500_000)
    result.then_claims(*passes(identity_number("20080601"), CHILD_ID, NEW_ID))
    kept, new = after(result, (REGISTERED,), ())
    assert (heads(kept), heads(new)) == (1, 1)


def test_the_head_splits_off_when_those_who_stay_have_another() -> None:
    goes = [RelationToHead(person_id=HEAD_ID, relation=base.RELATION_HEAD)]
    splitting(split(members=goes)).then_rejected("new-head-missing")
    result = splitting(split(members=goes, new_head_id=CHILD_ID))
    result.then_event(HeadChanged, person_id=CHILD_ID)
    assert [heads(each) for each in after(result, (REGISTERED,), ())] == [1, 1]


def test_the_same_split_again_changes_nothing() -> None:
    first = splitting(split())
    other = (first.elsewhere[0][1],)
    splitting(split(), REGISTERED, *first.events, other=other).then_nothing()
    taken = household_registered(household_id=NEW_ID, household_number="S1-0000009")
    splitting(split(), other=(taken,)).then_rejected("household-already-known")


@pytest.mark.parametrize(
    ("members", "slug"),
    [
        ({CHILD_ID: base.RELATION_OTHER}, "household-without-head"),
        ({CHILD_ID: base.RELATION_HEAD, HEAD_ID: base.RELATION_HEAD}, "household-with-two-heads"),
        ({CHILD_ID: base.RELATION_HEAD, HEAD_ID: base.RELATION_OTHER}, "split-leaves-nobody"),
        ({"nobody": base.RELATION_HEAD}, "person-not-in-household"),
    ],
)
def test_who_cannot_split_off(members: dict[str, Any], slug: str) -> None:
    named = [RelationToHead(person_id=each, relation=to) for each, to in members.items()]
    splitting(split(members=named)).then_rejected(slug)


def test_nobody_splits_merges_or_parts_while_a_procedure_runs() -> None:
    own = (REGISTERED, exit_proposed(effective_on="2020-01-20"))
    splitting(split(), *own).then_rejected("household-in-procedure")
    told(merge(), own).then_rejected("household-in-procedure")
    other = (SECOND, exit_proposed(household_id=OTHER, effective_on="2020-01-20"))
    told(merge(), (REGISTERED,), other).then_rejected("household-in-procedure", household_id=OTHER)


# Mergers


def merge(**changes: Any) -> pb.MergeHouseholds:
    fields = {**ABOUT, "merged_household_id": OTHER, "reason": "同一户"}
    return pb.MergeHouseholds(**{**fields, **changes})


def unmerge(**changes: Any) -> pb.UnmergeHouseholds:
    fields = {**ABOUT, "merged_household_id": OTHER, "reason": "并错了"}
    return pb.UnmergeHouseholds(**{**fields, **changes})


def merged(**changes: Any) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    result = told(merge(**changes))
    beside = tuple(event for _, event in result.elsewhere)
    return (REGISTERED, *result.events), (SECOND, *beside)


def test_two_households_become_one_with_all_their_people() -> None:
    result = told(merge())
    kept, gone = after(result, (REGISTERED,), (SECOND,))
    assert kept.person_ids == (HEAD_ID, CHILD_ID, OTHER_HEAD, OTHER_CHILD)
    assert (heads(kept), gone.person_ids) == (1, ())
    assert gone.status == base.HOUSEHOLD_STATUS_MERGED
    assert gone.file.merged_into == HOUSEHOLD_ID
    assert list(kept.file.merged_from) == [OTHER]
    result.then_claims(
        *passes(identity_number(order=5), OTHER_HEAD, HOUSEHOLD_ID, OTHER),
        *passes(identity_number("20080601", 5), OTHER_CHILD, HOUSEHOLD_ID, OTHER),
    )


def test_who_stands_in_both_files_does_not_come_twice() -> None:
    same = [pb.SamePerson(person_id=OTHER_HEAD, kept_person_id=HEAD_ID)]
    result = told(merge(same_people=same))
    kept, _ = after(result, (REGISTERED,), (SECOND,))
    assert kept.person_ids == (HEAD_ID, CHILD_ID, OTHER_CHILD)
    result.then_claims(
        Release("active-member", f"{OTHER}/{OTHER_HEAD}"),
        *passes(identity_number("20080601", 5), OTHER_CHILD, HOUSEHOLD_ID, OTHER),
    )


def test_relations_are_told_for_those_who_come() -> None:
    relations = [RelationToHead(person_id=OTHER_CHILD, relation=base.RELATION_GRANDCHILD)]
    kept, _ = after(told(merge(relations=relations)), (REGISTERED,), (SECOND,))
    assert [each.relation for each in kept.file.members[2:]] == [
        base.RELATION_OTHER,
        base.RELATION_GRANDCHILD,
    ]


def test_the_same_merger_again_changes_nothing() -> None:
    told(merge(), *merged()).then_nothing()


def test_a_merged_household_does_nothing_of_its_own() -> None:
    own, other = merged()
    third = household_registered(household_id="household-3", household_number="S1-0000003")
    result = given(third).when(
        merge(household_id="household-3"), facts=facts((third,), other), beside={OTHER: other}
    )
    result.then_rejected("household-merged", into=HOUSEHOLD_ID)
    given(*other).when(move(household_id=OTHER)).then_rejected("household-merged")
    assert len(own) == 2


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"merged_household_id": HOUSEHOLD_ID}, "merge-with-itself"),
        ({"merged_household_id": "nowhere"}, "household-not-known"),
        ({"same_people": [pb.SamePerson(person_id="x", kept_person_id=HEAD_ID)]},
         "person-not-in-household"),
        ({"same_people": [pb.SamePerson(person_id=OTHER_HEAD, kept_person_id=HEAD_ID)] * 2},
         "person-named-twice"),
        ({"same_people": [pb.SamePerson(person_id=OTHER_HEAD, kept_person_id=HEAD_ID),
                          pb.SamePerson(person_id=OTHER_CHILD, kept_person_id=HEAD_ID)]},
         "person-named-twice"),
        ({"relations": [RelationToHead(person_id=OTHER_CHILD, relation=base.RELATION_HEAD)]},
         "household-with-two-heads"),
        ({"relations": [RelationToHead(person_id=HEAD_ID, relation=base.RELATION_OTHER)]},
         "person-not-in-household"),
    ],
)  # fmt: skip
def test_what_cannot_be_merged(changes: dict[str, Any], slug: str) -> None:
    told(merge(**changes)).then_rejected(slug)


# Taken apart


@pytest.mark.parametrize("same", [False, True])
def test_a_merger_taken_apart_restores_both(same: bool) -> None:
    people = [pb.SamePerson(person_id=OTHER_HEAD, kept_person_id=HEAD_ID)] if same else []
    own, other = merged(same_people=people)
    result = told(unmerge(), own, other)
    kept, restored = after(result, own, other)
    assert kept.person_ids == (HEAD_ID, CHILD_ID)
    assert restored.person_ids == (OTHER_HEAD, OTHER_CHILD)
    assert restored.status == base.HOUSEHOLD_STATUS_REGISTERED
    assert (heads(kept), heads(restored)) == (1, 1)
    assert not restored.file.former_members
    assert not kept.file.merged_from
    claims = [each for each in result.decisions if isinstance(each, Claim)]
    assert {each.owner for each in claims} == {f"{OTHER}/{OTHER_HEAD}", f"{OTHER}/{OTHER_CHILD}"}
    again = (*own, *result.events), (*other, result.elsewhere[0][1])
    told(unmerge(), *again).then_nothing()
    told(merge(), *again).then_event(pb.HouseholdsMerged, merged_household_id=OTHER)


def test_who_has_left_since_does_not_come_back_and_the_next_is_head() -> None:
    own, other = merged()
    left = MemberLeft(**ABOUT, person_id=OTHER_HEAD, departure=base.DEPARTURE_DEATH)
    result = told(unmerge(), (*own, left), other)
    _, restored = after(result, (*own, left), other)
    assert restored.person_ids == (OTHER_CHILD,)
    assert heads(restored) == 1


def test_what_cannot_be_taken_apart() -> None:
    told(unmerge()).then_rejected("households-not-merged")
    told(unmerge(merged_household_id="nowhere")).then_rejected("households-not-merged")
    own, other = merged()
    relations = [
        RelationToHead(person_id=OTHER_HEAD, relation=base.RELATION_HEAD),
        RelationToHead(person_id=HEAD_ID, relation=base.RELATION_OTHER),
    ]
    headed = HeadChanged(
        household_id=HOUSEHOLD_ID, person_id=OTHER_HEAD, relations=relations, effective_on=ON
    )
    told(unmerge(), (*own, headed), other).then_rejected("head-came-with-merged")
    gone = [
        MemberLeft(**ABOUT, person_id=each, departure=base.DEPARTURE_DEATH)
        for each in (OTHER_HEAD, OTHER_CHILD)
    ]
    told(unmerge(), (*own, *gone), other).then_rejected("nobody-to-restore")
