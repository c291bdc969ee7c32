"""The local chat as an ASGI application.

Messages, persons, updates and the bytes of pictures are in one SQLite file. Faults, call counts
and rate buckets are in memory: they belong to a run, not to the chats.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from localchat import bot_api, local_api, webhook
from localchat.errors import ApiError
from localchat.limits import Limits
from localchat.service import Service

STATIC = Path(__file__).parent / "static"
BOT_USERNAME = "tuopin_local_bot"
# The page needs nothing from elsewhere, and what a bot writes must not be able to fetch anything.
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def create_app(
    data_path: str | Path,
    *,
    token: str,
    bot_username: str = BOT_USERNAME,
    limits: Limits | None = None,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """Return the server for one bot; the data are a file, a folder, or ``:memory:``."""
    service = Service(data_path, token, bot_username, limits or Limits(), clock)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        delivering = asyncio.create_task(webhook.deliver_forever(service))
        yield
        service.stop_waiting()
        await webhook.stopped(delivering)
        service.store.close()

    app = Starlette(
        routes=[
            *bot_api.ROUTES,
            *local_api.ROUTES,
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/", page),
        ],
        exception_handlers={Exception: failed},
        lifespan=lifespan,
    )
    app.state.service = service
    return app


async def page(request: Request) -> Response:
    """Return the chat page."""
    return FileResponse(STATIC / "index.html", headers=PAGE_HEADERS)


async def failed(request: Request, error: Exception) -> Response:
    """Answer our own faults as Telegram answers its own; the log has the trace."""
    refusal = ApiError(500, "Internal Server Error")
    return JSONResponse(refusal.body(), status_code=500)
