"""Everything for real on one machine: Kafka, PostgreSQL, five servers, five workers, the bot.

`python -m devtools.cluster run` serves until Ctrl-C; `… demo [--json]` plays the story and stops.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from chassis.settings import DEMO_OVERLAY
from devtools.kafka import KafkaBroker
from devtools.postgres import PostgresServer
from devtools.processes import end_with_parent, free_port
from services.cli import endpoints
from services.cli.endpoints import SERVICES, Endpoints

ROOT = Path(__file__).resolve().parent.parent
READY_S = 90.0
STOP_S = 20.0
DEFAULT_DATA = Path(".data/cluster")


class ProcessDied(Exception):
    """A part of the cluster ended by itself; the text names it and its log."""


class Cluster:
    """The parts, their environment and logs; each can be killed and started again by name."""

    def __init__(self, data: Path, *, extra: Mapping[str, str] | None = None) -> None:
        self.data = data.resolve()
        self.logs = self.data / "logs"
        self.kafka = KafkaBroker(self.data / "kafka")
        self.postgres = PostgresServer(self.data / "postgres")
        self.chat_port = free_port()
        self.page_port = free_port()
        self.ports = {service: free_port() for service in SERVICES}
        self.extra = dict(extra or {})
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def parts(self) -> dict[str, list[str]]:
        """Name of each process and its command."""
        return {
            "chat": ["-m", "services", "part", "chat"],
            **{f"{name}-serve": ["-m", f"services.{name}", "serve"] for name in SERVICES},
            **{f"{name}-work": ["-m", f"services.{name}", "work"] for name in SERVICES},
            "bot": ["-m", "services.notifier", "bot"],
        }

    @property
    def clock_offset_file(self) -> Path:
        """Where a demo writes how many seconds the cluster's clock is ahead."""
        return self.data / "clock-offset"

    def environment(self) -> dict[str, str]:
        """What every process of the cluster is told."""
        addresses = {
            f"TUOPIN_{service.upper()}_ADDRESS": f"127.0.0.1:{port}"
            for service, port in self.ports.items()
        }
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith("TUOPIN_")},
            **addresses,
            "TUOPIN_DATA": str(self.data),
            "TUOPIN_ENGINE": "postgres",
            "TUOPIN_POSTGRES_DSN": self.postgres.dsn("{name}"),
            "TUOPIN_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "TUOPIN_CHAT_PORT": str(self.chat_port),
            "TUOPIN_PAGE_PORT": str(self.page_port),
            "TUOPIN_CLOCK_OFFSET_FILE": str(self.clock_offset_file),
            "TUOPIN_PROGRAMME_OVERLAY": str(DEMO_OVERLAY),
            **self.extra,
        }

    def start(self) -> None:
        """Start broker and database, then every part; returns when all are ready."""
        self.logs.mkdir(parents=True, exist_ok=True)
        # In this thread: the broker ends with the thread that started it.
        self.kafka.start()
        self.postgres.start()
        for name in (*SERVICES, "keys"):
            self.postgres.ensure_database(name)
        made = subprocess.run(  # the keys exist before twelve processes look for them
            [sys.executable, "-m", "services", "part", "keys"],
            env=self.environment(),
            cwd=ROOT,
            check=True,
        )
        assert made.returncode == 0
        for name in self.parts:
            self.launch(name)
        for name in self.parts:
            self.wait_ready(name)
        written = Endpoints(
            services={service: f"127.0.0.1:{port}" for service, port in self.ports.items()},
            token_key_file=str(self.data / "token.key"),
            chat_url=f"http://127.0.0.1:{self.chat_port}",
        )
        endpoints.write(self.data, written)

    def launch(self, name: str, **extra: str) -> None:
        """Start one process; its output goes to logs/NAME.log."""
        ready = self._ready_file(name)
        ready.unlink(missing_ok=True)
        with (self.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(  # noqa: S603 - our own programs
                [sys.executable, *self.parts[name]],
                env={**self.environment(), "TUOPIN_READY_FILE": str(ready), **extra},
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def wait_ready(self, name: str, timeout_s: float = READY_S) -> None:
        """Wait until the process says that it is ready; ProcessDied with the end of its log."""
        end = time.monotonic() + timeout_s
        while not self._ready_file(name).exists():
            if self.processes[name].poll() is not None or time.monotonic() > end:
                tail = (self.logs / f"{name}.log").read_text(errors="replace")[-2000:]
                raise ProcessDied(f"{name} is not ready:\n{tail}")
            time.sleep(0.05)

    def kill(self, name: str) -> None:
        """kill -9 one of our processes."""
        self.processes[name].kill()
        self.processes[name].wait()

    def stop(self) -> None:
        """Stop in the order of dependence: people's side first, database last."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        end = time.monotonic() + STOP_S
        for process in self.processes.values():
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.kafka.running:
            self.kafka.stop()
        if self.postgres.running:
            self.postgres.stop()

    def _ready_file(self, name: str) -> Path:
        return self.data / f"{name}.ready"


def main() -> None:
    """Run or demonstrate a cluster."""
    parser = argparse.ArgumentParser(prog="python -m devtools.cluster", description=__doc__)
    parser.add_argument("what", choices=("run", "demo"))
    parser.add_argument("--data", type=Path, default=None, help="default: .data/cluster, demo: new")
    parser.add_argument("--json", action="store_true", help="one line per step")
    chosen = parser.parse_args()
    scratch = chosen.what == "demo" and chosen.data is None
    data = Path(tempfile.mkdtemp(prefix="tuopin-")) if scratch else chosen.data or DEFAULT_DATA
    cluster = Cluster(data)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        cluster.start()
        sys.exit(_demo(cluster, chosen.json) if chosen.what == "demo" else _run(cluster))
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        cluster.stop()
        if scratch:
            shutil.rmtree(data, ignore_errors=True)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _run(cluster: Cluster) -> int:
    subprocess.run(
        [sys.executable, "-m", "services", "part", "demo-county"],
        env=cluster.environment(),
        cwd=ROOT,
        check=True,
    )
    for service, port in cluster.ports.items():
        print(f"{service:10} grpc://127.0.0.1:{port}")
    print(f"chat page  http://127.0.0.1:{cluster.chat_port}/")
    print(f"use        TUOPIN_DATA={cluster.data.relative_to(ROOT)} .venv/bin/tuopin status")
    signal.pause()
    return 0


def _demo(cluster: Cluster, as_json: bool) -> int:
    arguments = ["part", "play", *(["--json"] if as_json else [])]
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "services", *arguments], env=cluster.environment(), cwd=ROOT
    ).returncode


if __name__ == "__main__":
    main()
