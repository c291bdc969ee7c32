"""A worker as a process: python -m tests.views.working STORE VIEWS SENT, until all is done.

Each command that reaches its owner is a line of the file SENT: id and bytes.
"""

import asyncio
import os
import sys
from collections.abc import Mapping

from google.protobuf.message import Message

from chassis.clock import SystemClock
from chassis.deadlines import DeadlineRunner, open_count
from chassis.follow import Follower
from chassis.reacting import ReactionRunner
from chassis.reactionfeed import waiting_count
from chassis.store import SqliteStore
from tests.views.world import DAY_US, OFFER_VISIT, make
from tuopin.types.v1.types_pb2 import Receipt

TOPICS = ("household", "plan")


class FourDaysOn(SystemClock):
    """Every deadline of the test is due."""

    def now_us(self) -> int:
        return super().now_us() + 4 * DAY_US


async def main(place: str, views_place: str, sent_place: str) -> None:
    store = SqliteStore(place, TOPICS, SystemClock())
    await store.open()
    views = make(views_place, clock=FourDaysOn(), reactions=(OFFER_VISIT,))
    sent = os.open(sent_place, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def send(command: Message, metadata: Mapping[str, str]) -> Receipt:
        command_id: str = command.command_id  # type: ignore[attr-defined]
        data = command.SerializeToString(deterministic=True).hex()
        os.write(sent, f"{command_id} {data}\n".encode())
        return Receipt(command_id=command_id)

    parts = [
        Follower(dict.fromkeys(TOPICS, store), views, batch_records=20).run(),
        ReactionRunner(views, send).run(),
        DeadlineRunner(views, send).run(),
    ]
    running = [asyncio.create_task(part) for part in parts]
    heads = {(head.topic, head.partition): head.position for head in await store.heads()}
    while not await views.beside(lambda: _done(views, heads)):
        assert not views.stopped()
        await asyncio.sleep(0.01)
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    await store.close()
    views.close()


def _done(views: object, heads: dict[tuple[str, int], int]) -> bool:
    applied = all(
        views.checkpoints(name).get(lane, (0,))[0] == position  # type: ignore[attr-defined]
        for name, consumer in views.consumers.items()  # type: ignore[attr-defined]
        for lane, position in heads.items()
        if position and lane[0] in consumer.topics
    )
    read = views.read  # type: ignore[attr-defined]
    return applied and not read(waiting_count) and not read(open_count)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
