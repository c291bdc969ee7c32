"""The scripted person: what the page does in a browser, from a test or the demo."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from localchat.faults import FaultKind

Message = dict[str, Any]
Predicate = Callable[[Message], object]
TIMEOUT_S = 5.0
# One request waits at most this long, so that a server that went away is noticed.
POLL_S = 10.0


class ChatError(Exception):
    """The local chat refused; the text says why."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What the provider has counted."""

    sent: Mapping[int, int]
    callback_answers: int
    pending_updates: int
    too_many_requests: int
    answer_p99_s: float
    calls: Mapping[str, int]
    faults_given: Mapping[str, int]


class ChatClient:
    """Acts for persons, and switches faults and limits."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=POLL_S + timeout_s, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    # Persons

    async def person(
        self, person_id: int, name: str, language: str = "zh", *, started: bool = False
    ) -> None:
        """Register a person; until they write (or ``started``), the bot finds no such chat."""
        body = {"id": person_id, "name": name, "language_code": language, "started": started}
        await self._post("/local/persons", body)

    async def group(self, group_id: int, title: str) -> None:
        """Register a group the bot is in; its id is negative."""
        await self._post("/local/groups", {"id": group_id, "name": title, "started": True})

    async def block(self, person_id: int) -> None:
        """Block the bot: it gets 403 from now on."""
        await self._post(f"/local/persons/{person_id}/block", {})

    async def unblock(self, person_id: int) -> None:
        """Let the bot write again."""
        await self._post(f"/local/persons/{person_id}/unblock", {})

    # Reading

    async def messages(self, person_id: int, *, after: int = 0) -> list[Message]:
        """Return the messages of a chat by id; ``after`` is the ``change`` of an earlier one.

        A message is the Bot API's Message with its ``change``. An edit gives a message a new
        ``change``, so it is returned again. Deleted messages are left out.
        """
        page = await self._page(person_id, after, 0)
        return _present(page)

    async def wait_for_message(
        self,
        person_id: int,
        predicate: Predicate,
        timeout_s: float = TIMEOUT_S,
        *,
        after: int = 0,
    ) -> Message:
        """Return the first message, sent or edited after a change, that is as wanted."""
        loop = asyncio.get_running_loop()
        until, cursor, seen = loop.time() + timeout_s, after, list[str]()
        while True:
            left_s = until - loop.time()
            page = await self._page(person_id, cursor, max(0.0, min(POLL_S, left_s)))
            for message in sorted(_present(page), key=lambda message: int(message["change"])):
                if predicate(message):
                    return message
                seen.append(text_of(message))
            cursor = page["change"]
            if left_s <= 0:
                raise TimeoutError(f"no such message for {person_id}; there were {seen}")

    async def wait_for_answer(
        self, person_id: int, callback_query_id: str, timeout_s: float = TIMEOUT_S
    ) -> dict[str, Any]:
        """Return what the bot answered to a tap: ``text`` and ``show_alert``."""
        loop = asyncio.get_running_loop()
        until, cursor = loop.time() + timeout_s, 0
        while True:
            left_s = until - loop.time()
            page = await self._page(person_id, cursor, max(0.0, min(POLL_S, left_s)))
            for answer in page["answers"]:
                if answer["callback_query_id"] == callback_query_id:
                    return dict(answer)
            cursor = page["change"]
            if left_s <= 0:
                raise TimeoutError(f"the bot has not answered tap {callback_query_id}")

    # Writing

    async def say(
        self, person_id: int, text: str, reply_to: int | None = None, *, forwarded: bool = False
    ) -> Message:
        """Write a message, ``/start CODE`` too."""
        body = _with(reply_to, text=text, forwarded=forwarded)
        return await self._post(f"/local/persons/{person_id}/send", body)

    async def tap(self, person_id: int, message_id: int, choice: str) -> str:
        """Tap the button with this callback data or this text; return the callback query's id."""
        data = await self._callback_data(person_id, message_id, choice)
        body = {"message_id": message_id, "callback_data": data}
        answer = await self._post(f"/local/persons/{person_id}/tap", body)
        return str(answer["callback_query_id"])

    async def photo(
        self,
        person_id: int,
        data: bytes,
        caption: str | None = None,
        reply_to: int | None = None,
        *,
        album: str = "",
        forwarded: bool = False,
    ) -> Message:
        """Send a picture; those with the same ``album`` belong together."""
        fields = _with(reply_to, caption=caption or "", media_group_id=album, forwarded=forwarded)
        return await self._file(person_id, "photo", ("photo.jpg", data, "image/jpeg"), fields)

    async def document(
        self, person_id: int, name: str, data: bytes, mime: str, reply_to: int | None = None
    ) -> Message:
        """Send a file."""
        return await self._file(person_id, "document", (name, data, mime), _with(reply_to))

    async def location(
        self,
        person_id: int,
        latitude: float,
        longitude: float,
        reply_to: int | None = None,
        *,
        forwarded: bool = False,
    ) -> Message:
        """Send a place."""
        body = _with(reply_to, latitude=latitude, longitude=longitude, forwarded=forwarded)
        return await self._post(f"/local/persons/{person_id}/location", body)

    async def contact(
        self, person_id: int, phone_number: str, owner_id: int | None = None
    ) -> Message:
        """Share a telephone number: one's own, or that of another owner (0: nobody known)."""
        owner = {} if owner_id is None else {"user_id": owner_id}
        body = {"phone_number": phone_number, **owner}
        return await self._post(f"/local/persons/{person_id}/contact", body)

    # Switches

    async def fault(
        self,
        kind: FaultKind,
        count: int | None = 1,
        method: str | None = None,
        chat_id: int | None = None,
        *,
        retry_after_s: int = 1,
    ) -> None:
        """Switch a fault on, for a number of calls or (None) until it is cleared."""
        body = {
            "kind": kind,
            "count": count,
            "method": method,
            "chat_id": chat_id,
            "retry_after_s": retry_after_s,
        }
        await self._post("/local/faults", body)

    async def clear_faults(self) -> None:
        """Switch all faults off; connections that hang are dropped."""
        _checked(await self._http.delete("/local/faults"))

    async def rate_limits(self, *, on: bool) -> None:
        """Switch the message rates on or off."""
        await self._post("/local/limits", {"rate": on})

    async def stats(self) -> Stats:
        """Return what the provider has counted."""
        counted = _checked(await self._http.get("/local/stats"))
        counted["sent"] = {int(chat): count for chat, count in counted["sent"].items()}
        return Stats(**counted)

    async def _callback_data(self, person_id: int, message_id: int, choice: str) -> str:
        for message in await self.messages(person_id):
            if message["message_id"] == message_id:
                buttons = buttons_of(message)
                by_text = {button["text"]: button.get("callback_data") for button in buttons}
                known = any(button.get("callback_data") == choice for button in buttons)
                return choice if known else by_text.get(choice) or choice
        raise ChatError(f"{person_id} has no message {message_id}")

    async def _file(
        self,
        person_id: int,
        kind: str,
        file: tuple[str, bytes, str],
        fields: Mapping[str, object],
    ) -> Message:
        path = f"/local/persons/{person_id}/{kind}"
        return _checked(await self._http.post(path, data=dict(fields), files={kind: file}))

    async def _page(self, person_id: int, after: int, wait_s: float) -> dict[str, Any]:
        query = {"after": after, "wait_s": wait_s}
        path = "groups" if person_id < 0 else "persons"
        return _checked(await self._http.get(f"/local/{path}/{person_id}/messages", params=query))

    async def _post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        return _checked(await self._http.post(path, json=body))


def text_of(message: Message) -> str:
    """Return the text or the caption of a message."""
    return str(message.get("text") or message.get("caption") or "")


def buttons_of(message: Message) -> list[dict[str, Any]]:
    """Return the inline buttons of a message, row by row."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button for row in rows for button in row]


def _present(page: dict[str, Any]) -> list[Message]:
    return [message for message in page["messages"] if not message["deleted"]]


def _with(reply_to: int | None, **fields: Any) -> dict[str, Any]:
    return fields if reply_to is None else {**fields, "reply_to_message_id": reply_to}


def _checked(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise ChatError(f"{answer.status_code}: {answer.text}")
    body: dict[str, Any] = answer.json()
    return body
