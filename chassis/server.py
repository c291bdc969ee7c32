"""gRPC in, gRPC out: every rpc passes one guard that asks who calls, whether they may, and whether
the request is well formed; every refusal leaves as a Problem in the caller's language.
"""

import logging
import traceback
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from opentelemetry import trace

from chassis import fields
from chassis.access import (
    Forbidden,
    Rule,
    Tokens,
    allowed,
    allowed_request,
    region_check,
    regions_of,
    rules,
)
from chassis.decider import Actor
from chassis.handle import Handler
from chassis.problems import Fault, fault_of
from chassis.programme import DEFAULT_LANGUAGE, Programme, chosen_language
from chassis.reads import Reading, Reads, ReadsUnrecorded, showing_of
from chassis.sending import CAUSED_BY, ON_BEHALF_OF, TRACEPARENT
from chassis.succession import UNCHANGED, Succession
from chassis.telemetry import context_of_call
from tuopin.errors.v1.errors_pb2 import Problem
from tuopin.types.v1.types_pb2 import Outcomes, Receipt

PROBLEM_TRAILER = "tuopin-problem-bin"
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Two servers on one port would each get some of the calls and nobody would notice.
    ("grpc.so_reuseport", 0),
)
# Only a service may say for whom, and because of which event, it acts.
SERVICE_ROLE = "service"

_log = logging.getLogger(__name__)
_tracer = trace.get_tracer(__name__)

# Its type parameters exist in the stubs only.
Context = Any


@dataclass(slots=True)
class Caller:
    """Who calls, in which language, and by which rule they may."""

    actor: Actor
    language: str
    rule: Rule
    # The rule leaves the region to the stream; somebody must check it before the answer leaves.
    region_open: bool
    # The method shows people.
    reading: Reading | None = None

    def check_region(self, region: str) -> None:
        """Raise Forbidden unless a role covers it, or a break-glass access of the caller's."""
        try:
            allowed(self.rule, self.actor, region)
        except Forbidden:
            if self.reading is None or not self.reading.opened_by_grant(region):
                raise
        if self.reading is not None:
            self.reading.region = region
        self.region_open = False

    def take_region_check(self) -> Callable[[str], None] | None:
        """The check, for whoever reads the stream; the duty goes with it."""
        self.region_open = False
        return region_check(self.rule, self.actor)


_caller: ContextVar[Caller] = ContextVar("caller")


def caller(context: Context) -> Caller:
    """The caller of the rpc that runs here."""
    return _caller.get()


def check_region(context: Context, region: str) -> None:
    """Raise Forbidden unless the caller's role covers the region of what was asked for."""
    _caller.get().check_region(region)


class CommandServicer:
    """What a servicer does with every command: hand it to the service's handler."""

    handler: Handler
    programme: Programme

    async def handle(self, request: Message, context: Context) -> Receipt:
        who = _caller.get()
        return await self.handler.handle(
            request, who.actor, who.take_region_check(), checked=_checked(who.actor)
        )

    async def handle_many(self, commands: Sequence[Message], context: Context) -> Outcomes:
        """One outcome each; a refused command does not touch its neighbours."""
        who = _caller.get()
        say = _sentences(self.handler.programme, who.language)
        outcomes = await self.handler.handle_many(
            commands, who.actor, who.take_region_check(), checked=_checked(who.actor), say=say
        )
        return Outcomes(outcomes=outcomes)


def _checked(actor: Actor) -> bool:
    """A reaction's malformed command is refused by an event, hence checked by the handler."""
    return not actor.caused_by


def _sentences(programme: Any, language: str) -> Callable[[str, Any], str]:
    def say(slug: str, details: Any) -> str:
        return str(programme.sentence(slug, language, details))

    return say


@dataclass(frozen=True)
class ServiceWiring:
    """One gRPC service: its servicer and the generated function that registers it."""

    name: str
    servicer: object
    add: Callable[[Any, Any], None]
    descriptor: ServiceDescriptor
    # None: no method shows people.
    reads: Reads | None = None


@dataclass
class _Recorder:
    """Takes the method handlers that generated code wants to register."""

    handlers: dict[str, Any] = field(default_factory=dict)

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """The same methods once more; the guard registers its own."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        self.handlers.update(handlers)


def build_server(
    services: Sequence[ServiceWiring],
    *,
    tokens: Tokens,
    programme: Programme,
    succession: Succession = UNCHANGED,
    options: Sequence[tuple[str, Any]] = OPTIONS,
) -> grpc.aio.Server:
    """A server with every method behind its access rule; RuleMissing when one states none,
    ReadsUnrecorded when one shows people and nobody would know.
    """
    server = grpc.aio.server(options=list(options))
    for service in services:
        stated = rules(service.descriptor, succession)
        recorder = _Recorder()
        service.add(service.servicer, recorder)
        guarded = {
            method.name: _Guard(
                stated[f"/{service.descriptor.full_name}/{method.name}"],
                method,
                tokens,
                programme,
                service.reads,
            ).around(recorder.handlers[method.name])
            for method in service.descriptor.methods
        }
        name = service.descriptor.full_name
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, guarded),))
    return server


class _Guard:
    """Stands before one method."""

    def __init__(
        self,
        rule: Rule,
        method: MethodDescriptor,
        tokens: Tokens,
        programme: Programme,
        reads: Reads | None,
    ) -> None:
        self._rule = rule
        self._showing = showing_of(method)
        if self._showing is not None and reads is None:
            raise ReadsUnrecorded(method.full_name)
        assert self._showing is None or not method.client_streaming, "one question, one purpose"
        self._reads = reads
        self._tokens = tokens
        self._programme = programme
        self._name = method.full_name
        self._is_command = method.output_type.full_name == Receipt.DESCRIPTOR.full_name
        self._region_open = not (rule.anywhere or rule.region_path)

    def around(self, handler: Any) -> Any:
        """The same method, guarded."""
        wire = (handler.request_deserializer, handler.response_serializer)
        if handler.request_streaming and handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(
                self._streaming(handler.stream_stream, many_in=True), *wire
            )
        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(
                self._single(handler.stream_unary, many_in=True), *wire
            )
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._streaming(handler.unary_stream, many_in=False), *wire
            )
        return grpc.unary_unary_rpc_method_handler(
            self._single(handler.unary_unary, many_in=False), *wire
        )

    def _single(
        self, method: Callable[[Any, Any], Awaitable[Any]], many_in: bool
    ) -> Callable[[Any, Any], Awaitable[Any]]:
        async def call(request: Any, context: Any) -> Any:
            metadata = dict(context.invocation_metadata())
            with self._span(metadata):
                try:
                    who = self._identified(metadata)
                    if many_in:
                        request = await self._first_checked(who, request)
                    else:
                        await self._admit(who, request, metadata)
                    response = await method(request, context)
                    assert not who.region_open, f"{self._name} never checked the region"
                    if who.reading is not None:
                        await who.reading.answer(response)
                    return response
                except grpc.aio.AbortError:
                    raise
                except Exception as error:
                    await self._abort(context, metadata, error)

        return call

    def _streaming(
        self, method: Callable[[Any, Any], AsyncIterator[Any]], many_in: bool
    ) -> Callable[[Any, Any], AsyncIterator[Any]]:
        async def call(request: Any, context: Any) -> AsyncIterator[Any]:
            metadata = dict(context.invocation_metadata())
            try:
                who = self._identified(metadata)
                if many_in:
                    request = await self._first_checked(who, request)
                else:
                    await self._admit(who, request, metadata)
                async for response in method(request, context):
                    assert not who.region_open, f"{self._name} never checked the region"
                    if who.reading is not None:
                        await who.reading.answer(response)
                    yield response
            except grpc.aio.AbortError:
                raise
            except Exception as error:
                await self._abort(context, metadata, error)

        return call

    def _identified(self, metadata: dict[str, Any]) -> Caller:
        actor = self._tokens.bearer(metadata.get("authorization"))
        caused_by = metadata.get(CAUSED_BY, "")
        on_behalf_of = metadata.get(ON_BEHALF_OF, "")
        if caused_by or on_behalf_of:
            if SERVICE_ROLE not in actor.roles:
                raise Forbidden("role-missing", role=SERVICE_ROLE)
            actor = replace(actor, caused_by=caused_by, on_behalf_of=on_behalf_of)
        language = chosen_language(metadata.get("accept-language"))
        who = Caller(actor, language, self._rule, self._region_open)
        _caller.set(who)
        return who

    async def _admit(self, who: Caller, request: Message, metadata: dict[str, Any]) -> None:
        """Who reads people says what for, once they may; a break-glass access may let them."""
        if self._showing is None:
            self._check(who, request)
            return
        assert self._reads is not None
        reading = who.reading = Reading(self._reads, self._showing, who.actor)
        await reading.begin(request, metadata)
        self._check(who, request)
        reading.say_what_for(request, metadata)

    def _check(self, who: Caller, request: Message) -> None:
        if who.reading is None:
            allowed_request(self._rule, who.actor, request)
        else:
            self._check_reading(who.reading, request)
        if not self._is_command or _checked(who.actor):
            fields.check(request)

    def _check_reading(self, reading: Reading, request: Message) -> None:
        """By a role, or by a break-glass access that reaches every region the request names."""
        regions = sorted(regions_of(self._rule, request) or ())
        try:
            allowed_request(self._rule, reading.actor, request)
        except Forbidden:
            # Where the stream says the region, the answer asks again when that is known.
            opened = [reading.opened_by_grant(region) for region in regions]
            if reading.grant is None or not all(opened):
                raise
        reading.region = regions[0] if regions else ""

    async def _first_checked(self, who: Caller, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """The region stands in the first message; the role is asked before it is read."""
        allowed(self._rule, who.actor)
        first = await anext(aiter(requests), None)
        if first is not None:
            self._check(who, first)
        return self._all(first, requests)

    async def _all(self, first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[Any]:
        if first is None:
            return
        yield first
        async for request in rest:
            yield request

    @contextmanager
    def _span(self, metadata: dict[str, Any]) -> Iterator[None]:
        """The span of the call, current only while it is recorded."""
        begins = context_of_call(metadata.get(TRACEPARENT, ""))
        if begins is None:
            yield
            return
        span = _tracer.start_span(self._name, begins, kind=trace.SpanKind.SERVER)
        # What an exception says may be personal: it is neither recorded nor made the status.
        with trace.use_span(
            span, end_on_exit=True, record_exception=False, set_status_on_exception=False
        ):
            yield

    async def _abort(self, context: Any, metadata: dict[str, Any], error: Exception) -> NoReturn:
        fault = fault_of(error) or _unexpected(self._name, error)
        language = chosen_language(metadata.get("accept-language", DEFAULT_LANGUAGE))
        sentence = self._programme.sentence(fault.slug, language, fault.details)
        problem = Problem(
            slug=fault.slug, field=fault.field, sentence=sentence, details=fault.details
        )
        await context.abort(
            grpc.StatusCode[fault.code],
            sentence,
            trailing_metadata=((PROBLEM_TRAILER, problem.SerializeToString()),),
        )
        raise AssertionError("abort raises")


def _unexpected(method: str, error: Exception) -> Fault:
    """Logged with the places it passed, never with its text: that may quote personal data."""
    span = trace.get_current_span().get_span_context()
    trace_id = f"{span.trace_id:032x}" if span.is_valid else uuid.uuid4().hex
    places = [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    _log.error(
        "unexpected fault",
        extra={
            "trace_id": trace_id,
            "method": method,
            "error": type(error).__name__,
            "places": places,
        },
    )
    return Fault("INTERNAL", "unexpected-fault", details={"trace_id": trace_id})
