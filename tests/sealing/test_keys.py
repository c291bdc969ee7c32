"""One contract for both key databases."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psycopg
import pytest

from chassis.keydb import SqliteKeyDatabase, WeakDurability
from chassis.keys import (
    ERASED,
    ERASURE_SEEN_WITHIN_S,
    Key,
    KeyRing,
    KeysUnavailable,
    PostgresKeys,
    SqliteKeys,
    SubjectErased,
)

MASTER_KEY = bytes(range(32))
NewKeys = Callable[..., KeyRing]


@pytest.fixture(params=["sqlite", "postgres"])
async def new_keys(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[NewKeys]:
    """Opens the same key database again and again, as other processes would."""
    opened: list[KeyRing] = []
    dsn = request.getfixturevalue("postgres_dsn") if request.param == "postgres" else ""

    def new(master_key: bytes = MASTER_KEY, **options: object) -> KeyRing:
        ring: KeyRing = (
            PostgresKeys(dsn, master_key, **options)  # type: ignore[arg-type]
            if dsn
            else SqliteKeys(tmp_path / "keys.db", master_key, **options)  # type: ignore[arg-type]
        )
        opened.append(ring)
        return ring

    yield new
    for ring in opened:
        await ring.close()


class Seconds:
    """A hand-moved monotonic clock."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_key_is_made_once_and_found_by_others_at_once(new_keys: NewKeys) -> None:
    first, second = new_keys(), new_keys()
    await first.ensure(["p1", "p2"])
    await second.ensure(["p2", "p3"])
    await first.fetch(["p3"])

    assert first.get("p2") == second.get("p2")
    assert first.get("p3") == second.get("p3")
    assert len({first.get("p1"), first.get("p2"), first.get("p3")}) == 3


async def test_many_askers_at_once_get_the_same_keys(new_keys: NewKeys) -> None:
    rings = [new_keys(), new_keys()]
    await asyncio.gather(
        *(ring.ensure([f"p{n % 7}", f"q{n}"]) for n in range(40) for ring in rings)
    )
    for name in [f"p{n}" for n in range(7)] + [f"q{n}" for n in range(40)]:
        assert rings[0].get(name) is not None
        assert rings[0].get(name) == rings[1].get(name)


async def test_many_processes_open_a_new_database_at_once(new_keys: NewKeys) -> None:
    rings = [new_keys() for _ in range(8)]
    await asyncio.gather(*(ring.ensure(["p1"]) for ring in rings))
    assert len({ring.get("p1") for ring in rings}) == 1


async def test_fetch_makes_no_key(new_keys: NewKeys) -> None:
    keys = new_keys()
    await keys.fetch(["p1"])
    assert keys.find("p1") is None


async def test_another_master_key_opens_nothing(new_keys: NewKeys) -> None:
    await new_keys().ensure(["p1"])
    with pytest.raises(KeysUnavailable):
        await new_keys(bytes(32)).fetch(["p1"])


async def test_a_destroyed_key_never_comes_back(new_keys: NewKeys) -> None:
    keys = new_keys()
    await keys.ensure(["p1", "p2"])

    assert await keys.destroy("p1") is True

    assert keys.get("p1") is None
    assert keys.find("p1") is ERASED
    for each in (keys, new_keys()):
        with pytest.raises(SubjectErased):
            await each.ensure(["p2", "p1"])
        await each.fetch(["p1"])
        assert each.find("p1") is ERASED
        assert each.get("p2") is not None


async def test_destroying_twice_says_that_nothing_was_left(new_keys: NewKeys) -> None:
    keys = new_keys()
    await keys.ensure(["p1"])
    assert [await keys.destroy("p1"), await keys.destroy("p1")] == [True, False]


async def test_who_is_erased_before_having_a_key_never_gets_one(new_keys: NewKeys) -> None:
    keys = new_keys()
    assert await keys.destroy("p1") is False
    with pytest.raises(SubjectErased):
        await keys.ensure(["p1"])


async def test_an_erasure_reaches_a_process_that_holds_the_key_open(new_keys: NewKeys) -> None:
    clock = Seconds()
    holder, eraser = new_keys(monotonic_s=clock), new_keys()
    await holder.ensure(["p1", "p2"])
    await eraser.destroy("p1")

    clock.now += ERASURE_SEEN_WITHIN_S
    await holder.fetch(["p2"])

    assert holder.find("p1") is ERASED


async def test_what_is_at_hand_costs_no_question(new_keys: NewKeys) -> None:
    clock = Seconds()
    keys = new_keys(monotonic_s=clock)
    await keys.ensure(["p1"])
    await keys.close()  # a question would now open the database again
    keys._cache["p1"] = Key("p1", bytes(32))
    await keys.ensure(["p1"])
    assert keys._thread is None


async def test_the_cache_is_bounded_but_holds_what_one_request_needs(new_keys: NewKeys) -> None:
    keys = new_keys(cache_keys=4)
    wanted = [f"p{n}" for n in range(10)]
    await keys.ensure(wanted)
    assert all(keys.get(each) for each in wanted)

    await keys.ensure(["q1"])
    assert keys.get("q1") is not None
    assert len(keys._cache) == 4


async def test_requests_that_push_each_other_out_still_get_all_their_keys(
    new_keys: NewKeys,
) -> None:
    keys = new_keys(cache_keys=3)

    async def ask(start: int) -> None:
        wanted = [f"p{(start + n) % 20}" for n in range(5)]
        await keys.ensure(wanted)
        assert all(keys.get(each) for each in wanted)

    await asyncio.gather(*(ask(start) for start in range(20)))


async def test_inline_keys_answer_without_a_thread(new_keys: NewKeys) -> None:
    keys = new_keys(inline=True)
    await keys.ensure(["p1"])
    await keys.destroy("p1")
    assert keys.find("p1") is ERASED
    assert keys._thread is None


# --- what belongs to one engine ----------------------------------------------------------------


async def test_postgres_keys_outlive_a_lost_connection(postgres_dsn: str) -> None:
    keys = PostgresKeys(postgres_dsn, MASTER_KEY)
    await keys.ensure(["p1"])
    with psycopg.connect(postgres_dsn, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await keys.ensure(["p2"])
    assert keys.get("p2") is not None
    await keys.close()


async def test_postgres_that_is_away_makes_keys_unavailable_and_comes_back() -> None:
    keys = PostgresKeys("postgresql://nobody@127.0.0.1:1/none", MASTER_KEY)
    with pytest.raises(KeysUnavailable):
        await keys.ensure(["p1"])
    with pytest.raises(KeysUnavailable):
        await keys.fetch(["p1"])
    await keys.close()


def _wrapped(path: Path) -> dict[str, bytes]:
    with sqlite3.connect(path) as connection:
        return dict(connection.execute("SELECT subject, wrapped FROM keys"))


def _content(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.iterdir())


async def test_after_an_erasure_the_wrapped_key_is_in_no_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    keys = SqliteKeys(path, MASTER_KEY)
    # Random order and many pages: what is moved or split may leave copies behind.
    for start in range(0, 3_000, 100):
        await keys.ensure([f"{(n * 7919) % 3_000:05d}-subject" for n in range(start, start + 100)])
    before = _wrapped(path)
    for subject in sorted(before)[::50]:
        await keys.destroy(subject)
        files = _content(tmp_path)
        assert before[subject] not in files
        assert before[subject][12:] not in files
    survivors = [subject for subject in sorted(before) if subject not in sorted(before)[::50]]
    files = _content(tmp_path)
    assert all(before[subject] in files for subject in survivors)
    await keys.close()


async def test_an_erasure_waits_for_a_reader_that_holds_the_log(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    keys = SqliteKeys(path, MASTER_KEY)
    await keys.ensure(["p1"])
    before = _wrapped(path)["p1"]
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM keys").fetchone()
    erasing = asyncio.create_task(keys.destroy("p1"))
    await asyncio.sleep(0.3)
    assert not erasing.done()
    reader.execute("COMMIT")
    assert await erasing is True
    assert before not in _content(tmp_path)
    reader.close()
    await keys.close()


async def test_an_erasure_that_a_reader_holds_up_is_finished_by_the_next_try(
    tmp_path: Path,
) -> None:
    path = tmp_path / "keys.db"
    keys = SqliteKeys(path, MASTER_KEY)
    await keys.ensure(["p1", "p2"])
    before = _wrapped(path)["p1"]
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM keys").fetchone()

    with pytest.raises(KeysUnavailable, match="ErasureUnfinished"):
        await keys.destroy("p1")

    with pytest.raises(SubjectErased):
        await keys.ensure(["p1"])
    reader.close()
    assert await keys.destroy("p1") is False
    assert before not in _content(tmp_path)
    await keys.close()


def test_a_key_database_that_could_lose_keys_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sqlite3.connect

    class Weak(sqlite3.Connection):
        def execute(self, sql: str, *arguments: object) -> sqlite3.Cursor:  # type: ignore[override]
            if sql == "PRAGMA synchronous=FULL":
                sql = "PRAGMA synchronous=OFF"
            return super().execute(sql, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, factory=Weak, **k))
    with pytest.raises(WeakDurability):
        SqliteKeyDatabase(tmp_path / "keys.db").load(["p1"])


@pytest.mark.parametrize(
    ("failpoint", "durable"), [("keys.before-commit", False), ("keys.after-commit", True)]
)
async def test_a_key_is_on_disk_when_the_commit_is_over_and_not_before(
    tmp_path: Path, failpoint: str, durable: bool
) -> None:
    path = tmp_path / "keys.db"
    script = """
        import asyncio, sys
        from chassis.keys import SqliteKeys
        asyncio.run(SqliteKeys(sys.argv[1], bytes(range(32))).ensure(["p1"]))
    """
    killed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", textwrap.dedent(script), str(path)],
        env={**os.environ, "TUOPIN_FAILPOINTS": f"{failpoint}=kill", "PYTHONPATH": os.getcwd()},
        timeout=30,
    )
    assert killed.returncode == -signal.SIGKILL
    keys = SqliteKeys(path, MASTER_KEY)
    await keys.fetch(["p1"])
    assert (keys.get("p1") is not None) is durable
    await keys.close()
