"""The page's port, beside the notifier's server."""

import asyncio
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn

from services.notifier.page.app import PageParts, create_app
from services.notifier.page.household import Households
from services.notifier.page.words import load_words
from services.wiring import ServeParts

SECRET_BYTES = 32

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """Leaves the signals to the process it is a guest in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def run_page(parts: ServeParts) -> None:
    """Serve until cancelled; without a port of its own there is no page."""
    port = parts.settings.page_port
    if not port:
        await asyncio.Event().wait()
    # Addresses hold a token: they are in no log.
    logging.getLogger("uvicorn.access").disabled = True
    app = create_app(
        PageParts(
            handler=parts.handler,
            store=parts.store,
            households=Households(parts.ask, parts.views, parts.store, parts.sealer),
            words=load_words(parts.settings.programme, parts.programme),
            sign=parts.sealer.blind,
            draw=lambda: secrets.token_urlsafe(SECRET_BYTES),
            clock=parts.clock,
            secure=parts.settings.page_address.startswith("https:"),
        )
    )
    config = uvicorn.Config(
        app,
        host=parts.settings.bind,
        port=port,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        h11_max_incomplete_event_size=16_384,
    )
    server = _Server(config)
    log.info("page.ready", port=port)
    try:
        await server.serve()
    finally:
        # Cancelled in the middle of serving: the port is given back all the same.
        if server.started:
            await server.shutdown()
