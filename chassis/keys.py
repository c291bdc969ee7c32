"""One key per person, in a database of its own: made durable before use, destroyed for erasure.

Every key is wrapped by the master key. One thread owns the connection and makes the keys that wait
at the same moment durable with one commit.
"""

import asyncio
import hashlib
import hmac
import os
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal, Protocol, TypedDict, Unpack

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chassis.keydb import KeyDatabase, PostgresKeyDatabase, SqliteKeyDatabase
from chassis.rejection import Rejected

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_BYTES = 8
# Open keys kept in memory, about 2 KiB each.
CACHE_KEYS = 8_192
# Requests that share one commit.
GROUP_MAX = 4_096
# Another process may use a key it holds open for this long after its erasure.
ERASURE_SEEN_WITHIN_S = 1.0


class SubjectErased(Rejected):
    """The subject's key was destroyed: nothing personal can be written about it any more."""

    def __init__(self, subject_id: str) -> None:
        super().__init__("subject-erased", subject=subject_id)
        self.subject_id = subject_id


class KeysUnavailable(Exception):
    """The key database does not answer; the command may be tried again."""


class Erased(Enum):
    """What stands where a destroyed key was."""

    ERASED = "erased"


ERASED: Final = Erased.ERASED


class Key:
    """An open key: its cipher, and the part of the associated data that names subject and key."""

    __slots__ = ("aad", "aead", "secret")

    def __init__(self, subject_id: str, secret: bytes) -> None:
        subject = subject_id.encode()
        self.secret = secret
        self.aead = AESGCM(secret)
        # The id follows from the key, so that a value also names the key it was sealed with.
        key_id = hashlib.sha256(b"tuopin key id\x00" + secret).digest()[:KEY_ID_BYTES]
        self.aad = len(subject).to_bytes(2, "big") + subject + key_id


Found = Mapping[str, Key | Literal[Erased.ERASED]]


class Keys(Protocol):
    """What sealing needs of a key store."""

    async def ensure(self, subject_ids: Collection[str]) -> None:
        """Each subject has a key, durable before this returns; SubjectErased when one may not.

        Keys asked for together are all at hand until the caller's next await.
        """
        ...

    def find(self, subject_id: str) -> Key | Literal[Erased.ERASED] | None:
        """The open key, ERASED, or None when neither ensure nor fetch has brought it."""
        ...

    def get(self, subject_id: str) -> bytes | None:
        """The open key's bytes, None when it is erased or not at hand."""
        ...

    async def fetch(self, subject_ids: Collection[str]) -> None:
        """Bring the keys that exist to hand; none is made."""
        ...

    async def destroy(self, subject_id: str) -> bool:
        """Destroy the key for ever; True when there was one. Safe to repeat."""
        ...

    async def close(self) -> None: ...


def derived_key(master_key: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose, from the one master key."""
    return hmac.digest(master_key, b"tuopin\x00" + purpose.encode(), "sha256")


@dataclass(slots=True)
class _Ask:
    """One request to the key thread."""

    subject_ids: Collection[str]
    create: bool = False
    erase: str = ""
    future: "asyncio.Future[tuple[Found, bool]] | None" = None
    found: Found = field(default_factory=dict)
    erased: bool = False
    error: Exception | None = None


class KeyRing:
    """Keys over a key database; `inline` works in the caller's own turn, for simulations."""

    def __init__(
        self,
        database: KeyDatabase,
        master_key: bytes,
        *,
        cache_keys: int = CACHE_KEYS,
        inline: bool = False,
        random_bytes: Callable[[int], bytes] = os.urandom,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        assert len(master_key) == KEY_BYTES, "the master key has 32 bytes"
        self._database = database
        self._wrapper = AESGCM(derived_key(master_key, "wrap"))
        self._cache: OrderedDict[str, Key | Literal[Erased.ERASED]] = OrderedDict()
        self._cache_keys = cache_keys
        self._inline = inline
        self._random_bytes = random_bytes
        self._monotonic_s = monotonic_s
        self._looked_at_s = float("-inf")
        # -1: what was erased before the start need not be read, no key is open yet.
        self._erasures_seen = -1
        self._asks: queue.SimpleQueue[_Ask | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def ensure(self, subject_ids: Collection[str]) -> None:
        await self._bring(subject_ids, create=True)
        for subject_id in subject_ids:
            if self._cache[subject_id] is ERASED:
                raise SubjectErased(subject_id)

    async def fetch(self, subject_ids: Collection[str]) -> None:
        await self._bring(subject_ids, create=False)

    def find(self, subject_id: str) -> Key | Literal[Erased.ERASED] | None:
        return self._cache.get(subject_id)

    def get(self, subject_id: str) -> bytes | None:
        key = self._cache.get(subject_id)
        return key.secret if isinstance(key, Key) else None

    async def destroy(self, subject_id: str) -> bool:
        assert subject_id, "nobody has the empty id"
        # First: whatever happens below, this process does not use the key again by itself.
        self._cache.pop(subject_id, None)
        _, existed = await self._ask(_Ask((), erase=subject_id))
        self._keep({subject_id: ERASED})
        return existed

    async def close(self) -> None:
        if self._thread is not None:
            self._asks.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
        else:
            self._database.close()
        self._cache.clear()

    async def _bring(self, subject_ids: Collection[str], create: bool) -> None:
        cache = self._cache
        # Held for the wait: other requests may push what is at hand out of the cache.
        held = {each: cache[each] for each in subject_ids if each in cache}
        look_due = abs(self._monotonic_s() - self._looked_at_s) >= ERASURE_SEEN_WITHIN_S
        if len(held) < len(subject_ids) or look_due:
            missing = [each for each in subject_ids if each not in held]
            found, _ = await self._ask(_Ask(missing, create=create))
            held.update(found)
        self._keep(held)

    def _keep(self, found: Found) -> None:
        """Newest last; what this very request uses is never dropped, were it above the bound."""
        cache = self._cache
        for subject_id, key in found.items():
            known = cache.get(subject_id)
            if known is not None:
                cache.move_to_end(subject_id)
            # An erasure seen meanwhile outlives a key read before it.
            if known is not ERASED:
                cache[subject_id] = key
        for _ in range(len(cache) - max(self._cache_keys, len(found))):
            cache.popitem(last=False)

    # --- the key thread ---------------------------------------------------------------------

    async def _ask(self, ask: _Ask) -> tuple[Found, bool]:
        if self._inline:
            erasures, seen = self._serve([ask])
            self._erase_seen(erasures, seen)
            if ask.error is not None:
                raise ask.error
            return ask.found, ask.erased
        ask.future = asyncio.get_running_loop().create_future()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="keys", daemon=True)
            self._thread.start()
        self._asks.put(ask)
        return await ask.future

    def _run(self) -> None:
        open_for_asks = True
        while open_for_asks:
            first = self._asks.get()
            group: list[_Ask] = []
            while first is not None:
                group.append(first)
                if len(group) == GROUP_MAX or self._asks.empty():
                    break
                first = self._asks.get()
            open_for_asks = first is not None
            if group:
                self._answer(group, *self._serve(group))
        self._database.close()

    def _serve(self, group: list[_Ask]) -> tuple[list[str], int]:
        """Answer the whole group with at most one commit, then each erasure with its own."""
        for ask in group:
            if ask.erase:  # first, so that no key is read that is destroyed a moment later
                self._guarded([ask], self._erase)
        self._guarded([ask for ask in group if not ask.erase], self._find_or_create)
        try:
            return self._database.erasures_after(self._erasures_seen)
        except Exception:  # the next request looks again, and fails by itself while nothing answers
            return [], self._erasures_seen

    @staticmethod
    def _guarded(asks: list[_Ask], work: Callable[[list[_Ask]], None]) -> None:
        """The thread outlives every fault; whoever asked hears of it."""
        try:
            work(asks)
        except Exception as error:
            for ask in asks:
                ask.error = KeysUnavailable(type(error).__name__)
                ask.error.__cause__ = error

    def _erase(self, asks: list[_Ask]) -> None:
        for ask in asks:
            ask.erased = self._database.erase(ask.erase)

    def _find_or_create(self, asks: list[_Ask]) -> None:
        """Most who ask for keys to be made ask for new people: they are added without a look."""
        wanted = {each for ask in asks if not ask.create for each in ask.subject_ids}
        create = sorted({each for ask in asks if ask.create for each in ask.subject_ids})
        keys = self._added(create)
        keys.update(self._load(wanted.difference(keys)))
        for ask in asks:
            ask.found = {each: keys[each] for each in ask.subject_ids if each in keys}

    def _added(self, subject_ids: list[str]) -> dict[str, Key | Literal[Erased.ERASED]]:
        if not subject_ids:
            return {}
        secrets = self._drawn(KEY_BYTES, len(subject_ids))
        nonces = self._drawn(NONCE_BYTES, len(subject_ids))
        rows = [
            (each, self._wrap(each, secret, nonce))
            for each, secret, nonce in zip(subject_ids, secrets, nonces, strict=True)
        ]
        if self._database.add(rows) < len(rows):
            # Some have theirs, or another process was first with them.
            return self._load(subject_ids)
        return {each: Key(each, secret) for each, secret in zip(subject_ids, secrets, strict=True)}

    def _answer(self, group: list[_Ask], erasures: list[str], seen: int) -> None:
        """Wake all askers of a loop with one call into it."""
        by_loop: dict[asyncio.AbstractEventLoop, list[_Ask]] = {}
        for ask in group:
            assert ask.future is not None
            by_loop.setdefault(ask.future.get_loop(), []).append(ask)
        for loop, asks in by_loop.items():
            try:
                loop.call_soon_threadsafe(self._wake, asks, erasures, seen)
            except RuntimeError:  # the loop closed while its askers waited: nobody is left to hear
                continue

    def _wake(self, asks: Iterable[_Ask], erasures: list[str], seen: int) -> None:
        self._erase_seen(erasures, seen)
        for ask in asks:
            assert ask.future is not None
            if ask.future.done():  # cancelled
                continue
            if ask.error is not None:
                ask.future.set_exception(ask.error)
            else:
                ask.future.set_result((ask.found, ask.erased))

    def _erase_seen(self, erasures: list[str], seen: int) -> None:
        # Also where none is open: a key read just before may be on its way into the cache.
        for subject_id in erasures:
            self._cache[subject_id] = ERASED
        self._erasures_seen = max(self._erasures_seen, seen)
        self._looked_at_s = self._monotonic_s()

    def _load(self, subject_ids: Collection[str]) -> dict[str, Key | Literal[Erased.ERASED]]:
        return {
            each: ERASED if wrapped is None else Key(each, self._unwrap(each, wrapped))
            for each, wrapped in self._database.load(subject_ids).items()
        }

    def _drawn(self, size: int, count: int) -> list[bytes]:
        """One system call for the whole group."""
        drawn = self._random_bytes(size * count)
        return [drawn[start : start + size] for start in range(0, len(drawn), size)]

    def _wrap(self, subject_id: str, secret: bytes, nonce: bytes) -> bytes:
        return nonce + self._wrapper.encrypt(nonce, secret, subject_id.encode())

    def _unwrap(self, subject_id: str, wrapped: bytes) -> bytes:
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        return self._wrapper.decrypt(nonce, sealed, subject_id.encode())


class KeyOptions(TypedDict, total=False):
    """What KeyRing can be told; tests and simulations do."""

    cache_keys: int
    inline: bool
    random_bytes: Callable[[int], bytes]
    monotonic_s: Callable[[], float]


class SqliteKeys(KeyRing):
    """Keys in one SQLite file (embedded); ":memory:" works."""

    def __init__(
        self, path: str | os.PathLike[str], master_key: bytes, **options: Unpack[KeyOptions]
    ) -> None:
        super().__init__(SqliteKeyDatabase(path), master_key, **options)


class PostgresKeys(KeyRing):
    """Keys in a PostgreSQL database of their own (cluster)."""

    def __init__(self, dsn: str, master_key: bytes, **options: Unpack[KeyOptions]) -> None:
        super().__init__(PostgresKeyDatabase(dsn), master_key, **options)
