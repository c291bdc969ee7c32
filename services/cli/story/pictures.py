"""A picture for the scripted people: a real PNG, different for every text."""

import hashlib
import struct
import zlib

SIDE_PX = 64


def paper(text: str) -> bytes:
    """A valid PNG whose grey pattern is drawn from the text; it stands for a photographed paper."""
    shades = hashlib.shake_256(text.encode()).digest(SIDE_PX * SIDE_PX)
    rows = b"".join(b"\x00" + shades[row * SIDE_PX : (row + 1) * SIDE_PX] for row in range(SIDE_PX))
    header = struct.pack(">IIBBBBB", SIDE_PX, SIDE_PX, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
