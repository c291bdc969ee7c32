"""The consumer that docs/topics.md shows to others does what it says."""

import asyncio
import subprocess
import sys

from chassis.topics import ensure_topics
from tests.kafka.brokers import ROOT, produce
from tests.kafka.rig import TOPIC, envelopes, fold
from tuopin.envelope.v1.envelope_pb2 import Envelope

CONSUMER = ROOT / "docs" / "examples" / "consumer.py"


async def run_consumer(bootstrap: str, topic: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(CONSUMER), bootstrap, topic],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
    )


def test_it_has_thirty_lines() -> None:
    assert len(CONSUMER.read_text().splitlines()) <= 30


async def test_it_counts_households_per_village(kafka_bootstrap: str, topic_prefix: str) -> None:
    log = envelopes(2_000)
    ensure_topics(kafka_bootstrap, [TOPIC], prefix=topic_prefix)
    await produce(kafka_bootstrap, topic_prefix, log, repeat_every=2)

    done = await run_consumer(kafka_bootstrap, f"{topic_prefix}{TOPIC}")

    assert done.stderr == ""
    printed = {(line.split()[0], int(line.split()[1])) for line in done.stdout.splitlines()}
    assert printed == fold(log)["villages"]


async def test_it_names_the_lane_with_a_hole(kafka_bootstrap: str, topic_prefix: str) -> None:
    log = envelopes(200)
    missing = next(envelope for envelope in log if envelope.position == 5)
    rest: list[Envelope] = [envelope for envelope in log if envelope is not missing]
    ensure_topics(kafka_bootstrap, [TOPIC], prefix=topic_prefix)
    await produce(kafka_bootstrap, topic_prefix, rest)

    done = await run_consumer(kafka_bootstrap, f"{topic_prefix}{TOPIC}")

    assert done.returncode == 1
    assert done.stderr.strip().endswith(f"lane {missing.partition}: 6 follows 4")
