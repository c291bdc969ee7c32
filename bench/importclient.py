"""The client of an import, in a process of its own so that its memory can be told:
`python -m bench.importclient ADDRESS TOKEN FILE`. Waits for a line, then prints the seconds from
the first byte of the file to the last commit, and how many households are in.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from chassis.client import connect
from tuopin.registry.v1.import_pb2 import (
    CommitImport,
    ImportHeader,
    ImportReport,
    UploadImport,
    WatchImport,
)

PIECE_BYTES = 256 * 1024


async def main(address: str, token: str, file: str) -> None:
    async with connect(address, token, "en") as client:
        print("ready", flush=True)
        sys.stdin.readline()
        begun_s = time.perf_counter()
        report: ImportReport = await client.upload(_pieces(Path(file)), UploadImport)
        assert not report.fault_count, report.faults[:3]
        validated_s = time.perf_counter() - begun_s
        await client.call(CommitImport(command_id="commit", import_id=report.import_id))
        async for latest in client.stream(WatchImport(import_id=report.import_id)):
            done = latest.households_done
        print(time.perf_counter() - begun_s, validated_s, done, flush=True)
        sys.stdin.readline()


async def _pieces(path: Path) -> AsyncIterator[UploadImport]:
    yield UploadImport(
        header=ImportHeader(
            region_id="433124", source="bench", effective_on="2020-01-01", synthetic=True
        )
    )
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield UploadImport(chunk=piece)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
