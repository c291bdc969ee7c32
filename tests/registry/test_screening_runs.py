"""A county's households are screened: one run at a time, whatever is killed, again and again."""

from datetime import timedelta
from pathlib import Path

import pytest

from chassis.store import Append, NewEvent, StreamWrite
from services.registry import screening_runs
from services.registry.decider.screening_run import SCREENING
from services.registry.screening_runs import Run, ScreeningRunner
from services.registry.views.clocks import SKEW_US, project_screening
from tests.given import NOW, FixedParameters, Given
from tests.registry.serving import registry
from tests.registry.stories import child, identity_number, member, register_household
from tests.services.running import Running
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1.monitoring_pb2 import WarningRaised
from tuopin.registry.v1.screening_pb2 import (
    CompleteScreening,
    GetScreening,
    OpenScreening,
    Screening,
    ScreeningCompleted,
    ScreeningOpened,
)

COUNTY = "433124"
screenings = Given(SCREENING, FixedParameters({"screening-every-days": 30}))
OPEN = OpenScreening(region_id=COUNTY)
NEXT_US = round((NOW + timedelta(days=30)).timestamp()) * 1_000_000


def opened(run: int = 1, next_at_us: int = NEXT_US) -> ScreeningOpened:
    return ScreeningOpened(
        region_id=COUNTY,
        run=run,
        opened_on="2020-03-02",
        opened_by="li-office",
        next_at_us=next_at_us,
    )


COMPLETE = CompleteScreening(region_id=COUNTY, run=1, households=12, warned=3)
COMPLETED = ScreeningCompleted(region_id=COUNTY, run=1, households=12, warned=3)


def test_a_run_is_opened_and_says_when_the_next_one_is() -> None:
    screenings().when(OPEN).then(opened())


def test_the_last_run_says_that_none_follows() -> None:
    once = OpenScreening(region_id=COUNTY, only_once=True)
    screenings().when(once).then(opened(next_at_us=0))


def test_one_run_at_a_time() -> None:
    screenings(opened()).when(OPEN).then_nothing()
    screenings(opened(), COMPLETED).when(OPEN).then(opened(run=2))


def test_a_run_is_completed_once() -> None:
    screenings(opened()).when(COMPLETE).then(COMPLETED)
    screenings(opened(), COMPLETED).when(COMPLETE).then_nothing()
    screenings(opened(), COMPLETED, opened(run=2)).when(COMPLETE).then_nothing()


class Timers:
    """Deadlines as a list of what was done to them."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []

    def set(self, name: str, key: str, due_at_us: int, command: object) -> None:
        self.done.append((name, key, due_at_us, command))

    def clear(self, name: str, key: str) -> None:
        self.done.append((name, key))


def test_the_clock_opens_the_next_run_by_itself() -> None:
    timers = Timers()
    project_screening(timers, Envelope(), opened())
    project_screening(timers, Envelope(), opened(run=2, next_at_us=0))
    assert timers.done == [
        ("screening-clock", COUNTY, NEXT_US + SKEW_US, OPEN),
        ("screening-clock", COUNTY),
    ]


HOUSEHOLDS = 5


def of_a_child_out_of_school(order: int) -> pb.RegisterHousehold:
    numbers = [identity_number("19700101", 2 * order + 1), identity_number("20120601", 2 * order)]
    people = [
        member(identity_number=numbers[0]),
        child(identity_number=numbers[1], birth_year=2012, at_school=False),
    ]
    return register_household(
        command_id=f"r-{order}", household_number=f"N-{order}", members=people
    )


async def registered(here: Running) -> None:
    """Households of which all but the first have left the register since."""
    commands = [of_a_child_out_of_school(order) for order in range(1, HOUSEHOLDS + 1)]
    office = here.client("county-office@433124")
    outcomes = await office.call(pb.RegisterHouseholds(commands=commands))
    for outcome in outcomes.outcomes:
        await here.seen(outcome.receipt)
    for outcome in outcomes.outcomes[1:]:
        stream = outcome.receipt.stream
        exited = pb.HouseholdExited(
            household_id=stream.removeprefix("household-"),
            village_id="433124110226",
            effective_on="2020-02-01",
            support_until="2020-03-01",
        )
        await append(here, stream, exited)


async def append(here: Running, stream: str, event: pb.HouseholdExited) -> None:
    """As an exit leaves it: the procedure is told elsewhere."""
    new = NewEvent(
        event.DESCRIPTOR.full_name, event.SerializeToString(deterministic=True), "2020-02-01"
    )
    write = StreamWrite("household", stream, 1, (new,))
    receipt = await here.store.append(Append(command_id=f"x-{stream}", digest=b"", writes=(write,)))
    await here.seen(receipt)


async def test_a_killed_run_goes_on_warns_nobody_twice_and_counts_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screening_runs, "BATCH_HOUSEHOLDS", 2)
    finish = ScreeningRunner._finish

    async def stuck(runner: ScreeningRunner, run: Run) -> None:
        """The first batch is screened, then the process ends."""
        found = await runner._after(COUNTY, ("", ""))
        assert await runner._screen(run, [each for _, each in found])
        raise RuntimeError("killed")

    async with registry(tmp_path) as here:
        await registered(here)
        monkeypatch.setattr(ScreeningRunner, "_finish", stuck)
        office = here.client("county-office@433124")
        await office.call(OpenScreening(command_id="o", region_id=COUNTY))
        some = await here.until(WarningRaised)
    assert 1 <= len(some) < HOUSEHOLDS - 1
    monkeypatch.setattr(ScreeningRunner, "_finish", finish)
    async with registry(tmp_path) as here:
        (completed,) = await here.until(ScreeningCompleted)
        assert (completed.households, completed.warned) == (HOUSEHOLDS, HOUSEHOLDS - 1)
        warned = [each.household_id for each in await here.events(WarningRaised)]
        assert len(warned) == len(set(warned)) == HOUSEHOLDS - 1
        told: Screening = await here.client("county-office@433124").call(
            GetScreening(region_id=COUNTY)
        )
        assert (told.run, told.completed, told.warned) == (1, True, HOUSEHOLDS - 1)
        assert told.next_on
