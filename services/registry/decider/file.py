"""A household's file begins, and its people are erased when the law says so."""

from dataclasses import replace
from typing import assert_never

from chassis.decider import Context, Decisions, Release
from chassis.rejection import reject, require
from services.registry.decider import filing
from services.registry.decider.part import Part, by_household_id
from services.registry.decider.registration import (
    ACTIVE_MEMBER,
    RegistrationFacts,
    faults,
    household_id_of,
    registered,
)
from services.registry.decider.state import State
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_REGISTERED,
    ErasePerson,
    HouseholdRegistered,
    PersonErased,
    RegisterHousehold,
)

Command = RegisterHousehold | ErasePerson
Event = HouseholdRegistered | PersonErased


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules of the file."""
    match command:
        case RegisterHousehold():
            return register(state, command, context)
        case ErasePerson():
            return erase_person(state, command, context)
        case _:
            assert_never(command)


def register(state: State, command: RegisterHousehold, context: Context) -> Decisions:
    """A household enters once; its file sent again as it stands changes nothing."""
    facts: RegistrationFacts = context.facts
    if state.household_id:
        require(facts.same_content, "household-already-known", household_id=state.household_id)
        return
    for fault in faults(command, facts, context.parameters, context.today):
        reject(fault.slug, field=fault.path, **fault.details)
    yield from registered(command, household_id_of(command), context)


def erase_person(state: State, command: ErasePerson, context: Context) -> Decisions:
    """Once and for good: the claim is given back, the key is destroyed after the append."""
    require(state.household_id, "household-not-known")
    gone = (each.member.person_id for each in state.file.former_members if not each.to_household_id)
    here = command.person_id in state.person_ids or command.person_id in gone
    require(here, "person-not-in-household", field="person_id")
    grounds = context.parameters.table("codes")["erasure-ground"]
    require(command.ground in grounds, "erasure-ground-not-listed", field="ground")
    if command.person_id in state.erased:
        return
    yield PersonErased(
        household_id=state.household_id,
        person_id=command.person_id,
        village_id=state.village_id,
        ground=command.ground,
    )
    yield Release(ACTIVE_MEMBER, f"{state.household_id}/{command.person_id}")


def evolve(state: State, event: Event) -> State:
    """What the household is after the event."""
    match event:
        case HouseholdRegistered():
            status = event.status or HOUSEHOLD_STATUS_REGISTERED
            return replace(filing.evolve(state, event), status=status)
        case PersonErased():
            return replace(state, erased=state.erased | {event.person_id})
        case _:
            assert_never(event)


FILE = Part(
    decide=decide,
    evolve=evolve,
    commands={RegisterHousehold: household_id_of, ErasePerson: by_household_id},
    events=(HouseholdRegistered, PersonErased),
)
