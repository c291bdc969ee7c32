"""Who belongs to a household: people come, change, go, and one of them is the head."""

from typing import assert_never

from chassis.decider import Claim, Context, Decisions, Release
from chassis.rejection import reject, require
from services.registry.decider import filing
from services.registry.decider.current import CurrentFiles
from services.registry.decider.heads import head_changed, next_head
from services.registry.decider.part import (
    Part,
    by_household_id,
    require_member,
    require_on_file,
)
from services.registry.decider.registration import (
    ACTIVE_MEMBER,
    PERSON_ALREADY_IN_HOUSEHOLD,
    person_faults,
    work_faults,
)
from services.registry.decider.state import State
from tuopin.registry.v1.file_pb2 import (
    AddMember,
    ChangeHead,
    ChangeMember,
    HeadChanged,
    MemberAttributes,
    MemberChanged,
    MemberJoined,
    MemberLeft,
    RemoveMember,
)
from tuopin.registry.v1.household_pb2 import (
    ARRIVAL_BIRTH,
    ARRIVAL_OTHER_HOUSEHOLD,
    DEPARTURE_DEATH,
    DEPARTURE_MARRIAGE,
    DEPARTURE_MOVED_AWAY,
    DEPARTURE_PRISON,
    RELATION_HEAD,
    Arrival,
    Household,
    Member,
)

Command = AddMember | RemoveMember | ChangeMember | ChangeHead
# The others follow from what happens between households.
_OUT_OF_THE_REGISTER = frozenset(
    {DEPARTURE_DEATH, DEPARTURE_MARRIAGE, DEPARTURE_MOVED_AWAY, DEPARTURE_PRISON}
)
CHANGEABLE = frozenset(field.name for field in MemberAttributes.DESCRIPTOR.fields) - {
    "person_id",
    "changed",
}
_ALWAYS_SAID = frozenset({"name", "health", "labour"})


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules of membership."""
    require_on_file(state, command.effective_on, context)
    match command:
        case AddMember():
            return add_member(state, command, context)
        case RemoveMember():
            return remove_member(state, command)
        case ChangeMember():
            return change_member(state, command, context)
        case ChangeHead():
            return change_head(state, command)
        case _:
            assert_never(command)


def add_member(state: State, command: AddMember, context: Context) -> Decisions:
    """Known by the identity number: who was a member before is the same person again."""
    facts: CurrentFiles = context.facts
    current = facts.of(state)
    number = command.member.identity_number
    known = next((each for each in current.members if each.identity_number == number), None)
    if known is not None:
        require(_same(command.member, known), "member-already-in-household", field="member")
        return
    require(command.arrival != ARRIVAL_OTHER_HOUSEHOLD, "arrival-by-move", field="arrival")
    require(command.member.relation != RELATION_HEAD, "household-with-two-heads", field="member")
    for fault in person_faults(command.member, "member", context.today):
        reject(fault.slug, field=fault.path, **fault.details)
    _require_born_then(command.member, command.arrival, command.effective_on)
    member = Member()
    member.CopyFrom(command.member)
    member.person_id = _before(current, number) or context.new_id("person")
    yield claim(state.household_id, member)
    yield MemberJoined(
        household_id=state.household_id,
        village_id=state.village_id,
        member=member,
        arrival=command.arrival,
        effective_on=command.effective_on,
        member_count=len(state.person_ids) + 1,
    )


def _same(told: Member, known: Member) -> bool:
    again = Member()
    again.CopyFrom(known)
    again.person_id = ""
    return again == told


def _require_born_then(member: Member, arrival: Arrival.ValueType, on: str) -> None:
    born = f"{member.identity_number[6:10]}-{member.identity_number[10:12]}"
    born += f"-{member.identity_number[12:14]}"
    require(on >= born, "joined-before-birth", field="effective_on", born=born)
    if arrival == ARRIVAL_BIRTH:
        require(on[:4] <= str(int(born[:4]) + 1), "birth-long-past", field="arrival", born=born)


def _before(current: Household, number: str) -> str:
    """The person_id of somebody who was a member once and is in no household now."""
    return next(
        (
            each.member.person_id
            for each in current.former_members
            if each.member.identity_number == number and not each.to_household_id
        ),
        "",
    )


def remove_member(state: State, command: RemoveMember) -> Decisions:
    """Out of the register: the claim is given back, the person keeps their id."""
    person_id = command.person_id
    gone = {each.member.person_id: each for each in state.file.former_members}
    if person_id in gone and person_id not in state.person_ids:
        require(gone[person_id].departure == command.departure, "member-already-left")
        return
    require_member(state, person_id)
    on = command.effective_on
    require(command.departure in _OUT_OF_THE_REGISTER, "departure-by-move", field="departure")
    require(len(state.person_ids) > 1, "last-member-cannot-leave", field="person_id")
    yield from next_head(state, {person_id}, command.new_head_id, command.relations, on)
    yield MemberLeft(
        household_id=state.household_id,
        village_id=state.village_id,
        person_id=person_id,
        departure=command.departure,
        effective_on=on,
        member_count=len(state.person_ids) - 1,
    )
    yield Release(ACTIVE_MEMBER, owner(state.household_id, person_id))


def change_member(state: State, command: ChangeMember, context: Context) -> Decisions:
    """What the person is or has now; what they were before stays true for before."""
    told = command.attributes
    require_member(state, told.person_id, field="attributes.person_id")
    require(told.person_id not in state.erased, "person-erased", field="attributes.person_id")
    for name in told.changed:
        require(name in CHANGEABLE, "attribute-not-changeable", field="attributes", name=name)
        if name in _ALWAYS_SAID:
            require(getattr(told, name), "attribute-must-be-told", field="attributes", name=name)
    facts: CurrentFiles = context.facts
    current = facts.of(state)
    (known,) = (each for each in current.members if each.person_id == told.person_id)
    differing = [name for name in told.changed if getattr(told, name) != getattr(known, name)]
    if not differing:
        return
    after = Member()
    after.CopyFrom(known)
    attributes = MemberAttributes(person_id=told.person_id, changed=sorted(set(differing)))
    for name in attributes.changed:
        setattr(after, name, getattr(told, name))
        setattr(attributes, name, getattr(told, name))
    for fault in work_faults(after, "attributes"):
        reject(fault.slug, field=fault.path, **fault.details)
    yield MemberChanged(
        household_id=state.household_id,
        village_id=state.village_id,
        attributes=attributes,
        effective_on=command.effective_on,
    )


def change_head(state: State, command: ChangeHead) -> Decisions:
    """There is always exactly one."""
    require_member(state, command.person_id)
    yield from head_changed(state, command.person_id, command.relations, command.effective_on)


def owner(household_id: str, person_id: str) -> str:
    """Who holds the claim of a person's identity number."""
    return f"{household_id}/{person_id}"


def claim(household_id: str, member: Member) -> Claim:
    """One active household per person."""
    holder = owner(household_id, member.person_id)
    return Claim(ACTIVE_MEMBER, member.identity_number, holder, PERSON_ALREADY_IN_HOUSEHOLD)


PEOPLE = Part(
    decide=decide,
    evolve=filing.evolve,
    commands=dict.fromkeys((AddMember, RemoveMember, ChangeMember, ChangeHead), by_household_id),
    events=(MemberJoined, MemberLeft, MemberChanged, HeadChanged),
)
