"""The bot as a process: `python -m tests.notifier.bot_process FOLDER ADDRESS CHAT LEASE_S`."""

import asyncio
import sys
from pathlib import Path

from chassis.access import Tokens
from chassis.blobs import BlobFolder
from chassis.client import connect
from chassis.clock import OffsetClock
from chassis.keys import SqliteKeys
from chassis.programme import Programme
from chassis.sealing import Sealer
from chassis.settings import DEMO_OVERLAY, Settings
from services.notifier.bot import run_bot
from services.wiring import WorkParts
from tests.notifier.stage import BOT_TOKEN, MASTER_KEY, ROOT, TOKEN_SECRET, views_of


async def main(folder: Path, address: str, chat_url: str, lease_s: float) -> None:
    programme = Programme.load(ROOT / "programme", DEMO_OVERLAY)
    clock = OffsetClock(folder / "clock-offset")
    keys = SqliteKeys(folder / "keys.db", MASTER_KEY)
    sealer = Sealer(keys, MASTER_KEY)
    token = Tokens(TOKEN_SECRET).issue("notifier", ["service@"], ttl_s=600)
    parts = WorkParts(
        settings=Settings(data=folder),
        clock=clock,
        programme=programme,
        keys=keys,
        sealer=sealer,
        blobs=BlobFolder(folder / "blobs", sealer),
        views=views_of(folder, clock, programme),
        send=connect(address, token).send,
    )
    await run_bot(parts, bot_url=chat_url, token=BOT_TOKEN, call_timeout_s=2.0, lease_s=lease_s)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])))
