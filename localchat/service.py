"""The provider itself: what both the bot's methods and the persons' page act upon."""

from __future__ import annotations

import asyncio
import re
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localchat import bodies, keyboards
from localchat.bell import Bell
from localchat.errors import bad_request, forbidden, too_many_requests
from localchat.faults import Faults
from localchat.limits import Limits, RateLimiter
from localchat.store import Chat, JsonObject, Store

TOKEN = re.compile(r"([1-9][0-9]{0,15}):([A-Za-z0-9_-]+)")
CHAT_ID_MAX = 1 << 52
ANSWERS_KEPT = 10_000


class Service:
    """One bot, its chats, and the switches of the admin API."""

    def __init__(
        self,
        data_path: str | Path,
        token: str,
        bot_username: str,
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        match = TOKEN.fullmatch(token)
        if match is None:
            raise ValueError("a bot token looks like 4242:letters-and-digits")
        self.token = token
        self.bot = bodies.bot_user(int(match.group(1)), bot_username)
        self.limits = limits
        self.clock = clock
        self.store = Store(data_path, first_update_id=max(1, int(clock())))
        self.limiter = RateLimiter(clock)
        self.faults = Faults()
        self.released = asyncio.Event()
        self.for_bot = Bell()
        self.for_persons = Bell()
        self.poller: asyncio.Event | None = None
        self.calls: Counter[str] = Counter()
        self.too_many_requests = 0
        self._answers_s: deque[float] = deque(maxlen=ANSWERS_KEPT)

    def now_s(self) -> int:
        """Return the time in whole seconds, as the Bot API gives it."""
        return max(1, int(self.clock()))

    def stop_waiting(self) -> None:
        """Let go of everyone who waits, so that the server can stop at once."""
        self.for_bot.close()
        self.for_persons.close()
        self.released.set()

    def release_hanging(self) -> None:
        """Drop the connections that a fault keeps hanging."""
        self.released.set()
        self.released = asyncio.Event()

    # What a bot may write to

    def chat_for_bot(self, chat_id: int) -> Chat:
        """Return a chat the bot may write to, or refuse as Telegram does."""
        chat = self.store.chat(chat_id)
        if chat is None or chat.state == "new":
            raise bad_request("chat not found")
        if chat.state == "blocked":
            if chat.kind == "group":
                raise forbidden("bot was kicked from the group chat")
            raise forbidden("bot was blocked by the user")
        return chat

    def spend(self, chat_id: int) -> None:
        """Count one message against the rates, or refuse with 429."""
        wait_s = self.limiter.wait_s(chat_id, self.limits)
        if wait_s:
            raise too_many_requests(wait_s)

    def deliver(
        self,
        chat: Chat,
        content: JsonObject,
        *,
        reply_to: JsonObject | None = None,
        markup: JsonObject | None = None,
    ) -> JsonObject:
        """Store a message of the bot and show it to the person."""
        body = self._body(chat, self.bot, content, reply_to)
        if markup and keyboards.is_inline(markup):
            body["reply_markup"] = markup
        with self.store.transaction():
            message = self.store.add_message(chat.id, body, from_bot=True)
            if markup and not keyboards.is_inline(markup):
                self.store.set_keyboard(chat.id, _below(markup, message))
        self.for_persons.ring()
        return message

    def receive(
        self, person: Chat, content: JsonObject, *, reply_to: JsonObject | None = None
    ) -> JsonObject:
        """Store a message of a person and queue it for the bot."""
        body = self._body(person, bodies.person_user(person), content, reply_to)
        with self.store.transaction():
            self._open(person)
            message = self.store.add_message(person.id, body, from_bot=False)
            self.queue("message", message)
            keyboard = self.store.keyboard(person.id) or {}
            if keyboard.get("one_time_keyboard") or keyboard.get("force_reply"):
                self.store.set_keyboard(person.id, None)
        self.for_bot.ring()
        self.for_persons.ring()
        return message

    def queue(self, kind: str, body: JsonObject) -> None:
        """Queue an update of a kind that the bot has asked for."""
        allowed: list[str] | None = self.store.setting("allowed_updates")
        if not allowed or kind in allowed:
            self.store.add_update(kind, body, self.clock())

    def change_member(self, person: Chat, old: str, new: str) -> None:
        """Tell the bot that a person blocked it or came back."""
        at = self.now_s()
        self.queue("my_chat_member", bodies.member_change(person, self.bot, old, new, at))

    def stats(self) -> dict[str, Any]:
        """Return the figures that tests and the demo look at."""
        return {
            "sent": {str(chat): count for chat, count in self.store.sent_counts().items()},
            "callback_answers": self.store.answered_count(),
            "pending_updates": self.store.pending_count(),
            "too_many_requests": self.too_many_requests,
            "answer_p99_s": self._answer_p99_s(),
            "calls": dict(self.calls),
            "faults_given": dict(self.faults.given),
        }

    def answered(self, after_s: float) -> None:
        """Remember how long a tap waited for its answer."""
        self._answers_s.append(after_s)

    def _answer_p99_s(self) -> float:
        """Of the taps answered last; 0 while none was."""
        waits = sorted(self._answers_s)
        return waits[len(waits) * 99 // 100] if waits else 0.0

    def _open(self, person: Chat) -> None:
        if person.state == "blocked":
            self.change_member(person, "kicked", "member")
        if person.state != "open":
            opened = Chat(person.id, person.kind, person.title, person.language, "open")
            self.store.put_chat(opened)

    def _body(
        self, chat: Chat, sender: JsonObject, content: JsonObject, reply_to: JsonObject | None
    ) -> JsonObject:
        body = {
            "from": sender,
            "chat": bodies.chat_object(chat),
            "date": self.now_s(),
            **content,
        }
        if reply_to is not None:
            body["reply_to_message"] = bodies.replied(reply_to)
        return body


def _below(markup: JsonObject, message: JsonObject) -> JsonObject | None:
    """Return the keyboard that a message puts below the chat."""
    if markup.get("remove_keyboard"):
        return None
    if markup.get("force_reply"):
        return {**markup, "message_id": message["message_id"]}
    return markup
