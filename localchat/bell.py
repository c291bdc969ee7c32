"""A bell that wakes everyone who waits for something new."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Bell:
    """Take a ticket, look, and wait on the ticket: what rings in between is not missed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.closed = False

    def ticket(self) -> asyncio.Event:
        """Return the event of the next ring."""
        return self._event

    def ring(self) -> None:
        """Wake everyone who holds a ticket."""
        self._event.set()
        if not self.closed:
            self._event = asyncio.Event()

    def close(self) -> None:
        """Wake everyone for good: from here on nobody waits."""
        self.closed = True
        self.ring()


async def wait_first(timeout_s: float, *events: asyncio.Event) -> None:
    """Return as soon as one of the events is set, or when the time is over."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
            with suppress(asyncio.CancelledError):
                await wait
