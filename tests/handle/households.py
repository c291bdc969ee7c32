"""A small decider for the tests of the handler: no rules of the programme in it."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from chassis.decider import Actor, Claim, Context, Decider, Release
from chassis.rejection import require
from tuopin.registry.v1.household_pb2 import (
    ATTRIBUTE_ORDINARY_POOR,
    CAUSE_ILLNESS,
    HEALTH_HEALTHY,
    LABOUR_ORDINARY,
    RELATION_HEAD,
    SEX_FEMALE,
    ErasePerson,
    ExitHousehold,
    ExitProposed,
    HouseholdExited,
    HouseholdRegistered,
    Income,
    Member,
    PersonErased,
    ProposeExit,
    RegisterHousehold,
)

OFFICE = Actor("li-office", {"county-office": ("433124",)})
VILLAGE = "433124100201"
IDENTITY = "433124199001011234"


@dataclass(frozen=True)
class State:
    village_id: str = ""
    proposals: int = 0
    exited: bool = False
    reasons: tuple[str, ...] = ()


def decide(state: State, command: Any, context: Context) -> Iterator[Any]:
    match command:
        case RegisterHousehold():
            require(not state.village_id, "household-already-registered")
            event = HouseholdRegistered(
                household_id=_id(command),
                village_id=command.village_id,
                address=command.address,
                effective_on=command.effective_on,
            )
            for ordinal, member in enumerate(command.members):
                event.members.add().CopyFrom(member)
                event.members[-1].person_id = context.new_id("person", ordinal)
                yield Claim(
                    "person", member.identity_number, _id(command), "person-already-registered"
                )
            yield event
        case ProposeExit():
            require(state.village_id, "household-not-known")
            require(not state.exited, "household-exited")
            if command.reason == "nothing":
                return
            yield ExitProposed(household_id=command.household_id, reason=command.reason)
        case ExitHousehold():
            require(state.proposals, "exit-not-proposed")
            yield Release("person", command.household_id)
            yield HouseholdExited(household_id=command.household_id)
        case ErasePerson():
            yield PersonErased(household_id=command.household_id, person_id=command.person_id)


def evolve(state: State, event: Any) -> State:
    match event:
        case HouseholdRegistered():
            return replace(state, village_id=event.village_id)
        case ExitProposed():
            reasons = (*state.reasons, event.reason)
            return replace(state, proposals=state.proposals + 1, reasons=reasons)
        case HouseholdExited():
            return replace(state, exited=True)
        case _:
            return state


def _id(command: RegisterHousehold) -> str:
    return command.household_number


DECIDER = Decider(
    noun="household",
    topic="household",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={
        RegisterHousehold: _id,
        ProposeExit: lambda command: command.household_id,
        ExitHousehold: lambda command: command.household_id,
        ErasePerson: lambda command: command.household_id,
    },
    events=(HouseholdRegistered, ExitProposed, HouseholdExited, PersonErased),
    region=lambda state: state.village_id,
)


def register(
    household: str = "h1",
    *,
    command_id: str = "",
    identities: tuple[str, ...] = (IDENTITY,),
    village_id: str = VILLAGE,
) -> RegisterHousehold:
    return RegisterHousehold(
        command_id=command_id or str(uuid.uuid4()),
        source="test",
        household_number=household,
        village_id=village_id,
        attribute=ATTRIBUTE_ORDINARY_POOR,
        main_cause=CAUSE_ILLNESS,
        members=[
            Member(
                name=f"Wang {identity[-4:]}",
                identity_number=identity,
                phone="13800001234",
                relation=RELATION_HEAD,
                birth_year=1990,
                sex=SEX_FEMALE,
                health=HEALTH_HEALTHY,
                labour=LABOUR_ORDINARY,
            )
            for identity in identities
        ],
        income=Income(year=2020, wages_fen=1),
        address="house 7 by the river",
        effective_on="2020-03-01",
        synthetic=True,
    )


def propose(household: str = "h1", *, command_id: str = "", reason: str = "enough") -> ProposeExit:
    return ProposeExit(
        command_id=command_id or str(uuid.uuid4()),
        household_id=household,
        reason=reason,
        effective_on="2020-03-02",
    )


def leave(household: str = "h1") -> ExitHousehold:
    return ExitHousehold(
        command_id=str(uuid.uuid4()), household_id=household, effective_on="2020-03-03"
    )


def identity(number: int) -> str:
    return f"{number:017d}X"
