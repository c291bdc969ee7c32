"""A county's figures for past days and moments, and their growth with ten times the events.

Generated events only, each of which changes what is counted (the worst case), five years of them,
some recorded weeks after they took effect. The view is fed as the worker feeds it.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from chassis.feeding import Batch
from chassis.programme import Programme
from chassis.viewstore import ViewStore
from services.registry.figures import Counting, Words
from services.registry.views.figures import Moment, deciles, in_force
from services.registry.views.households import VIEW
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import household_pb2 as pb

COUNTY = "433124"
VILLAGES = [
    f"{COUNTY}{100 + township:03}{200 + village:03}"
    for township in range(12)
    for village in range(20)
]
START = date(2020, 1, 1)
YEARS = 5
EVENTS_PER_HOUSEHOLD = 50
LATE_SHARE = 0.05
BATCH_EVENTS = 1_000
DAY_US = 86_400_000_000
START_US = 1_577_808_000_000_000
STANDARD_CROSSES = (
    ("status",),
    ("attribute", "status"),
    ("cause", "status"),
    ("cause8",),
    ("sex",),
    ("health",),
    ("labour",),
    ("education",),
)
TARGET_MS = 200.0
FREE_TARGET_MS = 2_000.0
STEPS = (pb.ExitProposed, pb.ExitVerified, pb.ExitAgreed, pb.HouseholdExited)


def rows(quick: bool) -> list[dict[str, Any]]:
    """Latencies with few events and with ten times as many."""
    return compared(20 if quick else 300)


def compared(households: int) -> list[dict[str, Any]]:
    """So many households with fifty events each, and ten times as many."""
    few, many = _measured(households), _measured(10 * households)
    found = []
    for name, target in (("standard crosses", TARGET_MS), ("free cross", FREE_TARGET_MS),
                         ("deciles", FREE_TARGET_MS)):  # fmt: skip
        found.append(_row(f"figures, {name}, p99", many[name], target, many))
    found.append(
        {
            "name": "figures, standard crosses, ten times the events",
            "value": round(many["standard crosses"], 2),
            "unit": "ms",
            "against": f"{few['events']:.0f} events",
            "against_value": round(few["standard crosses"], 2),
            "ratio": round(many["standard crosses"] / few["standard crosses"], 2),
            "target": "<= 2",
        }
    )
    found.append(
        {
            "name": "figures, view fed",
            "value": round(many["fed"]),
            "unit": "events/s",
            "against": "a tenth of the events",
            "against_value": round(few["fed"]),
            "ratio": round(many["fed"] / few["fed"], 3),
            "target": "",
        }
    )
    return found


def _row(name: str, value: float, target: float, of: dict[str, float]) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value, 2),
        "unit": "ms",
        "against": f"target, {of['events']:.0f} events of {of['households']:.0f} households",
        "against_value": target,
        "ratio": round(value / target, 4),
        "target": "<= 1",
    }


def _measured(household_count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bench-figures-") as folder:
        store = ViewStore(str(Path(folder, "views.db")), [VIEW])
        store.create()
        try:
            started = time.perf_counter()
            count = _feed(store, household_count)
            fed = count / (time.perf_counter() - started)
            return {
                "events": float(count),
                "households": float(household_count),
                "fed": fed,
                **_latencies(store),
            }
        finally:
            store.close()


def _feed(store: ViewStore, household_count: int) -> int:
    batch: list[tuple[int, Envelope, None]] = []
    position = 0
    for position, envelope in enumerate(_events(household_count), 1):
        envelope.position = position
        batch.append((position, envelope, None))
        if len(batch) == BATCH_EVENTS:
            store.apply([Batch("household", 0, batch)])
            batch = []
    if batch:
        store.apply([Batch("household", 0, batch)])
    assert not store.stopped()
    return position


def _events(household_count: int) -> Iterator[Envelope]:
    """Round by round, all households in each; time goes on evenly."""
    chosen = random.Random(7)
    total = household_count * EVENTS_PER_HOUSEHOLD
    for ordinal in range(total):
        version, household = divmod(ordinal, household_count)
        passed_days = ordinal * YEARS * 365 / total
        late = version > 0 and chosen.random() < LATE_SHARE
        day = START + timedelta(days=max(0, int(passed_days) - (20 if late else 0)))
        event = _event(household, version, day.isoformat())
        yield Envelope(
            id=f"h-{household}@{version + 1}",
            type=event.DESCRIPTOR.full_name,
            stream=f"household-h-{household}",
            version=version + 1,
            topic="household",
            effective_on=day.isoformat(),
            recorded_at_us=START_US + int(passed_days * DAY_US),
            data=event.SerializeToString(),
        )


def _event(household: int, version: int, day: str) -> Any:
    household_id = f"h-{household}"
    if version:
        return STEPS[(version - 1) % len(STEPS)](household_id=household_id, effective_on=day)
    drawn = random.Random(household)
    return pb.HouseholdRegistered(
        household_id=household_id,
        household_number=household_id,
        village_id=drawn.choice(VILLAGES),
        attribute=drawn.choice(pb.Attribute.values()[1:]),
        main_cause=drawn.choice(pb.Cause.values()[1:]),
        members=[
            pb.Member(
                sex=drawn.choice(pb.Sex.values()[1:]),
                birth_year=drawn.randrange(1940, 2020),
                health=drawn.choice(pb.Health.values()[1:]),
                labour=drawn.choice(pb.Labour.values()[1:]),
                education=drawn.choice(pb.Education.values()[1:]),
            )
            for _ in range(drawn.randrange(1, 6))
        ],
        effective_on=day,
        income_per_head_fen=drawn.randrange(100_000, 900_000),
    )


def _latencies(store: ViewStore) -> dict[str, float]:
    programme = Programme.load(Path(__file__).resolve().parent.parent / "programme")
    words = Words(programme.table("figures"), programme.table("codes"))
    chosen = random.Random(11)
    statuses = set(words.class_of)

    def moment() -> Moment:
        day = chosen.randrange(30, YEARS * 365)
        as_of = START + timedelta(days=day)
        return Moment(as_of.isoformat(), START_US + int((day + chosen.random() * 400) * DAY_US))

    def standard(connection: Connection) -> None:
        by = STANDARD_CROSSES[chosen.randrange(len(STANDARD_CROSSES))]
        counting = Counting(words, by, moment(), COUNTY)
        assert counting.is_standard
        assert counting.from_sums(connection, statuses)

    def free(connection: Connection) -> None:
        counting = Counting(words, ("region", "health", "labour", "sex"), moment(), COUNTY)
        assert counting.from_spans(connection, statuses)

    def tenths(connection: Connection) -> None:
        found = in_force(connection, COUNTY, moment())
        assert deciles([row.income_per_head_fen for row in found])

    return {
        "standard crosses": _p99_ms(store, standard, 200),
        "free cross": _p99_ms(store, free, 10),
        "deciles": _p99_ms(store, tenths, 10),
    }


def _p99_ms(store: ViewStore, ask: Callable[[Connection], None], times: int) -> float:
    took = []
    for _ in range(times):
        started = time.perf_counter()
        store.read(ask)
        took.append((time.perf_counter() - started) * 1000)
    return statistics.quantiles(took, n=100)[98] if times >= 100 else max(took)


if __name__ == "__main__":
    # A whole county of 30,000 households and 1.5 million events: python -m bench.figures 3000
    for row in compared(int(sys.argv[1])):
        print(row)
