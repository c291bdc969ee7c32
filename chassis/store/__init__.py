"""The event store: gapless lanes, group commit, receipts and claims in one transaction."""

from chassis.store.model import (
    Append,
    AppendRefused,
    ClaimRow,
    ClaimTaken,
    CommandReused,
    Head,
    NewEvent,
    Outcome,
    Record,
    ReleaseRow,
    Store,
    StoreUnavailable,
    StreamWrite,
    VersionConflict,
    WeakDurability,
)
from chassis.store.postgres import PostgresStore
from chassis.store.sqlite import SqliteStore

__all__ = [
    "Append",
    "AppendRefused",
    "ClaimRow",
    "ClaimTaken",
    "CommandReused",
    "Head",
    "NewEvent",
    "Outcome",
    "PostgresStore",
    "Record",
    "ReleaseRow",
    "SqliteStore",
    "Store",
    "StoreUnavailable",
    "StreamWrite",
    "VersionConflict",
    "WeakDurability",
]
