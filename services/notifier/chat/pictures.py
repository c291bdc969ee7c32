"""Pictures and papers from the chat: looked at, then sealed before anything else."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from chassis.blobs import media_type_of
from chassis.clock import Clock
from chassis.failpoints import failpoint
from tuopin.types.v1.types_pb2 import Blob

MEBIBYTE = 1024 * 1024
PICTURE_BYTES_MAX = 10 * MEBIBYTE
KINDS = ("image/jpeg", "image/png", "application/pdf")
# A camera's own date stands near the beginning of a JPEG. Older than this it shows another visit.
HEAD_BYTES = 65_536
TAKEN = re.compile(rb"(20[0-9]{2}):([01][0-9]):([0-3][0-9]) [0-2][0-9]:[0-5][0-9]:[0-5][0-9]")
AGE_MAX = timedelta(days=30)


class TooBig(Exception):
    """More than PICTURE_BYTES_MAX."""


class NotAPicture(Exception):
    """The content is neither JPEG, PNG nor PDF, whatever it claims."""


class TooOld(Exception):
    """The camera says that it was taken long ago."""


class Blobs(Protocol):
    """What is needed of the blob store."""

    async def put(self, subject_id: str, data: bytes) -> Blob: ...


class Pictures:
    """Fetches, checks by content, seals."""

    def __init__(
        self, download: Callable[[str], Awaitable[bytes]], blobs: Blobs, clock: Clock
    ) -> None:
        self._download = download
        self._blobs = blobs
        self._clock = clock

    async def keep(self, file_id: str, size_bytes: int, household_id: str) -> Blob:
        """The sealed picture; a second one lies beside it when a kill comes before its command."""
        if size_bytes > PICTURE_BYTES_MAX:
            raise TooBig
        data = await self._download(file_id)
        if len(data) > PICTURE_BYTES_MAX:
            raise TooBig
        kind = media_type_of(data[:64])
        if kind not in KINDS:
            raise NotAPicture
        taken = taken_on(data) if kind == "image/jpeg" else None
        if taken is not None and self._clock.now() - taken > AGE_MAX:
            raise TooOld
        failpoint("bot.before-blob")
        blob = await self._blobs.put(household_id, data)
        failpoint("bot.after-blob")
        return blob


def taken_on(data: bytes) -> datetime | None:
    """The day that the camera wrote into the picture; None when it wrote none, as in most chats."""
    found = TAKEN.search(data, 0, HEAD_BYTES)
    if found is None:
        return None
    try:
        year, month, day = (int(part) for part in found.groups())
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None
