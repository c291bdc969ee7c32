"""Every failpoint of the embedded system is hit once, and nothing is lost or done twice.

Those that only Kafka reaches are hit in tests/system/test_kafka_drills.py.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chassis.failpoints import FAILPOINTS
from tests.drills.running import CLUSTER, EMBEDDED, EmbeddedDrill, Hits, shuffled

# Two systems side by side: most of the time each waits, for a start or for the bot's lease.
SYSTEMS = 2


def test_killed_at_every_failpoint_the_system_comes_back_whole(tmp_path: Path) -> None:
    order = shuffled(EMBEDDED, seed=1, most=2)
    drills = [
        EmbeddedDrill(tmp_path / f"data-{n}", order[n::SYSTEMS], seed=n) for n in range(SYSTEMS)
    ]
    hits = Hits()
    with ThreadPoolExecutor(SYSTEMS) as side_by_side:
        for each in side_by_side.map(EmbeddedDrill.run, drills):
            hits.add(each)
    print(hits.table())
    assert set(hits.counts) == set(EMBEDDED)


def test_the_two_drills_together_hit_every_failpoint() -> None:
    assert {*EMBEDDED, *CLUSTER} == set(FAILPOINTS)
    assert not {*EMBEDDED} & {*CLUSTER}
