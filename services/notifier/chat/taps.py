"""What a button carries: 64 bytes at most, signed, so that a changed client cannot invent taps."""

import base64
import binascii
import hmac
import uuid
from collections.abc import Callable
from dataclasses import dataclass

FORMAT = "1"
TAKE, DONE = "ack", "done"
# What opens something: more about a task, the reasons to decline, the times to put it off.
DETAILS, WHY_NOT, HOW_LONG, PROVE = "info", "why", "when", "prove"
# What a choice carries on: the code of a reason, seconds, a language, a page.
DECLINE, SNOOZE, LANGUAGE, PAGE = "no", "later", "lang", "page"
# The answer to whether this chat is to be linked.
YES, NOT_ME = "yes", "notme"
ACTIONS = (
    TAKE, DONE, DETAILS, WHY_NOT, HOW_LONG, PROVE, DECLINE, SNOOZE, LANGUAGE, PAGE, YES, NOT_ME,
)  # fmt: skip
# Of taps that are about no assignment.
NOBODY = str(uuid.UUID(int=0))
CALLBACK_BYTES_MAX = 64
SIGNATURE_BYTES = 6

# The keyed digest of a text (Sealer.blind).
Sign = Callable[[str, str], bytes]


@dataclass(frozen=True, slots=True)
class Tap:
    """A tap: what is wanted, of which assignment, and at which turn of it the button was shown."""

    action: str
    assignment_id: str = NOBODY
    turn: int = 0
    # What was chosen, for an action that offers a choice.
    choice: str = ""


def encode(tap: Tap, sign: Sign) -> str:
    """`1:<action>[.<choice>]:<22 characters>:<turn>:<8 characters>`."""
    short = _text(uuid.UUID(tap.assignment_id).bytes)
    assert ":" not in tap.choice
    action = f"{tap.action}.{tap.choice}" if tap.choice else tap.action
    body = f"{FORMAT}:{action}:{short}:{tap.turn}"
    data = f"{body}:{_signature(body, sign)}"
    assert len(data.encode()) <= CALLBACK_BYTES_MAX
    return data


def decode(data: str, sign: Sign) -> Tap | None:
    """The tap; None for anything that this bot did not make."""
    body, _, signature = data.rpartition(":")
    if not hmac.compare_digest(signature.encode(), _signature(body, sign).encode()):
        return None
    parts = body.split(":")
    if len(parts) != 4 or parts[0] != FORMAT:
        return None
    action, _, choice = parts[1].partition(".")
    if action not in ACTIONS:
        return None
    try:
        assignment_id = str(uuid.UUID(bytes=base64.urlsafe_b64decode(parts[2] + "==")))
        return Tap(action, assignment_id, int(parts[3]), choice)
    except (ValueError, binascii.Error):
        return None


def _signature(body: str, sign: Sign) -> str:
    return _text(sign("tap", body)[:SIGNATURE_BYTES])


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
