"""Reading requests: parameters from wherever they are, files, and whether the caller is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from localchat.errors import bad_request
from localchat.limits import MEBIBYTE
from localchat.media import TOO_LARGE
from localchat.parameters import Raw, Upload

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
FILES_MAX = 20


async def read_raw(request: Request, upload_max_bytes: int) -> Raw:
    """Return what a request carries: address, JSON, form and files."""
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > upload_max_bytes + MEBIBYTE:
        raise TOO_LARGE
    raw: Raw = dict(request.query_params)
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("application/json"):
        raw.update(await _json_object(request))
    elif content_type.startswith(FORM_TYPES):
        raw.update(await _form_values(request))
    return raw


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        raise bad_request("can't parse JSON object") from None
    if not isinstance(body, dict):
        raise bad_request("object expected")
    return body


async def _form_values(request: Request) -> Raw:
    try:
        async with request.form(max_files=FILES_MAX, max_part_size=MEBIBYTE) as form:
            return await _values(form)
    except HTTPException as error:
        raise bad_request(error.detail) from None


async def _values(form: FormData) -> Raw:
    values: Raw = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            mime = value.content_type or "application/octet-stream"
            values[name] = Upload(value.filename or name, mime, await value.read())
        else:
            values[name] = value
    return values


@asynccontextmanager
async def watched(request: Request) -> AsyncIterator[asyncio.Event]:
    """Give an event that is set when the caller hangs up."""
    gone = asyncio.Event()
    task = asyncio.create_task(_watch(request, gone))
    try:
        yield gone
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watch(request: Request, gone: asyncio.Event) -> None:
    # A request that carried no body has one empty message left before the disconnect.
    while (await request.receive())["type"] != "http.disconnect":
        pass
    gone.set()
