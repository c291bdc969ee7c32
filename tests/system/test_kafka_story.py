"""The same on real Kafka and PostgreSQL: five servers, their workers, the bot; then everything is
killed in the middle of a life, and nothing is lost or done twice.

One cluster for all tests of this file, in their order: the last one proves what all of them left.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from devtools.cluster import ROOT, Cluster
from tests.drills.clusters import kill_workers, workload
from tests.drills.proofs import assert_whole
from tests.drills.running import CLUSTER, shuffled
from tests.drills.workload import Workload
from tests.system.test_embedded_story import STEPS

PATIENCE_S = 300
SEED = 11


@pytest.fixture(scope="module")
def cluster(kafka_jars: None) -> Iterator[Cluster]:
    # Not below pytest's own folder: PostgreSQL's account could not pass through it.
    folder = Path(tempfile.mkdtemp(prefix="tuopin-cluster-"))
    running = Cluster(folder / "data")
    try:
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


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


def test_every_step_of_the_story_succeeds(cluster: Cluster) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services", "part", "play", "--json"],
        cwd=ROOT,
        env=cluster.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    played = [json.loads(line) for line in done.stdout.splitlines()]
    assert [step for step in played if not step["ok"]] == []
    assert done.returncode == 0, done.stderr
    assert [step["title"] for step in played] == [step.title for step in STEPS]


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


def test_afterwards_everything_is_whole(cluster: Cluster, work: Workload) -> None:
    work.life(finish=False)
    log = assert_whole(work)
    assert {each.envelope.topic for each in log} >= {"household", "plan", "fund", "cadre", "task"}
