"""A relay as a process of its own: python -m tests.kafka.relaying STORE BOOTSTRAP PREFIX"""

import asyncio
import sys

from chassis.clock import SystemClock
from chassis.relay import Relay
from chassis.store import PostgresStore, SqliteStore
from tests.kafka.rig import TOPIC


async def main(where: str, bootstrap: str, prefix: str) -> None:
    engine = PostgresStore if where.startswith("postgresql") else SqliteStore
    store = engine(where, (TOPIC,), SystemClock())
    await store.open()
    await Relay(store, (TOPIC,), bootstrap, prefix=prefix).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
