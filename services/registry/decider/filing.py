"""How the parts of a household that write its file remember what was said, and when."""

from dataclasses import replace
from typing import Any

from services.registry.decider.file_content import CHANGES, parts_of
from services.registry.decider.state import Said, State
from tuopin.registry.v1.household_pb2 import Household


def evolve(state: State, event: Any) -> State:
    """What the household is after an event of its file."""
    file = Household()
    file.CopyFrom(state.file)
    CHANGES[type(event)](file, event)
    nameless = {member.person_id for member in file.members if not member.name}
    said = Said(state.version + 1, event.effective_on)
    return replace(
        state,
        household_id=file.household_id,
        village_id=file.village_id,
        file=file,
        person_ids=tuple(member.person_id for member in file.members),
        # Whoever was erased elsewhere came without a name.
        erased=state.erased | nameless if nameless else state.erased,
        said={**state.said, **dict.fromkeys(parts_of(event), said)},
    )
