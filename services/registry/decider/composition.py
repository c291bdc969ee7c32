"""Who lives with whom: people move between households, households split, merge and are parted
again. The claim of a person's identity number goes with them.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, assert_never

from chassis.decider import Claim, Context, Decisions, Elsewhere, Release, derived_id
from chassis.rejection import require
from services.registry.decider import filing
from services.registry.decider.current import CurrentFiles
from services.registry.decider.heads import head_of, next_head, told_relations
from services.registry.decider.income import statement
from services.registry.decider.part import (
    Part,
    by_household_id,
    require_known,
    require_member,
    require_on_file,
    require_settled,
)
from services.registry.decider.people import claim, owner
from services.registry.decider.registration import ACTIVE_MEMBER
from services.registry.decider.state import State
from tuopin.registry.v1.composition_pb2 import (
    HouseholdMergedAway,
    HouseholdRestored,
    HouseholdsMerged,
    HouseholdSplit,
    HouseholdsUnmerged,
    MergeHouseholds,
    MoveMember,
    SplitHousehold,
    UnmergeHouseholds,
)
from tuopin.registry.v1.file_pb2 import MemberJoined, MemberLeft
from tuopin.registry.v1.household_pb2 import (
    ARRIVAL_OTHER_HOUSEHOLD,
    DEPARTURE_MERGED,
    DEPARTURE_OTHER_HOUSEHOLD,
    HOUSEHOLD_STATUS_MERGED,
    RELATION_HEAD,
    RELATION_OTHER,
    Household,
    HouseholdRegistered,
    Member,
    Relation,
)

Command = MoveMember | SplitHousehold | MergeHouseholds | UnmergeHouseholds
MOST_MEMBERS = 30
_PERSONAL = ("name", "identity_number", "phone", "bank_card")


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules of living together."""
    require_on_file(state, command.effective_on, context)
    match command:
        case MoveMember():
            return move_member(state, command, context)
        case SplitHousehold():
            return split_household(state, command, context)
        case MergeHouseholds():
            return merge_households(state, command, context)
        case UnmergeHouseholds():
            return unmerge_households(state, command, context)
        case _:
            assert_never(command)


def move_member(state: State, command: MoveMember, context: Context) -> Decisions:
    """From one household of the register to another, on the same day."""
    person_id, to_id, on = command.person_id, command.to_household_id, command.effective_on
    require(to_id != state.household_id, "move-to-same-household", field="to_household_id")
    other: State = context.others[to_id]
    require_known(other)
    if person_id in other.person_ids and person_id not in state.person_ids:
        return
    require_member(state, person_id)
    require(command.relation != RELATION_HEAD, "household-with-two-heads", field="relation")
    require(len(state.person_ids) > 1, "last-member-cannot-leave", field="person_id")
    require(on >= other.file.registered_on, "before-registration", on=other.file.registered_on)
    _require_room(other, 1)
    facts: CurrentFiles = context.facts
    yield from next_head(state, {person_id}, command.new_head_id, command.relations, on)
    yield MemberLeft(
        household_id=state.household_id,
        village_id=state.village_id,
        person_id=person_id,
        departure=DEPARTURE_OTHER_HOUSEHOLD,
        effective_on=on,
        to_household_id=to_id,
        member_count=len(state.person_ids) - 1,
    )
    joined = MemberJoined(
        household_id=to_id,
        village_id=other.village_id,
        member=_moving(state, person_id, command.relation),
        arrival=ARRIVAL_OTHER_HOUSEHOLD,
        effective_on=on,
        from_household_id=state.household_id,
        member_count=len(other.person_ids) + 1,
    )
    yield Elsewhere(to_id, joined)
    yield from _claims_move(facts.of(state), state, {person_id}, to_id)


def split_household(state: State, command: SplitHousehold, context: Context) -> Decisions:
    """Those who go are a household of their own, as poor as the one they leave."""
    new_id = new_household_id(command)
    other: State = context.others[new_id]
    told = told_relations(command.members, "members")
    if other.household_id:
        again = other.file.split_from == state.household_id and {*told} == {*other.person_ids}
        require(again, "household-already-known", household_id=new_id)
        return
    require_settled(state)
    for person_id in told:
        require_member(state, person_id, field="members")
    heads = [each for each in told.values() if each == RELATION_HEAD]
    require(heads, "household-without-head", field="members")
    require(len(heads) == 1, "household-with-two-heads", field="members")
    require(len(told) < len(state.person_ids), "split-leaves-nobody", field="members")
    facts: CurrentFiles = context.facts
    current = facts.of(state)
    yield from next_head(state, told, command.new_head_id, command.relations, command.effective_on)
    yield HouseholdSplit(
        household_id=state.household_id,
        village_id=state.village_id,
        new_household_id=new_id,
        person_ids=list(told),
        effective_on=command.effective_on,
        member_count=len(state.person_ids) - len(told),
    )
    members = [_moving(state, person_id, relation) for person_id, relation in told.items()]
    yield Elsewhere(new_id, _split_off(state, command, members, current.address, context))
    yield from _claims_move(current, state, told, new_id)


def new_household_id(command: SplitHousehold) -> str:
    """Fixed for ever, as by a registration."""
    return derived_id("household", command.source, command.household_number)


def _split_off(
    state: State,
    command: SplitHousehold,
    members: list[Member],
    address: str,
    context: Context,
) -> HouseholdRegistered:
    stated = statement(
        command.income,
        state.village_id,
        len(members),
        command.effective_on,
        context.parameters,
    )
    event = HouseholdRegistered(
        household_id=new_household_id(command),
        source=command.source,
        household_number=command.household_number,
        village_id=state.village_id,
        attribute=state.file.attribute,
        main_cause=state.file.main_cause,
        other_causes=state.file.other_causes,
        needs=state.file.needs,
        members=members,
        income=command.income,
        address=command.address or address,
        effective_on=command.effective_on,
        synthetic=state.file.synthetic,
        income_per_head_fen=stated.income_per_head_fen,
        poverty_line_fen=stated.poverty_line_fen,
        split_from=state.household_id,
        status=state.status,
    )
    if state.file.HasField("living_conditions"):
        event.living_conditions.CopyFrom(state.file.living_conditions)
    return event


def merge_households(state: State, command: MergeHouseholds, context: Context) -> Decisions:
    """The people of one go over to the other; who stands in both does not come twice."""
    merged_id, on = command.merged_household_id, command.effective_on
    require(merged_id != state.household_id, "merge-with-itself", field="merged_household_id")
    other: State = context.others[merged_id]
    require(other.household_id, "household-not-known", field="merged_household_id")
    if other.status == HOUSEHOLD_STATUS_MERGED and other.file.merged_into == state.household_id:
        return
    require_known(other)
    require_settled(state)
    require_settled(other)
    require(on >= other.file.registered_on, "before-registration", on=other.file.registered_on)
    same = {each.person_id: each.kept_person_id for each in command.same_people}
    require(len(same) == len(command.same_people), "person-named-twice", field="same_people")
    require(len({*same.values()}) == len(same), "person-named-twice", field="same_people")
    for person_id, kept_id in same.items():
        require_member(other, person_id, field="same_people")
        require_member(state, kept_id, field="same_people")
    told = told_relations(command.relations)
    coming = [each for each in other.person_ids if each not in same]
    for person_id, relation in told.items():
        require(person_id in coming, "person-not-in-household", field="relations")
        require(relation != RELATION_HEAD, "household-with-two-heads", field="relations")
    _require_room(state, len(coming))
    facts: CurrentFiles = context.facts
    current = facts.of(other)
    yield HouseholdsMerged(
        household_id=state.household_id,
        village_id=state.village_id,
        merged_household_id=merged_id,
        members=[_moving(other, each, told.get(each, RELATION_OTHER)) for each in coming],
        same_people=command.same_people,
        reason=command.reason,
        effective_on=on,
        member_count=len(state.person_ids) + len(coming),
    )
    away = HouseholdMergedAway(
        household_id=merged_id,
        village_id=other.village_id,
        into_household_id=state.household_id,
        effective_on=on,
        status_before=other.status,
    )
    yield Elsewhere(merged_id, away)
    yield from _claims_move(current, other, coming, state.household_id)
    for person_id in same:
        yield Release(ACTIVE_MEMBER, owner(merged_id, person_id))


def unmerge_households(state: State, command: UnmergeHouseholds, context: Context) -> Decisions:
    """Both stand again: with what their people have become, but for those who have left since."""
    restored_id, on = command.merged_household_id, command.effective_on
    other: State = context.others[restored_id]
    parted = other.status != HOUSEHOLD_STATUS_MERGED and restored_id in state.parted
    if parted:
        return
    is_merged = other.status == HOUSEHOLD_STATUS_MERGED
    require(
        is_merged and other.file.merged_into == state.household_id,
        "households-not-merged",
        field="merged_household_id",
    )
    require_settled(state)
    came = state.absorbed[restored_id]
    leaving = [each for each in came if each in state.person_ids]
    require(head_of(state) not in leaving, "head-came-with-merged", field="household_id")
    members = list(_returning(state, other, came))
    require(members, "nobody-to-restore", field="merged_household_id")
    facts: CurrentFiles = context.facts
    mine, theirs = facts.of(state), facts.of(other)
    yield HouseholdsUnmerged(
        household_id=state.household_id,
        village_id=state.village_id,
        restored_household_id=restored_id,
        person_ids=leaving,
        reason=command.reason,
        effective_on=on,
        member_count=len(state.person_ids) - len(leaving),
    )
    restored = HouseholdRestored(
        household_id=restored_id,
        village_id=other.village_id,
        from_household_id=state.household_id,
        members=members,
        status=other.status_before_merge,
        effective_on=on,
    )
    yield Elsewhere(restored_id, restored)
    yield from _claims_move(mine, state, leaving, restored_id)
    for former in theirs.former_members:
        person = former.member
        own = person.person_id not in came and former.departure == DEPARTURE_MERGED
        if own and person.identity_number:
            yield claim(restored_id, person)


def _returning(state: State, other: State, came: tuple[str, ...]) -> Iterator[Member]:
    """With the relations they had; a household whose head is gone is headed by the first."""
    now = {each.person_id: each for each in state.file.members}
    back: list[Member] = []
    for former in other.file.former_members:
        person_id = former.member.person_id
        if former.departure != DEPARTURE_MERGED:
            continue
        if person_id not in came:
            back.append(_portable(former.member, former.member.relation))
        elif person_id in now:
            back.append(_moving(state, person_id, former.member.relation))
    if back and all(each.relation != RELATION_HEAD for each in back):
        back[0].relation = RELATION_HEAD
    yield from back


def _moving(state: State, person_id: str, relation: Relation.ValueType) -> Member:
    """The member as sealed in the file: the key is the person's, not the household's."""
    (member,) = (each for each in state.file.members if each.person_id == person_id)
    moving = _portable(member, relation)
    if person_id in state.erased:
        for name in _PERSONAL:
            moving.ClearField(name)  # type: ignore[arg-type]
    return moving


def _portable(member: Member, relation: Relation.ValueType) -> Member:
    copy = Member()
    copy.CopyFrom(member)
    copy.relation = relation
    return copy


def _claims_move(
    current: Household, state: State, person_ids: Any, to_id: str
) -> Iterator[Claim | Release]:
    for member in current.members:
        if member.person_id in person_ids and member.person_id not in state.erased:
            yield Release(ACTIVE_MEMBER, owner(state.household_id, member.person_id))
            yield claim(to_id, member)


def _require_room(state: State, coming: int) -> None:
    fits = len(state.person_ids) + coming <= MOST_MEMBERS
    require(fits, "household-too-large", most=MOST_MEMBERS)


def evolve(state: State, event: Any) -> State:
    """What the household is after the event."""
    after = filing.evolve(state, event)
    match event:
        case HouseholdsMerged():
            came = tuple(each.person_id for each in event.members)
            absorbed = {**state.absorbed, event.merged_household_id: came}
            parted = state.parted - {event.merged_household_id}
            return replace(after, absorbed=absorbed, parted=parted)
        case HouseholdsUnmerged():
            return replace(after, parted=state.parted | {event.restored_household_id})
        case HouseholdMergedAway():
            return replace(
                after,
                status=HOUSEHOLD_STATUS_MERGED,
                status_before_merge=event.status_before,
            )
        case HouseholdRestored():
            return replace(after, status=event.status)
        case _:
            return after


COMPOSITION = Part(
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys(
        (MoveMember, SplitHousehold, MergeHouseholds, UnmergeHouseholds), by_household_id
    ),
    events=(
        HouseholdSplit,
        HouseholdsMerged,
        HouseholdMergedAway,
        HouseholdsUnmerged,
        HouseholdRestored,
    ),
    further={
        MoveMember: lambda command: (command.to_household_id,),
        SplitHousehold: lambda command: (new_household_id(command),),
        MergeHouseholds: lambda command: (command.merged_household_id,),
        UnmergeHouseholds: lambda command: (command.merged_household_id,),
    },
)
