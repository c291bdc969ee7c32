"""The other way a bot hears: its own address is called for every update, until it says 200.

Chats go side by side, at most ``max_connections`` at once; one chat's updates go in their order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx

from localchat.bell import wait_first
from localchat.service import Service
from localchat.store import JsonObject

SETTING = "webhook"
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header
TIMEOUT_S = 10.0
ROUND_COUNT = 100
AGAIN_AFTER_S = 0.2
AGAIN_AFTER_MAX_S = 5.0


async def deliver_forever(service: Service) -> None:
    """Call the bot's address whenever something waits and an address is set."""
    # No proxy of the environment: the address is the developer's own.
    async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as http:
        failures = 0
        while not service.for_bot.closed:
            ticket = service.for_bot.ticket()
            hook = service.store.setting(SETTING)
            waiting = service.store.updates(0, ROUND_COUNT) if hook else []
            if not waiting:
                await wait_first(60.0, ticket)
                continue
            if await _deliver(service, http, hook, waiting):
                failures = 0
                continue
            # What rings meanwhile may be a new address: it is tried at once.
            await wait_first(min(AGAIN_AFTER_S * 2**failures, AGAIN_AFTER_MAX_S), ticket)
            failures = min(failures + 1, 10)


async def _deliver(
    service: Service, http: httpx.AsyncClient, hook: Mapping[str, Any], updates: list[JsonObject]
) -> bool:
    """Whether all of them were taken."""
    chats: dict[object, list[JsonObject]] = {}
    for update in updates:
        chats.setdefault(_chat_of(update), []).append(update)
    at_once = asyncio.Semaphore(hook["max_connections"])

    async def one_chat(waiting: list[JsonObject]) -> bool:
        async with at_once:
            for update in waiting:
                if not await _post(service, http, hook, update):
                    return False
        return True

    return all(await asyncio.gather(*(one_chat(waiting) for waiting in chats.values())))


async def _post(
    service: Service, http: httpx.AsyncClient, hook: Mapping[str, Any], update: JsonObject
) -> bool:
    headers = {SECRET_HEADER: hook["secret_token"]} if hook["secret_token"] else {}
    try:
        answer = await http.post(hook["url"], json=update, headers=headers)
    except httpx.HTTPError as error:
        _failed(service, type(error).__name__)
        return False
    if not answer.is_success:
        _failed(service, f"Wrong response from the webhook: {answer.status_code}")
        return False
    with service.store.transaction():
        service.store.drop_update(update["update_id"])
    return True


def _failed(service: Service, reason: str) -> None:
    """Remembered for getWebhookInfo, unless the address is gone meanwhile."""
    hook = service.store.setting(SETTING)
    if hook:
        told = {"last_error_date": service.now_s(), "last_error_message": reason}
        with service.store.transaction():
            service.store.set_setting(SETTING, {**hook, **told})


def _chat_of(update: JsonObject) -> object:
    for kind, body in update.items():
        if kind == "callback_query":
            return body["message"]["chat"]["id"]
        if isinstance(body, dict) and "chat" in body:
            return body["chat"]["id"]
    return None


async def stopped(task: asyncio.Task[None]) -> None:
    """End the task."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
