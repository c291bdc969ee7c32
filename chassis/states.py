"""States of streams between commands: cached before their commit, forgotten when it fails."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

# Streams whose state is kept between two commands.
STATES_MAX = 2_048
# How many busy streams are passed over to find an idle one to drop.
_DROP_SCAN_MAX = 64


class Slot:
    """One stream: its speculative state, and the appends that may still fail."""

    __slots__ = (
        "_ahead", "_evolve", "_state", "_waiting", "crossing", "generation", "known", "lock",
        "pending", "version",
    )  # fmt: skip

    def __init__(self) -> None:
        # Held from decision to submission: one stream's appends go in the order of decisions.
        self.lock = asyncio.Lock()
        self._state: Any = None
        # Events that the state lacks, and what takes them in: most streams are born and left
        # alone, so that nobody ever asks what they are after that.
        self._ahead: Sequence[Any] = ()
        self._evolve: Callable[[Any, Any], Any] | None = None
        self.version = 0
        # False: nothing was loaded, or what was speculated on has failed.
        self.known = False
        self.pending = 0
        self.generation = 0
        # Commands over several streams that hold this one or wait for it.
        self.crossing = 0
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def busy(self) -> bool:
        return self.pending > 0 or self.lock.locked() or self.crossing > 0

    @property
    def state(self) -> Any:
        """What the stream is at its version."""
        if self._ahead:
            assert self._evolve is not None
            state = self._state
            for event in self._ahead:
                state = self._evolve(state, event)
            self.state = state
        return self._state

    @state.setter
    def state(self, state: Any) -> None:
        self._state, self._ahead = state, ()

    def advance(
        self, state: Any, events: Sequence[Any], evolve: Callable[[Any, Any], Any], version: int
    ) -> int:
        """Go on to the version after an append of these events, which is on its way; gives the
        generation it belongs to.
        """
        self._state, self._ahead, self._evolve = state, events, evolve
        self.version, self.known = version, True
        self.pending += 1
        return self.generation

    def settle(self, generation: int, kept: bool) -> None:
        """An append has come or failed; a failure takes the states decided on it along."""
        self.pending -= 1
        if not kept and generation == self.generation:
            self.forget()
        if self.pending == 0:
            for waiting in self._waiting:
                if not waiting.done():
                    waiting.set_result(None)
            self._waiting.clear()

    def forget(self) -> None:
        self.generation += 1
        self.state, self.version, self.known = None, 0, False

    async def settled(self) -> None:
        """Wait until no append of this stream is under way."""
        while self.pending:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting


class States:
    """The slots of the streams used last."""

    def __init__(self, most: int = STATES_MAX) -> None:
        self._most = most
        self._slots: OrderedDict[str, Slot] = OrderedDict()

    def __len__(self) -> int:
        return len(self._slots)

    def slot(self, stream: str) -> Slot:
        slot = self._slots.get(stream)
        if slot is None:
            slot = self._slots[stream] = Slot()
            if len(self._slots) > self._most:
                self._drop_one()
        else:
            self._slots.move_to_end(stream)
        return slot

    def _drop_one(self) -> None:
        for _, (stream, slot) in zip(range(_DROP_SCAN_MAX), self._slots.items(), strict=False):
            if not slot.busy:
                del self._slots[stream]
                return
