"""The validated file as it is kept: each household's command behind its length and its first row.

Kept in the contract's own form, so that neither a changed code list nor a second reading stands
between validation and commit.
"""

import struct
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass

from services.registry.importing.households import FileHousehold
from tuopin.registry.v1.household_pb2 import RegisterHousehold

_HEAD = struct.Struct(">IQ")


@dataclass(frozen=True, slots=True)
class KeptHousehold:
    """One household of a validated file."""

    row: int
    command: RegisterHousehold


def framed(households: Iterable[FileHousehold]) -> bytes:
    """The bytes of some households, to follow those of others."""
    parts: list[bytes] = []
    for household in households:
        data = household.command.SerializeToString()
        parts += (_HEAD.pack(len(data), household.rows[0]), data)
    return b"".join(parts)


async def unframed(pieces: AsyncIterable[bytes]) -> AsyncIterator[list[KeptHousehold]]:
    """The households again, as many at a time as a piece completes."""
    waiting = b""
    async for piece in pieces:
        waiting += piece
        found, used = [], 0
        while len(waiting) - used >= _HEAD.size:
            size, row = _HEAD.unpack_from(waiting, used)
            begin = used + _HEAD.size
            if len(waiting) - begin < size:
                break
            used = begin + size
            found.append(KeptHousehold(row, RegisterHousehold.FromString(waiting[begin:used])))
        waiting = waiting[used:]
        if found:
            yield found
    assert not waiting, "the kept file ends within a household"
