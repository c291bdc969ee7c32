"""A household's file, read as of a day and as known at a moment, and opened for who may see it."""

from sqlalchemy import Connection

from chassis.decider import PROGRAMME_ZONE
from chassis.lanes import lane_of
from chassis.rejection import reject
from services.registry.passing import lanes_passed
from services.registry.views import household_file, regions
from services.registry.views.households import household_as_of
from services.wiring import ServeParts
from tuopin.registry.v1.household_pb2 import GetHousehold, Household

VIEWS = ("households", "household_file")
# No moment is asked about: everything known counts.
_ALL_KNOWN_US = 2**62


class Reader:
    """Answers GetHousehold."""

    def __init__(self, parts: ServeParts) -> None:
        self._parts = parts

    async def household(self, request: GetHousehold) -> Household:
        """The file, still sealed; rejects when there was none then."""
        now = self._parts.clock.now()
        await self._parts.views.own_write(request, *VIEWS)
        if request.known_at_us:
            partition = lane_of(f"household-{request.household_id}")
            await lanes_passed(self._parts, request.known_at_us, VIEWS, "household", partition)
        as_of = request.as_of or now.astimezone(PROGRAMME_ZONE).date().isoformat()
        known_at_us = request.known_at_us or _ALL_KNOWN_US
        found = await self._parts.views.query(
            lambda connection: _file(connection, request.household_id, as_of, known_at_us)
        )
        if found is None:
            reject("household-not-known", field="household_id")
        return found

    async def opened(self, household: Household) -> Household:
        """Names and numbers in clear; those of erased people are empty."""
        await self._parts.sealer.opening([household])
        self._parts.sealer.open(household)
        return household


def _file(
    connection: Connection, household_id: str, as_of: str, known_at_us: int
) -> Household | None:
    household = household_as_of(connection, household_id, as_of, known_at_us)
    if household is None:
        return None
    village_id = household.village_id
    household.village_name = regions.names_of(connection, [village_id], as_of).get(village_id, "")
    household.file.extend(household_file.file_of(connection, household_id, as_of, known_at_us))
    return household
