"""A file on its way in: sealed piece by piece while it is validated; kept when all is valid."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from sqlalchemy import Connection

from chassis.blobs import BlobTooLarge
from chassis.decider import PROGRAMME_ZONE, Actor, derived_id
from chassis.rejection import reject, require
from services.registry.decider.file import household_id_of
from services.registry.decider.registration import (
    ACTIVE_MEMBER,
    PERSON_ALREADY_IN_HOUSEHOLD,
    repeats,
)
from services.registry.importing.columns import CodeLists
from services.registry.importing.framing import framed
from services.registry.importing.households import FileHousehold, RowFault
from services.registry.importing.staging import Staging
from services.registry.importing.validation import Validation
from services.registry.registrations import ALREADY_KNOWN
from services.registry.views import regions
from services.registry.views.households import registered_contents
from services.wiring import ServeParts
from tuopin.registry.v1.household_pb2 import HouseholdRegistered
from tuopin.registry.v1.import_pb2 import (
    IMPORT_PHASE_COMMITTING,
    IMPORT_PHASE_REJECTED,
    ImportFault,
    ImportHeader,
    ImportReport,
    ImportValidated,
    RecordValidation,
    UploadImport,
)
from tuopin.types.v1.types_pb2 import Blob

FILE_MAX_BYTES = 1024**3
STAGING_SUFFIX = ".staging"
CUT_OFF_SUFFIX = ".cut-off"


class Upload:
    """One file; `report` is its answer."""

    def __init__(self, parts: ServeParts, actor: Actor) -> None:
        self._parts = parts
        self._actor = actor
        # The import's id follows from the whole file; its key is needed from the first piece on.
        self._upload_id = f"upload-{uuid.uuid4()}"
        self._digest = hashlib.sha256()
        self._unchanged = 0
        self._villages: dict[str, bool] = {}
        self._validation: Validation

    async def report(self, requests: AsyncIterator[UploadImport], language: str) -> ImportReport:
        """Validate to the last row; nothing but a sealed file and one event is ever written."""
        header = await self._header(requests)
        staging = Staging(self._parts.scratch / f"{self._upload_id}{STAGING_SUFFIX}")
        blob: Blob | None = None
        kept = False
        try:
            self._validation = self._validation_of(header, staging)
            blob = await self._sealed(requests)
            if self._validation.faults.count:
                return self._rejected(language)
            report, kept = await self._recorded(header, blob)
            return report
        finally:
            if not kept:
                await discard(self._parts, self._upload_id, blob)
            await asyncio.to_thread(staging.close)

    async def _header(self, requests: AsyncIterator[UploadImport]) -> ImportHeader:
        first = await anext(aiter(requests), UploadImport())
        require(first.HasField("header"), "import-header-missing", field="header")
        today = self._today()
        require(
            first.header.effective_on <= today,
            "effective-date-in-the-future",
            field="header.effective_on",
            today=today,
        )
        return first.header

    def _today(self) -> str:
        return self._parts.clock.now().astimezone(PROGRAMME_ZONE).date().isoformat()

    def _validation_of(self, header: ImportHeader, staging: Staging) -> Validation:
        parts = self._parts
        return Validation(
            CodeLists(parts.programme.table("codes")),
            header,
            staging,
            lambda number: parts.sealer.blind(ACTIVE_MEMBER, number),
            parts.programme,
            parts.clock.now().astimezone(PROGRAMME_ZONE).date(),
        )

    async def _sealed(self, requests: AsyncIterator[UploadImport]) -> Blob:
        try:
            return await self._parts.blobs.put_stream(
                self._upload_id, self._validated(requests), max_bytes=FILE_MAX_BYTES
            )
        except BlobTooLarge:
            reject("import-too-large", most=FILE_MAX_BYTES)

    async def _validated(self, requests: AsyncIterator[UploadImport]) -> AsyncIterator[bytes]:
        """What of the file is sound, each piece validated before the next is asked for."""
        validation = self._validation
        async for request in requests:
            self._digest.update(request.chunk)
            households = await asyncio.to_thread(validation.feed, request.chunk)
            await self._compare(households)
            yield b"" if validation.faults.count else framed(households)
        households = await asyncio.to_thread(validation.finish)
        await self._compare(households)
        yield framed(households)

    # Against the register

    async def _compare(self, households: Sequence[FileHousehold]) -> None:
        sound = [each for each in households if not each.faults]
        if not sound:
            return
        await self._compare_villages(sound)
        await self._compare_files(sound)
        await self._compare_people([each for each in sound if not each.faults])

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

    async def _compare_files(self, households: Sequence[FileHousehold]) -> None:
        """A household in the register already must say the same again, word for word."""
        known = await self._known([household_id_of(each.command) for each in households])
        if not known:
            return
        await self._parts.sealer.opening(known.values())
        for household in households:
            registered = known.get(household_id_of(household.command))
            if registered is None:
                continue
            self._parts.sealer.open(registered)
            if repeats(household.command, registered):
                self._unchanged += 1
                # Its people are its own.
                household.people = []
            else:
                self._fault(household, "household_number", ALREADY_KNOWN, {})

    async def _known(self, household_ids: Sequence[str]) -> dict[str, HouseholdRegistered]:
        contents = await self._parts.views.query(
            lambda connection: registered_contents(connection, household_ids)
        )
        return {each: HouseholdRegistered.FromString(data) for each, data in contents.items()}

    async def _compare_people(self, households: Sequence[FileHousehold]) -> None:
        people = [digest for household in households for digest in household.people]
        owners = await self._parts.store.claim_owners(ACTIVE_MEMBER, people)
        if not owners:
            return
        for household in households:
            for row, digest in zip(household.rows, household.people, strict=False):
                if digest in owners:
                    self._validation.faults.add(
                        RowFault(row, "identity_number", PERSON_ALREADY_IN_HOUSEHOLD)
                    )

    def _fault(
        self, household: FileHousehold, column: str, slug: str, details: dict[str, str]
    ) -> None:
        fault = RowFault(household.rows[0], column, slug, details)
        household.faults.append(fault)
        self._validation.faults.add(fault)

    # The answer

    async def _recorded(self, header: ImportHeader, blob: Blob) -> tuple[ImportReport, bool]:
        """The report, and whether these very bytes are the import's."""
        file_sha256 = self._digest.hexdigest()
        import_id = derived_id(
            "import", file_sha256, header.region_id, header.source, header.effective_on
        )
        before, _ = await self._parts.handler.state("import", import_id)
        command = RecordValidation(
            command_id=derived_id("validation", import_id, blob.sha256),
            validated=ImportValidated(
                import_id=import_id,
                region_id=header.region_id,
                source=header.source,
                file_sha256=file_sha256,
                blob=blob,
                rows=self._validation.rows,
                households=self._validation.households,
                effective_on=header.effective_on,
                synthetic=header.synthetic,
            ),
        )
        await self._parts.handler.handle(command, self._actor)
        after, _ = await self._parts.handler.state("import", import_id)
        report = ImportReport(
            import_id=import_id,
            phase=after.phase,
            rows=self._validation.rows,
            households=self._validation.households,
            households_unchanged=self._unchanged,
            already_imported=before.phase >= IMPORT_PHASE_COMMITTING,
        )
        return report, after.blob_sha256 == blob.sha256

    def _rejected(self, language: str) -> ImportReport:
        validation = self._validation
        shown = sorted(validation.faults.shown, key=lambda fault: fault.row)
        return ImportReport(
            phase=IMPORT_PHASE_REJECTED,
            rows=validation.rows,
            households=validation.households,
            households_unchanged=self._unchanged,
            fault_count=validation.faults.count,
            faults=[
                ImportFault(
                    row=fault.row,
                    column=validation.column(fault.column),
                    slug=fault.slug,
                    sentence=self._parts.programme.sentence(fault.slug, language, fault.details),
                )
                for fault in shown
            ],
        )


def _villages(connection: Connection, village_ids: set[str]) -> dict[str, bool]:
    edition, _ = regions.edition_in_force(connection)
    known = regions.names_of(connection, edition, sorted(village_ids))
    return {each: each in known for each in village_ids}


async def discard(parts: ServeParts, upload_id: str, blob: Blob | None) -> None:
    """The file can be read by nobody any more, and is gone."""
    await parts.keys.destroy(upload_id)
    if blob is not None:
        await parts.blobs.remove(blob)


def mark_cut_off(scratch: Path) -> None:
    """Before the server listens: what is left here now belongs to uploads that a kill cut off."""
    for path in scratch.glob(f"*{STAGING_SUFFIX}"):
        path.rename(path.with_suffix(CUT_OFF_SUFFIX))


async def sweep_cut_off(parts: ServeParts) -> None:
    """Nobody needs their keys."""
    for path in parts.scratch.glob(f"*{CUT_OFF_SUFFIX}"):
        await discard(parts, path.stem, None)
        path.unlink(missing_ok=True)
