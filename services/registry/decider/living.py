"""How and where a household lives, why it is poor and what it needs: what is so from a day on."""

from typing import assert_never

from chassis.decider import Context, Decisions
from chassis.rejection import reject, require
from services.registry.decider import filing
from services.registry.decider.current import CurrentFiles
from services.registry.decider.part import Part, by_household_id, require_on_file
from services.registry.decider.registration import cause_faults, need_faults
from services.registry.decider.state import State
from tuopin.registry.v1.file_pb2 import (
    AddressChanged,
    AttributeChanged,
    CausesChanged,
    ChangeAddress,
    ChangeAttribute,
    ChangeCauses,
    ChangeLivingConditions,
    ChangeNeeds,
    HouseholdMoved,
    LivingConditionsChanged,
    MoveHousehold,
    NeedsChanged,
)

Command = (
    ChangeAddress
    | MoveHousehold
    | ChangeAttribute
    | ChangeCauses
    | ChangeNeeds
    | ChangeLivingConditions
)


def decide(state: State, command: Command, context: Context) -> Decisions:
    """What stands so already changes nothing."""
    require_on_file(state, command.effective_on, context)
    match command:
        case ChangeAddress():
            return change_address(state, command, context)
        case MoveHousehold():
            return move_household(state, command, context)
        case ChangeAttribute():
            return change_attribute(state, command)
        case ChangeCauses():
            return change_causes(state, command)
        case ChangeNeeds():
            return change_needs(state, command)
        case ChangeLivingConditions():
            return change_living_conditions(state, command)
        case _:
            assert_never(command)


def change_address(state: State, command: ChangeAddress, context: Context) -> Decisions:
    """Within its village."""
    facts: CurrentFiles = context.facts
    if facts.of(state).address != command.address:
        yield AddressChanged(
            household_id=state.household_id,
            village_id=state.village_id,
            address=command.address,
            effective_on=command.effective_on,
        )


def move_household(state: State, command: MoveHousehold, context: Context) -> Decisions:
    """To another village: who answers for it is another from then on."""
    facts: CurrentFiles = context.facts
    require(
        facts.village_known,
        "village-not-in-regions",
        field="village_id",
        village_id=command.village_id,
    )
    if command.village_id == state.village_id:
        return
    yield HouseholdMoved(
        household_id=state.household_id,
        village_id=command.village_id,
        from_village_id=state.village_id,
        address=command.address,
        effective_on=command.effective_on,
    )


def change_attribute(state: State, command: ChangeAttribute) -> Decisions:
    """Ordinary poor, on the subsistence allowance, special hardship."""
    if state.file.attribute != command.attribute:
        yield AttributeChanged(
            household_id=state.household_id,
            village_id=state.village_id,
            attribute=command.attribute,
            effective_on=command.effective_on,
        )


def change_causes(state: State, command: ChangeCauses) -> Decisions:
    """One main cause, at most two others, all of them different."""
    for fault in cause_faults(command.main_cause, command.other_causes):
        reject(fault.slug, field=fault.path, **fault.details)
    file = state.file
    if (file.main_cause, list(file.other_causes)) != (
        command.main_cause,
        list(command.other_causes),
    ):
        yield CausesChanged(
            household_id=state.household_id,
            village_id=state.village_id,
            main_cause=command.main_cause,
            other_causes=command.other_causes,
            effective_on=command.effective_on,
        )


def change_needs(state: State, command: ChangeNeeds) -> Decisions:
    """In the classes of measures."""
    for fault in need_faults(command.needs):
        reject(fault.slug, field=fault.path, **fault.details)
    if list(state.file.needs) != list(command.needs):
        yield NeedsChanged(
            household_id=state.household_id,
            village_id=state.village_id,
            needs=command.needs,
            effective_on=command.effective_on,
        )


def change_living_conditions(state: State, command: ChangeLivingConditions) -> Decisions:
    """All of them as they are now."""
    if state.file.living_conditions != command.living_conditions:
        yield LivingConditionsChanged(
            household_id=state.household_id,
            village_id=state.village_id,
            living_conditions=command.living_conditions,
            effective_on=command.effective_on,
        )


_COMMANDS = (
    ChangeAddress,
    MoveHousehold,
    ChangeAttribute,
    ChangeCauses,
    ChangeNeeds,
    ChangeLivingConditions,
)

LIVING = Part(
    decide=decide,
    evolve=filing.evolve,
    commands=dict.fromkeys(_COMMANDS, by_household_id),
    events=(
        AddressChanged,
        HouseholdMoved,
        AttributeChanged,
        CausesChanged,
        NeedsChanged,
        LivingConditionsChanged,
    ),
)
