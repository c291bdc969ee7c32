"""What every way to reach a person can do, whatever its provider: the port behind the sender."""

import html
import re
from dataclasses import dataclass
from typing import Protocol

from services.notifier.chat.outcomes import Outcome
from services.notifier.chat.tasks import Shown

TAG = re.compile(r"</?b>")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What may be asked of a channel; the sender asks for nothing else."""

    buttons: bool
    edit: bool
    photo: bool
    location: bool
    # Of a text, in characters.
    length: int
    # Messages a second that the provider allows; 0: as many as there are.
    per_second: int
    # Whether the provider says that a message was read. None does for a bot.
    receipt: bool


class Channel(Protocol):
    """One way to reach people. An address means something to this channel only."""

    @property
    def name(self) -> str:
        """As the programme and the events name it."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    async def send(self, address: str, shown: Shown, reply_to: int = 0) -> Outcome:
        """A new message; Accepted carries the number by which it can be edited, or 0."""
        ...

    async def edit(self, address: str, provider_message_id: int, shown: Shown) -> Outcome:
        """Another text for a message of ours."""
        ...


def fitted(shown: Shown, can: Capabilities) -> Shown:
    """What of it the channel can show: without buttons the bare text, no longer than allowed."""
    if can.buttons and len(shown.text) <= can.length:
        return shown
    text = shown.text if can.buttons else html.unescape(TAG.sub("", shown.text))
    cut = text if len(text) <= can.length else text[: can.length - 1] + "…"
    return Shown(cut, shown.buttons if can.buttons else (), shown.below if can.buttons else "")
