"""Rows and checkpoints in one transaction: what a feed may do to a view without harm."""

from typing import Any

import pytest
from google.protobuf.message import Message
from sqlalchemy import Column, Integer, MetaData, String, Table

from chassis.feeding import HoleFound, Rewound
from chassis.feedtables import Checkpoint
from chassis.views import Rows, View
from tests.views.world import (
    FILES,
    FILES_VIEW,
    OFFER_VISIT,
    VILLAGES,
    VILLAGES_VIEW,
    Log,
    batch_of,
    folded,
    lived,
    make,
    rows,
)
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.planning.v1.plan_pb2 import VisitRecorded
from tuopin.registry.v1.household_pb2 import HouseholdRegistered


def test_a_view_equals_a_slow_fold_of_the_events(url: str) -> None:
    log = lived(1, 400)
    views = make(url)
    views.apply(log.batches())
    assert folded(log.events) == rows(views)


def test_a_duplicate_is_skipped_and_an_overlap_trimmed(url: str) -> None:
    log = lived(2, 300)
    views = make(url)
    views.apply(log.batches(1, 10))
    views.apply(log.batches(1, 10))
    views.apply(log.batches(5))
    assert folded(log.events) == rows(views)


def test_a_batch_may_repeat_itself_and_be_out_of_order(url: str) -> None:
    log = lived(3, 200)
    views = make(url)
    views.apply([batch_of([*each[3:], *each, *each[:5]]) for each in log.lanes.values()])
    assert folded(log.events) == rows(views)


def test_the_checkpoint_carries_position_and_offset(url: str) -> None:
    log = Log()
    event = log.register(1)
    views = make(url)
    views.apply(log.batches())
    lane = (event.topic, event.partition)
    assert {lane: Checkpoint(1, 7)} == views.checkpoints("files")
    assert {lane: 8} == views.start_offsets()


def test_before_a_hole_everything_is_applied_and_behind_it_nothing(url: str) -> None:
    log = Log()
    events = [log.register(1), *(log.append("household", "household-h1", _visit()) for _ in "ab")]
    views = make(url)
    with pytest.raises(HoleFound) as caught:
        views.apply([batch_of([events[0], events[2]])])
    lane = (events[0].topic, events[0].partition)
    assert (2, *lane) == (caught.value.expected, caught.value.topic, caught.value.partition)
    assert views.checkpoints("files")[lane].position == 1
    assert folded(events[:1]) == rows(views)


def test_a_hole_that_comes_twice_stops_its_consumer_and_no_other(url: str) -> None:
    log = lived(4, 100)
    views = make(url)
    views.apply(log.batches(1, 3), ["files", "deadlines:visits-due"])
    with pytest.raises(HoleFound) as caught:
        views.apply(log.batches(3))
    assert {"villages"} == {hole.consumer for hole in caught.value.holes}
    views.stop_consumer("villages", str(caught.value), caught.value.holes[0])
    views.apply(log.batches())
    assert folded(log.events)["files"] == rows(views)["files"]
    assert rows(views)["villages"] == []
    assert {"villages"} == set(views.stopped())


def test_a_poison_event_stops_only_the_consumer_that_cannot_project_it(url: str) -> None:
    log = Log()
    before = log.register(1)
    poison = log.append("household", before.stream, _poison())
    log.append("household", before.stream, _visit())
    views = make(url)
    applied = views.apply(log.batches())
    assert applied.stopped == ("villages",)
    assert {"villages": f"Poison {poison.id}"} == views.stopped()
    assert folded([before])["villages"] == rows(views)["villages"]
    assert views.checkpoints("files")[before.topic, before.partition].position == 3
    assert views.checkpoints("villages")[before.topic, before.partition].position == 1


def test_the_reason_of_a_stop_never_quotes_the_event(url: str) -> None:
    log = Log()
    log.register(1, household_number="poison")
    views = make(url)
    views.apply(log.batches())
    assert "name" not in str(views.stopped())


def test_a_stopped_consumer_goes_on_after_the_fix(url: str) -> None:
    log = Log()
    log.register(1, household_number="poison")
    for number in range(2, 50):
        log.register(number)
    views = make(url)
    views.positions()
    views.apply(log.batches())
    views.close()
    mended = View(
        "villages",
        VILLAGES_VIEW.tables,
        VILLAGES_VIEW.topics,
        lambda r, _, event: r.add(VILLAGES, (event.village_id,), household_count=1),
        VILLAGES_VIEW.events,
    )
    again = make(url, views=(FILES_VIEW, mended))
    if again.inline:
        again.apply(log.batches())  # nothing outlives the process in memory
    again.resume()
    again.apply(log.batches())
    assert sum(row[1] for row in rows(again)["villages"]) == 49
    assert folded(log.events)["files"] == rows(again)["files"]


def test_a_row_that_the_database_refuses_is_a_poison_event_too(url: str) -> None:
    table = Table(
        "narrow",
        MetaData(),
        Column("id", String(60), primary_key=True),
        Column("needed", Integer, nullable=False),
    )
    log = Log()
    log.register(1)
    refused = log.register(2)

    def project(r: Rows, envelope: Envelope, event: Any) -> None:
        needed = None if event.household_id == "h2" else 1
        r.put(table, (event.household_id,), needed=needed)

    view = View("narrow", (table,), ("household",), project, FILES_VIEW.events[:1])
    views = make(url, views=(FILES_VIEW, view))
    views.apply(log.batches())
    assert {"narrow": f"IntegrityError {refused.id}"} == views.stopped()
    assert folded(log.events)["files"] == rows(views, FILES)["files"]
    assert "h2" not in str(rows(views, table))


def test_rows_and_checkpoint_are_written_together_or_not_at_all(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = lived(5, 100)
    views = make(url)
    with monkeypatch.context() as patch:
        patch.setattr("chassis.viewdb.failpoint", _power_cut)
        with pytest.raises(PowerCut):
            views.apply(log.batches())
    assert views.checkpoints("files") == {}
    assert rows(views)["files"] == []
    views.apply(log.batches())
    assert folded(log.events) == rows(views)


def test_a_rebuild_forgets_rows_and_checkpoint_and_the_replay_gives_them_again(url: str) -> None:
    log = lived(6, 300)
    views = make(url)
    views.positions()
    views.apply(log.batches(1, 12))
    views.rebuild("files")
    assert rows(views, FILES)["files"] == []
    assert views.rewound()
    with pytest.raises(Rewound):
        views.apply(log.batches(12))
    views.positions()
    views.apply(log.batches())
    assert folded(log.events) == rows(views)
    assert not views.rewound()


def test_a_reaction_is_never_rebuilt(url: str) -> None:
    views = make(url, reactions=(OFFER_VISIT,))
    with pytest.raises(AssertionError):
        views.rebuild("reaction:offer-visit")


def test_a_query_cannot_write(url: str) -> None:
    views = make(url)
    if views.inline:
        return  # one connection for all: tests in memory trust their queries
    with pytest.raises(Exception, match=r"read-only|readonly"):
        views.read(lambda connection: connection.execute(FILES.insert(), {"household_id": "x"}))


class PowerCut(BaseException):
    pass


def _power_cut(name: str) -> None:
    if name == "views.before-commit":
        raise PowerCut


def _visit() -> Message:
    return VisitRecorded(plan_id="p1", household_id="h1")


def _poison() -> Message:

    return HouseholdRegistered(
        household_id="h1", village_id="433124110201", household_number="poison"
    )
