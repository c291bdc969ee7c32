"""The people of a drill: each asks with the same bytes until a server answers, and keeps what it
was told.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from chassis.reads import PURPOSE
from chassis.telemetry import TRACEPARENT, traceparent
from services.cli.contact import OFFICES, STUBS, tokens_of
from tuopin.operations.v1.operations_pb2_grpc import OperationsServiceStub
from tuopin.types.v1.types_pb2 import Receipt

PATIENCE_S = 90.0
CALL_S = 20.0
PAUSE_S = 0.05
# A server that is killed in the middle leaves any of these.
AWAY = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    }
)
# The channel must find a restarted server at once.
OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
]


class People:
    """Everybody in one: an operator with every office."""

    def __init__(self, addresses: Mapping[str, str], token_key_file: Path) -> None:
        self._addresses = addresses
        self._token_key_file = token_key_file
        self._channels: dict[str, grpc.Channel] = {}
        self._metadata: tuple[tuple[str, str], ...] = ()
        self._lock = threading.Lock()
        # Every receipt that was given, by command_id.
        self.receipts: dict[str, Receipt] = {}

    def ask(
        self,
        service: str,
        rpc: str,
        request: Message,
        *,
        operations: bool = False,
        purpose: str = "",
    ) -> Any:
        """The answer, names masked unless a purpose is said. While the server is away the same
        bytes are sent again.
        """
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                call = getattr(self._stub(service, operations), rpc)
                said = ((PURPOSE, purpose),) if purpose else ()
                answer = call(request, metadata=(*self._token(), *said), timeout=CALL_S)
                break
            except grpc.RpcError as error:
                if error.code() not in AWAY or time.monotonic() > end:
                    raise
            time.sleep(PAUSE_S)
        if isinstance(answer, Receipt):
            with self._lock:
                first = self.receipts.setdefault(answer.command_id, answer)
            assert first == answer, "the same command got two receipts"
        return answer

    def find(self, service: str, rpc: str, request: Message) -> Any:
        """The answer, or None while nothing of that name is known."""
        try:
            return self.ask(service, rpc, request)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION):
                return None
            raise

    def stream(self, service: str, rpc: str, request: Message) -> list[Any]:
        """All answers of an operator's streaming rpc, from the beginning again when it was cut."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                call = getattr(self._stub(service, True), rpc)
                return list(call(request, metadata=self._token()))
            except grpc.RpcError as error:
                if error.code() not in AWAY or time.monotonic() > end:
                    raise
            time.sleep(PAUSE_S)

    def upload(self, service: str, rpc: str, requests: Iterator[Message]) -> Any:
        """Many messages in, one answer; not repeated."""
        return getattr(self._stub(service, False), rpc)(requests, metadata=self._token())

    def close(self) -> None:
        for channel in self._channels.values():
            channel.close()

    def _token(self) -> tuple[tuple[str, str], ...]:
        # The key file appears with the first start.
        if not self._metadata:
            roles = [f"{role}@" for role in OFFICES]
            token = tokens_of(self._token_key_file).issue("drill", roles, ttl_s=8 * 3600)
            self._metadata = (("authorization", f"Bearer {token}"), ("accept-language", "en"))
        # In a test of traces somebody's span is around the call.
        parent = traceparent()
        return (*self._metadata, (TRACEPARENT, parent)) if parent else self._metadata

    def _stub(self, service: str, operations: bool) -> Any:
        if service not in self._channels:
            self._channels[service] = grpc.insecure_channel(self._addresses[service], OPTIONS)
        kind = OperationsServiceStub if operations else STUBS[service]
        return kind(self._channels[service])
