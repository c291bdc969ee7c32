"""Commands to the notifier's own server: asked until it answers, with the same command_id."""

from collections.abc import Mapping
from typing import Any

import structlog
from google.protobuf.message import Message

from chassis.clock import Clock
from chassis.problems import fault_of
from chassis.sending import ON_BEHALF_OF, Send, code_of, reason_of, wait_s, worth_retrying
from tuopin.notifier.v1.link_pb2 import FindLink, LinkFound
from tuopin.types.v1.types_pb2 import Receipt

LONGEST_WAIT_S = 5.0
# A fault of ours is tried again so often, then it stands in the log and the rest goes on.
FAULTS_MAX = 5

# What the person can mend.
_DECLINED = frozenset({"FAILED_PRECONDITION", "NOT_FOUND", "INVALID_ARGUMENT"})
# What an operator can mend while the bot waits: its token, its rights.
_OPERATORS = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED"})

log = structlog.get_logger(__name__)


class Declined(Exception):
    """The rules said no, or the request is not as it must be."""

    def __init__(self, slug: str, details: Mapping[str, str]) -> None:
        super().__init__(slug)
        self.slug = slug
        self.details = details


class Commands:
    """Sends in the name of a cadre, or of the bot itself."""

    def __init__(self, send: Send, clock: Clock) -> None:
        self._send = send
        self._clock = clock

    async def do(self, command: Message, on_behalf_of: str = "") -> Receipt:
        """The receipt. While the server is away this waits: nothing goes on without an answer."""
        receipt: Receipt = await self._asked(command, on_behalf_of)
        return receipt

    async def find(self, query: FindLink) -> LinkFound:
        """Whose chat or code it is."""
        found: LinkFound = await self._asked(query, "")
        return found

    async def _asked(self, command: Message, on_behalf_of: str) -> Any:
        metadata = {ON_BEHALF_OF: on_behalf_of} if on_behalf_of else {}
        attempts = faults = 0
        while True:
            try:
                return await self._send(command, metadata)
            except Exception as error:
                declined = _declined(error)
                if declined is not None:
                    raise declined from error
                waits = worth_retrying(error) or _code(error) in _OPERATORS
                faults += not waits
                if faults >= FAULTS_MAX:
                    raise
                log.warning(
                    "bot.command-not-done",
                    command=command.DESCRIPTOR.full_name,
                    attempts=attempts + 1,
                    reason=reason_of(error),
                )
            await self._clock.sleep(wait_s(attempts, LONGEST_WAIT_S))
            attempts += 1


def _code(error: Exception) -> str:
    """Name of the status, whether it came over gRPC or straight from the handler."""
    fault = fault_of(error)
    return code_of(error) or (fault.code if fault else "")


def _declined(error: Exception) -> Declined | None:
    """A rejection with its slug: over gRPC the Problem says it, else the error itself."""
    if _code(error) not in _DECLINED:
        return None
    said = getattr(error, "problem", None) or fault_of(error)
    slug = str(getattr(said, "slug", ""))
    details = dict(getattr(said, "details", {}))
    return Declined(slug, details) if slug else None
