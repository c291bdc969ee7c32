"""The servers that tests and demos start come back on the same port with the same data."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from devtools.kafka import KafkaBroker
from devtools.postgres import PostgresServer


def test_a_killed_broker_comes_back_with_its_topics(
    kafka_broker: KafkaBroker, kafka_bootstrap: str, topic_prefix: str
) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    admin.create_topics([NewTopic(f"{topic_prefix}kept", 3, 1)])
    admin.close()
    kafka_broker.kill()
    assert not kafka_broker.running

    kafka_broker.restart()

    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    assert f"{topic_prefix}kept" in admin.list_topics()
    admin.close()


def test_a_killed_database_comes_back_with_its_rows() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="tuopin-postgres-") as folder,
        PostgresServer(Path(folder)) as server,
    ):
        dsn = server.create_database("kept")
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE TABLE rows AS SELECT 7 AS n")
        server.kill()
        assert not server.running

        server.restart()

        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT n FROM rows").fetchone() == (7,)


def test_every_test_has_databases_of_its_own(
    postgres_dsn: str, postgres_database: Callable[[], str]
) -> None:
    with psycopg.connect(postgres_database()) as one, psycopg.connect(postgres_dsn) as other:
        assert one.info.dbname != other.info.dbname
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert one.execute(f"SHOW {setting}").fetchone() == ("on",)
