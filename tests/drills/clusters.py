"""Kills of the cluster's workers at the failpoints that only Kafka reaches."""

import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from devtools.cluster import Cluster
from services.cli.endpoints import SERVICES
from tests.drills.people import People
from tests.drills.running import HIT_WITHIN_S, KILLED, POLL_S, Hits, NotHit
from tests.drills.workload import Workload

TOUCH_EVERY_S = 2.0


def workload(cluster: Cluster, seed: int) -> Workload:
    """Lives on a running cluster."""
    addresses = {service: f"127.0.0.1:{port}" for service, port in cluster.ports.items()}
    people = People(addresses, cluster.data / "token.key")
    chat_url = f"http://127.0.0.1:{cluster.chat_port}"
    return Workload(people, chat_url, cluster.clock_offset_file, seed)


def kill_workers(
    cluster: Cluster, work: Workload, names: Sequence[tuple[str, int]], random: Random
) -> Hits:
    """Workers die at these names, up to five at a time, each at another; then all run again."""
    hits = Hits()
    for first in range(0, len(names), len(SERVICES)):
        armed = names[first : first + len(SERVICES)]
        parts = random.sample([f"{service}-work" for service in SERVICES], len(armed))
        for part, (name, nth) in zip(parts, armed, strict=True):
            cluster.kill(part)
            cluster.launch(
                part,
                TUOPIN_FAILPOINTS=f"{name}:{nth}=kill",
                TUOPIN_FAILPOINT_LOG=str(_log(cluster, part)),
            )
        waiting = {part: name for part, (name, _) in zip(parts, armed, strict=True)}
        _wait_hits(cluster, work, waiting, hits)
        for part in parts:
            cluster.wait_ready(part)
    return hits


def _wait_hits(cluster: Cluster, work: Workload, waiting: dict[str, str], hits: Hits) -> None:
    """Whoever died runs again at once: others may wait for its events."""
    end = time.monotonic() + HIT_WITHIN_S
    touched_at = 0.0
    while waiting:
        if time.monotonic() > end:
            raise NotHit(f"not reached within {HIT_WITHIN_S:.0f} s: {waiting}")
        if time.monotonic() - touched_at > TOUCH_EVERY_S:
            # Something new for every relay and every feed.
            work.touch_every_service()
            touched_at = time.monotonic()
        for part in [each for each in waiting if cluster.processes[each].poll() is not None]:
            name = waiting.pop(part)
            _assert_died_there(cluster, part, name)
            hits.counts[name] += 1
            cluster.launch(part)
        time.sleep(POLL_S)


def _assert_died_there(cluster: Cluster, part: str, name: str) -> None:
    log = _log(cluster, part)
    said = log.read_text().splitlines() if log.exists() else []
    if cluster.processes[part].returncode != KILLED or said[-1:] != [name]:
        tail = (cluster.logs / f"{part}.log").read_text(errors="replace")[-3000:]
        raise NotHit(f"{part} died otherwise than at {name}:\n{tail}")


def _log(cluster: Cluster, part: str) -> Path:
    return cluster.data / f"{part}.hits"
