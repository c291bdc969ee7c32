"""Killed with -9 at any arrow: nothing acknowledged is lost, nothing is there twice."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from chassis.chain import first_broken
from chassis.envelope import event_of, parse
from chassis.keys import SqliteKeys
from chassis.sealing import Sealer
from tests.handle.conftest import MASTER_KEY
from tests.handle.households import identity
from tests.handle.writer_process import COMMANDS, CURSOR, open_store

ROOT = Path(__file__).resolve().parents[2]
POINTS = (
    "keys.before-commit",
    "keys.after-commit",
    "store.before-commit",
    "store.after-commit",
    "store.before-ack",
    "store.after-ack",
    "store.before-move-cursor",
    "store.after-move-cursor",
)


def run(place: str, keys: Path, log: Path, failpoint: str = "") -> tuple[int, list[str]]:
    """Exit code of the writing process and the commands it acknowledged."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.handle.writer_process", place, str(keys)],
        cwd=ROOT,
        env=os.environ | {"TUOPIN_FAILPOINTS": failpoint, "TUOPIN_FAILPOINT_LOG": str(log)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode, done.stdout.split()


async def commands_in_log(place: str, keys_path: Path) -> Counter[str]:
    """Each command of the log; chain, positions, heads, cursors and sealing are checked."""
    store = open_store(place)
    await store.open()
    keys = SqliteKeys(keys_path, MASTER_KEY)
    sealer = Sealer(keys, MASTER_KEY)
    found: Counter[str] = Counter()
    for head in await store.heads():
        records = await store.read(head.topic, head.partition, 0, 10_000)
        assert first_broken((r.position, r.envelope, r.hash) for r in records) is None
        assert (head.position, head.hash) == (
            len(records),
            records[-1].hash if records else bytes(32),
        )
        assert await store.cursor(CURSOR, head.topic, head.partition) <= head.position
        for record in records:
            envelope = parse(record.envelope)
            found[envelope.command_id] += 1
            assert await store.receipt(envelope.command_id) is not None
            event = event_of(envelope)
            await sealer.opening([event])
            sealer.open(event)
            number = int(envelope.command_id.removeprefix("command-"))
            assert event.members[0].identity_number == identity(number)
    await store.close()
    await keys.close()
    return found


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_what_was_acknowledged_is_in_the_log_once(
    engine: str, point: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    postgres = engine == "postgres"
    place = request.getfixturevalue("postgres_dsn") if postgres else str(tmp_path / "store.db")
    keys, log = tmp_path / "keys.db", tmp_path / "hits"
    acknowledged: list[str] = []
    turns = (2,) if postgres else (1, 4)
    for turn in turns:
        code, told = run(place, keys, log, f"{point}:{turn}=kill")
        acknowledged += told
        assert code == -signal.SIGKILL
        found = await commands_in_log(place, keys)
        assert set(acknowledged) <= set(found)
        assert set(found.values()) <= {1}
    assert log.read_text().split() == [point] * len(turns)
    code, told = run(place, keys, log)
    assert code == 0
    assert len(told) == COMMANDS
    assert await commands_in_log(place, keys) == Counter(told)
