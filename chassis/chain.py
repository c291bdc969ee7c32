"""The hash chain of a lane: each hash covers the hash before it and the stored bytes."""

from collections.abc import Iterable
from hashlib import sha256

from chassis.hashing import feed

GENESIS = bytes(32)


def link(previous: bytes, record: bytes) -> bytes:
    """Hash of a record that follows `previous` in its lane."""
    found = sha256(previous)
    feed(found, record)
    return found.digest()


def first_broken(
    records: Iterable[tuple[int, bytes, bytes]], *, after: int = 0, previous: bytes = GENESIS
) -> int | None:
    """Position of the first of (position, record, hash) that is missing or changed; None when
    all hold.
    """
    expected = after + 1
    for position, record, stored in records:
        if position != expected or link(previous, record) != stored:
            return expected
        previous = stored
        expected += 1
    return None
