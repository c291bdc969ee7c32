"""The embedded system as a process that a drill kills and starts again on the same data."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from chassis.settings import DEMO_OVERLAY
from devtools.processes import free_port, port_answers
from services.cli.endpoints import SERVICES
from services.running import LOCAL_BOT_TOKEN

ROOT = Path(__file__).resolve().parents[2]
READY_S = 90.0
STOP_S = 30.0
POLL_S = 0.02


class NotReady(Exception):
    """The process did not come up; the text holds the end of its log."""


class System:
    """One data folder, the same ports for ever. The chat provider is a process of its own: it
    outlives the system, as Telegram would.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        self.log = data / "system.log"
        self.hits = data / "hits"
        self.clock_offset_file = data / "clock-offset"
        self.addresses = {service: f"127.0.0.1:{free_port()}" for service in SERVICES}
        self.chat_port = free_port()
        self._chat: subprocess.Popen[bytes] | None = None
        self._system: subprocess.Popen[bytes] | None = None

    @property
    def chat_url(self) -> str:
        return f"http://127.0.0.1:{self.chat_port}"

    @property
    def token_key_file(self) -> Path:
        return self.data / "token.key"

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        assert self._system is not None
        return self._system.poll()

    def environment(self) -> dict[str, str]:
        addresses = {f"TUOPIN_{name.upper()}_ADDRESS": at for name, at in self.addresses.items()}
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith("TUOPIN_")},
            **addresses,
            "TUOPIN_DATA": str(self.data),
            "TUOPIN_TELEGRAM_TOKEN": LOCAL_BOT_TOKEN,
            "TUOPIN_TELEGRAM_BASE_URL": f"{self.chat_url}/bot",
            "TUOPIN_PAGE_PORT": "0",
            "TUOPIN_CLOCK_OFFSET_FILE": str(self.clock_offset_file),
            "TUOPIN_PROGRAMME_OVERLAY": str(DEMO_OVERLAY),
            "TUOPIN_READY_FILE": str(self._ready),
            "TUOPIN_FAILPOINT_LOG": str(self.hits),
        }

    def start_chat(self) -> None:
        """Start the provider and wait until it answers."""
        folder = self.data.parent / f"{self.data.name}-provider"
        folder.mkdir(exist_ok=True)
        options = ["--port", str(self.chat_port), "--data", str(folder)]
        with self.log.open("ab") as log:
            self._chat = subprocess.Popen(
                [sys.executable, "-m", "localchat", *options, "--token", LOCAL_BOT_TOKEN],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + READY_S
        while not port_answers(self.chat_port):
            if self._chat.poll() is not None or time.monotonic() > end:
                raise NotReady(self.log_tail())
            time.sleep(POLL_S)

    def start(self, failpoints: str = "", **extra: str) -> None:
        """Start the process; it may die before it is ready when a failpoint is armed."""
        self._ready.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._system = subprocess.Popen(
                [sys.executable, "-m", "services", "run"],
                env={**self.environment(), "TUOPIN_FAILPOINTS": failpoints, **extra},
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def wait_ready(self) -> None:
        """Return when everything answers."""
        end = time.monotonic() + READY_S
        while not self._ready.exists():
            if self.exit_code is not None or time.monotonic() > end:
                raise NotReady(self.log_tail())
            time.sleep(POLL_S)

    def kill(self) -> None:
        """kill -9, wherever it is."""
        assert self._system is not None
        self._system.kill()
        self._system.wait()

    def stop(self) -> None:
        """Ask both processes to end."""
        for process in (self._system, self._chat):
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log_tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]

    @property
    def _ready(self) -> Path:
        return self.data / "ready"
