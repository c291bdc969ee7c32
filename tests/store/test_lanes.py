"""Where a stream belongs, and that Kafka's own clients think the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as kafka_murmur2

from chassis.chain import GENESIS, first_broken, link
from chassis.lanes import lane_of, murmur2


@pytest.mark.parametrize(
    ("key", "expected"),
    # Values of org.apache.kafka.common.utils.Utils.murmur2, from its own unit test.
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_javas(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected & 0x7FFFFFFF


@given(st.binary(max_size=80))
def test_the_hash_is_that_of_the_kafka_clients(key: bytes) -> None:
    assert murmur2(key) == kafka_murmur2(key) & 0x7FFFFFFF


def test_a_stream_has_one_lane_of_twelve() -> None:
    lanes = {lane_of(f"household-{number}") for number in range(1000)}
    assert lanes == set(range(12))


def test_a_changed_or_missing_record_breaks_the_chain() -> None:
    records, previous = [], GENESIS
    for position in range(1, 6):
        previous = link(previous, b"record %d" % position)
        records.append((position, b"record %d" % position, previous))
    assert first_broken(records) is None
    assert first_broken(records[:2] + records[3:]) == 3
    changed = [*records]
    changed[3] = (4, b"another", records[3][2])
    assert first_broken(changed) == 4
    assert first_broken(records[2:], after=2, previous=records[1][2]) is None
