"""Views: the same rows from every interleaving of the lanes, equal to a slow fold by hand."""

from random import Random

import pytest
from sqlalchemy import insert

from chassis.viewstore import ViewStore
from services.notifier.decider.assignment import message_id_of
from services.notifier.views import VIEWS, assignments, links, messages, voice
from services.notifier.views.messages import due, reference_of, replied_to
from tests.notifier import tasks as task
from tests.notifier import test_message_rules as words
from tests.notifier import voices
from tests.services.feeds import Log, rows_of
from tests.services.memory_rows import projected
from tuopin.notifier.v1.assignment_pb2 import AssignmentStatus
from tuopin.notifier.v1.handling_pb2 import (
    AssignmentCancelled,
    AssignmentDeclined,
    AssignmentExpired,
    AssignmentReassigned,
    AssignmentScheduled,
    AssignmentSnoozed,
)
from tuopin.notifier.v1.link_pb2 import ChatLinked, LinkIssued
from tuopin.notifier.v1.message_pb2 import MessageQueued, MessageSent
from tuopin.notifier.v1.order_pb2 import OrderTarget, TaskOrdered
from tuopin.notifier.v1.outage_pb2 import ProviderFound, ProviderLost
from tuopin.planning.v1.plan_pb2 import PlanApproved
from tuopin.registry.v1.household_pb2 import HouseholdRegistered, Member, Relation
from tuopin.registry.v1.region_pb2 import RegionsAdopted
from tuopin.registry.v1.rezoning_pb2 import HouseholdRezoned
from tuopin.training.v1.cadre_pb2 import CadreAppointed, CadrePosted, Post
from tuopin.types.v1.types_pb2 import Edition


def world() -> Log:
    """A little of everything that the notifier hears."""
    log = Log()
    for number in range(6):
        _one_household(log, number)
        voices.tell(log, number)
    log.append("region", "region-cn", RegionsAdopted(edition=Edition(name="a", sha256="a" * 64)))
    log.append("region", "region-cn", RegionsAdopted(edition=Edition(name="b", sha256="b" * 64)))
    _other_ends(log)
    return log


def _other_ends(log: Log) -> None:
    """Orders, outages of the provider, and what becomes of tasks besides the straight way."""
    target = OrderTarget(village_id="433124110226")
    ordered = TaskOrdered(
        order_id="o-1", region_id="433124", topic="hold-meeting", targets=[target]
    )
    log.append("task", "order-o-1", ordered)
    log.append("message", "provider-telegram", ProviderLost(provider="telegram", lost_at_us=5))
    found = ProviderFound(provider="telegram", lost_at_us=5, found_at_us=9)
    log.append("message", "provider-telegram", found)
    for number, event in enumerate(
        (
            AssignmentSnoozed(until_us=7, ordinal=1),
            AssignmentDeclined(cadre_id=task.HELPER, reason="away"),
            AssignmentReassigned(cadre_id="c-1", previous_cadre_id=task.HELPER),
            AssignmentCancelled(reason="answered"),
            AssignmentExpired(),
        )
    ):
        stream = f"task-x-{number}"
        for each in (AssignmentScheduled(kind="measure-check"), task.offered(), event):
            each.assignment_id = f"x-{number}"
            log.append("task", stream, each)


def _one_household(log: Log, number: int) -> None:
    household_id, cadre_id, task_id = f"h-{number}", f"c-{number}", f"t-{number}"
    head = Member(person_id=f"p-{number}", name="NAME", relation=Relation.RELATION_HEAD)
    child = Member(person_id=f"q-{number}", name="NAME", relation=Relation.RELATION_CHILD)
    registered = HouseholdRegistered(
        household_id=household_id, household_number=f"{number}", members=[child, head]
    )
    log.append("household", f"household-{household_id}", registered)
    followed = HouseholdRezoned(household_id=household_id, village_id=f"43312411022{number}")
    log.append("household", f"household-{household_id}", followed)
    approved = PlanApproved(plan_id=f"plan-{number}", household_id=household_id, helper_id=cadre_id)
    log.append("plan", f"plan-{number}", approved)
    cadre = f"cadre-{cadre_id}"
    log.append("cadre", cadre, CadreAppointed(cadre_id=cadre_id, region_id="4", language="en"))
    for region_id in ("433124110226", "433124110"):
        posted = CadrePosted(cadre_id=cadre_id, region_id=region_id, post=Post.POST_HELPER)
        log.append("cadre", cadre, posted)
    issued = LinkIssued(cadre_id=cadre_id, code_sha256="c" * 64, region_id="4")
    log.append("link", f"link-{cadre_id}", issued)
    log.append("link", f"link-{cadre_id}", ChatLinked(cadre_id=cadre_id, chat_id="5"))
    for event in (
        task.offered(cadre_id=cadre_id),
        task.escalated(),
        task.acknowledged(),
        task.added(task.note()),
        task.added(task.photo()),
        task.done(task.note()),
        task.returned(),
    )[: 2 + number]:
        event.assignment_id = task_id  # type: ignore[attr-defined]
        log.append("task", f"task-{task_id}", event)
    for message in (words.queued(), words.uncertain(), words.sent(2), words.superseded()):
        message.message_id, message.cadre_id = f"m-{number}", cadre_id
        log.append("message", f"message-m-{number}", message)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
@pytest.mark.parametrize("seed", range(4))
def test_every_interleaving_gives_the_rows_of_a_slow_fold(view: object, seed: int) -> None:
    log = world()
    fold = projected(view, log.events)  # type: ignore[arg-type]
    rows = rows_of(view, log, Random(seed))  # type: ignore[arg-type]
    assert any(rows.values()), "the world says nothing to this view"
    for table in view.tables:  # type: ignore[attr-defined]
        keys = [column.name for column in table.primary_key.columns]
        expected = [
            {**dict(zip(keys, key, strict=True)), **row}
            for key, row in sorted(fold[table.name].items())
        ]
        assert expected == rows[table.name]


def test_a_returned_task_is_open_again() -> None:
    rows = rows_of(assignments.VIEW, world())["assignments"]
    last = next(row for row in rows if row["assignment_id"] == "t-5")
    assert last["status"] == AssignmentStatus.ASSIGNMENT_STATUS_RETURNED
    assert (last["returned_slug"], last["evidence_count"]) == ("plan-not-in-force", 2)


@pytest.fixture
def store() -> ViewStore:
    store = ViewStore("sqlite://", [messages.VIEW, links.VIEW, voice.VIEW])
    store.create()
    return store


def _queue(store: ViewStore, *rows: tuple[str, str, int, int]) -> None:
    """(message, cadre, priority, queued at)."""

    def write(connection: object) -> None:
        connection.execute(  # type: ignore[attr-defined]
            insert(messages.MESSAGES),
            [
                {
                    "message_id": message_id,
                    "cadre_id": cadre_id,
                    "priority": priority,
                    "queued_at_us": queued_at_us,
                    "next_try_at_us": queued_at_us,
                    "state": "queued",
                    "waiting": 1,
                    "superseded": 0,
                    "reference": reference_of(message_id),
                }
                for message_id, cadre_id, priority, queued_at_us in rows
            ],
        )
        connection.execute(  # type: ignore[attr-defined]
            insert(links.LINKS),
            [{"cadre_id": each, "chat_id": "sealed"} for each in sorted({r[1] for r in rows})],
        )

    store._database.write(write)  # type: ignore[arg-type]


def test_each_person_gets_the_first_in_rank_and_alerts_go_before_all(store: ViewStore) -> None:
    _queue(
        store,
        ("old-reminder", "a", 2, 1),
        ("task-of-a", "a", 1, 5),
        ("digest", "b", 3, 1),
        ("alert", "c", 0, 9),
        ("not-yet", "d", 0, 50),
    )
    found = store.read(lambda connection: due(connection, 10, 10))
    assert [row.message_id for row in found] == ["alert", "task-of-a", "digest"]


def test_a_wait_that_a_clock_set_back_made_absurd_is_no_wait(store: ViewStore) -> None:
    _queue(store, ("m", "a", 1, messages.LONGEST_WAIT_US * 3))
    assert store.read(lambda connection: due(connection, 10, 10))


def test_a_copy_without_number_is_found_by_its_reference(store: ViewStore) -> None:
    _queue(store, ("m", "a", 1, 1))
    for cadre_id, found in (("a", True), ("b", False)):
        row = store.read(lambda c, cadre_id=cadre_id: replied_to(c, cadre_id, 9, reference_of("m")))  # type: ignore[misc]
        assert bool(row) is found


def test_references_are_six_letters_and_digits() -> None:
    found = {reference_of(message_id_of(f"task-{n}@1", "c")) for n in range(2000)}
    assert len(found) == 2000
    assert all(len(each) == 6 and each.isalnum() and each.isupper() for each in found)


def test_a_message_that_is_sent_waits_no_longer() -> None:
    log = Log()
    log.append("message", "message-m", MessageQueued(message_id="m"))
    log.append("message", "message-m", MessageSent(message_id="m", attempt=1))
    (row,) = rows_of(messages.VIEW, log)["messages"]
    assert (row["state"], row["waiting"], row["attempts"]) == ("sent", 0, 1)
