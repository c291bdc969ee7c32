"""Open screenings, brought to their end beside the server, whatever is killed in between.

The log alone says which run is open. Every household of a run has a command_id of its own, so that
beginning again from the first one warns nobody twice and counts the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, select

from chassis.decider import Actor, derived_id
from chassis.envelope import event_of, parse
from chassis.paging import below
from chassis.times import day_of
from services.registry.decider.screening_run import State
from services.registry.passing import lanes_passed
from services.registry.views.households import HOUSEHOLDS
from services.wiring import ServeParts
from tuopin.registry.v1.monitoring_pb2 import ScreenHousehold
from tuopin.registry.v1.screening_pb2 import (
    CompleteScreening,
    Screening,
    ScreeningCompleted,
    ScreeningOpened,
)

TOPIC = "region"
BATCH_HOUSEHOLDS = 500
READ_RECORDS = 200
LOOK_EVERY_S = 1.0
AGAIN_AFTER_S = 1.0
_AGAIN = frozenset({"UNAVAILABLE", "ABORTED"})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """One that is open, and who opened it."""

    opened: ScreeningOpened
    actor: Actor


class ScreeningRunner:
    """Reads the lanes of the topic region and does what they leave open."""

    def __init__(self, parts: ServeParts) -> None:
        self._parts = parts
        self._positions: dict[int, int] = {}
        self._open: dict[str, Run] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.step()
            except Exception as error:
                # The store is away or the views are behind; what is open stays open.
                log.error("screening waits", error=type(error).__name__)
                await self._parts.clock.sleep(AGAIN_AFTER_S)
            await self._parts.clock.sleep(LOOK_EVERY_S)

    async def step(self) -> None:
        """Look at what is new, finish what is open."""
        await self._look()
        for region_id, run in list(self._open.items()):
            await self._finish(run)
            del self._open[region_id]

    async def _look(self) -> None:
        for head in await self._parts.store.heads(TOPIC):
            after = self._positions.get(head.partition, 0)
            while after < head.position:
                records = await self._parts.store.read(TOPIC, head.partition, after, READ_RECORDS)
                for record in records:
                    envelope = parse(record.envelope)
                    event = event_of(envelope)
                    if isinstance(event, ScreeningOpened):
                        actor = Actor(subject=envelope.actor)
                        self._open[event.region_id] = Run(event, actor)
                    elif isinstance(event, ScreeningCompleted):
                        self._open.pop(event.region_id, None)
                    after = self._positions[head.partition] = record.position

    async def _finish(self, run: Run) -> None:
        region_id, number = run.opened.region_id, run.opened.run
        await lanes_passed(self._parts, self._parts.clock.now_us(), ("households",), "household")
        last = ("", "")
        households = warned = 0
        while found := await self._after(region_id, last):
            warned += await self._screen(run, [household_id for _, household_id in found])
            households += len(found)
            last = found[-1]
        command = CompleteScreening(
            command_id=derived_id("screened", region_id, number),
            region_id=region_id,
            run=number,
            households=households,
            warned=warned,
        )
        await self._parts.handler.handle(command, run.actor)
        log.info("screened", region_id=region_id, households=households, warned=warned)

    async def _after(self, region_id: str, last: tuple[str, str]) -> Sequence[tuple[str, str]]:
        return await self._parts.views.query(
            lambda connection: page_after(connection, region_id, last, BATCH_HOUSEHOLDS)
        )

    async def _screen(self, run: Run, household_ids: Sequence[str]) -> int:
        """How many of a batch were warned of; one that its rules refuse is not."""
        warned = 0
        while household_ids:
            commands = [
                ScreenHousehold(
                    command_id=derived_id("screen", run.opened.region_id, run.opened.run, each),
                    household_id=each,
                )
                for each in household_ids
            ]
            outcomes = await self._parts.handler.handle_many(commands, run.actor, checked=True)
            again = []
            for command, outcome in zip(commands, outcomes, strict=True):
                if outcome.refusal.code in _AGAIN:
                    again.append(command.household_id)
                elif outcome.HasField("receipt"):
                    warned += not outcome.receipt.no_effect
            household_ids = again
            if again:
                await self._parts.clock.sleep(AGAIN_AFTER_S)
        return warned


def page_after(
    connection: Connection, region_id: str, last: tuple[str, str], count: int
) -> list[tuple[str, str]]:
    """The next households of a region, by village and id; a household that comes to a village
    already passed is looked at by the next run.
    """
    village_id, household_id = HOUSEHOLDS.c.village_id, HOUSEHOLDS.c.household_id
    later = (village_id > last[0]) | ((village_id == last[0]) & (household_id > last[1]))
    found = connection.execute(
        select(village_id, household_id)
        .where(below(village_id, region_id), later)
        .order_by(village_id, household_id)
        .limit(count)
    )
    return [(row.village_id, row.household_id) for row in found]


def told(state: State) -> Screening:
    """The county's last run; run 0 where there was none."""
    return Screening(
        region_id=state.region_id,
        run=state.run,
        opened_on=state.opened_on,
        completed=bool(state.run) and state.completed,
        households=state.households,
        warned=state.warned,
        next_on=day_of(state.next_at_us) if state.next_at_us else "",
    )


async def finish_screenings(parts: ServeParts) -> None:
    """The task beside the server."""
    await ScreeningRunner(parts).run()
