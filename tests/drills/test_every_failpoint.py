"""Every failpoint of the embedded system is hit once, and nothing is lost or done twice.

Those that only Kafka reaches are hit in tests/system/test_kafka_story.py.
"""

from pathlib import Path

from chassis.failpoints import FAILPOINTS
from tests.drills.running import CLUSTER, EMBEDDED, EmbeddedDrill, shuffled


def test_killed_at_every_failpoint_the_system_comes_back_whole(tmp_path: Path) -> None:
    drill = EmbeddedDrill(tmp_path / "data", shuffled(EMBEDDED, seed=1, most=2), seed=1)
    hits = drill.run()
    print(hits.table())
    assert set(hits.counts) == set(EMBEDDED)


def test_the_two_drills_together_hit_every_failpoint() -> None:
    assert {*EMBEDDED, *CLUSTER} == set(FAILPOINTS)
    assert not {*EMBEDDED} & {*CLUSTER}
