"""Which lane a stream belongs to: the same on the embedded way and on Kafka."""

from functools import lru_cache
from struct import Struct

LANES_PER_TOPIC = 12

_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_WORD = 0xFFFFFFFF
_WORDS = Struct("<I")


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit murmur2, as Java's client computes it, not negative."""
    length = len(data)
    whole = length & ~3
    h = (_SEED ^ length) & _WORD
    for (word,) in _WORDS.iter_unpack(data[:whole]):
        k = (word * _MULTIPLIER) & _WORD
        k ^= k >> 24
        h = ((h * _MULTIPLIER) & _WORD) ^ ((k * _MULTIPLIER) & _WORD)
    rest = data[whole:]
    if rest:
        h ^= int.from_bytes(rest, "little")
        h = (h * _MULTIPLIER) & _WORD
    h ^= h >> 13
    h = (h * _MULTIPLIER) & _WORD
    h ^= h >> 15
    return h & 0x7FFFFFFF


@lru_cache(maxsize=4_096)
def lane_of(stream: str, lanes: int = LANES_PER_TOPIC) -> int:
    """The partition of a stream: fixed for ever once the topic is born."""
    return murmur2(stream.encode()) % lanes
