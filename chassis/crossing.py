"""A command over several streams of one noun: decided on all their states, one append for all.

Locks are taken in the order of the streams' names, so that two such commands never wait for each
other; a batch takes no stream that one of them is after (`Slot.crossing`), so that it neither.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from chassis.appending import Plan, Work, append_of
from chassis.decider import Claim, Decider, Elsewhere, Release
from chassis.sealing import Sealer
from chassis.states import Slot, States
from chassis.store.model import CommandReused, Store
from chassis.store.model import Outcome as Settled
from tuopin.types.v1.types_pb2 import Receipt

Plans = dict[str, Plan]
Slots = dict[str, Slot]


@dataclass(frozen=True, slots=True)
class Crossing:
    """What such a command needs of the handler."""

    states: States
    store: Store
    sealer: Sealer
    load: Callable[[Decider[Any], str, Slot], Awaitable[None]]

    async def attempt(self, work: Work, slots: Slots) -> "asyncio.Future[Settled] | Receipt":
        """Decide and submit once; a receipt when nothing is left to write. Raises FactsOutdated."""
        async with AsyncExitStack() as held:
            for slot in slots.values():
                await held.enter_async_context(slot.lock)
            plans = await self._decide(work, slots)
            if isinstance(plans, Receipt):
                return plans
            events = [event for plan in plans.values() for event in plan.events]
            await self.sealer.prepare(events)
            return self._submit(work, slots, plans)

    def slots(self, work: Work) -> Slots:
        """The slots of all its streams, marked as wanted; give them back with `leave`."""
        names = {work.stream, *(_stream(work, each) for each in work.further)}
        found = {name: self.states.slot(name) for name in sorted(names)}
        for slot in found.values():
            slot.crossing += 1
        return found

    def leave(self, slots: Slots) -> None:
        """They are free for batches again."""
        for slot in slots.values():
            slot.crossing -= 1

    async def _decide(self, work: Work, slots: Slots) -> Plans | Receipt:
        if all(slot.known for slot in slots.values()):
            try:
                plans = self._plans(work, slots)
            except Exception:
                # Whatever went wrong did so on states that may be wrong themselves.
                plans = {}
            if plans and not plans[work.stream].without_effect:
                return plans
        for slot in slots.values():
            await slot.settled()
        first = await self.store.receipt(work.context.command_id)
        if first is not None:
            if first[0] != work.digest:
                raise CommandReused(work.context.command_id)
            return first[1]
        for stream, slot in slots.items():
            await self.load(work.decider, stream, slot)
        return self._plans(work, slots)

    def _plans(self, work: Work, slots: Slots) -> Plans:
        decider = work.decider
        if work.region_check is not None:
            for slot in slots.values():
                if slot.version > 0:
                    work.region_check(decider.region(slot.state))
        others = {each: slots[_stream(work, each)].state for each in work.further}
        context = replace(work.context, others=others)
        own = slots[work.stream]
        plans = {name: Plan(slot.version, slot.state) for name, slot in slots.items()}
        plan = plans[work.stream]
        for decision in decider.decide(own.state, work.command, context) or ():
            match decision:
                case Claim():
                    plan.claims.append(decision)
                case Release():
                    plan.releases.append(decision)
                case Elsewhere():
                    assert type(decision.event) in decider.events, type(decision.event)
                    plans[_stream(work, decision.id)].events.append(decision.event)
                case _:
                    assert type(decision) in decider.events, type(decision)
                    plan.events.append(decision)
        others_write = any(each.events for name, each in plans.items() if name != work.stream)
        assert plan.events or not (others_write or plan.claims or plan.releases), work.stream
        return plans

    def _submit(self, work: Work, slots: Slots, plans: Plans) -> "asyncio.Future[Settled]":
        """Seal, queue the append, go on from the states it will lead to."""
        moved = [
            (slots[name], self._go_on(work, slots[name], plan))
            for name, plan in plans.items()
            if plan.events or name == work.stream
        ]
        own = plans.pop(work.stream)
        version = own.version + len(own.events)
        answer: asyncio.Future[Settled] = asyncio.get_running_loop().create_future()

        def settled(outcome: Settled) -> None:
            kept = isinstance(outcome, Receipt) and outcome.version == version
            for slot, generation in moved:
                slot.settle(generation, kept)
            if not answer.done():
                answer.set_result(outcome)

        beside = {name: plan for name, plan in plans.items() if plan.events}
        self.store.submit(append_of(work, own, self.sealer, beside), settled)
        return answer

    def _go_on(self, work: Work, slot: Slot, plan: Plan) -> int:
        for event in plan.events:
            self.sealer.seal(event, keep_sealed=True)
        version = plan.version + len(plan.events)
        return slot.advance(plan.state, plan.events, work.decider.evolve, version)


def _stream(work: Work, id: str) -> str:
    return f"{work.decider.noun}-{id}"
