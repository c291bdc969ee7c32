"""What goes into a store and what comes out of it.

Named tuples where many are made: a frozen dataclass costs three times as much to make.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tuopin.types.v1.types_pb2 import Receipt


class NewEvent(NamedTuple):
    """An event as it will be stored: full name and serialised bytes, personal fields sealed."""

    type: str
    data: bytes
    effective_on: str


class StreamWrite(NamedTuple):
    """Events for one stream that must stand at `expected_version` (0: unborn)."""

    topic: str
    stream: str
    expected_version: int
    events: tuple[NewEvent, ...]


class ClaimRow(NamedTuple):
    """(kind, key) belongs to the owner from now on; `rejection` is for whoever comes too late."""

    kind: str
    key: bytes
    owner: str
    rejection: str


class ReleaseRow(NamedTuple):
    """Gives a claim of this owner back; key None: every claim of the kind."""

    kind: str
    owner: str
    key: bytes | None


class Append(NamedTuple):
    """One command's outcome. Writes without events are "no effect": only the receipt is kept.

    The first write names the stream of the receipt. Releases happen before claims.
    """

    command_id: str
    digest: bytes
    writes: tuple[StreamWrite, ...]
    claims: tuple[ClaimRow, ...] = ()
    releases: tuple[ReleaseRow, ...] = ()
    actor: str = ""
    on_behalf_of: str = ""
    caused_by: str = ""
    traceparent: str = ""
    programme: str = ""
    # Slug, when the event is the refusal of a reaction's command.
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of a lane; position 0 and the genesis hash while it is empty."""

    topic: str
    partition: int
    position: int
    hash: bytes
    recorded_at_us: int


class Record(NamedTuple):
    """One stored event: the envelope's bytes and the chain's hash at it."""

    topic: str
    partition: int
    position: int
    envelope: bytes
    hash: bytes


class AppendRefused(Exception):
    """This append is not in the log and never will be; others of its group are."""


class VersionConflict(AppendRefused):
    """Somebody else wrote to the stream first: load it and decide again."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(f"{stream} is at version {actual}, not {expected}")
        self.stream = stream
        self.expected = expected
        self.actual = actual


class ClaimTaken(AppendRefused):
    """Somebody else holds the key."""

    def __init__(self, kind: str, owner: str, rejection: str) -> None:
        super().__init__(rejection)
        self.kind = kind
        self.owner = owner
        self.rejection = rejection


class CommandReused(AppendRefused):
    """The same command_id came with another request."""

    def __init__(self, command_id: str) -> None:
        super().__init__(command_id)
        self.command_id = command_id


class StoreUnavailable(Exception):
    """The outcome is unknown or nothing was written: the same command_id may safely come again."""


class WeakDurability(Exception):
    """The database would lose what it acknowledged: the setting, what it is, what it must be."""

    def __init__(self, setting: str, actual: object, needed: str) -> None:
        super().__init__(f"{setting} is {actual}; it must be {needed}")


Outcome = Receipt | Exception


class Store(Protocol):
    """One service's log: what `serve` appends to and everybody reads."""

    topics: tuple[str, ...]

    async def open(self) -> None:
        """Create what is missing, read the durability settings back and refuse weak ones."""
        ...

    async def close(self) -> None: ...

    async def append(self, append: Append) -> Receipt:
        """Durable when it returns. Raises VersionConflict, ClaimTaken, CommandReused,
        StoreUnavailable.
        """
        ...

    def submit(self, append: Append, settled: Callable[[Outcome], None]) -> None:
        """The same without waiting: appends of one caller keep their order; `settled` runs in the
        event loop.
        """
        ...

    async def receipt(self, command_id: str) -> tuple[bytes, Receipt] | None:
        """Digest and receipt of a command that was done."""
        ...

    async def load(self, stream: str, after_version: int = 0) -> list[Record]: ...

    async def read(self, topic: str, partition: int, after: int, limit: int) -> list[Record]: ...

    async def read_lanes(
        self, after: Mapping[tuple[str, int], int], limit: int
    ) -> Mapping[tuple[str, int], list[Record]]:
        """For a follower: of several lanes at once the next records, at most `limit` of each, and
        perhaps fewer than there are.
        """
        ...

    async def heads(self, topic: str | None = None) -> list[Head]: ...

    async def claim_owner(self, kind: str, key: bytes) -> str | None: ...

    async def claim_owners(self, kind: str, keys: Sequence[bytes]) -> dict[bytes, str]:
        """Owners of those keys that somebody holds."""
        ...

    async def cursor(self, name: str, topic: str, partition: int) -> int: ...

    async def move_cursor(self, name: str, topic: str, partition: int, position: int) -> None:
        """Forward only: of two relays at once the slower one changes nothing."""
        ...

    async def appended(self, since: int) -> int:
        """Waits until more than `since` events are stored, then tells how many there are.

        Woken by this process's own commits; another process's are seen by looking.
        """
        ...

    def reached(self) -> Mapping[tuple[str, int], int]:
        """How far each lane went when `appended` last told, without a look."""
        ...
