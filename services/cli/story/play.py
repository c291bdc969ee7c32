"""The stage: callers by role, a scripted person in the chat, and steps that prove themselves."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.message import Message

from chassis.clock import OffsetClock
from chassis.decider import PROGRAMME_ZONE
from localchat.client import ChatClient
from services.cli.contact import Contact, tokens_of
from services.cli.endpoints import Endpoints
from services.cli.output import console
from tuopin.types.v1.types_pb2 import Position, Receipt

T = TypeVar("T")

# What the people of the story read for.
PURPOSE = "case-work"
PATIENCE_S = 90.0
PAUSE_S = 0.1

PROVINCE, COUNTY, TOWNSHIP, VILLAGE = "43", "433124", "433124110", "433124110226"
ROLES = {
    "operator": "operator@",
    "county": f"county-office@{COUNTY}",
    "township": f"township-office@{TOWNSHIP}",
    "village": f"village-committee@{VILLAGE}",
    "province-finance": f"finance-office@{PROVINCE}",
    "county-finance": f"finance-office@{COUNTY}",
    "training": f"training-office@{COUNTY}",
}


class StepFailed(Exception):
    """A step did not come out as the story says; the sentence says what was seen."""


def expect(condition: object, sentence: str) -> None:
    """Fail the step unless the condition holds."""
    if not condition:
        raise StepFailed(sentence)


@dataclass
class Stage:
    """All that the steps share. `facts` carries ids from one step to the next."""

    endpoints: Endpoints
    folder: Path
    # Where the running system reads how far its clock is ahead; the demo's way to let days pass.
    clock_offset_file: Path
    facts: dict[str, Any] = field(default_factory=dict)
    language: str = "zh"

    def __post_init__(self) -> None:
        tokens = tokens_of(self.endpoints.token_key_file)
        self.callers = {
            who: self._caller(tokens.issue(f"demo-{who}", [role], ttl_s=3600))
            for who, role in ROLES.items()
        }
        self._loop = asyncio.Runner()
        self.chat = self._loop.run(_chat_client(self.endpoints.chat_url))

    def close(self) -> None:
        """Close the chat client and its loop."""
        self._loop.run(self.chat.aclose())
        self._loop.close()

    def join(self, who: str, subject: str, role: str) -> None:
        """Somebody with a name and a role of their own comes on stage."""
        token = tokens_of(self.endpoints.token_key_file).issue(subject, [role], ttl_s=3600)
        self.callers[who] = self._caller(token)

    def _caller(self, token: str) -> Contact:
        return Contact(self.endpoints, token, "en", purpose=PURPOSE)

    def ask(self, who: str, service: str, rpc: str, request: Message) -> Any:
        """Call as one of the story's people."""
        return self.callers[who].call(service, rpc, request)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Let the scripted person act."""
        return self._loop.run(coroutine)

    def until(self, what: str, probe: Callable[[], T | None], patience_s: float = PATIENCE_S) -> T:
        """Wait until the probe gives something; the step fails by name when it never does."""
        end = time.monotonic() + patience_s
        while True:
            found = probe()
            if found:
                return found
            if time.monotonic() > end:
                raise StepFailed(f"not within {patience_s:.0f} s: {what}")
            time.sleep(PAUSE_S)

    def today(self) -> str:
        """The date by the running system's clock, in the programme's zone."""
        path = self.clock_offset_file
        ahead_s = float(path.read_text()) if path.exists() else 0.0
        return datetime.fromtimestamp(time.time() + ahead_s, PROGRAMME_ZONE).date().isoformat()

    def pass_hours(self, hours: float) -> None:
        """Let time pass for the running system."""
        path = self.clock_offset_file
        already = float(path.read_text()) if path.exists() else 0.0
        fresh = path.with_suffix(".new")
        fresh.write_text(f"{already + hours * 3600}\n")
        fresh.replace(path)
        # Every process looks that often.
        time.sleep(2 * OffsetClock.LOOK_EVERY_S)


async def _chat_client(url: str) -> ChatClient:
    return ChatClient(url)


def command_id() -> str:
    """One command of one person."""
    return str(uuid.uuid4())


def position(receipt: Receipt) -> Position | None:
    """Where a query must have got to in order to see this command; None when it had no effect."""
    return receipt.position if receipt.HasField("position") else None


def place(receipt: Receipt) -> str:
    """How a step names its proof: the event's id and its place in the log."""
    at = receipt.position
    return f"{receipt.event_ids[0]} at {at.topic}/{at.partition}/{at.position}"


@dataclass(frozen=True)
class Step:
    """One step: a title and what proves that it happened."""

    title: str
    play: Callable[[Stage], str]


def play(stage: Stage, steps: list[Step], *, as_json: bool) -> bool:
    """Play the steps in order and print each with its proof; stop at the first that fails."""
    for number, step in enumerate(steps, start=1):
        began = time.monotonic()
        try:
            proof, passed = step.play(stage), True
        except (StepFailed, TimeoutError) as failure:
            proof, passed = str(failure), False
        _print(number, step.title, proof, passed, time.monotonic() - began, as_json)
        if not passed:
            return False
    return True


def _print(
    number: int, title: str, proof: str, passed: bool, seconds: float, as_json: bool
) -> None:
    if as_json:
        line = {"step": number, "title": title, "ok": passed, "proof": proof}
        print(json.dumps({**line, "seconds": round(seconds, 3)}, ensure_ascii=False), flush=True)
        return
    mark = "[green]✓[/green]" if passed else "[red]✗[/red]"
    console.print(f"{mark} {number:2} [bold]{title}[/bold]", highlight=False)
    console.print(f"      {proof}", highlight=False, soft_wrap=True, markup=False)
