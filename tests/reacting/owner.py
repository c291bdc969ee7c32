"""The owner of commands as a reaction runner meets it: answers, refuses, is away, breaks."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from tuopin.types.v1.types_pb2 import Receipt


class Failed(Exception):
    """An answer that is no receipt, as chassis/client.py raises it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Owner:
    """Does each command once, by its id; `errors` are raised first, one per call."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.heard: list[Any] = []
        self.metadata: list[Mapping[str, str]] = []
        self.done: dict[str, Any] = {}
        self.refusing: set[str] = set()
        self.failing: dict[str, Exception] = {}

    async def send(self, command: Message, metadata: Mapping[str, str]) -> Receipt:
        self.heard.append(command)
        self.metadata.append(metadata)
        assignment_id: str = command.assignment_id  # type: ignore[attr-defined]
        if self.errors:
            raise self.errors.pop(0)
        if assignment_id in self.failing:
            raise self.failing[assignment_id]
        command_id: str = command.command_id  # type: ignore[attr-defined]
        assert self.done.setdefault(command_id, command) == command, "another command, same id"
        slug = "household-exited" if assignment_id in self.refusing else ""
        return Receipt(command_id=command_id, refused=slug)
