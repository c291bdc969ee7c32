"""A household's village became another region: the household follows, whatever it is in."""

from dataclasses import replace

from chassis.decider import Context, Decisions
from chassis.rejection import require
from services.registry.decider import filing
from services.registry.decider.part import Part, by_household_id
from services.registry.decider.state import State
from tuopin.registry.v1.rezoning_pb2 import HouseholdRezoned, RezoneHousehold


def decide(state: State, command: RezoneHousehold, context: Context) -> Decisions:
    """No procedure stops it, nor that it is merged or erased: nobody of it does anything."""
    require(state.household_id, "household-not-known")
    stays = state.village_id != command.from_village_id
    yield HouseholdRezoned(
        household_id=state.household_id,
        village_id=state.village_id if stays else command.to_village_id,
        from_village_id=command.from_village_id,
        to_village_id=command.to_village_id,
        kind=command.kind,
        edition=command.edition,
        effective_on=command.effective_on,
        posting_id=state.posting.posting_id if state.posting.running else "",
    )


def evolve(state: State, event: HouseholdRezoned) -> State:
    """What the household is after the event; one that has moved on meanwhile stays there."""
    if state.village_id != event.from_village_id:
        return replace(state)
    return filing.evolve(state, event)


REZONING = Part(
    decide=decide,
    evolve=evolve,
    commands={RezoneHousehold: by_household_id},
    events=(HouseholdRezoned,),
)
