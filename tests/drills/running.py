"""Kills at failpoints, one after the other, while lives go on; a table of what was hit."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from chassis.failpoints import FAILPOINTS
from tests.drills.people import People
from tests.drills.proofs import assert_whole
from tests.drills.system import System
from tests.drills.workload import Workload

# Only a relay and a worker on Kafka pass these; the drills on the cluster are for them.
ON_KAFKA = ("relay.", "stream.", "store.after-move-cursor", "store.before-move-cursor")
EMBEDDED = tuple(name for name in FAILPOINTS if not name.startswith(ON_KAFKA))
CLUSTER = tuple(name for name in FAILPOINTS if name.startswith(ON_KAFKA))

HIT_WITHIN_S = 90.0
POLL_S = 0.02
KILLED = -9


class NotHit(AssertionError):
    """A failpoint's turn never came, or the process ended in another way."""


@dataclass
class Hits:
    """How often the process died at each failpoint, and said so before it did."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Hits") -> None:
        self.counts.update(other.counts)

    def table(self) -> str:
        width = max(map(len, FAILPOINTS))
        rows = [f"{name:{width}}  {self.counts[name]:5}" for name in FAILPOINTS]
        return "\n".join([*rows, f"{'all':{width}}  {self.counts.total():5}"])


class EmbeddedDrill:
    """Kills the embedded system at each name in turn; one data folder from first to last."""

    def __init__(self, data: Path, names: Sequence[tuple[str, int]], seed: int = 0) -> None:
        self.system = System(data)
        self.hits = Hits()
        self._names = list(names)
        self._seed = seed
        self._failed: BaseException | None = None

    def run(self) -> Hits:
        """Live and die until every name was hit, finish, and prove that all is whole."""
        self.system.start_chat()
        self.system.start()
        try:
            self.system.wait_ready()
            people = People(self.system.addresses, self.system.token_key_file)
            work = Workload(people, self.system.chat_url, self.system.clock_offset_file, self._seed)
            try:
                work.prepare()
                self._kill_while_living(work)
                work.life(finish=False)
                assert_whole(work)
            finally:
                work.close()
        finally:
            self.system.stop()
        return self.hits

    def _kill_while_living(self, work: Workload) -> None:
        killer = threading.Thread(target=self._kill_all, daemon=True)
        killer.start()
        while killer.is_alive():
            work.life()
            if work.lives % 3 == 0:
                # Set back by an hour: nothing may depend on a clock that only goes forward.
                work.pass_hours(-1)
        killer.join()
        if self._failed is not None:
            raise self._failed

    def _kill_all(self) -> None:
        try:
            self.system.kill()
            while self._names:
                name, nth = self._names[0]
                self.system.start(f"{name}:{nth}=kill")
                self._wait_hit(name)
                self.hits.counts[name] += 1
                self._names.pop(0)
        except BaseException as failure:
            self._failed = failure
        finally:
            self._names.clear()
            if self.system.exit_code is not None:
                self.system.start()

    def _wait_hit(self, name: str) -> None:
        end = time.monotonic() + HIT_WITHIN_S
        while self.system.exit_code is None:
            if time.monotonic() > end:
                raise NotHit(f"{name} was not reached within {HIT_WITHIN_S:.0f} s")
            time.sleep(POLL_S)
        said = self.system.hits.read_text().splitlines() if self.system.hits.exists() else []
        before = self.hits.counts.total()
        if self.system.exit_code != KILLED or said[before:] != [name]:
            raise NotHit(f"died otherwise than at {name}:\n{self.system.log_tail()}")


def shuffled(names: Sequence[str], seed: int, most: int) -> list[tuple[str, int]]:
    """The names in random order, each with the turn at which it kills."""
    random = Random(seed)
    order = [(name, random.randint(1, most)) for name in names]
    random.shuffle(order)
    return order
