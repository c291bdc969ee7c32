"""The registry as a real server, with a small region list in force."""

import csv
import gzip
import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chassis.client import Client
from services.registry.editions import path_of
from services.registry.views import region_loading
from services.registry.worker import SERVICE
from tests.registry.files import VILLAGES
from tests.services.running import Running, running
from tuopin.registry.v1.import_pb2 import (
    CommitImport,
    ImportHeader,
    ImportReport,
    UploadImport,
    WatchImport,
)
from tuopin.types.v1.types_pb2 import Edition

HEADER = ImportHeader(
    region_id="433124", source="433124", effective_on="2020-01-01", synthetic=True
)


@asynccontextmanager
async def registry(folder: Path) -> AsyncIterator[Running]:
    """Started again in the same folder it is the same registry after a restart."""
    async with running(SERVICE, folder) as here:
        edition = small_edition(folder)
        await here.views.change(
            lambda connection: region_loading.load(connection, 1, edition, folder)
        )
        yield here


def small_edition(folder: Path) -> Edition:
    """Two villages of one county."""
    names = {"43": "湖南省", "4331": "湘西州", "433124": "花垣县", "433124110": "双龙镇"}
    text = io.StringIO()
    rows = [*names.items(), *((village, "合成村") for village in VILLAGES)]
    csv.writer(text, lineterminator="\n").writerows([("code", "name"), *rows])
    data = text.getvalue().encode()
    sha256 = hashlib.sha256(data).hexdigest()
    path_of(sha256, folder).write_bytes(gzip.compress(data))
    return Edition(name="small", sha256=sha256, count=len(rows))


async def validate(
    county: Client, data: bytes, header: ImportHeader = HEADER, piece_bytes: int = 100_000
) -> ImportReport:
    async def pieces() -> AsyncIterator[UploadImport]:
        yield UploadImport(header=header)
        for start in range(0, len(data), piece_bytes):
            yield UploadImport(chunk=data[start : start + piece_bytes])

    report: ImportReport = await county.upload(pieces(), UploadImport)
    return report


async def commit(county: Client, import_id: str) -> None:
    await county.call(CommitImport(command_id=f"commit-{import_id}", import_id=import_id))


async def finished(county: Client, import_id: str) -> ImportReport:
    """The last report of an import."""
    last = ImportReport()
    async for report in county.stream(WatchImport(import_id=import_id)):
        last = report
    return last
