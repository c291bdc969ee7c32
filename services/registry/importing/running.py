"""Committed imports, brought to their end beside the server, whatever is killed in between.

The log alone says what is left to do: committed and not completed. Every household has its own
command_id, so that beginning again from the first row puts nobody in twice.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import structlog

from chassis.decider import Actor, derived_id
from chassis.envelope import event_of, parse
from chassis.handle import Handler
from services.registry.decider.registration import household_id_of
from services.registry.importing import digests
from services.registry.importing.digests import RowDigest
from services.registry.importing.framing import KeptHousehold, unframed
from services.registry.importing.uploads import discard, sweep_cut_off
from services.registry.importing.validation import FAULTS_SHOWN
from services.registry.registrations import ALREADY_KNOWN, registrations_of
from services.wiring import ServeParts
from tuopin.registry.v1.correction_pb2 import CorrectHousehold
from tuopin.registry.v1.import_pb2 import (
    IMPORT_PHASE_COMPLETED,
    CompleteImport,
    ImportCommitted,
    ImportCompleted,
    ImportFault,
    ImportValidated,
)
from tuopin.types.v1.types_pb2 import Outcome, Receipt

TOPIC = "import"
BATCH_HOUSEHOLDS = 500
BATCHES_AT_ONCE = 2
READ_RECORDS = 200
# What another process of the same store has committed is found by looking.
LOOK_EVERY_S = 0.25
# The store or the keys do not answer: the same batch again after so long.
AGAIN_AFTER_S = 1.0
_AGAIN = frozenset({"UNAVAILABLE", "ABORTED"})

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Counts:
    """What came of the households so far."""

    registered: int = 0
    unchanged: int = 0
    corrected: int = 0
    faults: list[ImportFault] = field(default_factory=list)

    def take(self, household: KeptHousehold, receipt: Receipt) -> None:
        """One more that is as the file says."""
        if receipt.no_effect:
            self.unchanged += 1
        elif household.differs:
            self.corrected += 1
        else:
            self.registered += 1


class ImportRunner:
    """Reads the lanes of the topic import and does what they leave open."""

    def __init__(self, parts: ServeParts) -> None:
        self._parts = parts
        self._registrations = registrations_of(parts)
        self._positions: dict[int, int] = {}
        self._validated: dict[str, ImportValidated] = {}
        # Who committed what is not completed yet.
        self._open: dict[str, str] = {}

    async def run(self) -> None:
        """Until cancelled."""
        committed = _committed(self._parts)
        while True:
            committed.clear()
            try:
                await sweep_cut_off(self._parts)
                await self.step()
            except Exception as error:
                # The store or the keys are away; what is open stays open.
                log.error("imports waiting", error=type(error).__name__)
                await self._parts.clock.sleep(AGAIN_AFTER_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await committed.wait()

    async def step(self) -> None:
        """Look at what is new, finish what is open."""
        await self._look()
        for import_id, actor in list(self._open.items()):
            try:
                await self._finish(self._validated[import_id], Actor(subject=actor))
            except Exception as error:
                # Its file is damaged, or the world is: the others go on, this one is tried again.
                log.error("import stopped", import_id=import_id, error=type(error).__name__)
                await self._parts.clock.sleep(AGAIN_AFTER_S)
            else:
                del self._open[import_id]

    async def _look(self) -> None:
        for head in await self._parts.store.heads(TOPIC):
            after = self._positions.get(head.partition, 0)
            while after < head.position:
                records = await self._parts.store.read(TOPIC, head.partition, after, READ_RECORDS)
                for record in records:
                    envelope = parse(record.envelope)
                    await self._hear(event_of(envelope), envelope.actor)
                    after = self._positions[head.partition] = record.position

    async def _hear(self, event: object, actor: str) -> None:
        match event:
            case ImportValidated():
                self._validated[event.import_id] = event
            case ImportCommitted():
                self._open[event.import_id] = actor
            case ImportCompleted():
                self._open.pop(event.import_id, None)
                # Perhaps killed between the event and this.
                await self._retire(self._validated.pop(event.import_id))

    async def _finish(self, validated: ImportValidated, actor: Actor) -> None:
        state, _ = await self._parts.handler.state("import", validated.import_id)
        if state.phase != IMPORT_PHASE_COMPLETED:
            log.info("import", import_id=validated.import_id, households=validated.households)
            counts = await self._register_all(validated, actor)
            command = CompleteImport(
                command_id=derived_id(validated.import_id, "complete"),
                import_id=validated.import_id,
                registered=counts.registered,
                unchanged=counts.unchanged,
                corrected=counts.corrected,
                faults=counts.faults,
            )
            await self._parts.handler.handle(command, actor)
        await self._retire(validated)

    async def _retire(self, validated: ImportValidated) -> None:
        await discard(self._parts, validated.blob.subject_id, validated.blob)

    async def _register_all(self, validated: ImportValidated, actor: Actor) -> Counts:
        """A few batches at once: one is decided while another is made durable."""
        counts = Counts(unchanged=validated.unchanged)
        free = asyncio.Semaphore(BATCHES_AT_ONCE)

        import_id = validated.import_id

        async def register(households: Sequence[KeptHousehold]) -> None:
            try:
                while households := await self._register(households, actor, counts, import_id):
                    await self._parts.clock.sleep(AGAIN_AFTER_S)
            finally:
                free.release()

        async with asyncio.TaskGroup() as batches:
            async for households in self._batches(validated):
                await free.acquire()
                batches.create_task(register(households))
        return counts

    async def _batches(self, validated: ImportValidated) -> AsyncIterator[list[KeptHousehold]]:
        waiting: list[KeptHousehold] = []
        async for households in unframed(self._parts.blobs.stream(validated.blob)):
            for household in households:
                command = household.command
                # Tasks and messages follow from households that came in by no import.
                command.import_id = "" if validated.notify else validated.import_id
                command.command_id = derived_id(
                    validated.import_id, command.source, command.household_number
                )
            waiting += households
            while len(waiting) >= BATCH_HOUSEHOLDS:
                yield waiting[:BATCH_HOUSEHOLDS]
                del waiting[:BATCH_HOUSEHOLDS]
        if waiting:
            yield waiting

    async def _register(
        self,
        households: Sequence[KeptHousehold],
        actor: Actor,
        counts: Counts,
        import_id: str,
    ) -> list[KeptHousehold]:
        """Count what was done; returns the households that must be tried again."""
        agreeing: list[RowDigest] = []
        again: list[KeptHousehold] = []
        new = [each for each in households if not each.differs]
        differing = [each for each in households if each.differs]
        for kept, outcomes in (
            (new, await self._entered(new, actor)),
            (differing, await self._corrected(differing, actor, import_id)),
        ):
            for household, outcome in zip(kept, outcomes, strict=True):
                if outcome.refusal.code in _AGAIN:
                    again.append(household)
                elif outcome.HasField("receipt"):
                    counts.take(household, outcome.receipt)
                    household_id = household_id_of(household.command)
                    version = outcome.receipt.version
                    agreeing.append(RowDigest(household_id, version, household.digest))
                elif len(counts.faults) < FAULTS_SHOWN:
                    slug = outcome.refusal.slug
                    counts.faults.append(
                        ImportFault(row=household.row, column="household_number", slug=slug)
                    )
        await self._parts.views.change(lambda connection: digests.keep(connection, agreeing))
        return again

    async def _entered(
        self, households: Sequence[KeptHousehold], actor: Actor
    ) -> Sequence[Outcome]:
        commands = [household.command for household in households]
        await self._registrations.look_up(command.village_id for command in commands)
        outcomes: Sequence[Outcome] = await self._parts.handler.handle_many(
            commands, actor, checked=True
        )
        if any(outcome.refusal.slug == ALREADY_KNOWN for outcome in outcomes):
            outcomes = await self._registrations.settle(commands, outcomes, actor)
        return outcomes

    async def _corrected(
        self, households: Sequence[KeptHousehold], actor: Actor, import_id: str
    ) -> Sequence[Outcome]:
        """What the register says otherwise was wrong: the file is the later word."""
        commands = [
            CorrectHousehold(
                command_id=household.command.command_id,
                file=household.command,
                reason=f"import {import_id}",
                import_id=household.command.import_id,
            )
            for household in households
        ]
        return await self._parts.handler.handle_many(commands, actor, checked=True)


_COMMITTED: "WeakKeyDictionary[Handler, asyncio.Event]" = WeakKeyDictionary()


def _committed(parts: ServeParts) -> asyncio.Event:
    return _COMMITTED.setdefault(parts.handler, asyncio.Event())


def wake(parts: ServeParts) -> None:
    """An import was committed here: nobody need wait for the next look."""
    _committed(parts).set()


async def finish_imports(parts: ServeParts) -> None:
    """The task beside the server."""
    await ImportRunner(parts).run()
