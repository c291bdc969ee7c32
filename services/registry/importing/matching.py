"""A file's households against the register: new, equal, different, or in somebody's way."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import Connection

from services.registry.decider.registration import (
    ACTIVE_MEMBER,
    PERSON_ALREADY_IN_HOUSEHOLD,
    household_id_of,
)
from services.registry.importing import digests
from services.registry.importing.comparing import (
    complete,
    files_of,
    leave_out_erased,
    says_the_same,
)
from services.registry.importing.digests import RowDigest
from services.registry.importing.grouping import RawHousehold
from services.registry.importing.households import FileHousehold, RowFault
from services.registry.importing.validation import Validation
from services.registry.views import regions
from services.wiring import ServeParts
from tuopin.registry.v1.household_pb2 import RegisterHousehold


class Matching:
    """Batch after batch; counts what it finds."""

    def __init__(self, parts: ServeParts, validation: Validation) -> None:
        self._parts = parts
        self._validation = validation
        self._villages: dict[str, bool] = {}
        self.unchanged = 0
        self.differing = 0

    async def to_write(self, batch: Sequence[RawHousehold]) -> list[FileHousehold]:
        """Those of a batch that are new, different or faulty; the others change nothing."""
        ids = {each.row: self._id_of(each) for each in batch if each.digest}
        known = await self._parts.views.query(
            lambda connection: digests.still_true(connection, list(ids.values()))
        )
        changed = [
            each for each in batch if each.faults or known.get(ids.get(each.row, "")) != each.digest
        ]
        self.unchanged += len(batch) - len(changed)
        if not changed:
            return []
        found = await asyncio.to_thread(self._validation.interpreted, changed)
        sound = [each for each in found if not each.faults]
        if sound:
            await self._compare_villages(sound)
            same = await self._compare_files([each for each in sound if not each.faults])
            found = [each for each in found if each.row not in same]
            await self._compare_people([each for each in found if not each.faults])
        self.differing += sum(each.differs and not each.faults for each in found)
        return found

    def _id_of(self, raw: RawHousehold) -> str:
        command = RegisterHousehold(source=raw.source, household_number=raw.number)
        return household_id_of(command)

    async def _compare_villages(self, households: Sequence[FileHousehold]) -> None:
        unseen = {each.command.village_id for each in households} - self._villages.keys()
        if unseen:
            self._villages |= await self._parts.views.query(
                lambda connection: _villages(connection, unseen)
            )
        for household in households:
            village_id = household.command.village_id
            if not self._villages[village_id]:
                details = {"village_id": village_id}
                self._fault(household, "village_id", "village-not-in-regions", details)

    async def _compare_files(self, households: Sequence[FileHousehold]) -> set[int]:
        """Rows of those that say word for word what the register says."""
        ids = {household_id_of(each.command): each for each in households}
        files = await self._parts.views.query(lambda connection: files_of(connection, list(ids)))
        if not files:
            return set()
        await self._parts.sealer.opening(files.values())
        same: list[tuple[FileHousehold, RowDigest]] = []
        for each_id, file in files.items():
            household = ids[each_id]
            self._parts.sealer.open(file)
            erased = leave_out_erased(file)
            complete(household.command, file, self._validation.columns)
            if says_the_same(household.command, file):
                same.append((household, RowDigest(each_id, file.version, household.digest)))
            elif erased:
                self._fault(household, "household_number", "household-with-erased-person", {})
            else:
                household.differs = True
        await self._parts.views.change(
            lambda connection: digests.keep(connection, [digest for _, digest in same])
        )
        self.unchanged += len(same)
        return {household.row for household, _ in same}

    async def _compare_people(self, households: Sequence[FileHousehold]) -> None:
        people = [digest for household in households for digest in household.people]
        owners = await self._parts.store.claim_owners(ACTIVE_MEMBER, people)
        if not owners:
            return
        for household in households:
            own = household_id_of(household.command) if household.differs else None
            for row, digest in zip(household.rows, household.people, strict=True):
                owner = owners.get(digest, "")
                if owner and owner.partition("/")[0] != own:
                    fault = RowFault(row, "identity_number", PERSON_ALREADY_IN_HOUSEHOLD)
                    household.faults.append(fault)
                    self._validation.tell([fault])

    def _fault(
        self, household: FileHousehold, column: str, slug: str, details: dict[str, str]
    ) -> None:
        fault = RowFault(household.row, column, slug, details)
        household.faults.append(fault)
        self._validation.tell([fault])


def _villages(connection: Connection, village_ids: set[str]) -> dict[str, bool]:
    known = regions.known(connection, sorted(village_ids))
    return {each: each in known for each in village_ids}
