"""How much a bot may do: sizes, times and rates, as Telegram documents them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

MEBIBYTE = 1024 * 1024
# Forgotten buckets are full buckets, so a bound on their number costs no strictness worth having.
BUCKETS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The provider's limits; ``rate=False`` switches the three message rates off."""

    rate: bool = True
    overall_per_s: float = 30.0
    overall_burst: int = 30
    private_per_s: float = 1.0
    # "Avoid more than one message per second in a chat; short bursts may go over": three may.
    private_burst: int = 3
    group_per_min: float = 20.0
    group_burst: int = 20
    # Telegram names no figure; bots in the field see callback queries expire within a minute.
    callback_answer_s: float = 60.0
    update_kept_s: float = 86_400.0
    long_poll_max_s: int = 50
    photo_max_bytes: int = 10 * MEBIBYTE
    upload_max_bytes: int = 50 * MEBIBYTE
    download_max_bytes: int = 20 * MEBIBYTE


@dataclass(slots=True)
class Bucket:
    """Tokens that come back steadily up to a burst."""

    per_s: float
    burst: int
    tokens: float
    filled_at: float

    def fill(self, now: float) -> None:
        """Give back what has accrued; a clock set back gives nothing."""
        accrued = max(0.0, now - self.filled_at) * self.per_s
        self.tokens = min(float(self.burst), self.tokens + accrued)
        self.filled_at = now

    def wait_s(self) -> float:
        """Return how long until one message may pass."""
        return max(0.0, (1.0 - self.tokens) / self.per_s)


class RateLimiter:
    """Counts messages overall and per chat; a refused message costs nothing."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[int | None, Bucket] = {}

    def wait_s(self, chat_id: int, limits: Limits) -> int:
        """Take one message, or return the whole seconds to wait before the next attempt."""
        if not limits.rate:
            return 0
        now = self._clock()
        overall = self._bucket(None, limits.overall_per_s, limits.overall_burst, now)
        chat = self._chat_bucket(chat_id, limits, now)
        wait_s = max(overall.wait_s(), chat.wait_s())
        # A hair of rounding in the clock must not turn a message that is on time into a 429.
        if wait_s > 1e-6:
            return math.ceil(wait_s)
        overall.tokens -= 1
        chat.tokens -= 1
        return 0

    def forget(self) -> None:
        """Start with full buckets again."""
        self._buckets.clear()

    def _chat_bucket(self, chat_id: int, limits: Limits, now: float) -> Bucket:
        if chat_id < 0:
            return self._bucket(chat_id, limits.group_per_min / 60, limits.group_burst, now)
        return self._bucket(chat_id, limits.private_per_s, limits.private_burst, now)

    def _bucket(self, key: int | None, per_s: float, burst: int, now: float) -> Bucket:
        if key not in self._buckets:
            if len(self._buckets) >= BUCKETS_MAX:
                self.forget()
            self._buckets[key] = Bucket(per_s, burst, float(burst), now)
        bucket = self._buckets[key]
        bucket.fill(now)
        return bucket
