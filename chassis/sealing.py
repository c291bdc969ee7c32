"""Seals what identifies a person at the store's door, and opens it for those who may read it.

A personal text becomes "sealed:1:<base64url(nonce + ciphertext)>": AES-GCM under the key of its
subject, bound to subject, field name and key, so that moved elsewhere it does not open.
The key must be at hand (`prepare`, `opening`): call seal or open before the next await.
"""

import binascii
import os
from collections.abc import Callable, Iterable
from hashlib import blake2b, sha256

from cryptography.exceptions import InvalidTag
from google.protobuf.message import Message

from chassis.fields import SEALED
from chassis.hashing import feed
from chassis.keys import ERASED, KEY_BYTES, NONCE_BYTES, Key, Keys, SubjectErased, derived_key
from chassis.personal import NotSealable, SealingFault, places, put

__all__ = [
    "AlreadySealed",
    "KeyNotAtHand",
    "NotSealable",
    "NotSealed",
    "Sealer",
    "SealingFault",
    "Tampered",
    "keyed",
]

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_PREFIX_LEN = len(SEALED)
_SALT_BYTES = 16
_NONCE_MASK = (1 << 8 * NONCE_BYTES) - 1
# Of SHA-256, as HMAC pads its key.
_BLOCK_BYTES = 64


class AlreadySealed(SealingFault):
    """Sealing twice would hide the value from everybody."""


class NotSealed(SealingFault):
    """A clear personal value stands where only sealed ones may."""


class KeyNotAtHand(SealingFault):
    """prepare or opening was not called for this message, or the key is lost."""


class Tampered(SealingFault):
    """The value was sealed for another person or field, or changed."""


class Sealer:
    """Seals and opens messages in place, and makes the keyed digests that stand for values."""

    def __init__(
        self,
        keys: Keys,
        master_key: bytes,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.keys = keys
        self._blind = keyed(derived_key(master_key, "blind index"))
        self._digest = keyed(derived_key(master_key, "request digest"))
        self._random_bytes = random_bytes
        self._nonce_key = random_bytes(KEY_BYTES)
        self._sealings = 0

    def subjects(self, message: Message) -> set[str]:
        """Whose keys this message's personal values need."""
        return {place[0] for place in places(message) if place[0]}

    async def prepare(self, messages: Iterable[Message]) -> None:
        """Every subject of the messages has a durable key, at hand; SubjectErased otherwise."""
        needed = {subject for message in messages for subject in self.subjects(message)}
        if needed:
            await self.keys.ensure(needed)

    async def opening(self, messages: Iterable[Message]) -> None:
        """Bring the keys that open these messages to hand."""
        needed = {subject for message in messages for subject in self.subjects(message)}
        if needed:
            await self.keys.fetch(needed)

    def seal(self, message: Message, *, keep_sealed: bool = False) -> None:
        """Replace each personal text by its sealed form; empty ones stay empty.

        With `keep_sealed`, a value that a reaction passed on sealed stays as it is, once it is
        proven to be sealed for this very person and field.
        """
        found = places(message)
        if not found:
            return
        nonces = self._nonces(message, len(found))
        at_hand: dict[str, Key] = {}
        for place, nonce in zip(found, nonces, strict=True):
            subject_id, each, value, _, _ = place
            key = at_hand.get(subject_id)
            if key is None:
                key = at_hand[subject_id] = self._sealing_key(subject_id, each.full_name)
            bound = key.aad + each.aad
            if not value.startswith(SEALED):
                sealed = nonce + key.aead.encrypt(nonce, value.encode(), bound)
                encoded = binascii.b2a_base64(sealed, newline=False).translate(_URL_SAFE)
                put(place, SEALED + encoded.decode("ascii"))
            elif keep_sealed:
                _opened(key, each.aad, value, each.full_name)
            else:
                raise AlreadySealed(each.full_name)

    def _nonces(self, message: Message, count: int) -> list[bytes]:
        """Fresh for every call, and derived: the system's random numbers give the interpreter's
        lock away. The texts are in them: a copied process (fork, snapshot) repeats none for
        others.
        """
        self._sealings += 1
        salt = self._sealings.to_bytes(_SALT_BYTES, "big")
        drawn = blake2b(digest_size=NONCE_BYTES, key=self._nonce_key, salt=salt)
        feed(drawn, message.SerializeToString(deterministic=True))
        # One place in 2^96 for the call, and the next ones behind it.
        first = int.from_bytes(drawn.digest(), "big")
        return [((first + at) & _NONCE_MASK).to_bytes(NONCE_BYTES, "big") for at in range(count)]

    def open(self, message: Message, missing: str = "", *, keep_clear: bool = False) -> None:
        """Replace each sealed text by what it says, or by `missing` when its subject is erased.

        A clear value is a fault, but with `keep_clear` (a command, partly from a person).
        """
        for place in places(message):
            subject_id, each, value, _, _ = place
            key = self._opening_key(subject_id, each.full_name)
            if value.startswith(SEALED):
                text = missing if key is None else _opened(key, each.aad, value, each.full_name)
                put(place, text)
            elif not keep_clear:
                raise NotSealed(each.full_name)

    def open_text(self, subject_id: str, field_name: str, value: str, missing: str = "") -> str:
        """Open one sealed text outside its message, e.g. a view's column."""
        if not value:
            return value
        if not value.startswith(SEALED):
            raise NotSealed(field_name)
        key = self._opening_key(subject_id, field_name)
        aad = b"\x00text\x00" + field_name.encode()
        return missing if key is None else _opened(key, aad, value, field_name)

    def seal_bytes(self, subject_id: str, data: bytes) -> bytes:
        """nonce + ciphertext, bound to the subject; for what fits in memory."""
        key = self._sealing_key(subject_id, "bytes")
        nonce = self._random_bytes(NONCE_BYTES)
        return nonce + key.aead.encrypt(nonce, data, key.aad + b"\x00bytes")

    def open_bytes(self, subject_id: str, sealed: bytes) -> bytes:
        """The data again; SubjectErased when its subject's key was destroyed."""
        key = self._opening_key(subject_id, "bytes")
        if key is None:
            raise SubjectErased(subject_id)
        nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return key.aead.decrypt(nonce, ciphertext, key.aad + b"\x00bytes")
        except InvalidTag as error:
            raise Tampered("bytes") from error

    def blind(self, kind: str, key: str) -> bytes:
        """The keyed digest that stands for a personal key: equal for equal keys, no way back."""
        return self._blind(f"{kind}\x00{key}".encode())

    def digest(self, data: bytes) -> bytes:
        """The keyed digest of a request, which may hold personal data."""
        return self._digest(data)

    def _sealing_key(self, subject_id: str, field_name: str) -> Key:
        if not subject_id:
            raise NotSealable(field_name)
        key = self.keys.find(subject_id)
        if key is ERASED:
            raise SubjectErased(subject_id)
        if key is None:
            raise KeyNotAtHand(field_name)
        return key

    def _opening_key(self, subject_id: str, field_name: str) -> Key | None:
        key = self.keys.find(subject_id)
        if key is None:
            raise KeyNotAtHand(field_name)
        return None if key is ERASED else key


def keyed(key: bytes) -> Callable[[bytes], bytes]:
    """HMAC-SHA256 under one key.

    hmac.digest gives the interpreter's lock away on each call, and a busy process waits long to get
    it back; hashes of short texts keep it.
    """
    block = (key if len(key) <= _BLOCK_BYTES else sha256(key).digest()).ljust(_BLOCK_BYTES, b"\0")
    inner, outer = (sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))

    def digest(data: bytes) -> bytes:
        first, second = inner.copy(), outer.copy()
        feed(first, data)
        second.update(first.digest())
        return second.digest()

    return digest


def _opened(key: Key, aad: bytes, value: str, field_name: str) -> str:
    try:
        packed = binascii.a2b_base64(value[_PREFIX_LEN:].encode("ascii").translate(_STANDARD))
        clear = key.aead.decrypt(packed[:NONCE_BYTES], packed[NONCE_BYTES:], key.aad + aad)
    except (InvalidTag, ValueError) as error:
        raise Tampered(field_name) from error
    return clear.decode()
