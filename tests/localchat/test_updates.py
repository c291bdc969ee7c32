"""What persons do reaches the bot in order, and stays until the bot confirms it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
import telegram
from telegram.error import Conflict, InvalidToken
from telegram.ext import Updater

from localchat.client import ChatClient

LI = 1001
Png = Callable[[int, int], bytes]


@pytest.mark.asyncio
async def test_a_deep_link_presses_start_with_its_code(
    bot: telegram.Bot, people: ChatClient
) -> None:
    await people.person(7, "新来的", "en")
    await people.say(7, "/start CODE42")

    (update,) = await bot.get_updates()

    assert update.message is not None
    assert update.message.text == "/start CODE42"
    assert {text: entity.type for entity, text in update.message.parse_entities().items()} == {
        "/start": "bot_command"
    }
    assert update.message.from_user is not None
    assert (
        update.message.from_user.first_name,
        update.message.from_user.language_code,
    ) == ("新来的", "en")
    await bot.send_message(7, "欢迎")


@pytest.mark.asyncio
async def test_text_picture_place_and_reply_arrive_in_order(
    bot: telegram.Bot, people: ChatClient, png: Png
) -> None:
    asked = await bot.send_message(LI, "在哪里？")
    await people.say(LI, "在家", reply_to=asked.message_id)
    await people.photo(LI, png(100, 50), caption="门口", reply_to=asked.message_id)
    await people.location(LI, 27.5, 102.25)

    text, photo, place = [update.message for update in await bot.get_updates()]

    assert text is not None
    assert text.reply_to_message is not None
    assert ("在家", asked.message_id) == (text.text, text.reply_to_message.message_id)
    assert photo is not None
    assert (photo.caption, len(photo.photo)) == ("门口", 2)
    assert place is not None
    assert place.location is not None
    assert place.location.latitude == 27.5


@pytest.mark.asyncio
async def test_an_update_stays_until_it_is_confirmed(bot: telegram.Bot, people: ChatClient) -> None:
    for text in ("一", "二", "三"):
        await people.say(LI, text)

    first = await bot.get_updates(limit=2)
    assert [u.update_id for u in first] == [u.update_id for u in await bot.get_updates(limit=2)]
    (third,) = await bot.get_updates(offset=first[-1].update_id + 1)
    assert third.message is not None
    assert third.message.text == "三"
    assert await bot.get_updates(offset=third.update_id + 1) == ()
    assert first[0].update_id + 2 == third.update_id


@pytest.mark.asyncio
async def test_a_negative_offset_keeps_the_newest_only(
    bot: telegram.Bot, people: ChatClient
) -> None:
    for text in ("一", "二", "三"):
        await people.say(LI, text)

    (last,) = await bot.get_updates(offset=-1)

    assert last.message is not None
    assert last.message.text == "三"
    assert len(await bot.get_updates()) == 1


@pytest.mark.asyncio
async def test_only_allowed_kinds_are_queued(bot: telegram.Bot, people: ChatClient) -> None:
    await bot.get_updates(allowed_updates=["callback_query"])
    await people.say(LI, "不要")
    assert await bot.get_updates() == ()

    await bot.get_updates(allowed_updates=[])
    await people.say(LI, "要")
    assert len(await bot.get_updates()) == 1


@pytest.mark.asyncio
async def test_the_bot_hears_of_being_blocked_and_let_in(
    bot: telegram.Bot, people: ChatClient
) -> None:
    await people.block(LI)
    await people.say(LI, "/start")

    blocked, back, message = await bot.get_updates()

    assert blocked.my_chat_member is not None
    assert blocked.my_chat_member.new_chat_member.status == "kicked"
    assert back.my_chat_member is not None
    assert back.my_chat_member.new_chat_member.status == "member"
    assert message.message is not None


@pytest.mark.asyncio
async def test_a_long_poll_answers_as_soon_as_something_comes(
    bot: telegram.Bot, people: ChatClient
) -> None:
    poll = asyncio.create_task(bot.get_updates(timeout=20))
    await asyncio.sleep(0.3)
    assert not poll.done()

    said_at = time.monotonic()
    await people.say(LI, "来了")
    (update,) = await poll

    assert update.message is not None
    assert time.monotonic() - said_at < 1.0


@pytest.mark.asyncio
async def test_a_long_poll_that_hears_nothing_ends_in_time(bot: telegram.Bot) -> None:
    asked_at = time.monotonic()

    assert await bot.get_updates(timeout=1) == ()

    assert 0.9 < time.monotonic() - asked_at < 3.0


@pytest.mark.asyncio
async def test_of_two_pollers_the_first_is_told_of_the_conflict(
    bot: telegram.Bot, make_bot: Callable[[], telegram.Bot], people: ChatClient
) -> None:
    async with make_bot() as other:
        first = asyncio.create_task(bot.get_updates(timeout=20))
        await asyncio.sleep(0.2)
        second = asyncio.create_task(other.get_updates(timeout=20))

        with pytest.raises(Conflict, match="terminated by other getUpdates request"):
            await first
        await people.say(LI, "谁听见？")
        assert len(await second) == 1


@pytest.mark.asyncio
async def test_old_updates_expire(bot: telegram.Bot, people: ChatClient, clock: object) -> None:
    await people.say(LI, "昨天")
    clock.now += 86_401  # type: ignore[attr-defined]

    assert await bot.get_updates() == ()


@pytest.mark.asyncio
async def test_a_webhook_is_deleted_with_what_waits(bot: telegram.Bot, people: ChatClient) -> None:
    await people.say(LI, "x")
    assert (await bot.get_webhook_info()).pending_update_count == 1

    assert await bot.delete_webhook(drop_pending_updates=True)

    assert await bot.get_updates() == ()


@pytest.mark.parametrize("token", ["4242:another-token", "no-token"])
@pytest.mark.asyncio
async def test_a_wrong_token_is_unauthorized(
    make_bot: Callable[[str], telegram.Bot], token: str
) -> None:
    with pytest.raises(InvalidToken):
        await make_bot(token).initialize()


@pytest.mark.asyncio
async def test_the_library_polls_as_it_polls_telegram(
    bot: telegram.Bot, people: ChatClient
) -> None:
    queue: asyncio.Queue[object] = asyncio.Queue()
    async with Updater(bot, update_queue=queue) as updater:
        await updater.start_polling(timeout=2)
        await people.say(LI, "你好")
        update = await asyncio.wait_for(queue.get(), 5)
        await updater.stop()

    assert isinstance(update, telegram.Update)
    assert update.message is not None
    assert update.message.text == "你好"
