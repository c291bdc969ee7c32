"""Two workers at once on one PostgreSQL database: whoever is late finds it done."""

import random
import threading
from collections.abc import Sequence

from chassis.feeding import Batch
from chassis.viewstore import ViewStore
from tests.views.world import batch_of, folded, lived, make, rows


def test_two_workers_with_the_same_lanes_apply_every_event_once(postgres_dsn: str) -> None:
    log = lived(21, 600)
    ways = [
        [
            [batch_of(lane[max(0, at - 3) : at + 25]) for lane in log.lanes.values() if lane[at:]]
            for at in range(0, 600, 25)
        ]
        for _ in "ab"
    ]
    workers = _race(postgres_dsn, ways)
    assert folded(log.events) == rows(workers[0])


def test_workers_with_lanes_of_their_own_meet_in_the_same_rows_without_harm(
    postgres_dsn: str,
) -> None:
    """Every village gets households from all lanes: the rows are shared, the lanes are not."""
    log = lived(22, 900, households=60)
    shuffled = random.Random(1)
    ways: list[list[list[Batch]]] = [[], []]
    lanes = sorted(log.lanes)
    for number, way in enumerate(ways):
        mine = lanes[number::2]
        for at in range(0, 900, 5):
            shuffled.shuffle(mine)
            call = [batch_of(log.lanes[each][at : at + 5]) for each in mine if log.lanes[each][at:]]
            if call:
                way.append(call)
    workers = _race(postgres_dsn, ways)
    assert folded(log.events) == rows(workers[0])


def _race(dsn: str, ways: Sequence[Sequence[Sequence[Batch]]]) -> list[ViewStore]:
    workers = [make(dsn) for _ in ways]
    errors: list[BaseException] = []

    def work(worker: ViewStore, way: Sequence[Sequence[Batch]]) -> None:
        try:
            for call in way:
                if call:
                    worker.apply(call)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=each) for each in zip(workers, ways, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return workers
