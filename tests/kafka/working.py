"""A Faust worker as a process: python -m tests.kafka.working URL BOOTSTRAP PREFIX NAME"""

import asyncio
import sys
import tempfile
from pathlib import Path

from chassis.alarms import AlarmRunner, WindowAlarm
from chassis.clock import SystemClock
from chassis.stream import KafkaFeed, Timer, run_worker, worker_app
from chassis.viewstore import ViewStore
from tests.kafka.rig import TOPIC, VIEW, exits

# Small batches: a kill or a rebalance nearly always meets one half done.
BATCH_RECORDS = 100
MANY_EXITS = WindowAlarm("many-exits-on-one-day", exits.c.exits, 5)


async def main(url: str, bootstrap: str, prefix: str, name: str) -> None:
    views = ViewStore(url, [VIEW], [])
    views.create()
    alarms = AlarmRunner(views.engine, [MANY_EXITS], SystemClock())
    alarms.create()
    feed = KafkaFeed(
        views,
        [TOPIC],
        bootstrap,
        group=f"{prefix}views",
        instance=name,
        prefix=prefix,
        batch_records=BATCH_RECORDS,
    )
    app = worker_app(
        "registry",
        [feed.run],
        [Timer("many-exits", 0.5, alarms.evaluate)],
        data=Path(tempfile.mkdtemp(prefix="worker-")),
    )
    await run_worker(app)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
