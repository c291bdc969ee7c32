"""Offsets of repeated records: whoever goes on from a checkpoint meets every later position."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from chassis.views import Rows
from chassis.viewstore import Batch, ViewStore
from tests.kafka.rig import VIEW, envelopes, project
from tuopin.envelope.v1.envelope_pb2 import Envelope


def topic_of(lane: Sequence[Envelope]) -> list[tuple[int, Envelope, int]]:
    """As a slower relay leaves it: the first ten positions stand again behind all."""
    return [(e.position, e, offset) for offset, e in enumerate([*lane, *lane[:10]])]


def test_a_consumer_that_stopped_within_a_repetition_goes_on_without_a_hole() -> None:
    log = envelopes(400)
    lane = [envelope for envelope in log if envelope.partition == log[0].partition]
    poisoned = {lane[4].id}

    def fragile(rows: Rows, envelope: Envelope, event: Any) -> None:
        if envelope.id in poisoned:
            raise ValueError
        project(rows, envelope, event)

    store = ViewStore(":memory:", [dataclasses.replace(VIEW, project=fragile)])
    store.create()
    records = topic_of(lane)
    at = (lane[0].topic, lane[0].partition)
    assert store.apply([Batch(*at, records)]).stopped == ("households",)

    # Mended: the feed starts where the checkpoint says.
    poisoned.clear()
    store.resume()
    start = store.start_offsets()[at]
    store.apply([Batch(*at, records[start:])])

    assert store.checkpoints("households")[at].position == len(lane)
