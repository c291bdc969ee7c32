"""A process that handles commands until it is killed: `python -m tests.handle.writer_process`.

Prints one line per acknowledged command, and only then goes on.
"""

import asyncio
import sys

from chassis.clock import SystemClock
from chassis.handle import Handler
from chassis.keys import SqliteKeys
from chassis.sealing import Sealer
from chassis.store import PostgresStore, SqliteStore, Store
from tests.given import FixedParameters
from tests.handle.conftest import MASTER_KEY, TOPICS
from tests.handle.households import DECIDER, OFFICE, identity, register

COMMANDS = 60
IN_FLIGHT = 6
CURSOR = "drill"


def commands():
    for number in range(COMMANDS):
        yield register(f"h{number}", command_id=f"command-{number}", identities=(identity(number),))


def open_store(place: str) -> Store:
    if place.startswith("postgresql:"):
        return PostgresStore(place, TOPICS, SystemClock())
    return SqliteStore(place, TOPICS, SystemClock())


async def main(place: str, keys_path: str) -> None:
    store = open_store(place)
    await store.open()
    keys = SqliteKeys(keys_path, MASTER_KEY)
    handler = Handler(
        service="registry",
        deciders=[DECIDER],
        facts={},
        store=store,
        sealer=Sealer(keys, MASTER_KEY),
        programme=FixedParameters(),
        clock=SystemClock(),
    )
    waiting = list(commands())

    async def work() -> None:
        while waiting:
            command = waiting.pop(0)
            receipt = await handler.handle(command, OFFICE)
            print(command.command_id, flush=True)
            place = receipt.position
            await store.move_cursor(CURSOR, place.topic, place.partition, place.position)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    await store.close()
    await keys.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
