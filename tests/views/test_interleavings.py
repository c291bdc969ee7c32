"""Whatever the way a log comes to the views, the rows are the same."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.viewstore import ViewStore
from tests.views.world import Log, batch_of, folded, lived, make, rows

# Calls of `apply`: slices (lane, from, to).
Calls = list[list[tuple[tuple[str, int], int, int]]]


@st.composite
def deliveries(draw: st.DrawFn, log: Log) -> Calls:
    """Calls of slices (lane, from, to): each begins at or before what the lane has reached."""
    reached = dict.fromkeys(log.lanes, 0)
    calls: Calls = []
    while any(reached[lane] < len(log.lanes[lane]) for lane in reached):
        call = []
        for lane in draw(st.permutations(sorted(reached))):
            start = max(0, reached[lane] - draw(st.integers(0, 3)))
            end = min(len(log.lanes[lane]), reached[lane] + draw(st.integers(0, 12)))
            if start < end:
                call.append((lane, start, end))
                reached[lane] = end
        # Without this a draw of zeros would never end.
        if not call or not any(end > start for _, start, end in call):
            lane = next(each for each in reached if reached[each] < len(log.lanes[each]))
            call.append((lane, reached[lane], reached[lane] + 1))
            reached[lane] += 1
        calls.append(call)
    return calls


def delivered(
    views: ViewStore, log: Log, calls: list[list[tuple[tuple[str, int], int, int]]]
) -> None:
    for call in calls:
        views.apply([batch_of(log.lanes[lane][start:end]) for lane, start, end in call])


# A log and its way are large inputs, and meant to be.
LARGE = [HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large]


@settings(max_examples=60, deadline=None, suppress_health_check=LARGE)
@given(data=st.data(), seed=st.integers(0, 1_000), count=st.integers(1, 120))
def test_any_interleaving_cut_duplicate_and_overlap_gives_the_rows_of_the_fold(
    data: st.DataObject, seed: int, count: int
) -> None:
    log = lived(seed, count, households=8)
    views = make(":memory:")
    delivered(views, log, data.draw(deliveries(log)))
    assert folded(log.events) == rows(views)
    views.close()


@settings(max_examples=25, deadline=None, suppress_health_check=LARGE)
@given(data=st.data(), seed=st.integers(0, 1_000))
def test_two_workers_that_race_for_the_same_lanes_apply_every_event_once(
    data: st.DataObject, seed: int
) -> None:
    """The second store object is a zombie: its memory of the checkpoints is old."""
    log = lived(seed, 80, households=8)
    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder, "views.db"))
        workers = [make(place), make(place)]
        for call in data.draw(deliveries(log)):
            worker = data.draw(st.sampled_from(workers))
            worker.apply([batch_of(log.lanes[lane][start:end]) for lane, start, end in call])
        assert folded(log.events) == rows(workers[0])
        for worker in workers:
            worker.close()
