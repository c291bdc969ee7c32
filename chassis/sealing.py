"""Seals what identifies a person at the store's door, and opens it for those who may read it.

A personal text becomes "sealed:1:<base64url(nonce + ciphertext)>": AES-GCM under the key of its
subject, bound to subject, field name and key, so that moved elsewhere it does not open.
The key must be at hand (`prepare`, `opening`): call seal or open before the next await.
"""

import binascii
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b, sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.fields import SEALED, personal_of
from chassis.keys import ERASED, KEY_BYTES, NONCE_BYTES, Key, Keys, SubjectErased, derived_key

# The option's value for a request field that concerns nobody known: never logged, never stored.
NO_SUBJECT = "-"
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_PREFIX_LEN = len(SEALED)
_SALT_BYTES = 16
# Of SHA-256, as HMAC pads its key.
_BLOCK_BYTES = 64


class SealingFault(Exception):
    """A fault of ours: the message is not stored, the value not shown. Names the field only."""


class AlreadySealed(SealingFault):
    """Sealing twice would hide the value from everybody."""


class NotSealed(SealingFault):
    """A clear personal value stands where only sealed ones may."""


class NotSealable(SealingFault):
    """The field's subject is not known, so that no key could seal it."""


class KeyNotAtHand(SealingFault):
    """prepare or opening was not called for this message, or the key is lost."""


class Tampered(SealingFault):
    """The value was sealed for another person or field, or changed."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    # Second half of the associated data.
    aad: bytes
    repeated: bool
    is_map: bool
    full_name: str


@dataclass(slots=True)
class _Plan:
    """The personal fields of one message type: by the subject's field, then in nested messages."""

    own: list[tuple[str, list[_Field]]] = field(default_factory=list)
    # Name, whether repeated, whether a map of messages, plan of the nested type.
    nested: list[tuple[str, bool, bool, "_Plan"]] = field(default_factory=list)

    def reaches_personal(self, seen: set[int]) -> bool:
        if id(self) in seen:
            return False
        seen.add(id(self))
        return bool(self.own) or any(plan.reaches_personal(seen) for *_, plan in self.nested)


@cache
def plan_of(descriptor: Descriptor) -> _Plan:
    """Compiled once per message type; parts without personal fields are left out."""
    plans: dict[str, _Plan] = {}
    plan = _compiled(descriptor, plans)
    for each in plans.values():
        each.nested = [row for row in each.nested if row[3].reaches_personal(set())]
    return plan


def _compiled(descriptor: Descriptor, plans: dict[str, _Plan]) -> _Plan:
    if descriptor.full_name in plans:
        return plans[descriptor.full_name]
    plan = plans[descriptor.full_name] = _Plan()
    own: dict[str, list[_Field]] = {}
    for each in descriptor.fields:
        kind = each.message_type
        is_map = kind is not None and kind.GetOptions().map_entry
        value = kind.fields_by_name["value"] if kind is not None and is_map else each
        subject = personal_of(each)
        if subject:
            _check_declaration(each, value, subject)
            own.setdefault(subject, []).append(
                _Field(
                    name=each.name,
                    aad=b"\x00text\x00" + each.name.encode(),
                    repeated=each.is_repeated and not is_map,
                    is_map=is_map,
                    full_name=each.full_name,
                )
            )
        elif value.message_type is not None:
            nested = _compiled(value.message_type, plans)
            plan.nested.append((each.name, each.is_repeated and not is_map, is_map, nested))
    plan.own = [
        (subject if subject in descriptor.fields_by_name else NO_SUBJECT, fields)
        for subject, fields in own.items()
    ]
    return plan


def _check_declaration(each: FieldDescriptor, value: FieldDescriptor, subject: str) -> None:
    if value.type != FieldDescriptor.TYPE_STRING:
        raise NotSealable(f"{each.full_name} is personal, but not a text")
    assert each.containing_type is not None
    sibling = each.containing_type.fields_by_name.get(subject)
    if sibling is not None and (
        sibling.type != FieldDescriptor.TYPE_STRING or sibling.is_repeated or personal_of(sibling)
    ):
        raise NotSealable(f"{each.full_name}: {subject} is no plain text")


def personal_values(message: Message) -> Iterator[tuple[str, str, str]]:
    """(subject id, full name of the field, value) of every personal text that is not empty."""
    yield from _values(message, plan_of(message.DESCRIPTOR))


def _values(message: Message, plan: _Plan) -> Iterator[tuple[str, str, str]]:
    for subject_field, fields in plan.own:
        subject_id = "" if subject_field == NO_SUBJECT else getattr(message, subject_field)
        for each in fields:
            held = getattr(message, each.name)
            values = held.values() if each.is_map else held if each.repeated else (held,)
            for value in values:
                if value:
                    yield subject_id, each.full_name, value
    for name, repeated, is_map, nested in plan.nested:
        for part in _parts(message, name, repeated, is_map):
            yield from _values(part, nested)


def _parts(message: Message, name: str, repeated: bool, is_map: bool) -> Iterable[Any]:
    if is_map:
        return list(getattr(message, name).values())
    if repeated:
        return getattr(message, name)  # type: ignore[no-any-return]
    return (getattr(message, name),) if message.HasField(name) else ()


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
        return {subject_id for subject_id, _, _ in personal_values(message) if subject_id}

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

        def sealed(key: Key, each: _Field, value: str) -> str:
            if value.startswith(SEALED):
                if not keep_sealed:
                    raise AlreadySealed(each.full_name)
                _opened(key, each.aad, value, each.full_name)
                return value
            return self._sealed(key, each.aad, value)

        self._replace(message, plan_of(message.DESCRIPTOR), sealed, self._sealing_key)

    def open(self, message: Message, missing: str = "", *, keep_clear: bool = False) -> None:
        """Replace each sealed text by what it says, or by `missing` when its subject is erased.

        A clear value is a fault, but with `keep_clear` (a command, partly from a person).
        """

        def opened(key: Key | None, each: _Field, value: str) -> str:
            if not value.startswith(SEALED):
                if not keep_clear:
                    raise NotSealed(each.full_name)
                return value
            return missing if key is None else _opened(key, each.aad, value, each.full_name)

        self._replace(message, plan_of(message.DESCRIPTOR), opened, self._opening_key)

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

    def _sealed(self, key: Key, aad: bytes, value: str) -> str:
        clear = value.encode()
        bound = key.aad + aad
        # Fresh for every call, and derived: the system's random numbers give the interpreter's
        # lock away. The text is in it: a copied process (fork, snapshot) repeats none for another.
        self._sealings += 1
        salt = self._sealings.to_bytes(_SALT_BYTES, "big")
        nonce = blake2b(
            bound + b"\x00" + clear, digest_size=NONCE_BYTES, key=self._nonce_key, salt=salt
        ).digest()
        encoded = binascii.b2a_base64(nonce + key.aead.encrypt(nonce, clear, bound), newline=False)
        return SEALED + encoded.translate(_URL_SAFE).decode("ascii")

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

    def _replace(
        self,
        message: Message,
        plan: _Plan,
        change: Callable[[Any, _Field, str], str],
        key_of: Callable[[str, str], Key | None],
    ) -> None:
        for subject_field, fields in plan.own:
            key: Key | None = None
            asked = False
            for each in fields:
                held = getattr(message, each.name)
                if not held:
                    continue
                if not asked:
                    known = subject_field != NO_SUBJECT
                    subject_id = getattr(message, subject_field) if known else ""
                    key, asked = key_of(subject_id, each.full_name), True
                if each.is_map or each.repeated:
                    for place in list(held) if each.is_map else range(len(held)):
                        if held[place]:
                            held[place] = change(key, each, held[place])
                else:
                    setattr(message, each.name, change(key, each, held))
        for name, repeated, is_map, nested in plan.nested:
            for part in _parts(message, name, repeated, is_map):
                self._replace(part, nested, change, key_of)


def keyed(key: bytes) -> Callable[[bytes], bytes]:
    """HMAC-SHA256 under one key.

    hmac.digest gives the interpreter's lock away on each call, and a busy process waits long to get
    it back; hashes of short texts keep it.
    """
    block = (key if len(key) <= _BLOCK_BYTES else sha256(key).digest()).ljust(_BLOCK_BYTES, b"\0")
    inner, outer = (sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))

    def digest(data: bytes) -> bytes:
        first, second = inner.copy(), outer.copy()
        first.update(data)
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
