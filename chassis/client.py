"""Calls to a service: the same bytes again while it is away or contended, refusals as Problems."""

import importlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, cast

import grpc
import grpc.aio
import stamina
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from chassis.reads import PURPOSE
from chassis.sending import TRACEPARENT
from chassis.telemetry import traceparent
from tuopin.errors.v1.errors_pb2 import Problem

PROBLEM_TRAILER = "tuopin-problem-bin"
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
TIMEOUT_S = 30.0
ATTEMPTS = 6
RETRY_FOR_S = 60.0
# Nothing was done, or the command_id makes a second try safe.
_AGAIN = frozenset({"UNAVAILABLE", "ABORTED"})

_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
)


class CallFailed(Exception):
    """The service said no: status name and Problem."""

    def __init__(self, code: str, problem: Problem) -> None:
        super().__init__(f"{code} {problem.slug}")
        self.code = code
        self.problem = problem


def problem_of(error: grpc.RpcError) -> Problem:
    """The Problem an error carries; an empty one with the error's own words when it has none."""
    failed: Any = error
    for name, value in failed.trailing_metadata() or ():
        if name == PROBLEM_TRAILER:
            return Problem.FromString(value)
    return Problem(sentence=failed.details() or "")


def method_of(request: type[Message]) -> MethodDescriptor:
    """The rpc whose input this message is; commands and queries have one each."""
    descriptor = request.DESCRIPTOR
    package = descriptor.file.package
    own_module = descriptor.file.name.removesuffix(".proto").replace("/", ".") + "_pb2"
    for module in (own_module, f"{package}.service_pb2"):
        file: Any = importlib.import_module(module).DESCRIPTOR
        for service in file.services_by_name.values():
            for method in service.methods:
                if method.input_type is descriptor:
                    return cast(MethodDescriptor, method)
    raise LookupError(f"no rpc takes {descriptor.full_name}")


class Client:
    """One caller's channel to one service."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        token: str | Callable[[], str],
        language: str,
        purpose: str = "",
    ) -> None:
        self.channel = channel
        self._token = token
        self._language = language
        # What for, when people are read; without it names come masked.
        self._purpose = purpose
        self._calls: dict[type[Message], Any] = {}

    async def call(
        self,
        request: Message,
        metadata: Mapping[str, str] | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        attempts: int = ATTEMPTS,
    ) -> Any:
        """The answer of a unary rpc; CallFailed when it is no."""
        rpc = self._rpc(request)
        async for attempt in stamina.retry_context(
            on=_worth_trying_again, attempts=attempts, timeout=RETRY_FOR_S
        ):
            with attempt:
                try:
                    return await rpc(request, metadata=self._metadata(metadata), timeout=timeout_s)
                except grpc.RpcError as error:
                    raise _failed(error) from None
        raise AssertionError("stamina gives an answer or raises")

    async def send(self, command: Message, metadata: Mapping[str, str]) -> Any:
        """Send a reaction's command once; who keeps it sends it again."""
        return await self.call(command, metadata, attempts=1)

    async def stream(
        self, request: Message, metadata: Mapping[str, str] | None = None
    ) -> AsyncIterator[Any]:
        """The answers of a streaming rpc, as they come."""
        try:
            async for response in self._rpc(request)(request, metadata=self._metadata(metadata)):
                yield response
        except grpc.RpcError as error:
            raise _failed(error) from None

    async def upload(
        self, requests: AsyncIterator[Any], kind: type[Message], *, timeout_s: float | None = None
    ) -> Any:
        """Many messages in, one answer; not repeated, the caller starts over."""
        try:
            return await self._rpc_of(kind)(
                requests, metadata=self._metadata(None), timeout=timeout_s
            )
        except grpc.RpcError as error:
            raise _failed(error) from None

    async def converse(
        self, requests: AsyncIterator[Any], kind: type[Message]
    ) -> AsyncIterator[Any]:
        """Many messages in, many answers; not repeated, the caller starts over."""
        try:
            async for response in self._rpc_of(kind)(requests, metadata=self._metadata(None)):
                yield response
        except grpc.RpcError as error:
            raise _failed(error) from None

    async def close(self) -> None:
        await self.channel.close()

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _metadata(self, given: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
        token = self._token if isinstance(self._token, str) else self._token()
        metadata = {"authorization": f"Bearer {token}", "accept-language": self._language}
        if self._purpose:
            metadata[PURPOSE] = self._purpose
        here = traceparent()
        if here:
            metadata[TRACEPARENT] = here
        metadata.update({name: text for name, text in (given or {}).items() if text})
        return tuple(metadata.items())

    def _rpc(self, request: Message) -> Any:
        return self._rpc_of(type(request))

    def _rpc_of(self, kind: type[Message]) -> Any:
        rpc = self._calls.get(kind)
        if rpc is None:
            rpc = self._calls[kind] = _bound(self.channel, method_of(kind))
        return rpc


def _bound(channel: grpc.aio.Channel, method: MethodDescriptor) -> Any:
    many_in, many_out = method.client_streaming, method.server_streaming
    makers: dict[tuple[bool, bool], Callable[..., Any]] = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, False): channel.stream_unary,
        (True, True): channel.stream_stream,
    }
    assert method.containing_service is not None
    return makers[many_in, many_out](
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
    )


def _failed(error: grpc.RpcError) -> CallFailed:
    failed: Any = error
    return CallFailed(failed.code().name, problem_of(error))


def _worth_trying_again(error: Exception) -> bool:
    return isinstance(error, CallFailed) and error.code in _AGAIN


def connect(
    address: str,
    token: str | Callable[[], str],
    language: str = "zh",
    *,
    purpose: str = "",
    options: Iterable[tuple[str, Any]] = _OPTIONS,
) -> Client:
    """A client that connects when it first calls; a token may be a function that renews it."""
    channel = grpc.aio.insecure_channel(address, options=list(options))
    return Client(channel, token, language, purpose)
