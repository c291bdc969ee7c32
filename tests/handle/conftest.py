"""A handler on real sealing and a real store, for each kind of store that makes a difference."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.clock import ManualClock
from chassis.handle import Handler
from chassis.keys import SqliteKeys
from chassis.sealing import Sealer
from chassis.store import SqliteStore, Store
from tests.given import FixedParameters
from tests.handle.households import DECIDER

TOPICS = ("household", "region")
MASTER_KEY = bytes(range(32))


@pytest.fixture
async def sealer() -> AsyncIterator[Sealer]:
    keys = SqliteKeys(":memory:", MASTER_KEY, inline=True)
    yield Sealer(keys, MASTER_KEY)
    await keys.close()


@pytest.fixture(params=["file", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    path = ":memory:" if request.param == "memory" else tmp_path / "store.db"
    made = SqliteStore(path, TOPICS, ManualClock())
    await made.open()
    yield made
    await made.close()


def handler_on(store: Store, sealer: Sealer) -> Handler:
    return Handler(
        service="registry",
        deciders=[DECIDER],
        facts={},
        store=store,
        sealer=sealer,
        programme=FixedParameters(),
        clock=ManualClock(),
    )


@pytest.fixture
def handler(store: Store, sealer: Sealer) -> Handler:
    return handler_on(store, sealer)
