"""`python -m tests.drills --seed N --rounds M`: every failpoint many times, in random order.

Each round is a fresh embedded system and lives from beginning to end; the last part is a cluster
(Apache Kafka, PostgreSQL) whose workers are killed as often. Exits 1 with what did not hold.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from devtools.cluster import Cluster
from tests.drills.clusters import kill_workers, workload
from tests.drills.proofs import assert_whole
from tests.drills.running import CLUSTER, EMBEDDED, EmbeddedDrill, Hits, shuffled

# A name kills at one of its first so many turns.
TURNS_MOST = 4


def embedded(seed: int, data: Path) -> Hits:
    """One round of the embedded system."""
    return EmbeddedDrill(data, shuffled(EMBEDDED, seed, TURNS_MOST), seed).run()


def cluster(seed: int, data: Path, rounds: int) -> Hits:
    """All rounds of the workers, on one cluster."""
    hits = Hits()
    running = Cluster(data)
    try:
        running.start()
        work = workload(running, seed)
        try:
            work.prepare()
            for number in range(rounds):
                names = shuffled(CLUSTER, seed + number, TURNS_MOST)
                hits.add(kill_workers(running, work, names, Random(seed + number)))
                work.life()
            work.life(finish=False)
            assert_whole(work)
        finally:
            work.close()
    finally:
        running.stop()
    return hits


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("embedded", "cluster"), help="one of the two parts")
    chosen = parser.parse_args()
    hits = Hits()
    parts: list[tuple[str, Callable[[Path], Hits]]] = []
    if chosen.only != "cluster":
        seeds = range(chosen.seed, chosen.seed + chosen.rounds)
        parts += [(f"embedded, seed {s}", lambda data, s=s: embedded(s, data)) for s in seeds]
    if chosen.only != "embedded":
        rounds = chosen.rounds
        parts.append(("cluster", lambda data: cluster(chosen.seed, data, rounds)))
    for title, part in parts:
        began = time.monotonic()
        folder = Path(tempfile.mkdtemp(prefix="tuopin-drill-"))
        try:
            hits.add(part(folder / "data"))
        except BaseException as failure:
            print(f"{title}: {failure}\ndata is kept in {folder}", file=sys.stderr, flush=True)
            print(hits.table())
            return 1
        shutil.rmtree(folder, ignore_errors=True)
        print(f"{title}: whole after {time.monotonic() - began:.0f} s", flush=True)
    print(hits.table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
