"""What every store promises, whichever database it stands on."""

import asyncio

import pytest

from chassis.chain import first_broken
from chassis.clock import ManualClock
from chassis.envelope import parse, record_of
from chassis.lanes import lane_of
from chassis.store import (
    ClaimRow,
    ClaimTaken,
    CommandReused,
    ReleaseRow,
    Store,
    StreamWrite,
    VersionConflict,
)
from tests.store.writing import append, events


async def all_records(store: Store, topic: str = "household") -> list[bytes]:
    """Every record of a topic; the chain and the gapless positions are checked on the way."""
    found = []
    for head in await store.heads(topic):
        records = await store.read(topic, head.partition, 0, 100_000)
        assert first_broken((r.position, r.envelope, r.hash) for r in records) is None
        assert head.position == len(records)
        assert not records or head.hash == records[-1].hash
        found += [record.envelope for record in records]
    return found


async def test_an_append_is_loaded_again(store: Store) -> None:
    receipt = await store.append(append("household-1", count=2, data=b"sealed"))
    loaded = await store.load("household-1")
    envelopes = [parse(record.envelope) for record in loaded]
    assert [envelope.data for envelope in envelopes] == [b"sealed", b"sealed"]
    assert list(receipt.event_ids) == ["household-1@1", "household-1@2"]
    assert receipt.version == 2
    assert receipt.position.position == envelopes[-1].position == 2


async def test_the_record_is_the_deterministic_serialisation_of_its_envelope(store: Store) -> None:
    for at in range(200):
        await store.append(append("household-1", at, data=bytes(at), traceparent="00-a-b-01"))
    for record in await store.load("household-1"):
        assert record.envelope == record_of(parse(record.envelope))


async def test_only_later_versions_are_loaded(store: Store) -> None:
    await store.append(append("household-1", count=3))
    assert [parse(r.envelope).version for r in await store.load("household-1", 1)] == [2, 3]
    assert await store.load("household-1", 3) == []
    assert await store.load("household-2") == []


async def test_a_lane_is_read_from_a_position_to_a_limit(store: Store) -> None:
    await store.append(append("household-1", count=5))
    lane = lane_of("household-1")
    read = await store.read("household", lane, 1, 3)
    assert [record.position for record in read] == [2, 3, 4]
    assert await store.read("household", lane, 5, 3) == []


async def test_a_wrong_version_is_a_conflict_and_leaves_no_hole(store: Store) -> None:
    await store.append(append("household-1"))
    with pytest.raises(VersionConflict):
        await store.append(append("household-1", at=0))
    await store.append(append("household-1", at=1))
    assert len(await all_records(store)) == 2


async def test_a_version_that_was_never_reached_is_a_conflict(store: Store) -> None:
    await store.append(append("household-1"))
    with pytest.raises(VersionConflict):
        await store.append(append("household-1", at=4))
    assert len(await all_records(store)) == 1


async def test_a_failed_member_of_a_group_fails_alone(store: Store) -> None:
    await store.append(append("household-3"))
    outcomes = await asyncio.gather(
        *(store.append(append(f"household-{number}")) for number in range(8)),
        return_exceptions=True,
    )
    failed = [number for number, each in enumerate(outcomes) if isinstance(each, Exception)]
    assert failed == [3]
    assert isinstance(outcomes[3], VersionConflict)
    assert len(await all_records(store)) == 8


async def test_what_was_decided_on_a_failed_append_fails_too(store: Store) -> None:
    await store.append(append("household-1", claims=(ClaimRow("person", b"key", "a", "taken"),)))
    first = append("household-2", claims=(ClaimRow("person", b"key", "b", "taken"),))
    second = append("household-2", at=1)
    third = append("household-2", at=2)
    outcomes = await asyncio.gather(
        *map(store.append, (first, second, third)), return_exceptions=True
    )
    assert [ClaimTaken, VersionConflict, VersionConflict] == [type(each) for each in outcomes]
    assert await store.load("household-2") == []


async def test_hundred_appends_to_one_stream_in_order_all_pass(store: Store) -> None:
    await asyncio.gather(*(store.append(append("household-1", at)) for at in range(100)))
    versions = [parse(record.envelope).version for record in await store.load("household-1")]
    assert versions == list(range(1, 101))


async def test_the_same_command_gets_the_first_receipt(store: Store) -> None:
    first = await store.append(append("household-1", command_id="c"))
    await store.append(append("household-1", at=1))
    again = await store.append(append("household-1", at=2, command_id="c"))
    assert again == first
    assert len(await all_records(store)) == 2


async def test_the_same_command_twice_in_one_group_is_done_once(store: Store) -> None:
    twice = [append("household-1", command_id="c") for _ in range(2)]
    first, second = await asyncio.gather(*map(store.append, twice))
    assert first == second
    assert len(await all_records(store)) == 1


async def test_the_same_id_with_another_request_is_an_error(store: Store) -> None:
    await store.append(append("household-1", command_id="c"))
    with pytest.raises(CommandReused):
        await store.append(append("household-2", command_id="c", digest=b"other"))
    assert len(await all_records(store)) == 1


async def test_a_receipt_is_found_by_its_command(store: Store) -> None:
    receipt = await store.append(append("household-1", command_id="c", digest=b"keyed"))
    assert (b"keyed", receipt) == await store.receipt("c")
    assert await store.receipt("never") is None


async def test_no_effect_leaves_a_receipt_only(store: Store) -> None:
    await store.append(append("household-1"))
    receipt = await store.append(append("household-1", at=1, count=0, command_id="c"))
    assert receipt.no_effect
    assert (receipt.stream, receipt.version) == ("household-1", 1)
    assert not receipt.HasField("position")
    assert await store.receipt("c") is not None
    assert len(await all_records(store)) == 1


async def test_a_refusal_is_told_by_its_receipt(store: Store) -> None:
    receipt = await store.append(append("refusal-c", refused="visit-too-early"))
    assert receipt.refused == "visit-too-early"


async def test_a_claim_is_held_by_one_owner(store: Store) -> None:
    claim = ClaimRow("person", b"digest", "household-1", "person-already-registered")
    await store.append(append("household-1", claims=(claim,)))
    assert await store.claim_owner("person", b"digest") == "household-1"
    taken = ClaimRow("person", b"digest", "household-2", "person-already-registered")
    with pytest.raises(ClaimTaken) as refused:
        await store.append(append("household-2", claims=(taken,)))
    assert refused.value.rejection == "person-already-registered"
    assert refused.value.owner == "household-1"
    assert len(await all_records(store)) == 1


async def test_claiming_again_what_one_holds_is_no_conflict(store: Store) -> None:
    claim = ClaimRow("person", b"digest", "household-1", "taken")
    await store.append(append("household-1", claims=(claim,)))
    await store.append(append("household-1", at=1, claims=(claim, claim)))
    assert await store.claim_owner("person", b"digest") == "household-1"


async def test_a_released_claim_is_free_within_the_same_group(store: Store) -> None:
    held = ClaimRow("person", b"digest", "household-1", "taken")
    await store.append(append("household-1", claims=(held,)))
    released = append("household-1", at=1, releases=(ReleaseRow("person", "household-1", None),))
    moved = ClaimRow("person", b"digest", "household-2", "taken")
    await asyncio.gather(
        store.append(released), store.append(append("household-2", claims=(moved,)))
    )
    assert await store.claim_owner("person", b"digest") == "household-2"


async def test_only_the_named_key_of_the_owner_is_released(store: Store) -> None:
    claims = tuple(ClaimRow("person", key, "household-1", "taken") for key in (b"a", b"b"))
    await store.append(append("household-1", claims=claims))
    others = (ReleaseRow("person", "household-2", b"a"), ReleaseRow("person", "household-1", b"b"))
    await store.append(append("household-1", at=1, releases=others))
    assert await store.claim_owner("person", b"a") == "household-1"
    assert await store.claim_owner("person", b"b") is None


async def test_owners_are_found_of_many_keys_at_once(store: Store) -> None:
    keys = [bytes([at // 256, at % 256]) for at in range(600)]
    claims = tuple(ClaimRow("person", key, "household-1", "taken") for key in keys[::3])
    await store.append(append("household-1", claims=claims))
    owners = await store.claim_owners("person", keys)
    assert owners == dict.fromkeys(keys[::3], "household-1")
    assert await store.claim_owners("plan", keys) == {}
    assert await store.claim_owners("person", []) == {}


async def test_several_streams_are_written_together_or_not_at_all(store: Store) -> None:
    both = append("household-1")
    writes = (*both.writes, StreamWrite("region", "region-cn", 0, events()))
    await store.append(append_with(both, writes))
    stale = append("household-2")
    with pytest.raises(VersionConflict):
        await store.append(append_with(stale, (*stale.writes, writes[1])))
    assert await store.load("household-2") == []
    assert len(await all_records(store, "region")) == 1


def append_with(old, writes):
    return old._replace(writes=writes)


async def test_time_never_goes_back_within_a_lane(store: Store, clock: ManualClock) -> None:
    await store.append(append("household-1"))
    clock.set_back(3600)
    await store.append(append("household-1", at=1))
    times = [parse(r.envelope).recorded_at_us for r in await store.load("household-1")]
    assert times == sorted(times)


async def test_a_cursor_only_moves_forward(store: Store) -> None:
    assert await store.cursor("relay", "household", 3) == 0
    await store.move_cursor("relay", "household", 3, 7)
    await store.move_cursor("relay", "household", 3, 5)
    assert await store.cursor("relay", "household", 3) == 7
    assert await store.cursor("relay", "household", 4) == 0


async def test_a_follower_is_woken_by_an_append(store: Store) -> None:
    waiting = asyncio.create_task(store.appended(0))
    await asyncio.sleep(0)
    await store.append(append("household-1", count=3))
    assert await asyncio.wait_for(waiting, 5) == 3
    assert await store.appended(2) == 3


async def test_every_topic_has_its_lanes_from_the_start(store: Store) -> None:
    heads = await store.heads()
    assert {(topic, lane) for topic in store.topics for lane in range(12)} == {
        (head.topic, head.partition) for head in heads
    }
