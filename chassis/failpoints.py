"""Named places where a drill kills the process; off, each costs one test of an empty dict.

TUOPIN_FAILPOINTS="store.before-commit:3=kill;relay.after-send=kill" arms them;
TUOPIN_FAILPOINT_LOG names the file that proves the hit.
"""

import os
import signal

# Every arrow of a command's way: before and after each commit, ack, send and cursor move.
FAILPOINTS: tuple[str, ...] = (
    "blobs.after-rename",
    "blobs.before-rename",
    "bot.after-blob",
    "bot.after-command",
    "bot.after-commit",
    "bot.after-offset-move",
    "bot.after-record",
    "bot.after-send",
    "bot.before-blob",
    "bot.before-command",
    "bot.before-commit",
    "bot.before-offset-move",
    "bot.before-record",
    "bot.before-send",
    "deadlines.after-send",
    "deadlines.before-send",
    "keys.after-commit",
    "keys.before-commit",
    "reacting.after-send",
    "reacting.before-send",
    "relay.after-ack",
    "relay.after-move-cursor",
    "relay.after-send",
    "relay.before-move-cursor",
    "relay.before-send",
    "store.after-ack",
    "store.after-commit",
    "store.after-move-cursor",
    "store.before-ack",
    "store.before-commit",
    "store.before-move-cursor",
    "stream.after-commit",
    "stream.before-commit",
    "views.after-commit",
    "views.after-settle",
    "views.before-commit",
    "views.before-settle",
)


class UnknownFailpoint(ValueError):
    """The name is not in the committed list."""


def _parse(text: str) -> dict[str, int]:
    armed: dict[str, int] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        target, _, action = entry.partition("=")
        name, _, nth = target.partition(":")
        if name not in FAILPOINTS or action != "kill":
            raise UnknownFailpoint(entry)
        armed[name] = int(nth or 1)
    return armed


_armed = _parse(os.environ.get("TUOPIN_FAILPOINTS", ""))


def failpoint(name: str) -> None:
    """Die here when this name is armed and its turn has come."""
    if not _armed:
        return
    left = _armed.get(name)
    if left is None:
        return
    _armed[name] = left - 1
    if left == 1:
        _die(name)


def _die(name: str) -> None:
    log = os.environ.get("TUOPIN_FAILPOINT_LOG")
    if log:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, f"{name}\n".encode())
        os.fsync(handle)
    os.kill(os.getpid(), signal.SIGKILL)
