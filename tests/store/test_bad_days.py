"""Weak settings, a full disk, a database that goes away: refused or survived, never lost."""

import sqlite3
from pathlib import Path

import psycopg
import pytest

from chassis.clock import ManualClock, SystemClock
from chassis.store import PostgresStore, SqliteStore, StoreUnavailable, WeakDurability
from chassis.store.postgres import check_durability as check_postgres
from chassis.store.sqlite import check_durability, make_durable
from tests.store.conftest import TOPICS
from tests.store.test_contract import all_records
from tests.store.writing import append


@pytest.mark.parametrize("weak", ["synchronous = NORMAL", "synchronous = OFF"])
def test_sqlite_with_weaker_commits_is_refused(tmp_path: Path, weak: str) -> None:
    connection = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    make_durable(connection, "store.db")
    connection.execute(f"PRAGMA {weak}")
    with pytest.raises(WeakDurability, match="synchronous"):
        check_durability(connection, "store.db")


def test_sqlite_without_a_write_ahead_log_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    with pytest.raises(WeakDurability, match="journal_mode"):
        check_durability(connection, "store.db")


async def test_every_connection_that_moves_a_cursor_is_as_durable_as_the_writer(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "store.db", TOPICS, ManualClock())
    await store.open()
    check_durability(store._engine.reader()._db, "store.db")
    await store.close()


async def test_postgres_with_weaker_commits_is_refused(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = local')
    with pytest.raises(WeakDurability, match="synchronous_commit"):
        await PostgresStore(postgres_dsn, TOPICS, SystemClock()).open()
    with (
        psycopg.connect(postgres_dsn, autocommit=True) as connection,
        pytest.raises(WeakDurability, match="synchronous_commit"),
    ):
        check_postgres(connection)


async def test_a_full_disk_refuses_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db", TOPICS, ManualClock())
    await store.open()
    await store.append(append("household-1"))
    (pages,) = store._engine._db.execute("PRAGMA page_count").fetchone()
    store._engine._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreUnavailable, match="full"):
        await store.append(append("household-2", data=bytes(100_000)))
    store._engine._db.execute("PRAGMA max_page_count = 1000000")
    await store.append(append("household-2", data=bytes(100_000)))
    await store.append(append("household-1", at=1))
    assert len(await all_records(store)) == 3
    await store.close()


async def test_a_broken_connection_is_replaced(postgres_dsn: str) -> None:
    store = PostgresStore(postgres_dsn, TOPICS, SystemClock())
    await store.open()
    await store.append(append("household-1", command_id="c"))
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(StoreUnavailable):
        await store.append(append("household-1", at=1))
    await store.append(append("household-1", at=1))
    for _ in range(8):
        try:
            assert len(await store.load("household-1")) == 2
        except StoreUnavailable:
            continue
    assert len(await all_records(store)) == 2
    await store.close()


async def test_a_store_of_another_schema_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreUnavailable, match="schema 99"):
        await SqliteStore(path, TOPICS, ManualClock()).open()
