"""What can be told about a picture from its first bytes, without a picture library."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from localchat.errors import bad_request

SIDES_MAX_PX = 10_000
RATIO_MAX = 20
# JPEG start-of-frame markers: they carry the size. C4, C8 and CC are tables, not frames.
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True, slots=True)
class Picture:
    """The type and the size of a picture."""

    mime: str
    suffix: str
    width_px: int
    height_px: int


def look_at(data: bytes) -> Picture:
    """Return what the picture is, or refuse what Telegram would refuse as a photo."""
    picture = _png(data) or _gif(data) or _webp(data) or _jpeg(data)
    if picture is None:
        raise bad_request("IMAGE_PROCESS_FAILED")
    short, long = sorted((picture.width_px, picture.height_px))
    if short < 1 or short + long > SIDES_MAX_PX or long > RATIO_MAX * short:
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return picture


def fitted(picture: Picture, box_px: int) -> tuple[int, int]:
    """Return width and height scaled down into a square box."""
    long = max(picture.width_px, picture.height_px, box_px)
    return (
        max(1, picture.width_px * box_px // long),
        max(1, picture.height_px * box_px // long),
    )


def _png(data: bytes) -> Picture | None:
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or len(data) < 24:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return Picture("image/png", ".png", width, height)


def _gif(data: bytes) -> Picture | None:
    if data[:6] not in (b"GIF87a", b"GIF89a") or len(data) < 10:
        return None
    width, height = struct.unpack("<HH", data[6:10])
    return Picture("image/gif", ".gif", width, height)


def _webp(data: bytes) -> Picture | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        return None
    match data[12:16]:
        case b"VP8X":
            width = 1 + int.from_bytes(data[24:27], "little")
            height = 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case _:
            width, height = (side & 0x3FFF for side in struct.unpack("<HH", data[26:30]))
    return Picture("image/webp", ".webp", width, height)


def _jpeg(data: bytes) -> Picture | None:
    if not data.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in JPEG_FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return Picture("image/jpeg", ".jpg", width, height)
        at += 2 if marker in JPEG_WITHOUT_LENGTH else _segment_bytes(data, at)
    return None


def _segment_bytes(data: bytes, at: int) -> int:
    # A padding FF before a marker stands alone; a segment is its marker and the length it states.
    if data[at + 1] == 0xFF:
        return 1
    return 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
