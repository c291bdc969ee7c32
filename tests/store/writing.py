"""Appends as the store tests write them."""

import uuid
from typing import Any

from chassis.store import Append, NewEvent, StreamWrite


def events(count: int = 1, data: bytes = b"data") -> tuple[NewEvent, ...]:
    return tuple(
        NewEvent("tuopin.registry.v1.HouseholdRegistered", data, "2020-03-02") for _ in range(count)
    )


def append(
    stream: str = "household-1",
    at: int = 0,
    count: int = 1,
    *,
    command_id: str = "",
    topic: str = "household",
    data: bytes = b"data",
    digest: bytes = b"digest",
    **rest: Any,
) -> Append:
    return Append(
        command_id=command_id or str(uuid.uuid4()),
        digest=digest,
        writes=(StreamWrite(topic, stream, at, events(count, data)),),
        actor="li-office",
        programme="edition-1",
        **rest,
    )
