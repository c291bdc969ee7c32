"""What can come of asking the provider to do something."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accepted:
    """Done; the number is the provider's for the message."""

    provider_message_id: int = 0


@dataclass(frozen=True, slots=True)
class Doubtful:
    """The answer did not come: it may or may not have been done."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Not done; final when asking again would be in vain."""

    reason: str
    final: bool


@dataclass(frozen=True, slots=True)
class Blocked:
    """The person cannot be reached in this chat."""

    reason: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """Not done: too fast. Nothing may be asked until the time is over."""

    wait_s: float


Outcome = Accepted | Doubtful | Refused | Blocked | Throttled


class ProviderAway(Exception):
    """The provider does not answer, or not as documented; ask again later."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
