"""What a person did in a chat, in our own words: one dataclass per kind, whatever the channel."""

import re
from dataclasses import dataclass

REFERENCE = re.compile(r"#([A-Z2-7]{6})\b")


@dataclass(frozen=True, slots=True)
class From:
    """Which update it was, where and when; `language` is what the person's client speaks."""

    update_id: int
    chat_id: str
    private: bool
    language: str
    at_us: int
    # The person's own message; zero for a tap.
    message_id: int = 0


@dataclass(frozen=True, slots=True)
class Tapped:
    """A button."""

    callback_id: str
    data: str
    provider_message_id: int
    reference: str


@dataclass(frozen=True, slots=True)
class Started:
    """/start, with or without a code."""

    code: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Another command, without its slash, and what stands behind it."""

    command: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The message that is answered; zero and "" when none is."""

    provider_message_id: int = 0
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Wrote:
    """A text."""

    text: str
    reply: Reply
    # Somebody else's words, passed on.
    forwarded: bool = False


@dataclass(frozen=True, slots=True)
class Pictured:
    """A photo or a file; those of one album carry its id."""

    file_id: str
    size_bytes: int
    captioned: bool
    reply: Reply
    forwarded: bool = False
    album: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """A location, degrees times 1e7."""

    latitude_e7: str
    longitude_e7: str
    reply: Reply
    forwarded: bool = False


@dataclass(frozen=True, slots=True)
class Shared:
    """A telephone number; `own` when the provider says that it is the sender's."""

    phone: str
    own: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything else."""


Doing = Tapped | Started | Asked | Wrote | Pictured | Placed | Shared | Unknown


@dataclass(frozen=True, slots=True)
class Incoming:
    """One update."""

    source: From
    doing: Doing


def reference_in(text: str) -> str:
    """The reference that a message of ours shows; "" when it shows none."""
    found = REFERENCE.search(text)
    return found.group(1) if found else ""


def touched(doing: Doing) -> tuple[int, str]:
    """Number and reference of the message that was tapped or answered; (0, "") when none was."""
    match doing:
        case Tapped():
            return doing.provider_message_id, doing.reference
        case Wrote() | Pictured() | Placed():
            return doing.reply.provider_message_id, doing.reply.reference
        case _:
            return 0, ""
