"""What Faust gives a worker: parts that run, timers that recur, an orderly end, a loud crash."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from chassis.stream import Timer, run_worker, worker_app


async def test_parts_run_and_timers_recur_until_the_process_is_told_to_end(tmp_path: Path) -> None:
    happened: list[str] = []

    async def part() -> None:
        happened.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            happened.append("ended")

    async def tick() -> None:
        happened.append("tick")
        if happened.count("tick") == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    app = worker_app("test", [part], [Timer("ticking", 0.05, tick)], data=tmp_path)
    async with asyncio.timeout(10):
        await run_worker(app)

    assert happened.count("tick") >= 3
    assert (happened[0], happened[-1]) == ("begun", "ended")


async def test_a_failing_timer_gets_its_next_round(tmp_path: Path) -> None:
    stop, rounds = asyncio.Event(), []

    async def fails() -> None:
        rounds.append(1)
        if len(rounds) == 3:
            stop.set()
        raise RuntimeError("this round")

    app = worker_app("test", [], [Timer("failing", 0.05, fails)], data=tmp_path)
    async with asyncio.timeout(10):
        await run_worker(app, stop=stop)

    assert len(rounds) >= 3


async def test_a_part_that_dies_takes_the_worker_with_it(tmp_path: Path) -> None:
    async def dies() -> None:
        await asyncio.sleep(0.05)
        raise LookupError("a fault of ours")

    app = worker_app("test", [dies], data=tmp_path)
    with pytest.raises(LookupError, match="a fault of ours"):
        async with asyncio.timeout(10):
            await run_worker(app)
