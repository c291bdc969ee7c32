"""Evidence and uploaded files: sealed in pieces under their subject's key, named by their content.

The name is the SHA-256 of the sealed file, so that an event that carries it pins every byte. Memory
is bounded by one piece, whatever the size.
"""

import asyncio
import codecs
import hashlib
import os
import time
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

from cryptography.exceptions import InvalidTag

from chassis.failpoints import failpoint
from chassis.keys import ERASED, Key, SubjectErased
from chassis.sealing import KeyNotAtHand, Sealer
from tuopin.types.v1.types_pb2 import Blob

INCOMING = "incoming"
MAGIC = b"tuopin-blob-1\n"
PIECE_BYTES = 1024 * 1024
TAG_BYTES = 16
# Nonce of a piece: random 7 of the file, number 4, whether it is the last 1 (the STREAM scheme).
PREFIX_BYTES = 7
PIECES_MAX = 2**32 - 1
SAMPLE_BYTES = 4_096
# What a killed process left half written is swept away after a day.
INCOMPLETE_KEPT_S = 86_400
_NOTHING_MORE = b""

T = TypeVar("T")

_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
)


class BlobMissing(Exception):
    """No file of that name is kept."""


class BlobDamaged(Exception):
    """The file is not what its name says."""


class BlobTooLarge(Exception):
    """More than the caller allowed."""


def media_type_of(head: bytes) -> str:
    """The type that the first bytes show; a sender's word does not count."""
    for magic, kind in _KINDS:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    sample = head[:SAMPLE_BYTES]
    if b"\x00" in sample:
        return "application/octet-stream"
    try:
        # A character may be cut at the end of the sample.
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=len(head) <= SAMPLE_BYTES)
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain"


class BlobFolder:
    """Sealed files below one folder; a file appears whole and durable, or not at all.

    Files are written in threads; `inline` does it in the caller's own turn, for simulations.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sealer: Sealer,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
        inline: bool = False,
    ) -> None:
        self._folder = Path(path)
        self._sealer = sealer
        self._random_bytes = random_bytes
        self._in_thread = _at_once if inline else asyncio.to_thread
        _sweep(self._folder / INCOMING)

    async def put(self, subject_id: str, data: bytes) -> Blob:
        """Keep what fits in memory; durable before it returns."""

        async def pieces() -> AsyncIterator[bytes]:
            yield data

        return await self.put_stream(subject_id, pieces())

    async def put_stream(
        self, subject_id: str, parts: AsyncIterable[bytes], *, max_bytes: int | None = None
    ) -> Blob:
        """Keep a stream of any part sizes; BlobTooLarge beyond `max_bytes`, and nothing is kept."""
        await self._sealer.keys.ensure([subject_id])
        key = self._key(subject_id)
        writing = await self._in_thread(_Writing, self._folder, key, self._random_bytes)
        size = 0
        try:
            async for piece in _pieces(parts):
                size += len(piece)
                if max_bytes is not None and size > max_bytes:
                    raise BlobTooLarge(f"more than {max_bytes} bytes")
                await self._in_thread(writing.write, piece)
            sha256 = await self._in_thread(writing.finish)
        except BaseException:
            writing.discard()
            raise
        return Blob(
            sha256=sha256,
            media_type=writing.media_type,
            size_bytes=size,
            subject_id=subject_id,
        )

    async def get(self, blob: Blob) -> bytes:
        """The whole content."""
        return b"".join([piece async for piece in self.stream(blob)])

    async def stream(self, blob: Blob) -> AsyncIterator[bytes]:
        """The content piece by piece.

        Each piece is proven when given; the whole against its name only after the last one.
        """
        await self._sealer.keys.fetch([blob.subject_id])
        key = self._key(blob.subject_id)
        reading = await self._in_thread(_Reading, self._path(blob.sha256), key, blob.sha256)
        try:
            while piece := await self._in_thread(reading.next):
                yield piece
        finally:
            reading.close()

    async def remove(self, blob: Blob) -> None:
        """Forget the file; no error when it is gone already."""
        await self._in_thread(self._path(blob.sha256).unlink, missing_ok=True)

    def _key(self, subject_id: str) -> Key:
        key = self._sealer.keys.find(subject_id)
        if key is ERASED:
            raise SubjectErased(subject_id)
        if key is None:
            raise KeyNotAtHand("blob")
        return key

    def _path(self, sha256: str) -> Path:
        return path_of(self._folder, sha256)


def path_of(folder: Path, sha256: str) -> Path:
    """Where a blob of that name lies; BlobMissing for what is no name at all."""
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise BlobMissing(repr(sha256))
    return folder / sha256[:2] / sha256


async def _pieces(parts: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in full pieces; only the last may be short."""
    waiting = bytearray()
    async for part in parts:
        for start in range(0, len(part), PIECE_BYTES):
            waiting += part[start : start + PIECE_BYTES]
            if len(waiting) > PIECE_BYTES:
                yield bytes(waiting[:PIECE_BYTES])
                del waiting[:PIECE_BYTES]
    if waiting:
        yield bytes(waiting)


class _Writing:
    """One file on its way in. A piece waits until it is known whether it is the last."""

    def __init__(self, folder: Path, key: Key, random_bytes: Callable[[int], bytes]) -> None:
        self._folder = folder
        self._key = key
        self._prefix = random_bytes(PREFIX_BYTES)
        self._number = 0
        self._waiting: bytes | None = None
        self._digest = hashlib.sha256()
        self.media_type = media_type_of(b"")
        incoming = folder / INCOMING
        incoming.mkdir(parents=True, exist_ok=True)
        self._path = incoming / uuid.uuid4().hex
        self._file = self._path.open("xb")
        self._append(MAGIC + self._prefix)

    def write(self, piece: bytes) -> None:
        if self._waiting is None:
            self.media_type = media_type_of(piece)
        else:
            self._seal(self._waiting, last=False)
        self._waiting = piece

    def finish(self) -> str:
        self._seal(self._waiting or b"", last=True)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        sha256 = self._digest.hexdigest()
        target = path_of(self._folder, sha256)
        target.parent.mkdir(exist_ok=True)
        failpoint("blobs.before-rename")
        self._path.rename(target)
        _fsync_folder(target.parent)
        _fsync_folder(self._folder)
        failpoint("blobs.after-rename")
        return sha256

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _seal(self, piece: bytes, *, last: bool) -> None:
        nonce = _nonce(self._prefix, self._number, last)
        self._append(self._key.aead.encrypt(nonce, piece, _aad(self._key)))
        self._number += 1
        if self._number > PIECES_MAX:
            raise BlobTooLarge("too many pieces")

    def _append(self, sealed: bytes) -> None:
        self._digest.update(sealed)
        self._file.write(sealed)


class _Reading:
    """One file on its way out."""

    def __init__(self, path: Path, key: Key, sha256: str) -> None:
        try:
            self._file = path.open("rb")
        except FileNotFoundError as error:
            raise BlobMissing(sha256) from error
        self._key = key
        self._sha256 = sha256
        self._digest = hashlib.sha256()
        self._number = 0
        if self._read(len(MAGIC)) != MAGIC:
            raise BlobDamaged(sha256)
        self._prefix = self._read(PREFIX_BYTES)
        self._sealed = self._read(PIECE_BYTES + TAG_BYTES)
        if len(self._sealed) < TAG_BYTES:  # cut off: even nothing is sealed as one piece
            raise BlobDamaged(sha256)

    def next(self) -> bytes:
        """The next piece; b"" after the last."""
        if not self._sealed:
            return _NOTHING_MORE
        following = self._read(PIECE_BYTES + TAG_BYTES)
        nonce = _nonce(self._prefix, self._number, last=not following)
        try:
            piece = self._key.aead.decrypt(nonce, self._sealed, _aad(self._key))
        except InvalidTag as error:
            raise BlobDamaged(self._sha256) from error
        if not following and self._digest.hexdigest() != self._sha256:
            raise BlobDamaged(self._sha256)
        self._number += 1
        self._sealed = following
        return piece

    def close(self) -> None:
        self._file.close()

    def _read(self, size: int) -> bytes:
        sealed = self._file.read(size)
        self._digest.update(sealed)
        return sealed


async def _at_once(work: Callable[..., T], *arguments: Any, **named: Any) -> T:
    return work(*arguments, **named)


def _sweep(incoming: Path) -> None:
    now_s = time.time()
    for path in incoming.glob("*"):
        if now_s - path.stat().st_mtime > INCOMPLETE_KEPT_S:
            path.unlink(missing_ok=True)


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


def _aad(key: Key) -> bytes:
    return key.aad + b"\x00blob"


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
