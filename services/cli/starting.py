"""An embedded system in a process of its own, on free ports: for the demo and for tests."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from chassis.settings import DEMO_OVERLAY
from devtools.processes import end_with_parent, free_port
from services.cli.endpoints import SERVICES

READY_S = 120.0
STOP_S = 30.0
LOOK_EVERY_S = 0.05
LOG_TAIL_CHARS = 3000


class NotStarted(Exception):
    """The system ended or was not ready in time; the text is the end of its log."""


class System:
    """`tuopin run` below one folder; it keeps its ports when it is started again."""

    def __init__(
        self,
        folder: Path,
        *,
        arguments: Sequence[str] = (),
        more: Mapping[str, str] | None = None,
        ready_s: float = READY_S,
    ) -> None:
        self.folder = folder
        self._arguments = tuple(arguments)
        self._ready_s = ready_s
        self._ready = folder / "ready"
        self._process: subprocess.Popen[bytes] | None = None
        kept = {name: at for name, at in os.environ.items() if not name.startswith("TUOPIN_")}
        ports = {f"TUOPIN_{name.upper()}_ADDRESS": _free_address() for name in SERVICES}
        # What a client of this system sets, too: TUOPIN_DATA leads it to everything else.
        self.environment = kept | {"TUOPIN_DATA": str(folder)}
        self.own = {
            **ports,
            "TUOPIN_CHAT_PORT": str(free_port()),
            "TUOPIN_PAGE_PORT": str(free_port()),
            "TUOPIN_READY_FILE": str(self._ready),
            "TUOPIN_CLOCK_OFFSET_FILE": str(self.clock_offset_file),
            "TUOPIN_PROGRAMME_OVERLAY": str(DEMO_OVERLAY),
            **(more or {}),
        }

    @property
    def log(self) -> Path:
        return self.folder / "system.log"

    @property
    def clock_offset_file(self) -> Path:
        """Where the system reads how far its clock is ahead."""
        return self.folder / "clock-offset"

    def start(self, **settings: str) -> None:
        """Start it and wait until it answers; NotStarted says what its log ended with.

        `settings` are TUOPIN_* variables for this start only.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ready.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  (our own program)
                [sys.executable, "-m", "services", "run", *self._arguments],
                env=self.environment | self.own | settings,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,
            )
        end = time.monotonic() + self._ready_s
        while not self._ready.exists():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise NotStarted(self.log.read_text(errors="replace")[-LOG_TAIL_CHARS:])
            time.sleep(LOOK_EVERY_S)

    def stop(self) -> None:
        """Ask it to end in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(STOP_S)

    def wait(self, timeout_s: float) -> int:
        """Wait until it has ended by itself; its return code."""
        assert self._process is not None, "the system was not started"
        return self._process.wait(timeout_s)

    def __enter__(self) -> "System":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _free_address() -> str:
    return f"127.0.0.1:{free_port()}"
