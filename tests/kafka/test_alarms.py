"""A window over its limit raises one alarm, whoever looks and however often."""

from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, insert, select

from chassis.alarms import ALARMS, AlarmRunner, Raised, WindowAlarm
from chassis.clock import ManualClock
from tests.kafka.rig import exits, metadata

MANY_EXITS = WindowAlarm("many-exits-on-one-day", exits.c.exits, 5)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: object) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/views.db"
    database: Callable[[], str] = request.getfixturevalue("postgres_database")
    return database().replace("postgresql://", "postgresql+psycopg://")


async def test_a_window_over_its_limit_is_raised_once(url: str) -> None:
    engine = create_engine(url)
    metadata.create_all(engine)
    with engine.begin() as connection:
        for officer, count in (("officer-1", 6), ("officer-2", 5)):
            row = {"exited_by": officer, "day": "2026-10-01", "exits": count}
            connection.execute(insert(exits).values(row))
    runners = [AlarmRunner(engine, [MANY_EXITS], ManualClock()) for _ in range(2)]
    for runner in runners:
        runner.create()

    first = await runners[0].evaluate()
    again = [await runner.evaluate() for runner in runners]

    assert first == [Raised("many-exits-on-one-day", ("officer-1", "2026-10-01"), 6)]
    assert again == [[], []]
    with engine.connect() as connection:
        assert connection.execute(select(ALARMS.c.name, ALARMS.c.key, ALARMS.c.count)).all() == [
            ("many-exits-on-one-day", "officer-1 2026-10-01", 6)
        ]
    engine.dispose()
