"""The validated file as it is kept: each household's command behind its length, its first row,
whether it corrects what the register says, and the digest of its rows.

Kept in the contract's own form, so that neither a changed code list nor a second reading stands
between validation and commit.
"""

import struct
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass

from services.registry.importing.households import FileHousehold
from tuopin.registry.v1.household_pb2 import RegisterHousehold

_DIGEST_BYTES = 32
_HEAD = struct.Struct(f">IQ?{_DIGEST_BYTES}s")


@dataclass(frozen=True, slots=True)
class KeptHousehold:
    """One household of a validated file."""

    row: int
    command: RegisterHousehold
    # The register says something else.
    differs: bool
    digest: bytes


def framed(households: Iterable[FileHousehold | KeptHousehold]) -> bytes:
    """The bytes of some households, to follow those of others."""
    parts: list[bytes] = []
    for household in households:
        data = household.command.SerializeToString()
        parts += (
            _HEAD.pack(len(data), household.row, household.differs, household.digest),
            data,
        )
    return b"".join(parts)


async def unframed(pieces: AsyncIterable[bytes]) -> AsyncIterator[list[KeptHousehold]]:
    """The households again, as many at a time as a piece completes."""
    waiting = b""
    async for piece in pieces:
        waiting += piece
        found, used = [], 0
        while len(waiting) - used >= _HEAD.size:
            size, row, differs, digest = _HEAD.unpack_from(waiting, used)
            begin = used + _HEAD.size
            if len(waiting) - begin < size:
                break
            used = begin + size
            command = RegisterHousehold.FromString(waiting[begin:used])
            found.append(KeptHousehold(row, command, differs, digest))
        waiting = waiting[used:]
        if found:
            yield found
    assert not waiting, "the kept file ends within a household"
