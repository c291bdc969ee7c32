"""A bot may change what it sent, and only that."""

from __future__ import annotations

import pytest
import telegram
from telegram import BotCommand, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import BadRequest

from localchat.client import ChatClient, ChatError, buttons_of

LI = 1001


def keyboard(*data: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(f"to {d}", callback_data=d) for d in data]])


@pytest.mark.asyncio
async def test_an_edited_text_replaces_text_and_keyboard(
    bot: telegram.Bot, people: ChatClient
) -> None:
    sent = await bot.send_message(LI, "任务", reply_markup=keyboard("a"))

    edited = await bot.edit_message_text("已完成", LI, sent.message_id)

    assert isinstance(edited, telegram.Message)
    assert edited.edit_date is not None
    (read,) = await people.messages(LI)
    assert (read["text"], buttons_of(read)) == ("已完成", [])


@pytest.mark.asyncio
async def test_an_edit_is_seen_by_who_reads_on(bot: telegram.Bot, people: ChatClient) -> None:
    sent = await bot.send_message(LI, "任务")
    (read,) = await people.messages(LI)

    await bot.edit_message_text("改", LI, sent.message_id)

    assert [m["text"] for m in await people.messages(LI, after=read["change"])] == ["改"]


@pytest.mark.asyncio
async def test_an_edit_that_changes_nothing_is_refused(bot: telegram.Bot) -> None:
    sent = await bot.send_message(LI, "<b>x</b>", parse_mode="HTML", reply_markup=keyboard("a"))

    with pytest.raises(BadRequest, match="essage is not modified"):
        await bot.edit_message_text(
            "<b>x</b>", LI, sent.message_id, parse_mode="HTML", reply_markup=keyboard("a")
        )
    with pytest.raises(BadRequest, match="essage is not modified"):
        await bot.edit_message_reply_markup(LI, sent.message_id, reply_markup=keyboard("a"))


@pytest.mark.asyncio
async def test_a_keyboard_is_replaced_and_taken_away(bot: telegram.Bot, people: ChatClient) -> None:
    sent = await bot.send_message(LI, "x", reply_markup=keyboard("a"))

    await bot.edit_message_reply_markup(LI, sent.message_id, reply_markup=keyboard("b"))
    (read,) = await people.messages(LI)
    assert [button["callback_data"] for button in buttons_of(read)] == ["b"]

    await bot.edit_message_reply_markup(LI, sent.message_id)
    (read,) = await people.messages(LI)
    assert (read["text"], buttons_of(read)) == ("x", [])


@pytest.mark.asyncio
async def test_only_the_bots_own_messages_can_be_edited(
    bot: telegram.Bot, people: ChatClient
) -> None:
    own = await people.say(LI, "我的话")

    with pytest.raises(BadRequest, match="essage can't be edited"):
        await bot.edit_message_text("x", LI, own["message_id"])
    with pytest.raises(BadRequest, match="essage to edit not found"):
        await bot.edit_message_text("x", LI, 12345)


@pytest.mark.asyncio
async def test_a_place_has_no_text_to_edit(bot: telegram.Bot) -> None:
    sent = await bot.send_location(LI, 1, 2)

    with pytest.raises(BadRequest, match="here is no text in the message to edit"):
        await bot.edit_message_text("x", LI, sent.message_id)
    with pytest.raises(BadRequest, match="here is no caption in the message to edit"):
        await bot.edit_message_caption(LI, sent.message_id, caption="x")


@pytest.mark.asyncio
async def test_a_deleted_message_is_gone(bot: telegram.Bot, people: ChatClient) -> None:
    sent = await bot.send_message(LI, "x")

    assert await bot.delete_message(LI, sent.message_id)

    assert await people.messages(LI) == []
    with pytest.raises(BadRequest, match="essage to delete not found"):
        await bot.delete_message(LI, sent.message_id)


@pytest.mark.asyncio
async def test_commands_are_kept_by_scope_and_language(bot: telegram.Bot) -> None:
    await bot.set_my_commands([BotCommand("start", "开始")], language_code="zh")

    assert [c.command for c in await bot.get_my_commands(language_code="zh")] == ["start"]
    assert await bot.get_my_commands() == ()
    with pytest.raises(BadRequest, match="Bot_command_invalid"):
        await bot.set_my_commands([BotCommand("Start!", "x")])


@pytest.mark.asyncio
async def test_a_tap_reaches_the_bot_and_its_answer_the_person(
    bot: telegram.Bot, people: ChatClient
) -> None:
    sent = await bot.send_message(LI, "任务", reply_markup=keyboard("1:ack"))

    tap_id = await people.tap(LI, sent.message_id, "to 1:ack")
    (update,) = await bot.get_updates()
    assert update.callback_query is not None
    assert (tap_id, "1:ack", LI) == (
        update.callback_query.id,
        update.callback_query.data,
        update.callback_query.from_user.id,
    )
    assert update.callback_query.message is not None
    assert sent.message_id == update.callback_query.message.message_id

    await bot.answer_callback_query(tap_id, "收到", show_alert=True)
    answer = await people.wait_for_answer(LI, tap_id)
    assert (answer["text"], answer["show_alert"]) == ("收到", True)


@pytest.mark.asyncio
async def test_a_tap_is_answered_once_and_in_time(
    bot: telegram.Bot, people: ChatClient, clock: object
) -> None:
    sent = await bot.send_message(LI, "任务", reply_markup=keyboard("a"))
    first, second = [await people.tap(LI, sent.message_id, "a") for _ in range(2)]
    await bot.answer_callback_query(first)

    with pytest.raises(BadRequest, match="uery is too old"):
        await bot.answer_callback_query(first)
    clock.now += 61  # type: ignore[attr-defined]
    with pytest.raises(BadRequest, match="uery is too old"):
        await bot.answer_callback_query(second)
    with pytest.raises(BadRequest, match="uery is too old"):
        await bot.answer_callback_query("no-number")


@pytest.mark.asyncio
async def test_an_answer_has_200_characters(bot: telegram.Bot, people: ChatClient) -> None:
    sent = await bot.send_message(LI, "任务", reply_markup=keyboard("a"))
    tap_id = await people.tap(LI, sent.message_id, "a")

    with pytest.raises(BadRequest, match="Message_too_long"):
        await bot.answer_callback_query(tap_id, "字" * 201)


@pytest.mark.asyncio
async def test_a_button_that_is_not_there_cannot_be_tapped(
    bot: telegram.Bot, people: ChatClient
) -> None:
    sent = await bot.send_message(LI, "任务", reply_markup=keyboard("a"))
    await bot.edit_message_reply_markup(LI, sent.message_id)

    with pytest.raises(ChatError, match="no button"):
        await people.tap(LI, sent.message_id, "a")
