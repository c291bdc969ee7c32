"""Lives on real Kafka and PostgreSQL: five servers, their workers, the bot; everything is killed in
the middle of a life, and nothing is lost or done twice.

One cluster for all tests of this file, in their order: the last one proves what all of them left.
Nobody but the people of the drills was ever on it, so a slow fold of the whole log knows all that
happened.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from chassis.clock import MICROSECONDS
from devtools.cluster import Cluster
from localchat.client import buttons_of
from tests.drills.clusters import kill_workers, workload
from tests.drills.log import read_log
from tests.drills.proofs import assert_whole
from tests.drills.running import CLUSTER, shuffled
from tests.drills.workload import HELPERS, Workload
from tuopin.notifier.v1 import assignment_pb2 as task
from tuopin.notifier.v1.handling_pb2 import AnswerClockStarted

SEED = 11
# A busy machine takes long to start a killed process again.
pytestmark = pytest.mark.timeout(900)
# The database goes so long before a clock would run out, and stays away so long.
LEAD_S, GONE_S = 5.0, 10.0


@pytest.fixture(scope="module")
def work(cluster: Cluster) -> Iterator[Workload]:
    stage = workload(cluster, SEED)
    yield stage
    stage.close()


def revive(cluster: Cluster) -> None:
    """What a supervisor does: a process that ended is started again."""
    dead = [name for name, process in cluster.processes.items() if process.poll() is not None]
    for name in dead:
        cluster.launch(name)
    for name in dead:
        cluster.wait_ready(name)


def test_workers_killed_at_every_failpoint_of_relay_and_feed(
    cluster: Cluster, work: Workload
) -> None:
    work.prepare()
    hits = kill_workers(cluster, work, shuffled(CLUSTER, SEED, most=2), Random(SEED))
    assert set(hits.counts) == set(CLUSTER)


def kills(cluster: Cluster) -> list[Callable[[], object]]:
    """A worker, a server, the bot, the broker and the database, one after the other."""

    def process(name: str) -> Callable[[], object]:
        def again() -> None:
            cluster.kill(name)
            revive(cluster)

        return again

    def broker() -> None:
        cluster.kafka.kill()
        cluster.kafka.restart()

    def database() -> None:
        cluster.postgres.kill()
        cluster.postgres.restart()
        # Whoever cannot live through it ends, and is started again.
        time.sleep(1)
        revive(cluster)

    return [process("notifier-work"), process("planning-serve"), process("bot"), broker, database]


def test_lives_go_on_while_everything_is_killed(cluster: Cluster, work: Workload) -> None:
    killed = threading.Event()

    def live() -> int:
        count = 0
        while not killed.is_set() or count == 0:
            work.life()
            count += 1
        return count

    # The kills are this thread's: broker and database end with the thread that started them.
    with ThreadPoolExecutor(max_workers=1) as people:
        lives = people.submit(live)
        try:
            for kill in kills(cluster):
                kill()
                time.sleep(1)
        finally:
            killed.set()
        # On a slow machine somebody may end, for want of the database, only now.
        while not lives.done():
            revive(cluster)
            time.sleep(0.2)
        assert lives.result() > 0
    revive(cluster)
    work.life()


def test_no_answer_clock_runs_while_the_database_is_gone(cluster: Cluster, work: Workload) -> None:
    """The clocks of two tasks would run out in the middle of it; one of them is taken meanwhile."""
    silent, taken = work.life(finish=False), work.life(finish=False)
    silent_id, taken_id = (work.task(each).assignment_id for each in (silent, taken))
    due_us = {each: next_at_us(work, each) for each in (silent_id, taken_id)}
    message = work.message(work.person((work.lives - 1) % HELPERS), taken_id, ":ack:")
    ahead_s = float(cluster.clock_offset_file.read_text())
    now_us = round((time.time() + ahead_s) * MICROSECONDS)
    work.pass_hours(((due_us[silent_id] - now_us) / MICROSECONDS - LEAD_S) / 3600)
    cluster.postgres.stop()
    gone_at = time.monotonic()
    person = work.person((work.lives - 1) % HELPERS)
    (data,) = (b["callback_data"] for b in buttons_of(message) if ":ack:" in b["callback_data"])
    work.act(lambda: work.chat.tap(person, message["message_id"], data))
    time.sleep(GONE_S)
    cluster.postgres.start()
    gone_s = time.monotonic() - gone_at

    def taken_and_reminded() -> bool:
        revive(cluster)
        accepted = work.is_so(taken, status=task.ASSIGNMENT_STATUS_ACKNOWLEDGED)
        return accepted and work.is_so(silent, reminded=True)

    work.until("the tap counts, and the silent one is reminded", taken_and_reminded)
    # On a busy machine the tap may be read only when its clock, moved by the outage, has run out.
    reminded_us = [
        (each.event.assignment_id, each.envelope.recorded_at_us)
        for each in read_log(work.people)
        if isinstance(each.event, task.AssignmentReminded) and each.event.assignment_id in due_us
    ]
    assert silent_id in dict(reminded_us)
    for assignment_id, at_us in reminded_us:
        assert at_us >= due_us[assignment_id] + gone_s * MICROSECONDS


def next_at_us(work: Workload, assignment_id: str) -> int:
    """When the clock of an answer runs out, the sending of its message known."""

    def started() -> int | None:
        events = [each.event for each in read_log(work.people)]
        clocks = [
            each.clock.next_at_us
            for each in events
            if isinstance(each, AnswerClockStarted) and each.assignment_id == assignment_id
        ]
        return clocks[-1] if clocks else None

    return work.until("the clock runs from the sending", started)


def test_afterwards_everything_is_whole(cluster: Cluster, work: Workload) -> None:
    work.life(finish=False)
    log = assert_whole(work)
    assert {each.envelope.topic for each in log} >= {"household", "plan", "fund", "cadre", "task"}
