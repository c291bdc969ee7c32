"""The local Bot API against the official lists, as python-telegram-bot's signatures mirror them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import telegram

from localchat.client import ChatClient
from localchat.methods import METHODS

LI = 1001
Png = Callable[[int, int], bytes]
# What the library itself adds to each method: no parameters of the Bot API.
LIBRARY_S_OWN = {
    "self", "read_timeout", "write_timeout", "connect_timeout", "pool_timeout", "api_kwargs",
    # Shorthands that the library turns into other parameters.
    "disable_web_page_preview", "reply_to_message_id", "allow_sending_without_reply", "filename",
}  # fmt: skip
# In the library a place or an album's caption may be given in another form, so they are optional.
REQUIRED_ALL_THE_SAME = {"latitude", "longitude"}
# Official, and not spoken here: what no bot of one token with private chats needs.
NOT_SPOKEN = {
    "allow_paid_broadcast", "business_connection_id", "certificate", "direct_messages_topic_id",
    "has_spoiler", "heading", "horizontal_accuracy", "inline_message_id", "ip_address",
    "live_period", "message_effect_id", "message_thread_id", "proximity_alert_radius",
    "suggested_post_parameters", "thumbnail",
}  # fmt: skip


def official(method: str) -> inspect.Signature:
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", method).lower()
    return inspect.signature(getattr(telegram.Bot, snake))


@pytest.mark.parametrize("name", sorted(method.name for method in METHODS.values()))
def test_each_method_has_the_official_parameters(name: str) -> None:
    theirs = {key: p for key, p in official(name).parameters.items() if key not in LIBRARY_S_OWN}
    ours = {parameter.name: parameter for parameter in METHODS[name.lower()].parameters}
    shorthands = {"location", "caption", "parse_mode", "caption_entities"} - ours.keys()
    assert ours.keys() <= theirs.keys()
    assert theirs.keys() - ours.keys() <= NOT_SPOKEN | shorthands
    for key, parameter in ours.items():
        required = theirs[key].default is inspect.Parameter.empty
        if key not in {"url", "chat_id", "message_id"}:
            wanted = required or key in REQUIRED_ALL_THE_SAME or parameter.kind == "file"
            if name not in {"answerCallbackQuery", "editMessageText"}:
                assert (parameter.missing is not None) == wanted, key


def test_the_bot_calls_no_method_outside_the_official_set_and_ours() -> None:
    provider = Path(__file__).parents[2] / "services/notifier/chat/provider.py"
    called = set(re.findall(r"self\._bot\.([a-z_]+)\(", provider.read_text(encoding="utf-8")))
    api = {name for name in called if name not in {"initialize", "shutdown"}} | {"get_me"}
    assert {"send_message", "get_updates", "answer_callback_query"} <= api
    for name in api:
        assert name.replace("_", "") in METHODS, name


def unknown_fields(thing: Any) -> Iterator[str]:
    """Fields of an answer that the official classes do not have."""
    if isinstance(thing, telegram.TelegramObject):
        yield from (f"{type(thing).__name__}.{name}" for name in thing.api_kwargs)
        for name in thing.__slots__:
            yield from unknown_fields(getattr(thing, name, None))
    elif isinstance(thing, list | tuple):
        for each in thing:
            yield from unknown_fields(each)


async def test_every_object_has_official_fields_only(
    bot: telegram.Bot, people: ChatClient, png: Png
) -> None:
    await people.rate_limits(on=False)
    sent = await bot.send_message(
        LI,
        "<b>在家</b>",
        parse_mode="HTML",
        reply_markup=telegram.InlineKeyboardMarkup(
            [[telegram.InlineKeyboardButton("好", callback_data="1")]]
        ),
    )
    await people.say(LI, "/tasks", reply_to=sent.message_id)
    await people.photo(LI, png(100, 50), "门口", album="a1", forwarded=True)
    await people.document(LI, "表.csv", b"a,b", "text/csv")
    await people.location(LI, 27.5, 102.25)
    await people.contact(LI, "13900000000")
    await people.tap(LI, sent.message_id, "1")
    await people.block(LI)
    await people.unblock(LI)
    updates = await bot.get_updates()
    seen = {
        name for u in updates for name in ("message", "callback_query", "my_chat_member")
        if getattr(u, name)
    }  # fmt: skip
    assert seen == {"message", "callback_query", "my_chat_member"}
    photo = next(u.message.photo for u in updates if u.message and u.message.photo)
    album = [telegram.InputMediaPhoto(png(9, 9), "一"), telegram.InputMediaPhoto(photo[0].file_id)]
    answers = [
        *updates,
        sent,
        await bot.get_me(),
        await bot.get_file(photo[-1].file_id),
        await bot.get_webhook_info(),
        await bot.send_location(LI, 27.5, 102.25),
        await bot.send_document(LI, b"x", filename="x.txt"),
        *await bot.send_media_group(LI, album),
    ]
    assert list(unknown_fields(answers)) == []


async def test_what_a_person_sends_says_how(
    bot: telegram.Bot, people: ChatClient, png: Png
) -> None:
    await people.photo(LI, png(9, 9), album="a1")
    await people.photo(LI, png(8, 8), album="a1")
    await people.say(LI, "不是我写的", forwarded=True)
    await people.contact(LI, "13900000000")
    await people.contact(LI, "13900000001", owner_id=0)
    first, second, passed_on, own, other = [u.message for u in await bot.get_updates()]
    assert first.media_group_id == second.media_group_id == "a1"  # type: ignore[union-attr]
    assert passed_on.forward_origin is not None  # type: ignore[union-attr]
    assert own.contact.user_id == LI  # type: ignore[union-attr]
    assert other.contact.user_id is None  # type: ignore[union-attr]


async def test_an_album_arrives_as_one(bot: telegram.Bot, people: ChatClient, png: Png) -> None:
    sent = await bot.send_media_group(
        LI, [telegram.InputMediaPhoto(png(9, 9), "一"), telegram.InputMediaPhoto(png(8, 8))]
    )
    assert len({message.media_group_id for message in sent}) == 1
    assert [message.caption for message in sent] == ["一", None]
    with pytest.raises(telegram.error.BadRequest, match="2-10 items"):
        await bot.send_media_group(LI, [telegram.InputMediaPhoto(png(9, 9))])


async def test_a_message_of_the_bot_can_be_taken_away(
    bot: telegram.Bot, people: ChatClient
) -> None:
    sent = await bot.send_message(LI, "weg")
    assert await bot.delete_message(LI, sent.message_id)
    assert await people.messages(LI) == []
