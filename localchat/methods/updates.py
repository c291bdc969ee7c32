"""How a bot hears: long polling, or a webhook."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import urlsplit

from localchat.bell import wait_first
from localchat.errors import ApiError, bad_request
from localchat.methods.call import Call, Method
from localchat.parameters import Parameter
from localchat.service import Service
from localchat.webhook import SETTING

UPDATES_MAX = 100
CONFLICT = (
    "Conflict: terminated by other getUpdates request;"
    " make sure that only one bot instance is running"
)
HOOKED = (
    "Conflict: can't use getUpdates method while webhook is active;"
    " use deleteWebhook to delete the webhook first"
)
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
CONNECTIONS_DEFAULT, CONNECTIONS_MAX = 40, 100
INFO = ("url", "max_connections", "last_error_date", "last_error_message")


async def get_updates(call: Call) -> Any:
    """Confirm what lies below the offset, and return what comes next, waiting if need be."""
    service, arguments = call.service, call.arguments
    if service.store.setting(SETTING):
        raise ApiError(409, HOOKED)
    offset = arguments.integer("offset")
    limit = min(UPDATES_MAX, max(1, arguments.integer("limit", UPDATES_MAX)))
    timeout_s = min(service.limits.long_poll_max_s, max(0, arguments.integer("timeout")))
    _confirm(service, offset, arguments.any("allowed_updates"))
    updates = service.store.updates(max(offset, 0), limit)
    if updates or timeout_s == 0:
        return updates
    return await _wait(call, max(offset, 0), limit, timeout_s)


def _confirm(service: Service, offset: int, allowed: list[Any] | None) -> None:
    allowed = _kinds(allowed)
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


async def set_webhook(call: Call) -> Any:
    """Call this address from now on; an empty one is deleteWebhook."""
    service, arguments = call.service, call.arguments
    url, secret = arguments.string("url") or "", arguments.string("secret_token") or ""
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise bad_request("bad webhook: an HTTP or HTTPS URL must be provided for webhook")
    if secret and not SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    connections = arguments.integer("max_connections", CONNECTIONS_DEFAULT)
    if not 1 <= connections <= CONNECTIONS_MAX:
        raise bad_request("max_connections must be between 1 and 100")
    hook = {"url": url, "secret_token": secret, "max_connections": connections}
    allowed = _kinds(arguments.any("allowed_updates"))
    with service.store.transaction():
        service.store.set_setting(SETTING, hook if url else None)
        if allowed is not None:
            service.store.set_setting("allowed_updates", allowed)
        if arguments.flag("drop_pending_updates"):
            service.store.keep_last_updates(0)
    if service.poller is not None:
        service.poller.set()
    service.for_bot.ring()
    return True


async def delete_webhook(call: Call) -> Any:
    """Call nobody any more; drop what waits, when asked to."""
    service = call.service
    with service.store.transaction():
        service.store.set_setting(SETTING, None)
        if call.arguments.flag("drop_pending_updates"):
            service.store.keep_last_updates(0)
    service.for_bot.ring()
    return True


async def get_webhook_info(call: Call) -> Any:
    """Tell the address, what waits for it, and what went wrong last."""
    service = call.service
    hook = service.store.setting(SETTING) or {"url": ""}
    told = {name: hook[name] for name in INFO if name in hook}
    allowed = service.store.setting("allowed_updates")
    kinds = {"allowed_updates": allowed} if allowed else {}
    pending = service.store.pending_count()
    return {**told, **kinds, "has_custom_certificate": False, "pending_update_count": pending}


def _kinds(allowed: list[Any] | None) -> list[str] | None:
    if allowed is not None and not all(isinstance(kind, str) for kind in allowed):
        raise bad_request("expected an Array of String as allowed updates")
    return allowed


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
    Method(
        "setWebhook",
        set_webhook,
        (
            Parameter("url", "string"),
            Parameter("max_connections", "integer"),
            Parameter("allowed_updates", "array"),
            Parameter("drop_pending_updates", "boolean"),
            Parameter("secret_token", "string"),
        ),
    ),
    Method("deleteWebhook", delete_webhook, (Parameter("drop_pending_updates", "boolean"),)),
    Method("getWebhookInfo", get_webhook_info),
)
