"""The local chat on a port, inside a running event loop."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from localchat.app import BOT_USERNAME, create_app
from localchat.limits import Limits

LOOPBACK = "127.0.0.1"
BACKLOG = 128
# Longer than httpx keeps a connection: else both sides may close and reuse it at the same moment.
KEEP_ALIVE_S = 75
STOP_S = 2
START_S = 10.0
CUT = "ASGI callable returned without completing response."


class LocalChat:
    """Hosts the local chat; ``start`` returns when it answers, ``stop`` when the port is free."""

    def __init__(
        self,
        data_path: str | Path,
        *,
        token: str,
        bot_username: str = BOT_USERNAME,
        host: str = LOOPBACK,
        port: int = 0,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._data_path = data_path
        self._token = token
        self._bot_username = bot_username
        self._host = host
        self._port = port
        self._limits = limits
        self._clock = clock
        self._app: Starlette | None = None
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Return the address; a port that was left open is known after the first start."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def start(self) -> None:
        """Bind the port and serve; a chat that was stopped comes back on the same port."""
        assert self._task is None, "the local chat is already running"
        bound = self._bind()
        self._app = create_app(
            self._data_path,
            token=self._token,
            bot_username=self._bot_username,
            limits=self._limits,
            clock=self._clock,
        )
        self._server = _Server(_config(self._app))
        self._task = asyncio.create_task(self._server.serve(sockets=[bound]))
        await self._wait_until_started()

    async def stop(self) -> None:
        """Let go of everyone who waits, finish what is under way, and close."""
        if self._task is None or self._server is None or self._app is None:
            return
        self._app.state.service.stop_waiting()
        self._server.should_exit = True
        await self._task
        self._task = None

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # asyncio sends small answers at once only on sockets that say they are TCP.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self._host, self._port))
            bound.listen(BACKLOG)
        except OSError:
            bound.close()
            raise
        self._port = bound.getsockname()[1]
        return bound

    async def _wait_until_started(self) -> None:
        assert self._server is not None
        assert self._task is not None
        loop = asyncio.get_running_loop()
        until = loop.time() + START_S
        while not self._server.started:
            if self._task.done() or loop.time() > until:
                self._task.cancel()
                raise RuntimeError("the local chat did not start")
            await asyncio.sleep(0.005)


class _Server(uvicorn.Server):
    """A server that leaves the signals to the process it is a guest in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: Starlette) -> uvicorn.Config:
    _silence_cuts()
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        # The address of every call carries the token: no access log.
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
    )


def _silence_cuts() -> None:
    """A cut answer is what was asked for; uvicorn would call it an error."""
    logger = logging.getLogger("uvicorn.error")
    if _not_a_cut not in logger.filters:
        logger.addFilter(_not_a_cut)


def _not_a_cut(record: logging.LogRecord) -> bool:
    return record.msg != CUT
