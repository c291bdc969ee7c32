"""What a button carries: 64 bytes at most, signed, so that a changed client cannot invent taps."""

import base64
import binascii
import hmac
import uuid
from collections.abc import Callable
from dataclasses import dataclass

FORMAT = "1"
TAKE, DONE = "ack", "done"
ACTIONS = (TAKE, DONE)
CALLBACK_BYTES_MAX = 64
SIGNATURE_BYTES = 6

# The keyed digest of a text (Sealer.blind).
Sign = Callable[[str, str], bytes]


@dataclass(frozen=True, slots=True)
class Tap:
    """A tap: what is wanted, of which assignment, and at which turn of it the button was shown."""

    action: str
    assignment_id: str
    turn: int


def encode(tap: Tap, sign: Sign) -> str:
    """`1:<action>:<22 characters>:<turn>:<8 characters>`."""
    short = _text(uuid.UUID(tap.assignment_id).bytes)
    body = f"{FORMAT}:{tap.action}:{short}:{tap.turn}"
    data = f"{body}:{_signature(body, sign)}"
    assert len(data.encode()) <= CALLBACK_BYTES_MAX
    return data


def decode(data: str, sign: Sign) -> Tap | None:
    """The tap; None for anything that this bot did not make."""
    body, _, signature = data.rpartition(":")
    if not hmac.compare_digest(signature.encode(), _signature(body, sign).encode()):
        return None
    parts = body.split(":")
    if len(parts) != 4 or parts[0] != FORMAT or parts[1] not in ACTIONS:
        return None
    try:
        assignment_id = str(uuid.UUID(bytes=base64.urlsafe_b64decode(parts[2] + "==")))
        return Tap(parts[1], assignment_id, int(parts[3]))
    except (ValueError, binascii.Error):
        return None


def _signature(body: str, sign: Sign) -> str:
    return _text(sign("tap", body)[:SIGNATURE_BYTES])


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
