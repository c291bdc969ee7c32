"""Kills of the cluster's workers at the failpoints that only Kafka reaches."""

import time
from collections.abc import Sequence
from random import Random

from devtools.cluster import Cluster
from services.cli.endpoints import SERVICES
from tests.drills.people import People
from tests.drills.running import HIT_WITHIN_S, KILLED, POLL_S, Hits, NotHit
from tests.drills.workload import Workload


def workload(cluster: Cluster, seed: int) -> Workload:
    """Lives on a running cluster."""
    addresses = {service: f"127.0.0.1:{port}" for service, port in cluster.ports.items()}
    people = People(addresses, cluster.data / "token.key")
    chat_url = f"http://127.0.0.1:{cluster.chat_port}"
    return Workload(people, chat_url, cluster.clock_offset_file, seed)


def kill_workers(
    cluster: Cluster, work: Workload, names: Sequence[tuple[str, int]], random: Random
) -> Hits:
    """Workers die at these names, up to five at a time, each another one; then all run again."""
    hits = Hits()
    for first in range(0, len(names), len(SERVICES)):
        armed = names[first : first + len(SERVICES)]
        parts = random.sample([f"{service}-work" for service in SERVICES], len(armed))
        for part, (name, nth) in zip(parts, armed, strict=True):
            cluster.kill(part)
            log = str(cluster.data / f"{part}.hits")
            cluster.launch(part, TUOPIN_FAILPOINTS=f"{name}:{nth}=kill", TUOPIN_FAILPOINT_LOG=log)
        # One event for every service, so that every relay and every feed has something to do.
        work.touch_every_service()
        for part, (name, _) in zip(parts, armed, strict=True):
            _wait_hit(cluster, part, name, work)
            hits.counts[name] += 1
            cluster.launch(part)
        for part in parts:
            cluster.wait_ready(part)
    return hits


def _wait_hit(cluster: Cluster, part: str, name: str, work: Workload) -> None:
    process = cluster.processes[part]
    end = time.monotonic() + HIT_WITHIN_S
    touched_at = time.monotonic()
    while process.poll() is None:
        if time.monotonic() > end:
            raise NotHit(f"{part} did not reach {name} within {HIT_WITHIN_S:.0f} s")
        if time.monotonic() - touched_at > 2:
            touched_at = time.monotonic()
            work.touch_every_service()
        time.sleep(POLL_S)
    log = cluster.data / f"{part}.hits"
    said = log.read_text().splitlines() if log.exists() else []
    if process.returncode != KILLED or said[-1:] != [name]:
        tail = (cluster.logs / f"{part}.log").read_text(errors="replace")[-3000:]
        raise NotHit(f"{part} died otherwise than at {name}:\n{tail}")
