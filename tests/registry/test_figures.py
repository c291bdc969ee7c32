"""Figures of any day as known at any moment, against a slow and independent fold."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from chassis.clock import SystemClock
from chassis.enumcodes import number_by_code
from chassis.feeding import Batch
from chassis.lanes import lane_of
from chassis.programme import Programme
from chassis.views import View
from chassis.viewstore import ViewStore
from services.registry.figures import Words, withhold
from services.registry.views.coded import Cell
from services.registry.views.figures import Counted, Moment, deciles, flows, in_force, standard
from services.registry.views.households import VIEW
from services.registry.views.spans import NO_MOMENT_US
from tests.registry.serving import registry
from tests.registry.stories import (
    child,
    exit_agreed,
    exit_proposed,
    exit_verified,
    household_exited,
    household_registered,
    member,
    register_household,
)
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import figures_pb2 as pb
from tuopin.registry.v1 import household_pb2

DAY_US = 86_400_000_000
START_US = 1_577_836_800_000_000  # 2020-01-01T00:00Z
DAYS = [f"2020-{month:02}-{day:02}" for month in (1, 2) for day in (1, 15, 28)]
COUNTY = "433124"
VILLAGES = ("433124110226", "433124110227")
STEPS = (exit_proposed, exit_verified, exit_agreed, household_exited)
PEOPLE = [
    [member(), child()],
    [member(health=household_pb2.HEALTH_HEALTHY)],
    [member(), child(), child(sex=household_pb2.SEX_MALE, birth_year=2012)],
]


class Told:
    """A fact of one household: effective on a day, recorded at a moment."""

    def __init__(self, household: int, ordinal: int, day: str, recorded_at_us: int) -> None:
        household_id = f"h-{household}"
        self.household_id = household_id
        self.effective_on = day
        self.recorded_at_us = recorded_at_us
        self.event: Any
        if ordinal == 0:
            self.event = household_registered(
                household_id=household_id,
                village_id=VILLAGES[household % 2],
                main_cause=1 + household % 13,
                members=PEOPLE[household % 3],
                effective_on=day,
            )
        else:
            step = STEPS[(ordinal - 1) % 4]
            self.event = step(household_id=household_id, effective_on=day)


def apply(store: ViewStore, told: Sequence[Told], random: Random) -> None:
    """Lane by lane as recorded, in batches that end anywhere."""
    lanes: dict[int, list[tuple[int, Envelope, None]]] = {}
    versions: Counter[str] = Counter()
    for each in told:
        stream = f"household-{each.household_id}"
        versions[stream] += 1
        lane = lanes.setdefault(lane_of(stream), [])
        envelope = Envelope(
            id=f"{stream}@{versions[stream]}",
            type=each.event.DESCRIPTOR.full_name,
            stream=stream,
            version=versions[stream],
            topic="household",
            partition=lane_of(stream),
            position=len(lane) + 1,
            effective_on=each.effective_on,
            recorded_at_us=each.recorded_at_us,
            data=each.event.SerializeToString(),
        )
        lane.append((envelope.position, envelope, None))
    for partition, records in lanes.items():
        start = 0
        while start < len(records):
            end = start + random.randint(1, 4)
            store.apply([Batch("household", partition, records[start:end])])
            start = end
    assert not store.stopped()


def slow(told: Sequence[Told], at: Moment) -> dict[str, tuple[int, Any]]:
    """Household -> status and registration, folded event by event."""
    found: dict[str, tuple[int, Any]] = {}
    for each in told:
        if each.recorded_at_us > at.known_at_us or each.effective_on > at.as_of:
            continue
        if isinstance(each.event, household_pb2.HouseholdRegistered):
            found[each.household_id] = (1, each.event)
        elif each.household_id in found:
            kinds = [
                household_pb2.ExitProposed,
                household_pb2.ExitVerified,
                household_pb2.ExitAgreed,
                household_pb2.HouseholdExited,
            ]
            status = 2 + kinds.index(type(each.event))
            found[each.household_id] = (status, found[each.household_id][1])
    return found


def slow_cells(standing: dict[str, tuple[int, Any]]) -> dict[Cell, tuple[int, ...]]:
    """Households, people, girls and women, and the chronically ill of every cell."""
    totals: dict[Cell, list[int]] = {}
    for status, event in standing.values():
        total = totals.setdefault(Cell(status, event.attribute, event.main_cause), [0, 0, 0, 0])
        total[0] += 1
        total[1] += len(event.members)
        total[2] += sum(each.sex == household_pb2.SEX_FEMALE for each in event.members)
        total[3] += sum(
            each.health == household_pb2.HEALTH_CHRONIC_ILLNESS for each in event.members
        )
    return {cell: tuple(total) for cell, total in totals.items()}


@st.composite
def stories(draw: st.DrawFn) -> list[Told]:
    count = draw(st.integers(1, 14))
    told, seen, now_us = [], Counter[int](), START_US
    for _ in range(count):
        household = draw(st.integers(0, 3))
        # Some within the day, some weeks later.
        now_us += draw(st.sampled_from([1, 3_600_000_000, DAY_US, 20 * DAY_US]))
        told.append(Told(household, seen[household], draw(st.sampled_from(DAYS)), now_us))
        seen[household] += 1
    return told


@given(stories(), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_every_figure_of_every_moment_equals_a_slow_fold(told: list[Told], seed: int) -> None:
    store = ViewStore("sqlite://", [VIEW])
    store.create()
    try:
        apply(store, told, Random(seed))
        moments = [each.recorded_at_us for each in told]
        for known_at_us in [*moments, moments[0] - 1, moments[-1] + DAY_US, NO_MOMENT_US]:
            for as_of in ["2019-12-31", *DAYS, "2020-03-05"]:
                at = Moment(as_of, known_at_us)
                store.read(lambda connection, at=at: _compare(connection, told, at))
    finally:
        store.close()


def _compare(connection: Connection, told: list[Told], at: Moment) -> None:
    standing = slow(told, at)
    found = {row.household_id: row.status for row in in_force(connection, COUNTY, at)}
    assert found == {each: status for each, (status, _) in standing.items()}
    names = ("households", "people", "sex_2", "health_2")
    assert standard(connection, COUNTY, at, names) == slow_cells(standing)


@given(stories())
@settings(max_examples=15, deadline=None)
def test_spans_and_sums_do_not_depend_on_where_batches_end(told: list[Told]) -> None:
    tables = [_rows(told, Random(seed), VIEW) for seed in (1, 2)]
    assert tables[0] == tables[1]


def _rows(told: list[Told], random: Random, view: View) -> dict[str, list[tuple[Any, ...]]]:
    store = ViewStore("sqlite://", [view])
    store.create()
    try:
        apply(store, told, random)
        return store.read(
            lambda connection: {
                table.name: sorted(map(repr, connection.execute(table.select())))
                for table in view.tables
            }
        )
    finally:
        store.close()


def test_a_late_fact_changes_only_answers_that_know_it() -> None:
    registered = Told(0, 0, "2020-01-01", START_US)
    proposed = Told(0, 1, "2020-02-15", START_US + DAY_US)
    late = Told(0, 2, "2020-01-15", START_US + 2 * DAY_US)
    store = ViewStore("sqlite://", [VIEW])
    store.create()
    try:
        apply(store, [registered, proposed, late], Random(0))

        def status(as_of: str, known_at_us: int) -> list[int]:
            at = Moment(as_of, known_at_us)
            return store.read(lambda each: [row.status for row in in_force(each, COUNTY, at)])

        assert status("2020-01-20", START_US + DAY_US) == [1]
        assert status("2020-01-20", START_US + 2 * DAY_US) == [3]
        assert status("2020-02-20", START_US + DAY_US) == [2]
        assert status("2019-12-31", NO_MOMENT_US) == []
    finally:
        store.close()


def test_incomes_are_cut_into_ten_groups_of_equal_size() -> None:
    assert deciles(range(20, 0, -1))[0] == (2, 1, 2, 1)
    assert [group[0] for group in deciles(range(23))] == [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]
    assert deciles([5, 7]) == [(1, 5, 5, 5), (1, 7, 7, 7)]
    assert deciles([]) == []


def test_who_changed_class_between_two_days_is_counted_with_their_people() -> None:
    told = [
        Told(0, 0, "2020-01-01", START_US),
        Told(1, 0, "2020-02-01", START_US + 1),
        Told(0, 4, "2020-02-01", START_US + 2),
    ]
    store = ViewStore("sqlite://", [VIEW])
    store.create()
    try:
        apply(store, told, Random(0))
        found = store.read(
            lambda each: flows(
                list(in_force(each, COUNTY, Moment("2020-01-31", NO_MOMENT_US))),
                list(in_force(each, COUNTY, Moment("2020-02-28", NO_MOMENT_US))),
                {1: "poor", 5: "exited"},
            )
        )
        assert found == {("poor", "exited"): (1, 2), ("", "poor"): (1, 1)}
    finally:
        store.close()


def test_small_cells_are_withheld_and_never_one_alone() -> None:
    totals = {("a",): Counted(1, 2), ("b",): Counted(4, 20), ("c",): Counted(2, 9)}
    assert withhold(totals, 0) == set()
    assert withhold(totals, 5) == {("a",), ("c",)}
    assert withhold(totals, 10) == {("a",), ("c",)}


def test_every_status_is_in_exactly_one_class_and_every_cause_in_one_of_the_eight() -> None:
    table = Programme.load("programme").table("figures")
    for lists, key, codes in (
        (table["classes"], "statuses", household_pb2.HouseholdStatus),
        (table["cause8"], "causes", household_pb2.Cause),
    ):
        told = [code for entry in lists.values() for code in entry[key]]
        assert sorted(told) == sorted(number_by_code(codes.DESCRIPTOR))


def test_ages_fall_into_bands() -> None:
    programme = Programme.load("programme")
    words = Words(programme.table("figures"), programme.table("codes"))
    assert [words.age(year, "2020-06-30") for year in (2020, 2014, 2004, 1961, 1960)] == [
        "0-5",
        "6-15",
        "16-59",
        "16-59",
        "60",
    ]


async def test_figures_are_asked_of_the_server(tmp_path: Path) -> None:
    async with registry(tmp_path) as here:
        county = here.client("county-office@433124")
        receipt = await county.call(register_household(command_id="one"))

        async def count(**query: Any) -> pb.Figures:
            request = pb.CountHouseholds(
                region_id=COUNTY, at_least=receipt.position, as_of="2020-06-30", **query
            )
            figures: pb.Figures = await county.call(request)
            return figures

        by_sex = await count(by=["sex", "status"])
        assert (by_sex.households, by_sex.people) == (1, 2)
        assert [(list(row.codes), row.people) for row in by_sex.rows] == [
            (["male", "registered"], 1),
            (["female", "registered"], 1),
        ]
        assert by_sex.definition.rule == "count-1"
        assert by_sex.definition.sentence
        crossed = await count(by=["region", "health", "labour"])
        assert [list(row.codes)[1:] for row in crossed.rows] == [
            ["healthy", "none"],
            ["chronic-illness", "weak"],
        ]
        assert (await count(by=["cause"], withhold_below=3)).rows[0].withheld
        before = await count(known_at_us=SystemClock().now_us() - DAY_US)
        assert before.households == 0
        deciles_of = await county.call(
            pb.GetIncomeDeciles(region_id=COUNTY, as_of="2020-06-30", at_least=receipt.position)
        )
        assert [d.least_fen for d in deciles_of.deciles] == [300_000]
        listed = await county.call(
            household_pb2.ListHouseholds(region_id=COUNTY, as_of="2020-01-01")
        )
        assert [row.status for row in listed.households] == [1]
        assert listed.households[0].household_number == "S1-0000001"
        earlier = household_pb2.ListHouseholds(region_id=COUNTY, as_of="2019-12-31")
        assert (await county.call(earlier)).total == 0
        moved = await county.call(
            pb.GetFlows(region_id=COUNTY, from_on="2019-12-31", to_on="2020-01-01")
        )
        assert [(flow.from_class, flow.to_class, flow.people) for flow in moved.flows] == [
            ("", "poor", 2)
        ]
