"""The registry in one process, server and views, as the embedded system has it:
`python -m bench.importserver FOLDER ADDRESS [POSTGRES_DSN]`. Prints a token for the bench when it
listens.
"""

import asyncio
import gc
import sys
from pathlib import Path

import uvloop

from chassis.follow import Follower
from chassis.history import StoreHistory
from chassis.settings import Settings
from chassis.store import SqliteStore
from services import roster
from services.compose import Serving, foundation, make_keys, open_views


async def main(folder: str, address: str, dsn: str = "") -> None:
    engine = "postgres" if dsn else "sqlite"
    settings = Settings(
        data=Path(folder), registry_address=address, engine=engine, postgres_dsn=dsn
    )
    make_keys(settings)
    base = foundation(settings)
    service = roster.service("registry")
    views = open_views(base, service)
    serving = Serving(base, service, views)
    # The other services say nothing here.
    others = tuple(set(views.topics) - set(service.topics))
    silent = SqliteStore(settings.data / "silent.db", others, base.clock)
    await silent.open()
    sources = {**dict.fromkeys(others, silent), **dict.fromkeys(service.topics, serving.store)}
    await serving.start(StoreHistory(sources), address)
    tasks = [asyncio.ensure_future(Follower(sources, views).run())]
    tasks += [asyncio.ensure_future(start()) for start in serving.tasks().values()]
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    print(base.tokens.issue("bench", ["operator@", "county-office@43"], ttl_s=36_000), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await serving.stop()
    await silent.close()
    views.close()
    await base.close()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
