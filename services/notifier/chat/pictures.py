"""Pictures from the chat: looked at, then sealed under the household's key before anything else."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from chassis.blobs import media_type_of
from chassis.failpoints import failpoint
from tuopin.types.v1.types_pb2 import Blob

MEBIBYTE = 1024 * 1024
PICTURE_BYTES_MAX = 10 * MEBIBYTE
PICTURES = ("image/jpeg", "image/png")


class TooBig(Exception):
    """More than PICTURE_BYTES_MAX."""


class NotAPicture(Exception):
    """The content is neither JPEG nor PNG, whatever it claims."""


class Blobs(Protocol):
    """What is needed of the blob store."""

    async def put(self, subject_id: str, data: bytes) -> Blob: ...


class Pictures:
    """Fetches, checks by content, seals."""

    def __init__(self, download: Callable[[str], Awaitable[bytes]], blobs: Blobs) -> None:
        self._download = download
        self._blobs = blobs

    async def keep(self, file_id: str, size_bytes: int, household_id: str) -> Blob:
        """The sealed picture; a second one lies beside it when a kill comes before its command."""
        if size_bytes > PICTURE_BYTES_MAX:
            raise TooBig
        data = await self._download(file_id)
        if len(data) > PICTURE_BYTES_MAX:
            raise TooBig
        if media_type_of(data[:64]) not in PICTURES:
            raise NotAPicture
        failpoint("bot.before-blob")
        blob = await self._blobs.put(household_id, data)
        failpoint("bot.after-blob")
        return blob
