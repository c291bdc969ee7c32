"""A household in the register: the parts of its life, put together on one stream."""

from dataclasses import replace
from typing import Any

from google.protobuf.message import Message

from chassis.decider import Context, Decider, Decisions
from services.registry.decider.composition import COMPOSITION
from services.registry.decider.correction import CORRECTION
from services.registry.decider.disqualification import DISQUALIFICATION
from services.registry.decider.exit import EXIT
from services.registry.decider.exit_review import EXIT_REVIEW
from services.registry.decider.file import FILE
from services.registry.decider.identification import IDENTIFICATION
from services.registry.decider.income import INCOME
from services.registry.decider.living import LIVING
from services.registry.decider.monitored import MONITORED
from services.registry.decider.monitoring import MONITORING
from services.registry.decider.part import Part
from services.registry.decider.people import PEOPLE
from services.registry.decider.posting import POSTING
from services.registry.decider.relapse import RELAPSE
from services.registry.decider.removal import REMOVAL
from services.registry.decider.rezoning import REZONING
from services.registry.decider.state import State

PARTS = (
    FILE,
    PEOPLE,
    LIVING,
    REZONING,
    INCOME,
    CORRECTION,
    COMPOSITION,
    POSTING,
    IDENTIFICATION,
    DISQUALIFICATION,
    EXIT,
    EXIT_REVIEW,
    RELAPSE,
    REMOVAL,
    MONITORING,
    MONITORED,
)

_OF_COMMAND: dict[type[Message], Part] = {each: part for part in PARTS for each in part.commands}
_OF_EVENT: dict[type[Message], Part] = {each: part for part in PARTS for each in part.events}


def decide(state: State, command: Any, context: Context) -> Decisions:
    """The rule book of a household: the part that knows the command decides."""
    return _OF_COMMAND[type(command)].decide(state, command, context)


def evolve(state: State, event: Any) -> State:
    """What the household is after the event."""
    return replace(_OF_EVENT[type(event)].evolve(state, event), version=state.version + 1)


HOUSEHOLD: Decider[State] = Decider(
    noun="household",
    topic="household",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={each: name for part in PARTS for each, name in part.commands.items()},
    events=tuple(_OF_EVENT),
    region=lambda state: state.village_id,
    further={each: name for part in PARTS for each, name in part.further.items()},
)
