"""Servers that tests share, started on demand: one Apache Kafka for a run, and one PostgreSQL for
each of its processes.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools.kafka import JavaMissing, KafkaBroker, jars
from devtools.postgres import PostgresServer
from tests.spreading import ByGroup, longest_first

_NOT_RUN = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """The processes of a run, and all that they start, give each port once."""
    if not hasattr(config, "workerinput"):
        folder = tempfile.mkdtemp(prefix="tuopin-ports-")
        os.environ["PORTS_GIVEN_IN"] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The whole suite runs on every core; what is named runs here, at once."""
    return 0 if config.args_source is pytest.Config.ArgsSource.ARGS else os.cpu_count() or 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    """Called where there are several processes."""
    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The same order in every process."""
    longest_first(items)


def _without_java(config: pytest.Config, error: JavaMissing) -> None:
    """Skip with one loud line; continuous integration forbids the skip."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{error}; CI runs every test", pytrace=False)
    config.stash[_NOT_RUN] = str(error)
    pytest.skip(str(error))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    reason = config.stash.get(_NOT_RUN, None)
    if reason is not None:
        terminalreporter.write_line(f"KAFKA TESTS DID NOT RUN: {reason}", red=True, bold=True)


@pytest.fixture(scope="session")
def kafka_jars(request: pytest.FixtureRequest) -> None:
    """Java and the broker's jars are here, or the test is skipped (never under CI=true)."""
    try:
        jars()
        if shutil.which("java") is None:
            raise JavaMissing("Apache Kafka needs the program `java`, which is not installed here")
    except JavaMissing as error:
        _without_java(request.config, error)


@pytest.fixture(scope="session")
def kafka_broker(
    kafka_jars: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KafkaBroker]:
    """The run's broker, for tests that stop, kill and restart it (and leave it running)."""
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def kafka_bootstrap(kafka_broker: KafkaBroker) -> str:
    """host:port of the run's broker; use `topic_prefix` so that tests do not meet."""
    if not kafka_broker.running:
        kafka_broker.start()
    return kafka_broker.bootstrap


@pytest.fixture
def topic_prefix() -> str:
    """What this test's topic names begin with, where production has "tuopin."."""
    return f"t{uuid.uuid4().hex[:8]}.tuopin."


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The run's server, for tests that stop, kill and restart it (and leave it running)."""
    # Not below pytest's own folder: any other run closes that to the account of PostgreSQL.
    with (
        tempfile.TemporaryDirectory(prefix="tuopin-postgres-") as folder,
        PostgresServer(Path(folder)) as server,
    ):
        yield server


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[Callable[[], str]]:
    """A factory: each call gives the DSN of a fresh database, dropped after the test."""
    names: list[str] = []

    def create() -> str:
        names.append(f"t{uuid.uuid4().hex[:12]}")
        return postgres_server.create_database(names[-1])

    if not postgres_server.running:
        postgres_server.start()
    yield create
    for name in names:
        postgres_server.drop_database(name)


@pytest.fixture
def postgres_dsn(postgres_database: Callable[[], str]) -> str:
    """The DSN of one fresh database."""
    return postgres_database()
