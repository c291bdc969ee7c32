"""A Faust worker on real Kafka: whatever is killed, joined or repeated, the view is the fold."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, func, inspect, select

from chassis.alarms import ALARMS
from chassis.feedtables import CHECKPOINTS, STOPPED
from chassis.topics import ensure_topics
from chassis.viewdb import url_of
from devtools.kafka import KafkaBroker
from devtools.postgres import PostgresServer
from tests.kafka.brokers import produce, program, until
from tests.kafka.rig import TOPIC, envelopes, fold, rows_of
from tests.kafka.working import MANY_EXITS
from tuopin.envelope.v1.envelope_pb2 import Envelope

COUNT = 4_000


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "views.db")
    database: Callable[[], str] = request.getfixturevalue("postgres_database")
    return database()


@pytest.fixture
def views(place: str) -> Iterator[Engine]:
    engine = create_engine(url_of(place))
    yield engine
    engine.dispose()


@pytest.fixture
def prefix(kafka_bootstrap: str, topic_prefix: str) -> str:
    ensure_topics(kafka_bootstrap, [TOPIC], prefix=topic_prefix)
    return topic_prefix


def applied(views: Engine) -> int:
    """How many events the view has applied, by its checkpoints."""
    if not inspect(views).has_table(CHECKPOINTS.name):
        return 0
    with views.connect() as connection:
        return int(connection.execute(select(func.sum(CHECKPOINTS.c.position))).scalar() or 0)


def wait_applied(views: Engine, count: int) -> None:
    until(lambda: applied(views) >= count, f"{count} events applied", timeout_s=40)


def assert_exact(views: Engine, log: list[Envelope]) -> None:
    with views.connect() as connection:
        assert rows_of(connection) == fold(log)


async def test_killed_again_and_again_it_applies_everything_once(
    place: str, views: Engine, kafka_bootstrap: str, prefix: str
) -> None:
    log = envelopes(COUNT)
    await produce(kafka_bootstrap, prefix, log, repeat_every=3)
    for share in (1, 2, 3):
        with program("tests.kafka.working", place, kafka_bootstrap, prefix, "worker-0"):
            await asyncio.to_thread(wait_applied, views, share * COUNT // 5)
    with program("tests.kafka.working", place, kafka_bootstrap, prefix, "worker-0") as last:
        await asyncio.to_thread(wait_applied, views, COUNT)
        last.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(last.wait, 10) == 0

    assert applied(views) == COUNT
    assert_exact(views, log)


async def test_a_second_worker_joins_and_leaves_in_the_middle_of_a_batch(
    place: str, views: Engine, kafka_bootstrap: str, prefix: str
) -> None:
    first, rest = (log := envelopes(2 * COUNT))[:COUNT], log[COUNT:]
    await produce(kafka_bootstrap, prefix, first)
    arguments = ("tests.kafka.working", place, kafka_bootstrap, prefix)
    with program(*arguments, "worker-0"):
        await asyncio.to_thread(wait_applied, views, COUNT // 4)
        with program(*arguments, "worker-1") as second:
            await asyncio.to_thread(wait_applied, views, COUNT)
            more = asyncio.create_task(produce(kafka_bootstrap, prefix, rest, repeat_every=4))
            await asyncio.to_thread(wait_applied, views, COUNT + COUNT // 4)
            # Dead, not gone: its partitions come back when its session has ended.
            second.kill()
        await more
        await asyncio.to_thread(wait_applied, views, 2 * COUNT)

    assert applied(views) == 2 * COUNT
    assert_exact(views, log)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_broker_killed_under_it_delays_and_loses_nothing(
    place: str, views: Engine, kafka_broker: KafkaBroker, kafka_bootstrap: str, prefix: str
) -> None:
    first, rest = (log := envelopes(COUNT))[: COUNT // 2], log[COUNT // 2 :]
    await produce(kafka_bootstrap, prefix, first)
    with program("tests.kafka.working", place, kafka_bootstrap, prefix, "worker-0"):
        await asyncio.to_thread(wait_applied, views, COUNT // 8)
        kafka_broker.kill()
        kafka_broker.restart()
        await produce(kafka_bootstrap, prefix, rest)
        await asyncio.to_thread(wait_applied, views, COUNT)

    assert_exact(views, log)


async def test_a_database_killed_under_it_delays_and_loses_nothing(
    postgres_server: PostgresServer, postgres_dsn: str, kafka_bootstrap: str, prefix: str
) -> None:
    log = envelopes(COUNT)
    await produce(kafka_bootstrap, prefix, log, repeat_every=3)
    views = create_engine(url_of(postgres_dsn), pool_pre_ping=True)
    with program("tests.kafka.working", postgres_dsn, kafka_bootstrap, prefix, "worker-0"):
        await asyncio.to_thread(wait_applied, views, COUNT // 8)
        postgres_server.kill()
        postgres_server.restart()
        await asyncio.to_thread(wait_applied, views, COUNT)

    assert_exact(views, log)
    views.dispose()


async def test_the_windowed_alarm_is_raised_once_for_each_window_over_its_limit(
    place: str, views: Engine, kafka_bootstrap: str, prefix: str
) -> None:
    log = envelopes(COUNT)
    over = {f"{who} {day}" for who, day, count in fold(log)["exits"] if count > MANY_EXITS.limit}
    await produce(kafka_bootstrap, prefix, log, repeat_every=3)

    def raised() -> list[str]:
        with views.connect() as connection:
            return list(connection.execute(select(ALARMS.c.key)).scalars())

    with program("tests.kafka.working", place, kafka_bootstrap, prefix, "worker-0"):
        await asyncio.to_thread(wait_applied, views, COUNT // 2)
    with program("tests.kafka.working", place, kafka_bootstrap, prefix, "worker-0"):
        await asyncio.to_thread(wait_applied, views, COUNT)
        await asyncio.to_thread(until, lambda: set(raised()) == over, "every alarm")

    assert len(raised()) == len(over)


async def test_a_hole_is_read_once_more_and_then_stops_the_view(
    place: str, views: Engine, kafka_bootstrap: str, prefix: str
) -> None:
    log = envelopes(400)
    missing = next(envelope for envelope in log if envelope.position == 5)
    await produce(kafka_bootstrap, prefix, [e for e in log if e is not missing])

    def stopped() -> list[tuple[str, int, int]]:
        if not inspect(views).has_table(STOPPED.name):
            return []
        columns = (STOPPED.c.consumer, STOPPED.c.partition, STOPPED.c.position)
        with views.connect() as connection:
            return [tuple(row) for row in connection.execute(select(*columns))]

    with program("tests.kafka.working", place, kafka_bootstrap, prefix, "worker-0"):
        await asyncio.to_thread(until, lambda: bool(stopped()), "the stop")

    ((consumer, partition, _),) = stopped()
    assert (consumer, partition) == ("households", missing.partition)
    # The valid prefix before the hole stands.
    with views.connect() as connection:
        at = select(CHECKPOINTS.c.position).where(CHECKPOINTS.c.partition == partition)
        assert connection.execute(at).scalar_one() == 4
