"""How the command line talks to the services: token, retries of the same command, refusals."""

import os
import uuid
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import grpc
import stamina
import typer
from google.protobuf.message import Message

from chassis.access import Tokens
from chassis.client import problem_of
from chassis.decider import PROGRAMME_ZONE
from chassis.reads import BREAK_GLASS, PURPOSE
from services.cli import endpoints
from services.cli.output import (
    EXIT_FAILED,
    EXIT_FORBIDDEN,
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    errors,
    show_one,
)
from services.cli.words import language, say
from tuopin.funding.v1.service_pb2_grpc import FundingServiceStub
from tuopin.notifier.v1.service_pb2_grpc import NotifierServiceStub
from tuopin.operations.v1.operations_pb2_grpc import OperationsServiceStub
from tuopin.planning.v1.service_pb2_grpc import PlanningServiceStub
from tuopin.registry.v1.service_pb2_grpc import RegistryServiceStub
from tuopin.training.v1.service_pb2_grpc import TrainingServiceStub

STUBS: dict[str, Any] = {
    "registry": RegistryServiceStub,
    "planning": PlanningServiceStub,
    "funding": FundingServiceStub,
    "training": TrainingServiceStub,
    "notifier": NotifierServiceStub,
}
OFFICES = (
    "operator",
    "county-office",
    "township-office",
    "village-committee",
    "prefecture-office",
    "province-office",
    "assessor",
    "finance-office",
    "training-office",
    "data-exporter",
)
EXIT_OF = {
    grpc.StatusCode.INVALID_ARGUMENT: EXIT_USAGE,
    grpc.StatusCode.FAILED_PRECONDITION: EXIT_REFUSED,
    grpc.StatusCode.NOT_FOUND: EXIT_REFUSED,
    # The same command_id with another request.
    grpc.StatusCode.ALREADY_EXISTS: EXIT_USAGE,
    grpc.StatusCode.UNAUTHENTICATED: EXIT_FORBIDDEN,
    grpc.StatusCode.PERMISSION_DENIED: EXIT_FORBIDDEN,
    grpc.StatusCode.UNAVAILABLE: EXIT_UNAVAILABLE,
    grpc.StatusCode.ABORTED: EXIT_UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: EXIT_UNAVAILABLE,
}
ATTEMPTS = 6
# A retry is no news for the person at the terminal.
stamina.instrumentation.set_on_retry_hooks([])
TIMEOUT_S = 60.0
MAX_MESSAGE_BYTES = 16 * 1024 * 1024


def new_command_id() -> str:
    """Drawn once per call of the command line and kept for its retries."""
    return str(uuid.uuid4())


def today() -> str:
    """Today's date in the programme's zone."""
    return datetime.now(PROGRAMME_ZONE).date().isoformat()


def tokens_of(key_file: str | Path) -> Tokens:
    """The signer of tokens, from the key file that `tuopin run` made."""
    return Tokens(Path(key_file).read_text(encoding="utf-8").strip())


class Contact:
    """One user of the running services."""

    def __init__(
        self,
        known: endpoints.Endpoints,
        token: str,
        language: str = "zh",
        *,
        purpose: str = "",
        break_glass: str = "",
    ) -> None:
        self.endpoints = known
        said = {
            "authorization": f"Bearer {token}",
            "accept-language": language,
            PURPOSE: purpose,
            BREAK_GLASS: break_glass,
        }
        self._metadata = tuple((name, text) for name, text in said.items() if text)
        self._channels: dict[str, grpc.Channel] = {}

    def call(
        self,
        service: str,
        rpc: str,
        request: Message,
        *,
        operations: bool = False,
        timeout_s: float = TIMEOUT_S,
        attempts: int = ATTEMPTS,
    ) -> Any:
        """Send one request; the same bytes again while the server is away or contended."""
        stub = self._stub(service, operations)
        for attempt in stamina.retry_context(on=passing, attempts=attempts, timeout=timeout_s):
            with attempt:
                return getattr(stub, rpc)(request, metadata=self._metadata, timeout=timeout_s)
        raise AssertionError("stamina gives an answer or raises")

    def stream(
        self, service: str, rpc: str, request: Any, *, operations: bool = False
    ) -> Iterator[Any]:
        """The answers of a streaming rpc, as they come."""
        yield from getattr(self._stub(service, operations), rpc)(request, metadata=self._metadata)

    def upload(self, service: str, rpc: str, requests: Iterator[Message]) -> Any:
        """Send a stream of requests, get one answer. Not repeated: the caller starts over."""
        return getattr(self._stub(service, False), rpc)(requests, metadata=self._metadata)

    def _stub(self, service: str, operations: bool) -> Any:
        if service not in self._channels:
            self._channels[service] = grpc.insecure_channel(
                self.endpoints.services[service],
                options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)],
            )
        kind = OperationsServiceStub if operations else STUBS[service]
        return kind(self._channels[service])


def passing(error: Exception) -> bool:
    """Whether the same bytes may well succeed in a moment."""
    return isinstance(error, grpc.RpcError) and error.code() in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.ABORTED,
    )


def known_endpoints() -> endpoints.Endpoints:
    """Where the services are; leaves with a sentence when nobody knows."""
    try:
        return endpoints.read()
    except FileNotFoundError as missing:
        fail(say("no-system", place=missing.args[0]), EXIT_UNAVAILABLE)


def contact(purpose: str = "", break_glass: str = "") -> Contact:
    """The caller from the environment: TUOPIN_TOKEN, or a token from the local key file.

    Whoever reads about people says what for; without a purpose names come masked.
    """
    known = known_endpoints()
    token = os.environ.get("TUOPIN_TOKEN", "")
    if not token:
        roles = [f"{role}@" for role in OFFICES]
        token = signer(known).issue("local-operator", roles, ttl_s=3600)
    return Contact(known, token, language(), purpose=purpose, break_glass=break_glass)


def signer(known: endpoints.Endpoints) -> Tokens:
    """Who signs tokens on this machine; leaves with a sentence when the key is not here."""
    if not known.token_key_file or not Path(known.token_key_file).exists():
        fail(say("no-key-file"), EXIT_FORBIDDEN)
    return tokens_of(known.token_key_file)


def fail(sentence: str, code: int = EXIT_FAILED) -> NoReturn:
    """Say why on standard error and leave with the code."""
    errors.print("[red]✗[/red] ", end="")
    errors.print(sentence, highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(code)


def hint(slug: str, **details: object) -> None:
    """What to do next, on standard error."""
    errors.print(say(slug, **details), highlight=False, markup=False, soft_wrap=True)


def chosen(option: str, value: str, allowed: Collection[str]) -> str:
    """The value when it is allowed; else the option is named, with what it may be."""
    if value not in allowed:
        sentence = say("option-unknown", option=option, value=value, allowed=", ".join(allowed))
        fail(sentence, EXIT_USAGE)
    return value


def refused(error: grpc.RpcError) -> NoReturn:
    """Turn a refusal into one line and an exit code."""
    problem = problem_of(error)
    status = error.code()
    code = EXIT_OF.get(status, EXIT_FAILED)
    if problem.slug:
        where = f" [{problem.field}]" if problem.field else ""
        fail(f"{problem.slug}{where}: {problem.sentence}", code)
    match status:
        case grpc.StatusCode.UNAVAILABLE:
            fail(say("server-away"), code)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            fail(say("server-slow"), code)
        case _:
            fail(f"{status.name.lower()}: {error.details()}", code)


def send(service: str, command: Any, title: str, as_json: bool, *, command_id: str = "") -> None:
    """Send a command, which has its rpc's name, and show its receipt; one that has no id gets this
    or a new one.
    """
    command.command_id = command.command_id or command_id or new_command_id()
    receipt: Message = contact().call(service, command.DESCRIPTOR.name, command)
    show_one(receipt, title=title, as_json=as_json)
