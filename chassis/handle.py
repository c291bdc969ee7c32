"""The way of a command: check, decide, seal, append, receipt.

Decisions rest on speculative state: commands of one stream follow each other without waiting for
the commit. Only what adds events may rest on it, because the append proves it; a rejection or "no
effect" first waits for what is pending, looks the receipt up and decides again on what is stored.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from chassis import fields
from chassis.appending import Plan, RegionCheck, Work, append_of, refusal_of
from chassis.clock import Clock
from chassis.crossing import Crossing
from chassis.decider import Actor, Claim, Context, Decider, FactsOutdated, Parameters, Release
from chassis.envelope import event_of, parse
from chassis.personal import personal_values
from chassis.problems import Contended, fault_of
from chassis.rejection import Rejected
from chassis.sealing import Sealer
from chassis.states import Slot, States
from chassis.store.model import ClaimTaken, CommandReused, Store, VersionConflict
from chassis.store.model import Outcome as Settled
from tuopin.types.v1.types_pb2 import Outcome, Receipt, Refusal

ATTEMPTS = 8

Facts = Mapping[type[Message], Callable[[Any], Awaitable[Any]]]
Say = Callable[[str, Mapping[str, str]], str]


class Handler:
    """Handles the commands of one service."""

    def __init__(
        self,
        *,
        service: str,
        deciders: Sequence[Decider[Any]],
        facts: Facts,
        store: Store,
        sealer: Sealer,
        programme: Parameters,
        clock: Clock,
        states: States | None = None,
    ) -> None:
        self.service = service
        self._deciders = {decider.noun: decider for decider in deciders}
        self._routes = {
            command: (decider, stream_id)
            for decider in deciders
            for command, stream_id in decider.commands.items()
        }
        self._facts = dict(facts)
        self._store = store
        self._sealer = sealer
        self.programme = programme
        self._clock = clock
        self._states = states or States()
        self._crossing = Crossing(self._states, store, sealer, self._load)
        # Commands that found their stream unborn last time are first decided without loading it.
        self._births: dict[type[Message], bool] = {}

    def use_facts(self, command: type[Message], read: Callable[[Any], Awaitable[Any]]) -> None:
        """Facts for a command that come from elsewhere than a query on the views."""
        self._facts[command] = read

    async def handle(
        self,
        command: Message,
        actor: Actor,
        region_check: RegionCheck | None = None,
        *,
        checked: bool = False,
    ) -> Receipt:
        """The receipt, durable; the same command_id again gets the same one.

        With `checked`, the field rules were kept already. A rejection of a reaction's command is
        an event.
        """
        work = self._work(command, actor, region_check)
        try:
            await self._make_ready(work, checked)
            return await (self._do_across(work) if work.further else self._do(work))
        except (Rejected, fields.InvalidField) as refusal:
            if not actor.caused_by:
                raise
            return await self._store.append(refusal_of(work, refusal.slug, self._store.topics[0]))

    async def handle_many(
        self,
        commands: Sequence[Message],
        actor: Actor,
        region_check: RegionCheck | None = None,
        *,
        checked: bool = False,
        say: Say = lambda slug, details: slug,
    ) -> list[Outcome]:
        """One outcome per command, in order; what is new and free shares key and event commits."""
        outcomes: list[Outcome | None] = [None] * len(commands)
        works = [self._work(command, actor, region_check) for command in commands]
        for wave in _waves(works):
            receipts = await self._do_together([works[index] for index in wave], checked)
            for index, receipt in zip(wave, receipts, strict=True):
                if receipt is None:
                    outcome = await self._outcome(commands[index], works[index], checked, say)
                else:
                    outcome = Outcome(command_id=receipt.command_id, receipt=receipt)
                outcomes[index] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

    async def state(self, noun: str, id: str) -> tuple[Any, int]:
        """State and version of a stream as stored."""
        decider = self._deciders[noun]
        stream = f"{noun}-{id}"
        slot = self._states.slot(stream)
        async with slot.lock:
            await slot.settled()
            await self._load(decider, stream, slot)
            return slot.state, slot.version

    # One command

    def _work(self, command: Any, actor: Actor, region_check: RegionCheck | None) -> Work:
        decider, stream_id = self._routes[type(command)]
        stream = f"{decider.noun}-{stream_id(command)}"
        name = command.DESCRIPTOR.full_name.encode()
        digest = self._sealer.digest(name + b"\x00" + command.SerializeToString(deterministic=True))
        context = Context(self._clock.now(), actor, command.command_id, self.programme)
        name_further = decider.further.get(type(command))
        further = name_further(command) if name_further else ()
        return Work(command, actor, region_check, decider, stream, digest, context, further)

    async def _make_ready(self, work: Work, checked: bool) -> None:
        """Field rules, and what the decider needs besides its state."""
        if not checked:
            fields.check(work.command, sealed=bool(work.actor.caused_by))
        if work.actor.caused_by:
            work.command = await self._opened(work.command)
        await self._read_facts(work)

    async def _read_facts(self, work: Work) -> None:
        read = self._facts.get(type(work.command))
        if read is not None:
            facts = await read(work.command)
            context = work.context
            work.context = Context(
                context.now, context.actor, context.command_id, context.parameters, facts
            )

    async def _opened(self, command: Message) -> Message:
        """Deciders see the clear command; a reaction passes on what it heard sealed."""
        if not any(value.startswith(fields.SEALED) for *_, value in personal_values(command)):
            return command
        clear = type(command)()
        clear.CopyFrom(command)
        await self._sealer.opening([clear])
        self._sealer.open(clear, keep_clear=True)
        return clear

    async def _do(self, work: Work) -> Receipt:
        for _ in range(ATTEMPTS):
            slot = self._states.slot(work.stream)
            try:
                async with slot.lock:
                    plan = await self._decide(work, slot)
                    if isinstance(plan, Receipt):
                        return plan
                    await self._sealer.prepare(plan.events)
                    answer = self._submit(work, slot, plan)
            except FactsOutdated:
                await self._read_facts(work)
                continue
            outcome = await answer
            if isinstance(outcome, VersionConflict):
                # Perhaps it was only guessed that the stream is unborn: look at it from now on.
                self._births[type(work.command)] = False
                continue
            return _receipt_of(outcome)
        raise Contended(work.stream)

    async def _do_across(self, work: Work) -> Receipt:
        slots = self._crossing.slots(work)
        try:
            for _ in range(ATTEMPTS):
                try:
                    answer = await self._crossing.attempt(work, slots)
                except FactsOutdated:
                    await self._read_facts(work)
                    continue
                outcome = answer if isinstance(answer, Receipt) else await answer
                if not isinstance(outcome, VersionConflict):
                    return _receipt_of(outcome)
            raise Contended(work.stream)
        finally:
            self._crossing.leave(slots)

    async def _decide(self, work: Work, slot: Slot) -> Plan | Receipt:
        try:
            plan = self._guess(work) if not slot.known else self._plan(work, slot)
        except Exception:
            # Whatever went wrong did so on a state that may be wrong itself.
            plan = None
        if plan is not None and not plan.without_effect:
            return plan
        await slot.settled()
        first = await self._store.receipt(work.context.command_id)
        if first is not None:
            if first[0] != work.digest:
                raise CommandReused(work.context.command_id)
            return first[1]
        await self._load(work.decider, work.stream, slot)
        self._births[type(work.command)] = slot.version == 0
        return self._plan(work, slot)

    def _guess(self, work: Work) -> Plan | None:
        """Decided as if the stream were unborn: the append proves it, without a read."""
        if not self._births.get(type(work.command), True):
            return None
        unborn = Slot()
        unborn.state = work.decider.initial()
        return self._plan(work, unborn)

    def _plan(self, work: Work, slot: Slot) -> Plan:
        decider = work.decider
        if work.region_check is not None and slot.version > 0:
            work.region_check(decider.region(slot.state))
        plan = Plan(slot.version, slot.state)
        for decision in decider.decide(slot.state, work.command, work.context) or ():
            match decision:
                case Claim():
                    plan.claims.append(decision)
                case Release():
                    plan.releases.append(decision)
                case _:
                    assert type(decision) in decider.events, type(decision)
                    plan.events.append(decision)
        return plan

    async def _load(self, decider: Decider[Any], stream: str, slot: Slot) -> None:
        if not slot.known:
            slot.state, slot.version = decider.initial(), 0
        for record in await self._store.load(stream, slot.version):
            envelope = parse(record.envelope)
            slot.state = decider.evolve(slot.state, event_of(envelope))
            slot.version = envelope.version
        slot.known = True

    def _submit(self, work: Work, slot: Slot, plan: Plan) -> "asyncio.Future[Settled]":
        """Seal, queue the append, go on from the state it will lead to."""
        for event in plan.events:
            self._sealer.seal(event, keep_sealed=True)
        version = plan.version + len(plan.events)
        generation = slot.advance(plan.state, plan.events, work.decider.evolve, version)
        answer: asyncio.Future[Settled] = asyncio.get_running_loop().create_future()

        def settled(outcome: Settled) -> None:
            # An earlier receipt of the same command means that these events were not written.
            kept = isinstance(outcome, Receipt) and outcome.version == version
            slot.settle(generation, kept)
            if not answer.done():
                answer.set_result(outcome)

        self._store.submit(append_of(work, plan, self._sealer), settled)
        return answer

    # Many commands

    async def _do_together(self, works: Sequence[Work], checked: bool) -> list[Receipt | None]:
        """The common case of a batch; None for whatever needs a way of its own."""
        taken: list[tuple[int, Work, Slot, Plan]] = []
        try:
            for index, work in enumerate(works):
                planned = await self._plan_free(work, checked)
                if planned is not None:
                    taken.append((index, work, *planned))
            answers = await self._submit_all(taken)
        finally:
            for _, _, slot, _ in taken:
                slot.lock.release()
        receipts: list[Receipt | None] = [None] * len(works)
        for index, answer in answers:
            outcome = await answer
            receipts[index] = outcome if isinstance(outcome, Receipt) else None
        return receipts

    async def _plan_free(self, work: Work, checked: bool) -> tuple[Slot, Plan] | None:
        """Decides when nobody else works on the stream; then its lock is held.

        Waits for no lock that a batch holds: two batches cannot wait for each other.
        """
        if work.further:
            return None
        try:
            await self._make_ready(work, checked)
            slot = self._states.slot(work.stream)
            if slot.lock.locked() or slot.crossing:
                return None
            plan = self._plan(work, slot) if slot.known else self._guess(work)
        except Exception:
            # Handled again by itself, where it gets its answer.
            return None
        if plan is None or plan.without_effect:
            return None
        await slot.lock.acquire()
        if slot.known and slot.version != plan.version:
            # Somebody stood in line before us.
            slot.lock.release()
            return None
        return slot, plan

    async def _submit_all(
        self, taken: list[tuple[int, Work, Slot, Plan]]
    ) -> "list[tuple[int, asyncio.Future[Settled]]]":
        try:
            await self._sealer.prepare([event for *_, plan in taken for event in plan.events])
        except Rejected:
            # Somebody is erased; one by one it shows who.
            return []
        return [(index, self._submit(work, slot, plan)) for index, work, slot, plan in taken]

    async def _outcome(self, command: Any, work: Work, checked: bool, say: Say) -> Outcome:
        try:
            receipt = await self.handle(command, work.actor, work.region_check, checked=checked)
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                raise
            sentence = say(fault.slug, fault.details)
            refusal = Refusal(
                code=fault.code, slug=fault.slug, field=fault.field, sentence=sentence
            )
            return Outcome(command_id=command.command_id, refusal=refusal)
        return Outcome(command_id=command.command_id, receipt=receipt)


def _waves(works: Sequence[Work]) -> Iterator[list[int]]:
    """Indexes, no stream twice in a wave: the second command sees what the first one did."""
    left = list(range(len(works)))
    while left:
        streams: set[str] = set()
        wave: list[int] = []
        later: list[int] = []
        for index in left:
            work = works[index]
            touched = {work.stream, *(f"{work.decider.noun}-{each}" for each in work.further)}
            (later if touched & streams else wave).append(index)
            streams |= touched
        yield wave
        left = later


def _receipt_of(outcome: Settled) -> Receipt:
    if isinstance(outcome, ClaimTaken):
        raise Rejected(outcome.rejection, owner=outcome.owner) from outcome
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
