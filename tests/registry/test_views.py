"""Events to rows, and the questions that the rows answer."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from random import Random
from typing import Any

from google.protobuf.message import Message
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert

from services.registry.views import VIEWS
from services.registry.views.exits_per_day import EXITS_PER_DAY, Alarm, alarms
from services.registry.views.household_file import LINES
from services.registry.views.household_file import VIEW as FILE
from services.registry.views.households import VIEW as HOUSEHOLDS
from services.registry.views.households import household_as_of
from services.registry.views.imports import VIEW as IMPORTS
from services.registry.views.versions import HOUSEHOLD_VERSIONS
from tests.given import FixedParameters, sealed
from tests.registry.stories import (
    HEAD_ID,
    HOUSEHOLD_ID,
    exit_agreed,
    exit_proposed,
    exit_verified,
    household_exited,
    household_registered,
    person_erased,
)
from tests.services.feeds import Log, rows_of
from tests.services.memory_rows import MemoryRows, projected
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.funding.v1.ledger_pb2 import MoneyPaid
from tuopin.notifier.v1.assignment_pb2 import AssignmentDone, AssignmentOffered
from tuopin.planning.v1.plan_pb2 import PlanDrafted
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1.import_pb2 import ImportCommitted, ImportCompleted, ImportValidated
from tuopin.types.v1.types_pb2 import Evidence, Note

STREAM = f"household-{HOUSEHOLD_ID}"
LIFE: tuple[Message, ...] = (
    household_registered(),
    exit_proposed(),
    exit_verified(),
    exit_agreed(),
    household_exited(),
    person_erased(),
)


def life() -> Log:
    log = Log()
    for event in LIFE:
        log.append("household", STREAM, event)
    return log


def many_lanes() -> Log:
    """Households, an import, and what four services say about them."""
    log = life()
    imported = ImportValidated(import_id="import-1", region_id="433124", rows=9, households=5)
    log.append("import", "import-import-1", imported)
    for n in range(5):
        household_id = f"household-{n}"
        event = household_registered(household_id=household_id, import_id="import-1")
        log.append("household", f"household-{household_id}", event)
        log.append("plan", f"plan-{n}", PlanDrafted(plan_id=f"plan-{n}", household_id=household_id))
        paid = MoneyPaid(payment_id=f"payment-{n}", household_id=household_id, amount_fen=7)
        log.append("fund", "ledger-433124-2020", paid)
        offered = AssignmentOffered(assignment_id=f"task-{n}", household_id=household_id)
        log.append("task", f"task-task-{n}", offered)
        exited = household_exited(household_id=household_id, exited_by=f"officer-{n % 2}")
        log.append("household", f"household-{household_id}", exited)
    log.append("import", "import-import-1", ImportCommitted(import_id="import-1"))
    completed = ImportCompleted(import_id="import-1", households=5, registered=5)
    log.append("import", "import-import-1", completed)
    return log


def test_a_household_stands_in_the_list_as_its_last_event_left_it() -> None:
    (row,) = rows_of(HOUSEHOLDS, life())["households"]
    assert row == {
        "household_id": HOUSEHOLD_ID,
        "household_number": "S1-0000001",
        "village_id": "433124110226",
        "status": pb.HOUSEHOLD_STATUS_EXITED,
        "attribute": pb.ATTRIBUTE_ORDINARY_POOR,
        "main_cause": pb.CAUSE_ILLNESS,
        "member_count": 2,
        "income_per_head_fen": 300_000,
        "registered_on": "2020-01-01",
        "synthetic": True,
    }


def test_each_view_gives_the_same_rows_for_every_interleaving() -> None:
    log = many_lanes()
    for view in VIEWS:
        expected = rows_of(view, log)
        for seed in range(5):
            assert expected == rows_of(view, log, Random(seed)), view.name


def test_each_view_equals_a_slow_fold() -> None:
    log = many_lanes()
    for view in VIEWS:
        tables = projected(view, log.events)
        # What a view derives from its own rows has a slow fold of its own: test_spans.py.
        projections = [table for table in view.tables if not view.derive or table.name in tables]
        for table in projections:
            keys = [column.name for column in table.primary_key.columns]
            folded = [
                {**dict(zip(keys, key, strict=True)), **row}
                for key, row in sorted(tables.get(table.name, {}).items())
            ]
            assert folded == rows_of(view, log)[table.name], view.name


def test_nothing_personal_reaches_a_row() -> None:
    for view in VIEWS:
        assert "合成" not in repr(rows_of(view, many_lanes())), view.name


def test_an_import_counts_the_households_that_came_in() -> None:
    (row,) = rows_of(IMPORTS, many_lanes())["imports"]
    assert (row["entered"], row["households"], row["file_rows"]) == (5, 5, 9)


# The household's file


def file_of(*events: tuple[str, Message]) -> list[dict[str, Any]]:
    log = Log()
    for n, (topic, event) in enumerate(events):
        log.append(topic, f"{topic}-{n}", event)
    return rows_of(FILE, log)["household_file"]


def test_the_file_hears_every_service() -> None:
    done = AssignmentDone(
        assignment_id="task-1",
        kind="first-visit",
        cadre_id="cadre-1",
        household_id=HOUSEHOLD_ID,
        evidence=[Evidence(note=Note(text="合成说明", household_id=HOUSEHOLD_ID))],
    )
    paid = MoneyPaid(
        payment_id="payment-1", measure_id="m/1", household_id=HOUSEHOLD_ID, amount_fen=120_000
    )
    rows = file_of(("household", household_registered()), ("fund", paid), ("task", done))
    lines = {row["type"]: (row["reference"], row["detail"], row["proofs"]) for row in rows}
    assert lines == {
        "HouseholdRegistered": ("", "household_number=S1-0000001 main_cause=illness", "[]"),
        "MoneyPaid": ("payment-1", "measure_id=m/1 amount_fen=120000", "[]"),
        "AssignmentDone": ("task-1", "kind=first-visit cadre_id=cadre-1", '["note"]'),
    }


def test_a_consent_is_proven_by_the_person_and_the_paper() -> None:
    (row,) = file_of(("household", exit_agreed()))
    assert row["proofs"] == f'["given-by:{HEAD_ID}", "paper:{"ab" * 32}"]'


def test_each_line_names_fields_that_its_event_has() -> None:
    for event, line in LINES.items():
        names = {field.name for field in event.DESCRIPTOR.fields}
        assert {"household_id", line.reference, *line.shown} <= names, event


# As of a day, known at a moment

_DAYS = [f"2020-01-{day:02d}" for day in range(1, 9)]


def _in_force(
    story: Sequence[tuple[Message, str, int]], as_of: str, known_at_us: int
) -> tuple[Any, ...] | None:
    """Independent and slow: replay what was known, skip what was not true yet."""
    found: dict[str, Any] = {}
    for version, (event, effective_on, recorded_at_us) in enumerate(story, 1):
        if recorded_at_us > known_at_us or effective_on > as_of:
            continue
        name = type(event).__name__
        if name == "HouseholdRegistered":
            found = {"status": 1, "exited_on": "", "until": ""}
        if not found:
            continue
        found["version"] = version
        steps = ["ExitProposed", "ExitVerified", "ExitAgreed", "HouseholdExited"]
        if name in steps:
            found["status"] = 2 + steps.index(name)
        if name == "HouseholdExited":
            found["exited_on"], found["until"] = effective_on, "2020-03-16"
    if not found:
        return None
    return found["version"], found["status"], found["exited_on"], found["until"]


@settings(max_examples=60, deadline=None)
@for_all(
    st.lists(st.sampled_from(_DAYS), min_size=6, max_size=6),
    st.lists(st.integers(0, 3), min_size=6, max_size=6),
)
def test_a_file_as_of_any_day_and_as_known_at_any_moment(
    effective: list[str], pauses: list[int]
) -> None:
    recorded = [1 + sum(pauses[: n + 1]) for n in range(len(LIFE))]
    story = list(zip(LIFE, effective, recorded, strict=True))
    rows = MemoryRows()
    for version, (event, effective_on, recorded_at_us) in enumerate(story, 1):
        event = sealed(event)
        envelope = Envelope(
            version=version,
            effective_on=effective_on,
            recorded_at_us=recorded_at_us,
            type=event.DESCRIPTOR.full_name,
            data=event.SerializeToString(),
        )
        HOUSEHOLDS.project(rows, envelope, event)
    engine = create_engine("sqlite://")
    HOUSEHOLD_VERSIONS.create(engine)
    with engine.begin() as connection:
        for (household_id, version), row in rows.tables["household_versions"].items():
            values = {"household_id": household_id, "version": version, **row}
            connection.execute(insert(HOUSEHOLD_VERSIONS).values(values))
        for as_of in [*_DAYS, "2019-12-31"]:
            for known_at_us in range(max(recorded) + 2):
                found = household_as_of(connection, HOUSEHOLD_ID, as_of, known_at_us)
                seen = found and (
                    found.version,
                    found.status,
                    found.exited_on,
                    found.support_until,
                )
                assert _in_force(story, as_of, known_at_us) == seen


# Many exits on one day by one person


def exited_at(rows: MemoryRows, moment: datetime, by: str) -> None:
    view = next(view for view in VIEWS if view.name == "exits_per_day")
    envelope = Envelope(recorded_at_us=int(moment.timestamp() * 1e6))
    view.project(rows, envelope, household_exited(exited_by=by))


def alarms_of(rows: MemoryRows, most: int, today: date) -> list[Alarm]:
    engine = create_engine("sqlite://")
    EXITS_PER_DAY.create(engine)
    with engine.begin() as connection:
        for (actor, day), row in rows.tables["exits_per_day"].items():
            connection.execute(insert(EXITS_PER_DAY).values(actor=actor, day=day, **row))
        return alarms(connection, FixedParameters({"exits-a-day-alarm-count": most}), today)


def test_many_exits_on_one_day_by_one_person_raise_an_alarm() -> None:
    rows = MemoryRows()
    for _ in range(4):
        exited_at(rows, datetime(2020, 3, 2, 1, tzinfo=UTC), "officer-1")
    for hour in (1, 2, 3):
        exited_at(rows, datetime(2020, 3, 2, hour, tzinfo=UTC), "officer-2")
    assert alarms_of(rows, 3, date(2020, 3, 2)) == [Alarm("officer-1", "2020-03-02", 4, 3)]
    assert alarms_of(rows, 4, date(2020, 3, 2)) == []
    assert alarms_of(rows, 3, date(2020, 3, 9)) == []


def test_the_day_is_the_programmes_own() -> None:
    rows = MemoryRows()
    exited_at(rows, datetime(2020, 3, 1, 16, 30, tzinfo=UTC), "officer-1")
    assert list(rows.tables["exits_per_day"]) == [("officer-1", "2020-03-02")]
