"""Feeding a digest in pieces."""

from typing import Protocol

# Hashing more at once gives the interpreter's lock away, and a busy process waits to get it back.
_PIECE_BYTES = 2_000


class Digest(Protocol):
    """A hash or an HMAC of the standard library."""

    def update(self, data: bytes, /) -> None: ...


def feed(digest: Digest, data: bytes) -> None:
    """Add the data to a digest."""
    for at in range(0, len(data), _PIECE_BYTES):
        digest.update(data[at : at + _PIECE_BYTES])
