"""Health and metrics on a plain port of their own: probes cannot present a client certificate.

GET /healthz: the process runs. /readyz: every check passes. /metrics: for Prometheus.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from chassis.telemetry import metrics_page

CHECK_TIMEOUT_S = 2.0
REQUEST_TIMEOUT_S = 5.0
REQUEST_MAX_BYTES = 8_192
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_JSON = "application/json"

# Raises when what it looks at cannot serve.
Check = Callable[[], Awaitable[object]]
_Answer = tuple[HTTPStatus, str, bytes]


class Health:
    """One small HTTP server; `checks` are asked at every /readyz."""

    def __init__(
        self,
        checks: Mapping[str, Check] | None = None,
        *,
        metrics: Callable[[], bytes] = metrics_page,
    ) -> None:
        self.checks: dict[str, Check] = dict(checks or {})
        # Cleared first when the process is told to stop: traffic goes elsewhere while calls end.
        self.accepting = True
        self._metrics = metrics
        self._server: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=REQUEST_MAX_BYTES)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def ready(self) -> dict[str, str]:
        """Name of each check -> "ok", or the kind of its fault."""
        names = list(self.checks)
        found = dict(
            zip(names, await asyncio.gather(*(self._checked(n) for n in names)), strict=True)
        )
        return found if self.accepting else {**found, "process": "stopping"}

    async def _checked(self, name: str) -> str:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await self.checks[name]()
        except Exception as error:  # whatever a check raises means: not ready
            return type(error).__name__
        return "ok"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
            status, kind, body = await self._answer(head.split(b"\r\n", 1)[0])
            writer.write(
                f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a prober that went away or talks no HTTP gets no answer
        finally:
            writer.close()

    async def _answer(self, request_line: bytes) -> _Answer:
        method, _, rest = request_line.decode("latin-1").partition(" ")
        if method != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, _TEXT, b"GET only\n"
        match rest.split(" ")[0].partition("?")[0]:
            case "/healthz":
                return HTTPStatus.OK, _TEXT, b"ok\n"
            case "/readyz":
                found = await self.ready()
                good = all(state == "ok" for state in found.values())
                status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
                return status, _JSON, json.dumps(found, sort_keys=True).encode()
            case "/metrics":
                return HTTPStatus.OK, _TEXT, self._metrics()
            case _:
                return HTTPStatus.NOT_FOUND, _TEXT, b"/healthz /readyz /metrics\n"
