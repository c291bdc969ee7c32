"""The client of imports, in a process of its own so that its memory can be told:
`python -m bench.importclient ADDRESS TOKEN FILE...`. Waits for a line before each file, then prints
the seconds from its first byte to the last commit, those of the validation, and how many households
are in, corrected and unchanged.
"""

import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from chassis.client import Client, connect
from tuopin.registry.v1.import_pb2 import (
    IMPORT_PHASE_REJECTED,
    CheckImport,
    CommitImport,
    ImportHeader,
    ImportReport,
    WatchImport,
)

PIECE_BYTES = 256 * 1024


async def main(address: str, token: str, *files: str) -> None:
    async with connect(address, token, "en") as client:
        print("ready", flush=True)
        for file in files:
            sys.stdin.readline()
            begun_s = time.perf_counter()
            report = await _checked(client, Path(file))
            assert report.phase != IMPORT_PHASE_REJECTED, report.faults[:3]
            validated_s = time.perf_counter() - begun_s
            latest = report
            if not report.already_imported:
                await client.call(
                    CommitImport(command_id=report.import_id, import_id=report.import_id)
                )
                async for told in client.stream(WatchImport(import_id=report.import_id)):
                    latest = told
            seconds = time.perf_counter() - begun_s
            counts = (
                latest.households_done,
                latest.households_corrected,
                latest.households_unchanged,
            )
            print(seconds, validated_s, *counts, flush=True)
        sys.stdin.readline()


async def _checked(client: Client, path: Path) -> ImportReport:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    report = ImportReport()
    async for checked in client.converse(_pieces(path, sha256), CheckImport):
        if checked.HasField("report"):
            report = checked.report
    return report


async def _pieces(path: Path, sha256: str) -> AsyncIterator[CheckImport]:
    yield CheckImport(
        header=ImportHeader(
            region_id="433124",
            source="bench",
            effective_on="2020-01-01",
            synthetic=True,
            file_sha256=sha256,
        )
    )
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield CheckImport(chunk=piece)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
