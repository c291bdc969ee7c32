"""How the command line talks to the services: token, retries of the same command, refusals."""

import os
import uuid
from collections.abc import Iterator
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
from services.cli import endpoints
from services.cli.output import (
    EXIT_FAILED,
    EXIT_FORBIDDEN,
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    errors,
)
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
    "finance-office",
    "training-office",
)
EXIT_OF = {
    grpc.StatusCode.INVALID_ARGUMENT: EXIT_USAGE,
    grpc.StatusCode.FAILED_PRECONDITION: EXIT_REFUSED,
    grpc.StatusCode.NOT_FOUND: EXIT_REFUSED,
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

    def __init__(self, known: endpoints.Endpoints, token: str, language: str = "zh") -> None:
        self.endpoints = known
        self._metadata = (("authorization", f"Bearer {token}"), ("accept-language", language))
        self._channels: dict[str, grpc.Channel] = {}

    def call(self, service: str, rpc: str, request: Message, *, operations: bool = False) -> Any:
        """Send one request; the same bytes again while the server is away or contended."""
        stub = self._stub(service, operations)
        for attempt in stamina.retry_context(on=_passing, attempts=ATTEMPTS, timeout=TIMEOUT_S):
            with attempt:
                return getattr(stub, rpc)(request, metadata=self._metadata, timeout=TIMEOUT_S)
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


def _passing(error: Exception) -> bool:
    return isinstance(error, grpc.RpcError) and error.code() in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.ABORTED,
    )


def contact() -> Contact:
    """The caller from the environment: TUOPIN_TOKEN, or a token from the local key file."""
    try:
        known = endpoints.read()
    except FileNotFoundError as missing:
        fail(
            f"no running system is known ({missing.filename or missing}): start one, `make run`, "
            "or set TUOPIN_DATA or TUOPIN_REGISTRY_ADDRESS and its four neighbours",
            EXIT_UNAVAILABLE,
        )
    token = os.environ.get("TUOPIN_TOKEN", "")
    if not token:
        if not known.token_key_file or not Path(known.token_key_file).exists():
            fail("set TUOPIN_TOKEN: no local key file to make one from", EXIT_FORBIDDEN)
        roles = [f"{role}@" for role in OFFICES]
        token = tokens_of(known.token_key_file).issue("local-operator", roles, ttl_s=3600)
    return Contact(known, token, os.environ.get("TUOPIN_LANGUAGE", "zh"))


def fail(sentence: str, code: int = EXIT_FAILED) -> NoReturn:
    """Say why on standard error and leave with the code."""
    errors.print(f"[red]✗[/red] {sentence}", highlight=False)
    raise typer.Exit(code)


def refused(error: grpc.RpcError) -> NoReturn:
    """Turn a refusal into one line and an exit code."""
    problem = problem_of(error)
    status = error.code()
    where = f" [{problem.field}]" if problem.field else ""
    sentence = problem.sentence or error.details()
    slug = problem.slug or status.name.lower()
    fail(f"{slug}{where}: {sentence}", EXIT_OF.get(status, EXIT_FAILED))
