"""Faults that can be switched on, to see what a bot does when the provider misbehaves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal, get_args

from localchat.errors import ApiError, bad_request, forbidden, too_many_requests

FaultKind = Literal["429", "403", "500", "hang", "silent", "cut"]
FAULT_KINDS: frozenset[str] = frozenset(get_args(FaultKind))
# Refused before anything is done; the other kinds concern only the answer.
REFUSALS: frozenset[str] = frozenset({"429", "403", "500"})
# Polling would eat counted faults meant for messages: these two must be named to be hit.
ONLY_BY_NAME = frozenset({"getupdates", "getme"})
FAULTS_MAX = 1_000


@dataclass(slots=True)
class Fault:
    """What goes wrong, how often, and for which calls.

    ``429``, ``403`` and ``500`` refuse. ``hang`` does nothing and never answers. ``silent`` does
    the work and never answers, so that the caller runs into its time-out. ``cut`` does the work
    and drops the connection instead of answering.
    """

    kind: FaultKind
    count: int | None = 1
    method: str | None = None
    chat_id: int | None = None
    retry_after_s: int = 1

    def hits(self, method: str, chat_id: int | None) -> bool:
        """Tell whether this call is one that goes wrong."""
        if self.count == 0 or (self.chat_id is not None and self.chat_id != chat_id):
            return False
        if self.method is None:
            return method.lower() not in ONLY_BY_NAME
        return self.method.lower() == method.lower()

    def refusal(self) -> ApiError:
        """Return the error that a refusing fault answers with."""
        match self.kind:
            case "429":
                return too_many_requests(self.retry_after_s)
            case "403":
                return forbidden("bot was blocked by the user")
            case _:
                return ApiError(500, "Internal Server Error")


class Faults:
    """The faults in force, oldest first; they live in memory and end with the process."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self.given: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        """Switch a fault on."""
        if len(self._faults) >= FAULTS_MAX:
            raise bad_request("too many faults: clear them first")
        self._faults.append(fault)

    def clear(self) -> None:
        """Switch all faults off."""
        self._faults.clear()

    def in_force(self) -> list[Fault]:
        """Return the faults that still have something to do."""
        return list(self._faults)

    def take(self, method: str, chat_id: int | None) -> Fault | None:
        """Return the fault that this call meets, and count it."""
        for fault in self._faults:
            if fault.hits(method, chat_id):
                self._count(fault)
                return fault
        return None

    def _count(self, fault: Fault) -> None:
        self.given[fault.kind] += 1
        if fault.count is not None:
            fault.count -= 1
            if fault.count == 0:
                self._faults.remove(fault)
