"""How a bot hears: long polling, and the webhook that is not there."""

from __future__ import annotations

import asyncio
from typing import Any

from localchat.bell import wait_first
from localchat.errors import ApiError, bad_request
from localchat.methods.call import Call, Method
from localchat.parameters import Parameter
from localchat.service import Service

UPDATES_MAX = 100
CONFLICT = (
    "Conflict: terminated by other getUpdates request;"
    " make sure that only one bot instance is running"
)


async def get_updates(call: Call) -> Any:
    """Confirm what lies below the offset, and return what comes next, waiting if need be."""
    service, arguments = call.service, call.arguments
    offset = arguments.integer("offset")
    limit = min(UPDATES_MAX, max(1, arguments.integer("limit", UPDATES_MAX)))
    timeout_s = min(service.limits.long_poll_max_s, max(0, arguments.integer("timeout")))
    _confirm(service, offset, arguments.any("allowed_updates"))
    updates = service.store.updates(max(offset, 0), limit)
    if updates or timeout_s == 0:
        return updates
    return await _wait(call, max(offset, 0), limit, timeout_s)


def _confirm(service: Service, offset: int, allowed: list[Any] | None) -> None:
    if allowed is not None and not all(isinstance(kind, str) for kind in allowed):
        raise bad_request("expected an Array of String as allowed updates")
    with service.store.transaction():
        if allowed is not None:
            service.store.set_setting("allowed_updates", allowed)
        service.store.expire_updates(service.clock() - service.limits.update_kept_s)
        if offset < 0:
            service.store.keep_last_updates(-offset)
        else:
            service.store.confirm_updates(offset)


async def _wait(call: Call, offset: int, limit: int, timeout_s: float) -> Any:
    """Wait as the only poller: who waited before is told of the conflict, as at Telegram."""
    service, displaced = call.service, asyncio.Event()
    if service.poller is not None:
        service.poller.set()
    service.poller = displaced
    try:
        return await _next_updates(call, displaced, offset, limit, timeout_s)
    finally:
        if service.poller is displaced:
            service.poller = None


async def _next_updates(
    call: Call, displaced: asyncio.Event, offset: int, limit: int, timeout_s: float
) -> Any:
    service, loop = call.service, asyncio.get_running_loop()
    until = loop.time() + timeout_s
    while True:
        ticket = service.for_bot.ticket()
        updates = service.store.updates(offset, limit)
        left_s = until - loop.time()
        if updates or left_s <= 0 or call.gone.is_set() or service.for_bot.closed:
            return updates
        await wait_first(left_s, ticket, displaced, call.gone)
        if displaced.is_set():
            raise ApiError(409, CONFLICT)


async def delete_webhook(call: Call) -> Any:
    """Say yes: there is no webhook to delete; drop what waits, when asked to."""
    if call.arguments.flag("drop_pending_updates"):
        with call.service.store.transaction():
            call.service.store.keep_last_updates(0)
    return True


async def get_webhook_info(call: Call) -> Any:
    """Say that there is no webhook."""
    pending = call.service.store.pending_count()
    return {"url": "", "has_custom_certificate": False, "pending_update_count": pending}


METHODS = (
    Method(
        "getUpdates",
        get_updates,
        (
            Parameter("offset", "integer"),
            Parameter("limit", "integer"),
            Parameter("timeout", "integer"),
            Parameter("allowed_updates", "array"),
        ),
    ),
    Method("deleteWebhook", delete_webhook, (Parameter("drop_pending_updates", "boolean"),)),
    Method("getWebhookInfo", get_webhook_info),
)
