"""What the topics hold can be replayed by position, repetitions or not."""

import pytest

from chassis.lanes import LANES_PER_TOPIC
from chassis.topichistory import KafkaHistory, LaneBroken
from chassis.topics import ensure_topics
from tests.kafka.brokers import produce
from tests.kafka.rig import TOPIC, envelopes
from tuopin.envelope.v1.envelope_pb2 import Envelope


async def read_lane(history: KafkaHistory, lane: int, after: int, upto: int) -> list[Envelope]:
    found: list[Envelope] = []
    while records := await history.read(TOPIC, lane, after, upto):
        found += [Envelope.FromString(record.envelope) for record in records]
        after = records[-1].position
    return found


async def test_every_lane_is_replayed_exactly_from_anywhere_to_anywhere(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    log = envelopes(3_000)
    ensure_topics(kafka_bootstrap, [TOPIC], prefix=topic_prefix)
    await produce(kafka_bootstrap, topic_prefix, log, repeat_every=2)
    lanes = {n: [e for e in log if e.partition == n] for n in range(LANES_PER_TOPIC)}

    async with KafkaHistory(kafka_bootstrap, prefix=topic_prefix) as history:
        heads = await history.heads([TOPIC])
        assert heads == {(TOPIC, n): len(lane) for n, lane in lanes.items()}
        for n, lane in lanes.items():
            assert await read_lane(history, n, 0, heads[TOPIC, n]) == lane
            assert await read_lane(history, n, 60, 130) == lane[60:130]


async def test_an_empty_topic_has_no_heads(kafka_bootstrap: str, topic_prefix: str) -> None:
    ensure_topics(kafka_bootstrap, [TOPIC], prefix=topic_prefix)
    async with KafkaHistory(kafka_bootstrap, prefix=topic_prefix) as history:
        assert await history.heads([TOPIC]) == {}
        assert await history.read(TOPIC, 0, 0, 10) == []


async def test_a_lane_with_a_hole_is_not_replayed(kafka_bootstrap: str, topic_prefix: str) -> None:
    log = envelopes(200)
    missing = next(envelope for envelope in log if envelope.position == 5)
    ensure_topics(kafka_bootstrap, [TOPIC], prefix=topic_prefix)
    await produce(kafka_bootstrap, topic_prefix, [e for e in log if e is not missing])

    async with KafkaHistory(kafka_bootstrap, prefix=topic_prefix) as history:
        with pytest.raises(LaneBroken, match="5 is missing"):
            await history.read(TOPIC, missing.partition, 0, 10)


@pytest.mark.parametrize("kept", [0, 300, 10_000])
async def test_a_lane_that_grows_is_replayed_whole_however_much_is_kept(
    kept: int, kafka_bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.topichistory.KEPT_RECORDS", kept)
    log = envelopes(900)
    lanes = {n: [e for e in log if e.partition == n] for n in range(LANES_PER_TOPIC)}
    ensure_topics(kafka_bootstrap, [TOPIC], prefix=topic_prefix)

    async with KafkaHistory(kafka_bootstrap, prefix=topic_prefix) as history:
        for share in (300, 600, 900):
            await produce(kafka_bootstrap, topic_prefix, log[share - 300 : share], repeat_every=2)
            grown = {n: [e for e in log[:share] if e.partition == n] for n in lanes}
            heads = await history.heads([TOPIC])
            assert heads == {(TOPIC, n): len(lane) for n, lane in grown.items() if lane}
            for n, lane in grown.items():
                assert await read_lane(history, n, 0, len(lane)) == lane
