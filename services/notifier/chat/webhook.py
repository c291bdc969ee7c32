"""The bot's own webhook route: 200 only after the update and what follows from it are committed.

Whatever goes wrong is answered with 503, and the provider brings the update again. Only who holds
the lease listens, so a second bot never takes an update.
"""

import asyncio
import hmac
import json
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import urlsplit

import structlog
import uvicorn
from opentelemetry import metrics
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.sending import reason_of
from services.notifier.chat.incoming import Incoming
from services.notifier.chat.provider import Provider

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header
BODY_BYTES_MAX = 1024 * 1024
# Longer than this the provider does not wait for an answer; it brings the update again.
WITHIN_S = 50.0
STOP_S = 2

log = structlog.get_logger(__name__)
_meter = metrics.get_meter(__name__)
_calls = _meter.create_counter("tuopin_bot_webhook_calls", unit="1")


class Takes(Protocol):
    """What does an update; returns when nothing more follows from it."""

    async def take(self, incoming: Incoming) -> None: ...


class Webhook:
    """One route on a port of its own."""

    def __init__(
        self, provider: Provider, intake: Takes, *, url: str, secret: str, bind: str, port: int
    ) -> None:
        self._provider = provider
        self._intake = intake
        self._url = url
        self._secret = secret
        self._bind = bind
        self._port = port

    async def run(self) -> None:
        """Listen, tell the provider where, and serve until cancelled."""
        # Addresses and bodies are in no log.
        logging.getLogger("uvicorn.access").disabled = True
        config = uvicorn.Config(
            self.app(),
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=STOP_S,
        )
        server = _Server(config)
        # Bound here: uvicorn would end the process where the port is taken.
        with socket.create_server((self._bind, self._port)) as bound:
            serving = asyncio.create_task(server.serve(sockets=[bound]))
            try:
                await self._provider.set_webhook(self._url, self._secret)
                await asyncio.shield(serving)
            finally:
                server.should_exit = True
                await asyncio.wait({serving}, timeout=STOP_S + 1)

    def app(self) -> Starlette:
        """The route alone."""
        path = urlsplit(self._url).path or "/"
        return Starlette(routes=[Route(path, self._called, methods=["POST"])])

    async def _called(self, request: Request) -> Response:
        status = await self._status(request)
        _calls.add(1, {"status": status})
        return Response(status_code=status)

    async def _status(self, request: Request) -> int:
        given = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            return 403
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > BODY_BYTES_MAX:
                return 413
        try:
            given = json.loads(body)
            if not isinstance(given, dict):
                return 400
            incoming = self._provider.update_of(given)
        except (ValueError, KeyError, TypeError):
            return 400
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._intake.take(incoming)
        except Exception as error:
            log.warning("bot.update-not-taken", reason=reason_of(error))
            return 503
        return 200


class _Server(uvicorn.Server):
    """Leaves the signals to the process it is a guest in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
