"""What a database must do for the store: one writer's side and the readers' side, both
synchronous.
"""

from collections.abc import Sequence
from typing import Protocol

from chassis.store.group import Batch, Known, Lane, LaneHead, Member
from chassis.store.model import Head, Record


class Taken(Exception):
    """A unique constraint named a loser, or a lane has moved on; nothing of the group was
    written.
    """


class Reader(Protocol):
    """One connection that reads, used by one thread at a time."""

    def receipt(self, command_id: str) -> tuple[bytes, bytes] | None: ...

    def load(self, stream: str, after_version: int) -> list[Record]: ...

    def read(self, topic: str, partition: int, after: int, limit: int) -> list[Record]: ...

    def heads(self) -> list[Head]: ...

    def total(self) -> int:
        """Events in all lanes: gapless positions make the sum of the heads the count."""
        ...

    def claim_owner(self, kind: str, key: bytes) -> str | None: ...

    def claim_owners(self, kind: str, keys: Sequence[bytes]) -> dict[bytes, str]:
        """The same for many keys; those that nobody holds are left out."""
        ...

    def cursor(self, name: str, topic: str, partition: int) -> int: ...

    def move_cursor(self, name: str, topic: str, partition: int, position: int) -> None: ...

    def close(self) -> None: ...


class Engine(Protocol):
    """The writer's connection. Any failure of the database itself is StoreUnavailable."""

    # Whether everything runs on one connection in the calling thread (SQLite's ":memory:").
    inline: bool

    def open(self, topics: Sequence[str]) -> dict[Lane, LaneHead]:
        """Connect, create what is missing, check durability, tell the heads."""
        ...

    def close(self) -> None: ...

    def reader(self) -> Reader: ...

    def write(self, batch: Batch) -> None:
        """The happy path: one transaction without reads. Raises Taken."""
        ...

    def look(self, members: Sequence[Member]) -> Known:
        """Begin, lock the lanes of the group in fixed order, read what the checks need."""
        ...

    def write_looked(self, batch: Batch) -> None:
        """Write and commit the transaction that `look` began. Raises Taken."""
        ...

    def rollback(self) -> None: ...
