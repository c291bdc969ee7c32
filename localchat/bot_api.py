"""The bot's side over HTTP: token, faults, method, answer."""

from __future__ import annotations

import hmac
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from localchat.bell import wait_first
from localchat.errors import ApiError
from localchat.faults import REFUSALS, Fault
from localchat.methods import METHODS, Call, Method
from localchat.parameters import Raw, chat_id_of, parse
from localchat.requests import read_raw, watched
from localchat.service import TOKEN, Service

# Nobody waits longer for an answer that does not come; the connection is dropped then.
HANG_MAX_S = 600.0


class CutResponse(Response):
    """An answer that breaks off: the headers promise a body, and the connection closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start the answer and leave; the server closes what is incomplete."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


async def call_method(request: Request) -> Response:
    """Answer one call of a bot."""
    service: Service = request.app.state.service
    try:
        _check_token(service, request.path_params["token"])
        method = METHODS.get(request.path_params["method"].lower())
        if method is None:
            raise ApiError(404, "Not Found: method not found")
        raw = await read_raw(request, service.limits.upload_max_bytes)
    except ApiError as error:
        return _refused(service, error)
    service.calls[method.name] += 1
    fault = service.faults.take(method.name, chat_id_of(raw))
    return await _answered(request, service, method, raw, fault)


async def download(request: Request) -> Response:
    """Give a bot the bytes of a file."""
    service: Service = request.app.state.service
    try:
        _check_token(service, request.path_params["token"])
        file = service.store.file_at(request.path_params["path"])
        if file is None or file.size > service.limits.download_max_bytes:
            raise ApiError(404, "Not Found")
    except ApiError as error:
        return _refused(service, error)
    return Response(service.store.content(file.digest), media_type="application/octet-stream")


async def _answered(
    request: Request, service: Service, method: Method, raw: Raw, fault: Fault | None
) -> Response:
    if fault is not None and fault.kind in REFUSALS:
        return _refused(service, fault.refusal())
    async with watched(request) as gone:
        if fault is not None and fault.kind == "hang":
            await wait_first(HANG_MAX_S, service.released, gone)
            return CutResponse()
        response = await _run(service, method, raw, gone)
        if fault is not None and fault.kind == "silent":
            await wait_first(HANG_MAX_S, service.released, gone)
    return response if fault is None else CutResponse()


async def _run(service: Service, method: Method, raw: Raw, gone: Any) -> Response:
    try:
        result = await method.run(Call(service, parse(method.parameters, raw), gone))
    except ApiError as error:
        return _refused(service, error)
    return JSONResponse({"ok": True, "result": result})


def _check_token(service: Service, token: str) -> None:
    if not TOKEN.fullmatch(token):
        raise ApiError(401, "Unauthorized: invalid token specified")
    if not hmac.compare_digest(token, service.token):
        raise ApiError(401, "Unauthorized")


def _refused(service: Service, error: ApiError) -> Response:
    service.too_many_requests += error.code == 429
    return JSONResponse(error.body(), status_code=error.code, headers=error.headers())


async def method_missing(request: Request) -> Response:
    """Answer an address that names no method."""
    error = ApiError(404, "Not Found")
    return JSONResponse(error.body(), status_code=error.code)


ROUTES = [
    Route("/bot{token}/{method}", call_method, methods=["GET", "POST"]),
    Route("/bot{token}", method_missing, methods=["GET", "POST"]),
    Route("/file/bot{token}/{path:path}", download, methods=["GET"]),
]
