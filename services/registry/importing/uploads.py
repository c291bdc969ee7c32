"""A file on its way in: sealed piece by piece while it is validated; kept when all is valid, or,
row by row, what is.
"""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import date
from pathlib import Path

from chassis.blobs import BlobTooLarge
from chassis.decider import PROGRAMME_ZONE, Actor, derived_id
from chassis.rejection import FactMissing, reject, require
from services.registry.decider.file_import import IMPORT
from services.registry.decider.registration import ACTIVE_MEMBER
from services.registry.importing.answers import Answers
from services.registry.importing.columns import CodeLists
from services.registry.importing.framing import KeptHousehold, framed, unframed
from services.registry.importing.grouping import RawHousehold
from services.registry.importing.households import FileHousehold
from services.registry.importing.matching import Matching
from services.registry.importing.staging import Staging
from services.registry.importing.validation import Validation
from services.registry.importing.villages import Villages
from services.registry.views import imports, regions
from services.registry.views.imports import file_key, known_file
from services.wiring import ServeParts
from tuopin.registry.v1.import_pb2 import (
    IMPORT_MODE_ROWS,
    IMPORT_PHASE_COMMITTING,
    CheckedImport,
    CheckImport,
    ImportHeader,
    ImportReport,
    ImportValidated,
    RecordValidation,
    UploadImport,
)
from tuopin.types.v1.types_pb2 import Blob, Position

FILE_MAX_BYTES = 4 * 1024**3
STAGING_SUFFIX = ".staging"
CUT_OFF_SUFFIX = ".cut-off"
HEARD_WITHIN_S = 5.0
# Answers that wait for a client that does not read them, before the file waits too.
ANSWERS_WAITING = 8

Requests = AsyncIterator[UploadImport] | AsyncIterator[CheckImport]


class Upload:
    """One file; what is found in it is told while it arrives, the report at last."""

    def __init__(self, parts: ServeParts, actor: Actor, language: str) -> None:
        self._parts = parts
        self._actor = actor
        # The import's id follows from the whole file; its key is needed from the first piece on.
        self._upload_id = f"upload-{uuid.uuid4()}"
        self._digest = hashlib.sha256()
        # Of what is to be written: a file that meets another register is another import.
        self._content = hashlib.sha256()
        self._answers = Answers(parts.programme, language)
        self._header: ImportHeader
        self._staging: Staging
        self._validation: Validation
        self._matching: Matching
        self._left_out = 0

    async def report(self, requests: Requests) -> ImportReport:
        """The last word only."""
        report = ImportReport()
        async for checked in self.told(requests):
            report = checked.report
        return report

    async def told(self, requests: Requests) -> AsyncIterator[CheckedImport]:
        """Validate to the last row; nothing but a sealed file and one event is ever written."""
        self._header = await self._first(requests)
        known = await self._known_at_once()
        if known is not None:
            yield CheckedImport(report=known)
            return
        outbox: asyncio.Queue[CheckedImport] = asyncio.Queue(ANSWERS_WAITING)
        checking = asyncio.ensure_future(self._checked(requests, outbox))
        try:
            while not checking.done() or not outbox.empty():
                next_one = asyncio.ensure_future(outbox.get())
                await asyncio.wait({checking, next_one}, return_when=asyncio.FIRST_COMPLETED)
                if next_one.done():
                    yield next_one.result()
                else:
                    next_one.cancel()
            yield CheckedImport(report=checking.result())
        finally:
            checking.cancel()
            await asyncio.gather(checking, return_exceptions=True)

    async def _first(self, requests: Requests) -> ImportHeader:
        first: UploadImport | CheckImport | None = None
        async for each in requests:
            first = each
            break
        if first is None or not first.HasField("header"):
            reject("import-header-missing", field="header")
        today = self._today().isoformat()
        require(
            first.header.effective_on <= today,
            "effective-date-in-the-future",
            field="header.effective_on",
            today=today,
        )
        return first.header

    async def _known_at_once(self) -> ImportReport | None:
        """The report of a file that the sender names by its digest and that is in already."""
        if not self._header.file_sha256:
            return None
        return await self._known(self._header.file_sha256)

    async def _known(self, file_sha256: str) -> ImportReport | None:
        """The report of a file of which nothing stayed out, or which is on its way in."""
        key, views = file_key(file_sha256, self._header), self._parts.views
        for (topic, partition), at in self._parts.store.reached().items():
            if topic == IMPORT.topic and at:
                # An import that was committed or completed a moment ago counts.
                position = Position(topic=topic, partition=partition, position=at)
                await views.wait_for((imports.VIEW.name,), position, HEARD_WITHIN_S)
        return await views.query(lambda connection: known_file(connection, key))

    async def _checked(
        self, requests: Requests, outbox: "asyncio.Queue[CheckedImport]"
    ) -> ImportReport:
        self._staging = Staging(self._parts.scratch / f"{self._upload_id}{STAGING_SUFFIX}")
        blob: Blob | None = None
        kept = False
        try:
            self._validation = await self._validation_of()
            self._matching = Matching(self._parts, self._validation)
            blob = await self._sealed(self._frames(requests, outbox))
            await self._tell(outbox)
            if self._refused:
                return self._answers.rejected(self._validation, self._matching)
            blob = await self._without_spoiled(blob)
            report, kept = await self._recorded(blob)
            return report
        finally:
            if not kept:
                await discard(self._parts, self._upload_id, blob)
            self._validation.close()
            await asyncio.to_thread(self._staging.close)

    async def _validation_of(self) -> Validation:
        parts, codes = self._parts, CodeLists(self._parts.programme)
        return Validation(
            codes,
            self._header,
            self._staging,
            lambda number: parts.sealer.blind(ACTIVE_MEMBER, number),
            parts.programme,
            self._today(),
            parts.scratch,
            await self._villages(codes),
            parts.sealer.digest,
        )

    def _today(self) -> date:
        return self._parts.clock.now().astimezone(PROGRAMME_ZONE).date()

    async def _villages(self, codes: CodeLists) -> Villages:
        try:
            below = await self._parts.views.query(
                lambda connection: regions.names_below(connection, self._header.region_id)
            )
        except FactMissing:
            below = []
        return Villages(below, codes.village_endings)

    # The file

    async def _sealed(self, frames: AsyncIterator[bytes]) -> Blob:
        try:
            return await self._parts.blobs.put_stream(
                self._upload_id, frames, max_bytes=FILE_MAX_BYTES
            )
        except BlobTooLarge:
            reject("import-too-large", most=FILE_MAX_BYTES)

    async def _frames(
        self, requests: Requests, outbox: "asyncio.Queue[CheckedImport]"
    ) -> AsyncIterator[bytes]:
        """What of the file is to be written, each piece validated before the next is asked for."""
        received = 0
        async for request in requests:
            received += len(request.chunk)
            if received > FILE_MAX_BYTES:
                reject("import-too-large", most=FILE_MAX_BYTES)
            self._digest.update(request.chunk)
            batches = self._validation.feed(request.chunk)
            async for frames in self._batched(batches):
                yield frames
            await self._tell(outbox)
        async for frames in self._batched(self._validation.finish()):
            yield frames
            await self._tell(outbox)

    async def _batched(self, batches: Iterator[list[RawHousehold]]) -> AsyncIterator[bytes]:
        nothing: list[RawHousehold] = []
        while batch := await asyncio.to_thread(next, batches, nothing):
            unchanged = self._matching.unchanged
            households = await self._matching.to_write(batch)
            sound = [each for each in households if not each.faults]
            self._left_out += len(batch) - len(sound) - self._matching.unchanged + unchanged
            yield b"" if self._refused else self._framed(sound)

    def _framed(self, households: Sequence[FileHousehold | KeptHousehold]) -> bytes:
        frames = framed(households)
        self._content.update(frames)
        return frames

    @property
    def _refused(self) -> bool:
        """Nothing of the file gets in."""
        validation = self._validation
        by_rows = self._header.mode == IMPORT_MODE_ROWS
        return validation.unusable or (bool(validation.faults.count) and not by_rows)

    async def _tell(self, outbox: "asyncio.Queue[CheckedImport]") -> None:
        for faults in self._answers.told(self._validation):
            await outbox.put(CheckedImport(faults=faults, rows=self._validation.rows))

    async def _without_spoiled(self, blob: Blob) -> Blob:
        """Households whose rows turned out to go on elsewhere in the file are taken out again."""
        if not self._staging.anything_spoiled:
            return blob

        async def sound() -> AsyncIterator[bytes]:
            async for households in unframed(self._parts.blobs.stream(blob)):
                kept = [each for each in households if not self._staging.is_spoiled(each.row)]
                self._left_out += len(households) - len(kept)
                yield self._framed(kept)

        self._content = hashlib.sha256()
        rest = await self._sealed(sound())
        await self._parts.blobs.remove(blob)
        return rest

    # The answer

    async def _recorded(self, blob: Blob) -> tuple[ImportReport, bool]:
        """The report, and whether these very bytes are the import's."""
        header, validation, matching = self._header, self._validation, self._matching
        file_sha256 = self._digest.hexdigest()
        known = await self._known(file_sha256)
        if known is not None:
            known.households_unchanged = matching.unchanged
            return known, False
        import_id = self._import_id(file_sha256)
        before, _ = await self._parts.handler.state("import", import_id)
        command = RecordValidation(
            command_id=derived_id("validation", import_id, blob.sha256),
            validated=ImportValidated(
                import_id=import_id,
                region_id=header.region_id,
                source=header.source,
                file_sha256=file_sha256,
                blob=blob,
                rows=validation.rows,
                households=validation.households,
                effective_on=header.effective_on,
                synthetic=header.synthetic,
                mode=header.mode,
                columns=header.columns,
                unchanged=matching.unchanged,
                corrected=matching.differing,
                left_out=self._left_out,
                notify=header.notify,
            ),
        )
        await self._parts.handler.handle(command, self._actor)
        after, _ = await self._parts.handler.state("import", import_id)
        report = self._answers.validated(validation, matching)
        report.import_id = import_id
        report.phase = after.phase
        report.households_left_out = self._left_out
        report.already_imported = before.phase >= IMPORT_PHASE_COMMITTING
        return report, after.blob_sha256 == blob.sha256

    def _import_id(self, file_sha256: str) -> str:
        header = self._header
        content = self._parts.sealer.digest(self._content.digest()).hex()
        key = file_key(file_sha256, header)
        return derived_id("import", key, header.effective_on, header.mode, header.notify, content)


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
