"""A whole embedded system in a process of its own, for the rows that need one."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from chassis.client import Client, connect
from chassis.settings import DEMO_OVERLAY
from devtools.processes import end_with_parent, free_port
from services.cli import endpoints
from services.cli.contact import tokens_of
from services.cli.endpoints import SERVICES, Endpoints

ROOT = Path(__file__).resolve().parent.parent
READY_S = 180.0
STOP_S = 60.0


@contextmanager
def embedded() -> Iterator[Endpoints]:
    """Start on free ports with an empty folder; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tuopin-bench-") as name:
        folder = Path(name)
        ready = folder / "ready"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TUOPIN_")}
        for service in SERVICES:
            environment[f"TUOPIN_{service.upper()}_ADDRESS"] = f"127.0.0.1:{free_port()}"
        environment |= {
            "TUOPIN_DATA": str(folder),
            "TUOPIN_CHAT_PORT": str(free_port()),
            "TUOPIN_READY_FILE": str(ready),
            "TUOPIN_LOG_LEVEL": "warning",
            "TUOPIN_PROGRAMME_OVERLAY": str(DEMO_OVERLAY),
        }
        with (folder / "system.log").open("wb") as log:
            system = subprocess.Popen(
                [sys.executable, "-m", "services", "run"],
                env=environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,
            )
        try:
            end = time.monotonic() + READY_S
            while not ready.exists():
                assert system.poll() is None, (folder / "system.log").read_text()[-2000:]
                assert time.monotonic() < end, "the system did not start"
                time.sleep(0.05)
            yield endpoints.read(folder)
        finally:
            system.send_signal(signal.SIGTERM)
            system.wait(STOP_S)


def client(known: Endpoints, service: str, roles: Sequence[str]) -> Client:
    """A client with these roles."""
    token = tokens_of(known.token_key_file).issue("bench", roles, ttl_s=3600)
    return connect(known.services[service], token, "en")


async def until(
    what: str, ask: Callable[[], Awaitable[bool]], timeout_s: float, *, every_s: float = 0.1
) -> None:
    """Ask again and again until the answer is yes; what costs to answer is asked less often."""
    end = time.monotonic() + timeout_s
    while not await ask():
        assert time.monotonic() < end, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(every_s)
