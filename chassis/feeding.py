"""Batches as a feed delivers them, and what of a batch a consumer at a given position takes."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from threading import Lock

from google.protobuf import message_factory
from google.protobuf.descriptor_pool import Default as DefaultPool
from google.protobuf.message import DecodeError, Message

from chassis.feedtables import Checkpoint, Lane
from chassis.projecting import Heard
from tuopin.envelope.v1.envelope_pb2 import Envelope


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one lane as they came: (position, envelope, Kafka offset or None)."""

    topic: str
    partition: int
    records: Sequence[tuple[int, Envelope, int | None]]

    @property
    def lane(self) -> Lane:
        return (self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class Hole:
    """A consumer needs `expected` next in the lane, and the feed brought `found`."""

    consumer: str
    topic: str
    partition: int
    expected: int
    found: int


class HoleFound(Exception):
    """Everything before the holes is applied and committed. Read the lane once more; when the
    same hole comes again, stop its consumer.
    """

    def __init__(self, holes: Sequence[Hole]) -> None:
        first = holes[0]
        super().__init__(
            f"{first.consumer} needs position {first.expected} of {first.topic}/{first.partition} "
            f"and was given {first.found}"
        )
        self.holes = tuple(holes)
        self.consumer = first.consumer
        self.topic = first.topic
        self.partition = first.partition
        self.expected = first.expected


class Rewound(Exception):
    """Somebody set a consumer back (a rebuild): the feed must start from the checkpoints again.
    What the others could take is applied and committed.
    """

    def __init__(self, consumers: Iterable[str]) -> None:
        self.consumers = tuple(sorted(set(consumers)))
        super().__init__(f"set back: {', '.join(self.consumers)}")


@dataclass(frozen=True, slots=True)
class Applied:
    """What a transaction did: new checkpoints of each consumer, and who stopped in it."""

    checkpoints: dict[str, dict[Lane, Checkpoint]] = field(default_factory=dict)
    stopped: tuple[str, ...] = ()


_GC_GUARD = Lock()
_bulk_count = 0
_collected = True


@contextmanager
def bulk() -> Iterator[None]:
    """No garbage collection meanwhile: a batch makes a hundred thousand objects without a cycle,
    and walking them again and again costs a third of the time.
    """
    global _bulk_count, _collected  # the collector is the process's, and so is this count
    with _GC_GUARD:
        if not _bulk_count:
            _collected = gc.isenabled()
            gc.disable()
        _bulk_count += 1
    try:
        yield
    finally:
        with _GC_GUARD:
            _bulk_count -= 1
            if not _bulk_count and _collected:
                gc.enable()


# Runs of consecutive positions, each with the offset of every record beside it.
Run = tuple[list[Heard], list[int | None]]


@cache
def _class_of(full_name: str) -> type[Message]:
    return message_factory.GetMessageClass(DefaultPool().FindMessageTypeByName(full_name))


def hear(batch: Batch, wanted: frozenset[str]) -> list[Run]:
    """The batch in order and each position once, wanted events parsed once for all consumers."""
    records = batch.records
    if any(after[0] <= before[0] for before, after in pairwise(records)):
        # A relay or a reader that repeats: the same position always carries the same record. The
        # first one counts: whoever starts behind its offset still meets every later position.
        unique = {record[0]: record for record in reversed(records)}
        records = [unique[position] for position in sorted(unique)]
    runs: list[Run] = []
    heard: list[Heard] = []
    offsets: list[int | None] = []
    expected = -1
    for position, envelope, offset in records:
        if position != expected:
            heard, offsets = [], []
            runs.append((heard, offsets))
        expected = position + 1
        full_name = envelope.type
        event = _event(full_name, envelope.data) if full_name in wanted else None
        heard.append((position, full_name, envelope, event))
        offsets.append(offset)
    return runs


def _event(full_name: str, data: bytes) -> Message | Exception:
    try:
        return _class_of(full_name).FromString(data)
    except (DecodeError, KeyError) as error:
        return error


def next_records(
    runs: Sequence[Run], position: int
) -> tuple[list[Heard], Checkpoint | None, int | None]:
    """What follows `position` without a hole, the checkpoint after it, and the position that
    stands behind the first hole.
    """
    taken: list[Heard] = []
    checkpoint = None
    for heard, offsets in runs:
        if heard[-1][0] <= position:
            continue
        first = heard[0][0]
        if first > position + 1:
            return taken, checkpoint, first
        taken += heard[position + 1 - first :] if first <= position else heard
        position = heard[-1][0]
        checkpoint = Checkpoint(position, offsets[-1])
    return taken, checkpoint, None
