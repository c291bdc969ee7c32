"""Households with a history, as the rules of the file are told of them."""

from typing import Any

from google.protobuf.message import Message

from services.registry.decider.current import CurrentFiles
from services.registry.decider.household import HOUSEHOLD
from services.registry.decider.state import State
from tests.given import FixedParameters, Given
from tests.registry.stories import register_household
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1.correction_pb2 import CorrectHousehold

PARAMETERS = FixedParameters(
    {"poverty-line-fen": 400_000, "support-grace-days": 30},
    {"codes": {"erasure-ground": {"request": {}, "court": {}}}},
)
given = Given(HOUSEHOLD, PARAMETERS)


def state_after(*events: Message) -> State:
    """What the household is, its people readable as the server reads them."""
    state = HOUSEHOLD.initial()
    for event in events:
        state = HOUSEHOLD.evolve(state, event)
    return state


def files_after(*events: Message, village_known: bool = True) -> CurrentFiles:
    """The opened file of one household, as the server gives it to a rule."""
    state = state_after(*events)
    for member in state.file.members:
        if member.person_id in state.erased:
            member.name = member.identity_number = member.phone = ""
    household_id = state.household_id
    return CurrentFiles({household_id: state.file}, village_known, {household_id: state.version})


def correct_household(reason: str = "录入有误", **changes: Any) -> CorrectHousehold:
    """The file of register_household() but for these changes."""
    given_of_command = {"not_told": changes.pop("not_told", [])}
    file: pb.RegisterHousehold = register_household(command_id="row-1", **changes)
    return CorrectHousehold(file=file, reason=reason, **given_of_command)
