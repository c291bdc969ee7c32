"""Telegram, or what speaks like it at a base_url. The only module that imports the library."""

import logging
import os
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

# Durations as timedelta, which the library announces as the only form to come.
os.environ.setdefault("PTB_TIMEDELTA", "1")

import telegram
from telegram.constants import ParseMode
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.request import HTTPXRequest

from services.notifier.chat.budget import OVERALL_PER_S
from services.notifier.chat.catalogue import TEXT_MAX
from services.notifier.chat.channel import Capabilities
from services.notifier.chat.incoming import (
    Asked,
    Doing,
    From,
    Incoming,
    Pictured,
    Placed,
    Reply,
    Shared,
    Started,
    Tapped,
    Unknown,
    Wrote,
    reference_in,
)
from services.notifier.chat.outcomes import (
    Accepted,
    Blocked,
    Doubtful,
    Outcome,
    ProviderAway,
    Refused,
    Throttled,
)
from services.notifier.chat.tasks import Shown

T = TypeVar("T")

CONNECTIONS = 32
CONNECT_TIMEOUT_S = 5.0
UPDATES_MAX = 100
KINDS = ["message", "callback_query"]
REASON_MAX = 150
ROW_MAX = 2
DEGREES_E7 = 10_000_000
# Raised before a byte of the request left us.
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# A chat that the bot may not write to answers 400, not 403, when it was never begun.
NO_CHAT = ("chat not found", "user is deactivated", "bot was kicked")
NOT_MODIFIED = "message is not modified"


class Provider:
    """One bot token. Every call answers in our own words."""

    name = "telegram"
    capabilities = Capabilities(
        buttons=True,
        edit=True,
        photo=True,
        location=True,
        length=TEXT_MAX,
        per_second=OVERALL_PER_S,
        receipt=False,
    )

    def __init__(self, token: str, bot_url: str | None, *, timeout_s: float = 10.0) -> None:
        _silence()
        # A proxy of the environment is for the way to Telegram, not for a server of ours.
        outside = bot_url is None
        urls: dict[str, Any] = {}
        if bot_url is not None:
            base = bot_url.rstrip("/").removesuffix("/bot")
            urls = {"base_url": f"{base}/bot", "base_file_url": f"{base}/file/bot"}
        self._bot = telegram.Bot(
            token,
            **urls,
            request=_request(CONNECTIONS, timeout_s, outside),
            get_updates_request=_request(1, timeout_s, outside),
        )

    async def __aenter__(self) -> Self:
        await _asked(self._bot.initialize())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._bot.shutdown()

    @property
    def bot_id(self) -> int:
        """The bot's own number, known after the first contact."""
        return int(self._bot.id)

    async def greet(self) -> Outcome:
        """Whether it answers at all."""
        try:
            await self._bot.get_me()
        except TelegramError as error:
            return outcome_of(error)
        return Accepted()

    async def updates(self, offset: int | None, timeout_s: int) -> list[Incoming]:
        """What came after; asking with an offset confirms all below it."""
        found = await _asked(
            self._bot.get_updates(
                offset=offset,
                limit=UPDATES_MAX,
                timeout=timedelta(seconds=timeout_s),
                allowed_updates=KINDS,
            )
        )
        return [_incoming(update) for update in found]

    async def set_webhook(self, url: str, secret: str) -> None:
        """Be called at this address from now on, with the secret in a header."""
        await _asked(self._bot.set_webhook(url, allowed_updates=KINDS, secret_token=secret))

    async def forget_webhook(self) -> None:
        """Be asked again: the provider refuses to be polled while it knows an address."""
        await _asked(self._bot.delete_webhook())

    def update_of(self, body: dict[str, Any]) -> Incoming:
        """An update that was brought to the webhook."""
        return _incoming(telegram.Update.de_json(body, self._bot))

    async def set_commands(
        self, language: str, commands: Sequence[tuple[str, str]], chat_id: str = ""
    ) -> None:
        """What the client offers behind the slash, in private chats or in this one; "" is for every
        language not named.
        """
        scope = (
            telegram.BotCommandScopeChat(int(chat_id))
            if chat_id
            else telegram.BotCommandScopeAllPrivateChats()
        )
        await _asked(self._bot.set_my_commands(commands, scope, language or None))

    async def send(self, chat_id: str, shown: Shown, reply_to: int = 0) -> Outcome:
        """A new message."""
        try:
            message = await self._bot.send_message(
                int(chat_id),
                shown.text,
                parse_mode=ParseMode.HTML,
                reply_markup=_markup(shown),
                reply_parameters=_reply_parameters(reply_to),
                # A preview would make the provider look behind a household's link.
                link_preview_options=telegram.LinkPreviewOptions(is_disabled=True),
            )
        except TelegramError as error:
            return outcome_of(error)
        return Accepted(message.message_id)

    async def edit(self, chat_id: str, provider_message_id: int, shown: Shown) -> Outcome:
        """Other text and buttons for a message of ours."""
        try:
            await self._bot.edit_message_text(
                shown.text,
                int(chat_id),
                provider_message_id,
                parse_mode=ParseMode.HTML,
                reply_markup=_keyboard(shown),
            )
        except TelegramError as error:
            if NOT_MODIFIED in str(error).lower():
                return Accepted(provider_message_id)
            return outcome_of(error)
        return Accepted(provider_message_id)

    async def answer(self, callback_id: str, text: str) -> Outcome:
        """What the person sees right after a tap."""
        try:
            await self._bot.answer_callback_query(callback_id, text)
        except TelegramError as error:
            return outcome_of(error)
        return Accepted()

    async def delete(self, chat_id: str, message_id: int) -> Outcome:
        """Take a message out of a private chat, a person's own too."""
        try:
            await self._bot.delete_message(int(chat_id), message_id)
        except TelegramError as error:
            return outcome_of(error)
        return Accepted(message_id)

    async def download(self, file_id: str) -> bytes:
        """The bytes of a file; Telegram gives at most 20 MB."""
        file = await _asked(self._bot.get_file(file_id))
        return bytes(await _asked(file.download_as_bytearray()))


def outcome_of(error: TelegramError) -> Outcome:
    """What an error means. Order matters: BadRequest and TimedOut are NetworkErrors."""
    cause = error.__cause__
    match error:
        case RetryAfter():
            return Throttled(_seconds(error.retry_after))
        case Forbidden():
            return Blocked(_reason(error))
        case BadRequest():
            no_chat = any(each in str(error).lower() for each in NO_CHAT)
            return Blocked(_reason(error)) if no_chat else Refused(_reason(error), final=True)
        case TimedOut() | NetworkError():
            if isinstance(cause, NEVER_SENT):
                return Refused(type(cause).__name__, final=False)
            if isinstance(cause, httpx.HTTPError):
                return Doubtful(type(cause).__name__)
            # The provider's own word: 5xx.
            return Refused(_reason(error), final=False)
        case _:
            # An answer that is no answer, a token that is refused: nobody knows, or nobody may.
            return Doubtful(type(error).__name__)


async def _asked(call: Awaitable[T]) -> T:
    try:
        return await call
    except RetryAfter as error:
        raise ProviderAway("RetryAfter", _seconds(error.retry_after)) from error
    except TelegramError as error:
        raise ProviderAway(type(error).__name__) from error


def _request(connections: int, timeout_s: float, outside: bool) -> HTTPXRequest:
    return HTTPXRequest(
        connection_pool_size=connections,
        read_timeout=timeout_s,
        write_timeout=timeout_s,
        connect_timeout=min(CONNECT_TIMEOUT_S, timeout_s),
        pool_timeout=timeout_s,
        httpx_kwargs={"trust_env": outside},
    )


def _silence() -> None:
    """httpx logs addresses with the token in them; the library quotes what it cannot parse."""
    for name in ("httpx", "httpcore", "telegram"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _keyboard(shown: Shown) -> telegram.InlineKeyboardMarkup | None:
    if not shown.buttons:
        return None
    buttons = [telegram.InlineKeyboardButton(b.text, callback_data=b.data) for b in shown.buttons]
    rows = [buttons[n : n + ROW_MAX] for n in range(0, len(buttons), ROW_MAX)]
    return telegram.InlineKeyboardMarkup(rows)


def _markup(shown: Shown) -> Any:
    """Inline buttons, or the keyboard below the chat, which only a new message can change."""
    match shown.below:
        case "":
            return _keyboard(shown)
        case "none":
            return telegram.ReplyKeyboardRemove()
        case asks:
            button = telegram.KeyboardButton(asks, request_contact=True)
            return telegram.ReplyKeyboardMarkup(
                [[button]], resize_keyboard=True, one_time_keyboard=True
            )


def _reply_parameters(reply_to: int) -> telegram.ReplyParameters | None:
    if not reply_to:
        return None
    return telegram.ReplyParameters(reply_to, allow_sending_without_reply=True)


def _incoming(update: telegram.Update) -> Incoming:
    message, query = update.message, update.callback_query
    if query is not None:
        shown = query.message
        source = _from(update, shown.chat if shown else None, query.from_user, shown)
        return Incoming(source, _tapped(query))
    if message is not None:
        source = _from(update, message.chat, message.from_user, message)
        return Incoming(source, _doing(message))
    return Incoming(From(update.update_id, "", False, "", 0), Unknown())


def _from(
    update: telegram.Update,
    chat: telegram.Chat | None,
    user: telegram.User | None,
    message: telegram.MaybeInaccessibleMessage | None,
) -> From:
    return From(
        update_id=update.update_id,
        chat_id=str(chat.id) if chat else "",
        private=chat is not None and chat.type == telegram.Chat.PRIVATE,
        language=(user.language_code or "") if user else "",
        at_us=int(message.date.timestamp()) * 1_000_000 if message else 0,
        message_id=update.message.message_id if update.message else 0,
    )


def _tapped(query: telegram.CallbackQuery) -> Tapped:
    shown = query.message
    text = (shown.text or "") if isinstance(shown, telegram.Message) else ""
    return Tapped(
        callback_id=query.id,
        data=query.data or "",
        provider_message_id=shown.message_id if shown else 0,
        reference=reference_in(text),
    )


def _doing(message: telegram.Message) -> Doing:
    replied = message.reply_to_message
    reply = Reply(replied.message_id, reference_in(replied.text or "")) if replied else Reply()
    forwarded = message.forward_origin is not None
    if message.text is not None:
        return _command(message.text) or Wrote(message.text, reply, forwarded)
    if message.photo or message.document:
        file = message.photo[-1] if message.photo else message.document
        assert file is not None
        return Pictured(
            file.file_id,
            file.file_size or 0,
            bool(message.caption),
            reply,
            forwarded,
            message.media_group_id or "",
        )
    if message.location:
        place = message.location
        return Placed(_e7(place.latitude), _e7(place.longitude), reply, forwarded)
    if message.contact:
        sender = message.from_user
        own = sender is not None and message.contact.user_id == sender.id and not forwarded
        return Shared(message.contact.phone_number, own)
    return Unknown()


def _command(text: str) -> Started | Asked | None:
    if not text.startswith("/"):
        return None
    word, _, rest = text[1:].partition(" ")
    # In groups a command names its bot: /tasks@name.
    name = word.partition("@")[0].lower()
    return Started(rest.strip()) if name == "start" else Asked(name, rest.strip())


def _e7(degrees: float) -> str:
    return str(round(degrees * DEGREES_E7))


def _seconds(wait: float | timedelta) -> float:
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)


def _reason(error: TelegramError) -> str:
    return str(error)[:REASON_MAX]
