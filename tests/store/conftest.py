"""One contract suite for every engine: tests ask for `store` and run on each."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from chassis.clock import ManualClock
from chassis.store import PostgresStore, SqliteStore, Store

TOPICS = ("household", "region")
Open = Callable[[], Store]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["sqlite", "postgres"])
def another(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Open:
    """Makes one more store object on the same database, as a second process would."""
    if request.param == "postgres":
        dsn: str = request.getfixturevalue("postgres_dsn")
        return lambda: PostgresStore(dsn, TOPICS, clock)
    return lambda: SqliteStore(tmp_path / "store.db", TOPICS, clock)


@pytest.fixture(params=["sqlite", "memory", "postgres"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[Store]:
    made: Store
    if request.param == "postgres":
        made = PostgresStore(request.getfixturevalue("postgres_dsn"), TOPICS, clock)
    else:
        path = ":memory:" if request.param == "memory" else tmp_path / "store.db"
        made = SqliteStore(path, TOPICS, clock)
    await made.open()
    yield made
    await made.close()
