"""What the registry's rules need to know besides a stream's state."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection, select

from services.registry.decider.county import Candidates, CountyStanding
from services.registry.decider.registration import RegistrationFacts
from services.registry.decider.standing import Standing
from services.registry.newer_list import region_file
from services.registry.views import lookbacks, regions, residents, rounds, subjects
from services.registry.views.households import HOUSEHOLDS
from services.registry.views.region_changes import resolved
from tuopin.registry.v1.access_pb2 import OpenBreakGlass
from tuopin.registry.v1.county_pb2 import ApplyForCountyExit, DesignateCounty, DrawCountySample
from tuopin.registry.v1.exit_pb2 import RecordExitFindings
from tuopin.registry.v1.household_pb2 import RegisterHousehold
from tuopin.registry.v1.lookback_pb2 import OpenLookback
from tuopin.registry.v1.region_pb2 import AdoptRegions
from tuopin.registry.v1.round_pb2 import RemoveHousehold
from tuopin.registry.v1.village_pb2 import DesignateVillage, ProposeVillageExit, StateVillage


def village_known(connection: Connection, village_id: str) -> bool:
    """Whether the regions in force have the village; FactMissing before any are."""
    return regions.is_known(connection, village_id)


def villages_known(connection: Connection, village_ids: Sequence[str]) -> set[str]:
    """Those that the regions in force have; FactMissing before any are."""
    return regions.known(connection, list(village_ids))


def registration(connection: Connection, command: RegisterHousehold) -> RegistrationFacts:
    """What a registration needs to know of its village."""
    return RegistrationFacts(village_known(connection, command.village_id))


def resident_in(connection: Connection, command: RecordExitFindings) -> frozenset[str]:
    """The villages whose resident team the cadre belongs to, those that came of them too."""
    posted = residents.villages_of(connection, command.cadre_id)
    came_of = (resolved(connection, each) for each in posted)
    return posted.union(*came_of)


def village_of(connection: Connection, command: StateVillage | DesignateVillage) -> bool:
    """Whether the regions in force have the village of the command."""
    return village_known(connection, command.village_id)


def county_known(connection: Connection, command: DesignateCounty) -> bool:
    """Whether the regions in force have the county."""
    return village_known(connection, command.county_id)


def village_standing(connection: Connection, command: ProposeVillageExit) -> Standing:
    """What the register says of the village."""
    return subjects.standing_of(connection, command.village_id)


def county_standing(connection: Connection, command: ApplyForCountyExit) -> CountyStanding:
    """What the register says of the county."""
    return subjects.county_standing(connection, command.county_id)


def candidates(connection: Connection, command: DrawCountySample) -> Candidates:
    """Of what the sample is drawn."""
    return subjects.candidates(connection, command.county_id)


def household_village(connection: Connection, command: OpenBreakGlass) -> str:
    """The village of the household that is to be opened; empty when there is none."""
    found = connection.scalar(
        select(HOUSEHOLDS.c.village_id).where(HOUSEHOLDS.c.household_id == command.household_id)
    )
    return found or ""


FACTS: Mapping[type[Message], Callable[[Connection, Any], Any]] = {
    RegisterHousehold: registration,
    AdoptRegions: region_file,
    RecordExitFindings: resident_in,
    StateVillage: village_of,
    DesignateVillage: village_of,
    DesignateCounty: county_known,
    ProposeVillageExit: village_standing,
    ApplyForCountyExit: county_standing,
    DrawCountySample: candidates,
    RemoveHousehold: rounds.open_for,
    OpenLookback: lookbacks.frame,
    OpenBreakGlass: household_village,
}
