"""A plain file of lines: an office reads it and calls the people who can be reached in no chat."""

import asyncio
import json
import os
from pathlib import Path

from chassis.clock import Clock
from services.notifier.chat.channel import Capabilities
from services.notifier.chat.outcomes import Accepted, Doubtful, Outcome, Refused
from services.notifier.chat.tasks import Shown

TEXT_MAX = 2_000


class LogChannel:
    """One JSON object a line: at, to, text. The address is the cadre's id."""

    name = "log"
    capabilities = Capabilities(
        buttons=False,
        edit=False,
        photo=False,
        location=False,
        length=TEXT_MAX,
        per_second=0,
        receipt=False,
    )

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    async def send(self, address: str, shown: Shown, reply_to: int = 0) -> Outcome:
        """On disk when it is accepted."""
        line = {"at": self._clock.now().isoformat(), "to": address, "text": shown.text}
        try:
            await asyncio.to_thread(self._append, json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            # Half a line may stand there.
            return Doubtful(type(error).__name__)
        return Accepted()

    async def edit(self, address: str, provider_message_id: int, shown: Shown) -> Outcome:
        """What is written stays."""
        return Refused("this channel edits nothing", final=True)

    def _append(self, line: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(line)
            lines.flush()
            os.fsync(lines.fileno())
