"""The record of each cadre: the right rows, and the same from every interleaving of lanes."""

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from chassis.viewstore import ViewStore
from services.training.views.cadre_queries import get_cadre, list_cadres
from services.training.views.cadre_record import POSTINGS, RECORDS, VIEW
from tests.services.feeds import Log, rows_of
from tuopin.notifier.v1.assignment_pb2 import (
    AssignmentDone,
    AssignmentEscalated,
    AssignmentOffered,
    AssignmentReturned,
)
from tuopin.planning.v1.plan_pb2 import PlanApproved, VisitRecorded
from tuopin.training.v1.cadre_pb2 import (
    CadreAppointed,
    CadrePosted,
    CadreRecord,
    ListCadres,
    Post,
    SessionScheduled,
    TrainingCompleted,
)

CADRES = [f"cadre-{name}" for name in ("wu", "long", "tan", "shi")]
VILLAGES = ["433124100201", "433124100202", "433124200201"]
POSTS = [Post.POST_FIRST_SECRETARY, Post.POST_HELPER]


def random_log(random: Random, steps: int) -> Log:
    """What services could have said, stream by stream in a legal order."""
    log = Log()
    sessions = 0
    holder: dict[str, str] = {}
    done: dict[str, str] = {}
    for cadre_id in CADRES:
        if random.random() < 0.9:
            appoint(log, cadre_id)
    for step in range(steps):
        cadre_id = random.choice(CADRES)
        village_id = random.choice(VILLAGES)
        match random.randrange(9):
            case 0:
                post(log, cadre_id, village_id, random.choice(POSTS), f"2020-02-{step % 28 + 1:02}")
            case 1:
                sessions += 1
                complete(log, f"session-{sessions}", cadre_id, hours=random.randint(4, 40))
            case 2:
                event = PlanApproved(plan_id=f"plan-{step}", helper_id=cadre_id)
                log.append("plan", f"plan-{step}", event)
            case 3:
                visit = VisitRecorded(plan_id=f"plan-{step}", cadre_id=cadre_id)
                log.append("plan", f"plan-{step}", visit)
            case 4 | 5:
                offered = random.choice([cadre_id, cadre_id, ""])
                offer(log, f"a-{step}", offered)
                if offered:
                    holder[f"a-{step}"] = offered
            case 6 if holder:
                task = random.choice(sorted(holder))
                to = random.choice([*CADRES, ""])
                escalate(log, task, holder[task], to)
                holder[task] = to or holder[task]
            case 7 if holder:
                task = random.choice(sorted(holder))
                done[task] = holder.pop(task)
                log.append(
                    "task", f"task-{task}", AssignmentDone(assignment_id=task, cadre_id=done[task])
                )
            case 8 if done:
                task = random.choice(sorted(done))
                holder[task] = done.pop(task)
                returned = AssignmentReturned(assignment_id=task, cadre_id=holder[task])
                log.append("task", f"task-{task}", returned)
    return log


def appoint(log: Log, cadre_id: str, region_id: str = "433124") -> None:
    event = CadreAppointed(
        cadre_id=cadre_id,
        region_id=region_id,
        name=cadre_id,
        language="zh",
        effective_on="2020-01-10",
    )
    log.append("cadre", f"cadre-{cadre_id}", event)


def post(log: Log, cadre_id: str, region_id: str, kind: Any, since: str) -> None:
    event = CadrePosted(cadre_id=cadre_id, region_id=region_id, post=kind, effective_on=since)
    log.append("cadre", f"cadre-{cadre_id}", event)


def complete(log: Log, session_id: str, cadre_id: str, hours: int) -> None:
    scheduled = SessionScheduled(session_id=session_id, region_id="433124", hours=hours)
    log.append("training", f"session-{session_id}", scheduled)
    event = TrainingCompleted(
        session_id=session_id,
        cadre_id=cadre_id,
        course="household-files",
        hours=hours,
        certificate_id=f"certificate-{session_id}",
        valid_until="2022-03-02",
    )
    log.append("training", f"session-{session_id}", event)


def offer(log: Log, assignment_id: str, cadre_id: str) -> None:
    event = AssignmentOffered(assignment_id=assignment_id, kind="first-visit", cadre_id=cadre_id)
    log.append("task", f"task-{assignment_id}", event)


def escalate(log: Log, assignment_id: str, previous: str, cadre_id: str) -> None:
    event = AssignmentEscalated(
        assignment_id=assignment_id, previous_cadre_id=previous, cadre_id=cadre_id
    )
    log.append("task", f"task-{assignment_id}", event)


def slow_fold(log: Log) -> dict[str, Counter[str]]:
    """The counts of each cadre, from who holds each task in the end: no adding and taking away."""
    counts: dict[str, Counter[str]] = {cadre_id: Counter() for cadre_id in CADRES}
    tasks: dict[str, tuple[str, str]] = {}
    for _, event in log.events:
        match event:
            case TrainingCompleted():
                counts[event.cadre_id]["hours"] += event.hours
            case PlanApproved():
                counts[event.helper_id]["households_helped"] += 1
            case VisitRecorded():
                counts[event.cadre_id]["visits"] += 1
            case AssignmentOffered():
                tasks[event.assignment_id] = (event.cadre_id, "tasks_open")
            case AssignmentEscalated():
                holder = event.cadre_id or tasks[event.assignment_id][0]
                tasks[event.assignment_id] = (holder, "tasks_open")
            case AssignmentDone():
                tasks[event.assignment_id] = (event.cadre_id, "tasks_finished")
            case AssignmentReturned():
                tasks[event.assignment_id] = (event.cadre_id, "tasks_open")
    for cadre_id, column in tasks.values():
        if cadre_id:
            counts[cadre_id][column] += 1
    return counts


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 60))
def test_every_interleaving_gives_the_same_rows(seed: int, steps: int) -> None:
    log = random_log(Random(seed), steps)
    expected = rows_of(VIEW, log)
    for shuffle in range(3):
        assert rows_of(VIEW, log, Random(seed + shuffle)) == expected


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 80))
def test_the_rows_equal_a_slow_fold(seed: int, steps: int) -> None:
    log = random_log(Random(seed), steps)
    rows = rows_of(VIEW, log, Random(seed))
    columns = ("hours", "tasks_open", "tasks_finished", "visits", "households_helped")
    counted = {
        row["cadre_id"]: {column: row[column] for column in columns}
        for row in rows["cadre_records"]
    }
    for cadre_id, expected in slow_fold(log).items():
        found = counted.get(cadre_id, dict.fromkeys(columns, 0))
        assert found == {column: expected[column] for column in columns}
    posted = {
        (e.cadre_id, e.region_id, e.post): e.effective_on
        for _, e in log.events
        if isinstance(e, CadrePosted)
    }
    assert posted == {
        (row["cadre_id"], row["region_id"], row["post"]): row["since"]
        for row in rows["cadre_postings"]
    }
    certificates = {e.certificate_id for _, e in log.events if isinstance(e, TrainingCompleted)}
    assert certificates == {row["certificate_id"] for row in rows["certificates"]}


def test_an_escalated_task_moves_to_the_one_who_gets_it() -> None:
    log = Log()
    offer(log, "a-1", "cadre-wu")
    escalate(log, "a-1", "cadre-wu", "cadre-long")
    open_tasks = {row["cadre_id"]: row["tasks_open"] for row in rows_of(VIEW, log)["cadre_records"]}
    assert open_tasks == {"cadre-wu": 0, "cadre-long": 1}


def test_a_task_that_nobody_else_gets_stays_where_it_is() -> None:
    log = Log()
    offer(log, "a-1", "cadre-wu")
    escalate(log, "a-1", "cadre-wu", "")
    (row,) = rows_of(VIEW, log)["cadre_records"]
    assert (row["cadre_id"], row["tasks_open"]) == ("cadre-wu", 1)


def test_the_name_stays_sealed_in_the_rows() -> None:
    log = Log()
    appoint(log, "cadre-wu")
    (row,) = rows_of(VIEW, log)["cadre_records"]
    assert row["name"] == "sealed:1:name"


@pytest.fixture
def county() -> Iterator[ViewStore]:
    log = Log()
    appoint(log, "cadre-wu")
    post(log, "cadre-wu", VILLAGES[0], Post.POST_FIRST_SECRETARY, "2020-02-01")
    post(log, "cadre-wu", VILLAGES[1], Post.POST_HELPER, "2020-01-20")
    complete(log, "session-1", "cadre-wu", hours=8)
    appoint(log, "cadre-long", region_id="433124200")
    offer(log, "a-1", "cadre-tan")
    store = ViewStore("sqlite://", [VIEW])
    store.create()
    for call in log.batches(VIEW.topics):
        store.apply(call)
    yield store
    store.close()


def test_a_record_tells_posts_hours_and_certificates(county: ViewStore) -> None:
    record = county.read(lambda connection: get_cadre(connection, "cadre-wu"))
    assert isinstance(record, CadreRecord)
    assert [(each.region_id, each.since) for each in record.postings] == [
        (VILLAGES[1], "2020-01-20"),
        (VILLAGES[0], "2020-02-01"),
    ]
    assert [each.certificate_id for each in record.certificates] == ["certificate-session-1"]
    assert (record.hours, record.tasks_open) == (8, 0)


def test_who_was_only_spoken_of_has_no_record_yet(county: ViewStore) -> None:
    assert county.read(lambda connection: get_cadre(connection, "cadre-tan")) is None
    assert county.read(lambda c: c.execute(select(RECORDS.c.cadre_id)).all()) != []
    assert county.read(lambda c: c.execute(select(POSTINGS)).all()) != []


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("", ["cadre-wu", "cadre-long"]),
        ("433124", ["cadre-wu", "cadre-long"]),
        ("433124200", ["cadre-long"]),
        ("433124100", ["cadre-wu"]),
        ("4331", ["cadre-wu", "cadre-long"]),
        ("433125", []),
    ],
)
def test_a_region_lists_the_cadres_appointed_by_or_posted_to_it(
    county: ViewStore, region: str, expected: list[str]
) -> None:
    page = county.read(lambda connection: list_cadres(connection, ListCadres(region_id=region)))
    assert [each.cadre_id for each in page.cadres] == expected
    assert page.total == len(expected)


def test_pages_follow_each_other(county: ViewStore) -> None:
    first = county.read(lambda c: list_cadres(c, ListCadres(region_id="43", page_size=1)))
    token = first.next_page_token
    second = county.read(
        lambda c: list_cadres(c, ListCadres(region_id="43", page_size=1, page_token=token))
    )
    assert [each.cadre_id for each in (*first.cadres, *second.cadres)] == ["cadre-wu", "cadre-long"]
    assert (first.total, second.total, second.next_page_token) == (2, 2, "")
