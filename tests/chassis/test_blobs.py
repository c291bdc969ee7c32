import hashlib
import os
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis import blobs
from chassis.blobs import (
    INCOMPLETE_KEPT_S,
    PIECE_BYTES,
    BlobDamaged,
    BlobFolder,
    BlobMissing,
    BlobTooLarge,
    media_type_of,
)
from chassis.keys import SqliteKeys, SubjectErased
from chassis.sealing import Sealer
from tuopin.types.v1.types_pb2 import Blob

MASTER_KEY = bytes(range(32))
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 100


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(SqliteKeys(":memory:", MASTER_KEY, inline=True), MASTER_KEY)


@pytest.fixture
def folder(tmp_path: Path, sealer: Sealer) -> BlobFolder:
    return BlobFolder(tmp_path / "blobs", sealer)


def file_of(tmp_path: Path, blob: Blob) -> Path:
    return blobs.path_of(tmp_path / "blobs", blob.sha256)


async def parts(*sizes: int) -> AsyncIterator[bytes]:
    for number, size in enumerate(sizes):
        yield bytes([number % 251]) * size


async def test_a_picture_comes_back_as_it_was(folder: BlobFolder) -> None:
    blob = await folder.put("h1", JPEG)
    assert (blob.media_type, blob.size_bytes, blob.subject_id) == ("image/jpeg", len(JPEG), "h1")
    assert await folder.get(blob) == JPEG


async def test_its_name_is_the_digest_of_the_sealed_file(
    folder: BlobFolder, tmp_path: Path
) -> None:
    blob = await folder.put("h1", JPEG)
    content = file_of(tmp_path, blob).read_bytes()
    assert hashlib.sha256(content).hexdigest() == blob.sha256
    assert b"picture" not in content


@pytest.mark.parametrize(
    "sizes",
    [
        (),
        (0,),
        (1,),
        (PIECE_BYTES,),
        (PIECE_BYTES - 1, 1),
        (PIECE_BYTES + 1,),
        (PIECE_BYTES, PIECE_BYTES),
        (3 * PIECE_BYTES + 7, 5),
        (1000,) * 1500,
    ],
    ids=str,
)
async def test_any_sizes_come_back_whole(folder: BlobFolder, sizes: tuple[int, ...]) -> None:
    blob = await folder.put_stream("h1", parts(*sizes))
    expected = b"".join([part async for part in parts(*sizes)])
    assert blob.size_bytes == len(expected)
    assert await folder.get(blob) == expected


async def test_a_large_file_needs_the_memory_of_a_few_pieces(folder: BlobFolder) -> None:
    size = 64
    tracemalloc.start()
    blob = await folder.put_stream("h1", parts(*(PIECE_BYTES,) * size))
    read = 0
    async for piece in folder.stream(blob):
        read += len(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert read == size * PIECE_BYTES
    assert peak < 12 * PIECE_BYTES


async def test_too_much_is_refused_and_nothing_is_kept(folder: BlobFolder, tmp_path: Path) -> None:
    with pytest.raises(BlobTooLarge):
        await folder.put_stream("h1", parts(PIECE_BYTES, PIECE_BYTES), max_bytes=PIECE_BYTES + 1)
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


async def test_a_sender_that_breaks_off_leaves_nothing(folder: BlobFolder, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield JPEG
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await folder.put_stream("h1", broken())
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


async def test_what_a_kill_left_half_written_is_swept_after_a_day(
    folder: BlobFolder, sealer: Sealer, tmp_path: Path
) -> None:
    incoming = tmp_path / "blobs/incoming"
    incoming.mkdir(parents=True)
    for name, age_s in (("old", INCOMPLETE_KEPT_S + 60), ("new", 60)):
        (incoming / name).write_bytes(b"x")
        then = os.stat(incoming / name).st_mtime - age_s
        os.utime(incoming / name, (then, then))
    BlobFolder(tmp_path / "blobs", sealer)
    assert [path.name for path in incoming.iterdir()] == ["new"]


@pytest.mark.parametrize("place", [0, 20, 21, 500_000, PIECE_BYTES + 100, -1])
async def test_a_changed_byte_is_found(folder: BlobFolder, tmp_path: Path, place: int) -> None:
    blob = await folder.put_stream("h1", parts(PIECE_BYTES, PIECE_BYTES))
    content = bytearray(file_of(tmp_path, blob).read_bytes())
    content[place] ^= 1
    file_of(tmp_path, blob).write_bytes(content)
    with pytest.raises(BlobDamaged):
        await folder.get(blob)


@pytest.mark.parametrize("kept", [0, 10, 21, 30, PIECE_BYTES + 21 + 16])
async def test_a_file_cut_off_is_found(folder: BlobFolder, tmp_path: Path, kept: int) -> None:
    blob = await folder.put_stream("h1", parts(PIECE_BYTES, PIECE_BYTES))
    path = file_of(tmp_path, blob)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BlobDamaged):
        await folder.get(blob)


async def test_another_sound_file_under_its_name_is_found(
    folder: BlobFolder, tmp_path: Path
) -> None:
    first, second = await folder.put("h1", b"first"), await folder.put("h1", b"second")
    file_of(tmp_path, second).rename(file_of(tmp_path, first))
    with pytest.raises(BlobDamaged):
        await folder.get(first)


async def test_a_blob_opens_for_its_subject_only(folder: BlobFolder, sealer: Sealer) -> None:
    blob = await folder.put("h1", JPEG)
    await sealer.keys.ensure(["h2"])
    blob.subject_id = "h2"
    with pytest.raises(BlobDamaged):
        await folder.get(blob)


async def test_after_an_erasure_it_opens_for_nobody(folder: BlobFolder, sealer: Sealer) -> None:
    blob = await folder.put("h1", JPEG)
    await sealer.keys.destroy("h1")
    with pytest.raises(SubjectErased):
        await folder.get(blob)
    with pytest.raises(SubjectErased):
        await folder.put("h1", JPEG)


@pytest.mark.parametrize("name", ["0" * 64, "", "../../etc/passwd", "A" * 64])
async def test_what_is_not_kept_is_missing(folder: BlobFolder, sealer: Sealer, name: str) -> None:
    await sealer.keys.ensure(["h1"])
    with pytest.raises(BlobMissing):
        await folder.get(Blob(sha256=name, subject_id="h1"))


async def test_a_removed_blob_is_gone_and_may_be_removed_again(folder: BlobFolder) -> None:
    blob = await folder.put("h1", JPEG)
    await folder.remove(blob)
    await folder.remove(blob)
    with pytest.raises(BlobMissing):
        await folder.get(blob)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (JPEG, "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        ("户编号,姓名\n".encode(), "text/plain"),
        (("x" + "户" * 5000).encode(), "text/plain"),
        (b"\xff\xfe\x00", "application/octet-stream"),
        (b"\xd7\xd6", "application/octet-stream"),
        (b"", "text/plain"),
    ],
)
def test_the_type_is_found_from_the_content(head: bytes, kind: str) -> None:
    assert media_type_of(head) == kind
