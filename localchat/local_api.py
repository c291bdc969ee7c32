"""The persons' side and the switches over HTTP, for the page and for scripted clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localchat import persons
from localchat.bell import wait_first
from localchat.errors import ApiError, bad_request
from localchat.faults import FAULT_KINDS, Fault
from localchat.parameters import Arguments, Parameter, Upload, parse
from localchat.requests import read_raw, watched
from localchat.service import Service
from localchat.store import Chat

WAIT_MAX_S = 50.0
Endpoint = Callable[[Service, Request], Awaitable[Any]]

REPLY_TO = Parameter("reply_to_message_id", "integer")
HOW = (REPLY_TO, Parameter("media_group_id", "string"), Parameter("forwarded", "boolean"))
PERSON = (
    Parameter("id", "integer", missing="id is missing"),
    Parameter("name", "string", missing="name is missing"),
    Parameter("language_code", "string"),
    Parameter("started", "boolean"),
)
FAULT = (
    Parameter("kind", "string", missing="kind is missing"),
    Parameter("count", "integer"),
    Parameter("method", "string"),
    Parameter("chat_id", "integer"),
    Parameter("retry_after_s", "integer"),
)


async def list_persons(service: Service, request: Request) -> Any:
    """Return the bot and the persons the page can be."""
    known = service.store.chats("private")
    return {"bot": service.bot, "persons": [persons.person_object(chat) for chat in known]}


async def put_person(service: Service, request: Request) -> Any:
    """Register a person, or a group when the id is negative."""
    given = await _arguments(service, request, *PERSON)
    chat = persons.register(
        service,
        given.integer("id"),
        given.string("name") or "",
        given.string("language_code") or persons.LANGUAGE_DEFAULT,
        started=given.flag("started"),
    )
    return persons.person_object(chat)


async def read_messages(service: Service, request: Request) -> Any:
    """Return what changed in the chat after a change, waiting for it when asked to."""
    specs = (Parameter("after", "integer"), Parameter("wait_s", "number"))
    given = await _arguments(service, request, *specs)
    after = given.integer("after")
    wait_s = min(WAIT_MAX_S, given.number("wait_s")) if given.has("wait_s") else 0.0
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    async with watched(request) as gone:
        while True:
            ticket = service.for_persons.ticket()
            page = persons.conversation(service, _person(service, request), after)
            left_s = until - loop.time()
            ended = left_s <= 0 or gone.is_set() or service.for_persons.closed
            if page["change"] > after or ended:
                return page
            await wait_first(left_s, ticket, gone)


async def tap(service: Service, request: Request) -> Any:
    """Tap an inline button."""
    given = await _arguments(
        service,
        request,
        Parameter("message_id", "integer", missing="message_id is missing"),
        Parameter("callback_data", "string", missing="callback_data is missing"),
    )
    person = _person(service, request)
    data = given.string("callback_data") or ""
    return {"callback_query_id": persons.tap(service, person, given.integer("message_id"), data)}


async def send(service: Service, request: Request) -> Any:
    """Write a message."""
    text = Parameter("text", "string", missing="message text is empty")
    given = await _arguments(service, request, text, *HOW)
    person = _person(service, request)
    return persons.say(service, person, given.string("text") or "", _how(given))


async def send_photo(service: Service, request: Request) -> Any:
    """Send a picture."""
    given = await _arguments(service, request, *_file("photo"))
    person, caption = _person(service, request), given.string("caption") or ""
    upload = _upload(given, "photo")
    return persons.send_photo(service, person, upload, caption, _how(given))


async def send_document(service: Service, request: Request) -> Any:
    """Send a file."""
    given = await _arguments(service, request, *_file("document"))
    person, caption = _person(service, request), given.string("caption") or ""
    upload = _upload(given, "document")
    return persons.send_document(service, person, upload, caption, _how(given))


async def send_location(service: Service, request: Request) -> Any:
    """Send a place."""
    given = await _arguments(
        service,
        request,
        Parameter("latitude", "number", missing="latitude is missing"),
        Parameter("longitude", "number", missing="longitude is missing"),
        *HOW,
    )
    place = (given.number("latitude"), given.number("longitude"))
    return persons.send_location(service, _person(service, request), *place, _how(given))


async def send_contact(service: Service, request: Request) -> Any:
    """Share a telephone number, one's own unless another owner is named."""
    number = Parameter("phone_number", "string", missing="phone_number is missing")
    given = await _arguments(service, request, number, Parameter("user_id", "integer"), *HOW)
    person = _person(service, request)
    owner = given.integer("user_id", person.id)
    return persons.send_contact(
        service, person, given.string("phone_number") or "", owner, _how(given)
    )


def _file(name: str) -> tuple[Parameter, ...]:
    file = Parameter(name, "file", missing=f"{name} is missing")
    return (file, Parameter("caption", "string"), *HOW)


def _upload(given: Arguments, name: str) -> Upload:
    upload = given.any(name)
    if not isinstance(upload, Upload):
        raise bad_request(f"{name} must be a file")
    return upload


def _how(given: Arguments) -> persons.How:
    album = given.string("media_group_id") or ""
    return persons.How(given.any(REPLY_TO.name), album, given.flag("forwarded"))


async def block(service: Service, request: Request) -> Any:
    """Block the bot."""
    persons.block(service, _person(service, request))
    return persons.person_object(_person(service, request))


async def unblock(service: Service, request: Request) -> Any:
    """Let the bot write again."""
    persons.unblock(service, _person(service, request))
    return persons.person_object(_person(service, request))


async def list_faults(service: Service, request: Request) -> Any:
    """Return the faults in force."""
    return {"faults": [asdict(fault) for fault in service.faults.in_force()]}


async def add_fault(service: Service, request: Request) -> Any:
    """Switch a fault on; without a count it stays until it is cleared."""
    given = await _arguments(service, request, *FAULT)
    kind: Any = given.string("kind")
    if kind not in FAULT_KINDS:
        raise bad_request(f"kind must be one of {', '.join(sorted(FAULT_KINDS))}")
    if given.has("count") and given.integer("count") < 1:
        raise bad_request("count must be at least 1")
    service.faults.add(
        Fault(
            kind=kind,
            count=given.any("count"),
            method=given.string("method"),
            chat_id=given.any("chat_id"),
            retry_after_s=max(1, given.integer("retry_after_s", 1)),
        )
    )
    return await list_faults(service, request)


async def clear_faults(service: Service, request: Request) -> Any:
    """Switch all faults off, and drop the connections they keep hanging."""
    service.faults.clear()
    service.release_hanging()
    return await list_faults(service, request)


async def set_limits(service: Service, request: Request) -> Any:
    """Switch the message rates on or off."""
    rate = Parameter("rate", "boolean", missing="rate is missing")
    given = await _arguments(service, request, rate)
    service.limits = replace(service.limits, rate=given.flag("rate"))
    service.limiter.forget()
    return await get_limits(service, request)


async def get_limits(service: Service, request: Request) -> Any:
    """Return the limits in force."""
    return asdict(service.limits)


async def get_stats(service: Service, request: Request) -> Any:
    """Return what has been sent, answered and refused."""
    return service.stats()


async def get_file(service: Service, request: Request) -> Any:
    """Show a person a file; only pictures are shown, everything else is saved."""
    file = service.store.file(request.path_params["file_id"])
    if file is None:
        raise ApiError(404, "no such file")
    headers = {"Cache-Control": "private, max-age=86400"}
    shown = file.path.startswith("photos/")
    if not shown:
        headers["Content-Disposition"] = "attachment"
    mime = file.mime if shown else "application/octet-stream"
    return Response(service.store.content(file.digest), media_type=mime, headers=headers)


def _person(service: Service, request: Request) -> Chat:
    try:
        chat = service.store.chat(int(request.path_params["person_id"]))
    except (ValueError, OverflowError):
        chat = None
    if chat is None:
        raise ApiError(404, "no such person: register with POST /local/persons")
    return chat


async def _arguments(service: Service, request: Request, *specs: Parameter) -> Arguments:
    return parse(specs, await read_raw(request, service.limits.upload_max_bytes))


def _route(path: str, **endpoints: Endpoint) -> Route:
    """Return one route that serves an endpoint per HTTP method."""

    async def serve(request: Request) -> Response:
        service: Service = request.app.state.service
        try:
            _check_origin(request)
            result = await endpoints[request.method](service, request)
        except ApiError as error:
            return JSONResponse({"error": error.description}, status_code=error.code)
        return result if isinstance(result, Response) else JSONResponse(result)

    return Route(path, serve, methods=list(endpoints))


def _check_origin(request: Request) -> None:
    """Refuse other web pages that a developer's browser has open."""
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise ApiError(403, "this address serves its own page only")


ROUTES = [
    _route("/local/persons", GET=list_persons, POST=put_person),
    _route("/local/persons/{person_id:int}/messages", GET=read_messages),
    _route("/local/persons/{person_id:int}/tap", POST=tap),
    _route("/local/persons/{person_id:int}/send", POST=send),
    _route("/local/persons/{person_id:int}/photo", POST=send_photo),
    _route("/local/persons/{person_id:int}/document", POST=send_document),
    _route("/local/persons/{person_id:int}/location", POST=send_location),
    _route("/local/persons/{person_id:int}/contact", POST=send_contact),
    _route("/local/persons/{person_id:int}/block", POST=block),
    _route("/local/persons/{person_id:int}/unblock", POST=unblock),
    _route("/local/groups", POST=put_person),
    _route("/local/groups/{person_id}/messages", GET=read_messages),
    _route("/local/faults", GET=list_faults, POST=add_fault, DELETE=clear_faults),
    _route("/local/limits", GET=get_limits, POST=set_limits),
    _route("/local/stats", GET=get_stats),
    _route("/local/files/{file_id}", GET=get_file),
]
