"""A server process that its starter owns: a log file, a wait until it is ready, a sure end."""

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
# Below what Linux and the other systems use for outgoing connections.
_PORTS = range(15_000, 32_000)
_POLL_S = 0.05
_LOG_TAIL_CHARS = 4000


class ServerNotReady(Exception):
    """The server ended or did not answer in time; the message holds the end of its log."""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now.

    Not one that the system gives to outgoing connections, nor, where PORTS_GIVEN_IN names a folder
    for the marks, one that was given to anybody: it could be taken before it is used.
    """
    given = os.environ.get("PORTS_GIVEN_IN")
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if given is None or _is_mine(Path(given, str(port))):
                return port


def _is_mine(mark: Path) -> bool:
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def port_answers(port: int) -> bool:
    """Whether a TCP connection to 127.0.0.1 succeeds."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def end_with_parent() -> None:
    """In a new child (preexec_fn): take signals, and die with the thread that started it."""
    # The starter may wait for its signals with sigwait; the server wants to receive them.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    # A test run that is killed leaves no servers behind (Linux; elsewhere the call is absent).
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class ServerProcess:
    """One child process; `stop_signal` is the one that asks it to end in order."""

    def __init__(
        self, name: str, log: Path, *, stop_signal: signal.Signals, user: int | None = None
    ) -> None:
        self.name = name
        self.log = log
        self._stop_signal = stop_signal
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(
        self, command: Sequence[str], ready: Callable[[], bool], *, timeout_s: float = 60
    ) -> None:
        """Start and wait until `ready`; must be called from a thread that outlives the server."""
        assert not self.running, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a program of our own choice
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                group=self._user,
                start_new_session=True,  # Ctrl-C reaches the starter, which ends us in order
                preexec_fn=end_with_parent,
            )
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.running or time.monotonic() > deadline:
                what = "did not answer in time" if self.running else "ended at once"
                self.kill()
                raise ServerNotReady(f"{self.name} {what}; end of {self.log}:\n{self.log_tail()}")
            time.sleep(_POLL_S)

    def stop(self, *, timeout_s: float = 20) -> None:
        """Ask it to end and wait; killed when it does not."""
        if self._process is None or not self.running:
            return
        self._process.send_signal(self._stop_signal)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """kill -9, as a machine would die."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log_tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL_CHARS:]
