"""What a bot sends is what a person reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import telegram
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, ReplyKeyboardMarkup
from telegram.error import BadRequest, Forbidden

from localchat.client import ChatClient, buttons_of

LI = 1001
TOKEN = "4242:local-test-token"
Png = Callable[[int, int], bytes]


def keyboard(*data: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(f"to {d}", callback_data=d) for d in data]])


@pytest.mark.asyncio
async def test_a_bot_learns_who_it_is(bot: telegram.Bot) -> None:
    me = await bot.get_me()

    assert (me.id, me.is_bot, me.username) == (4242, True, "tuopin_local_bot")


@pytest.mark.asyncio
async def test_a_text_arrives_with_its_buttons(bot: telegram.Bot, people: ChatClient) -> None:
    sent = await bot.send_message(LI, "明天走访", reply_markup=keyboard("1:ack", "1:late"))

    (read,) = await people.messages(LI)
    assert (sent.message_id, "明天走访") == (read["message_id"], read["text"])
    assert [button["callback_data"] for button in buttons_of(read)] == ["1:ack", "1:late"]
    assert sent.chat.type == "private"
    assert sent.from_user is not None
    assert sent.from_user.is_bot


@pytest.mark.asyncio
async def test_html_becomes_entities_counted_in_utf16(bot: telegram.Bot) -> None:
    html = "😀 <b>粗<i>斜</i></b> <a href='https://x.org/?a=1&amp;b=2'>link</a> &lt;ok&gt;"

    sent = await bot.send_message(LI, html, parse_mode="HTML")

    assert sent.text == "😀 粗斜 link <ok>"
    assert {text: entity.type for entity, text in sent.parse_entities().items()} == {
        "粗斜": "bold",
        "斜": "italic",
        "link": "text_link",
    }
    assert sent.entities[-1].url == "https://x.org/?a=1&b=2"


@pytest.mark.asyncio
async def test_a_code_block_keeps_its_language(bot: telegram.Bot) -> None:
    html = '<pre><code class="language-python">x</code></pre>'

    (entity,) = (await bot.send_message(LI, html, parse_mode="HTML")).entities

    assert (entity.type, entity.language) == ("pre", "python")


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("a <b>b", 'Can\'t find end tag corresponding to start tag "b"'),
        ("中<div>b</div>", 'Unsupported start tag "div" at byte offset 3'),
        ("a</b>", "Unexpected end tag at byte offset 1"),
        ("<b>a</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("a <b", "Unclosed start tag at byte offset 2"),
        ("a <b>x</b", "Unclosed end tag at byte offset 6"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("1 < 2 >", 'Unsupported start tag "" at byte offset 2'),
    ],
)
@pytest.mark.asyncio
async def test_broken_html_is_refused(bot: telegram.Bot, html: str, reason: str) -> None:
    with pytest.raises(BadRequest) as refused:
        await bot.send_message(LI, html, parse_mode="HTML")

    assert refused.value.message.lower() == f"can't parse entities: {reason}".lower()


@pytest.mark.asyncio
async def test_a_link_that_runs_a_script_is_plain_text(bot: telegram.Bot) -> None:
    sent = await bot.send_message(LI, '<a href="javascript:alert(1)">x</a>', parse_mode="HTML")

    assert (sent.text, sent.entities) == ("x", ())


@pytest.mark.asyncio
async def test_the_limit_of_a_text_counts_after_parsing(bot: telegram.Bot) -> None:
    await bot.send_message(LI, f"<b>{'字' * 4096}</b>", parse_mode="HTML")

    with pytest.raises(BadRequest, match="essage is too long"):
        await bot.send_message(LI, "字" * 4097)


@pytest.mark.asyncio
async def test_a_text_of_blanks_is_empty(bot: telegram.Bot) -> None:
    with pytest.raises(BadRequest, match="essage text is empty"):
        await bot.send_message(LI, " \n ")


@pytest.mark.parametrize(
    ("size", "passes"), [(1, True), (64, True), (65, False)], ids=["1", "64", "65 bytes"]
)
@pytest.mark.asyncio
async def test_callback_data_has_64_bytes(bot: telegram.Bot, size: int, passes: bool) -> None:
    if passes:
        await bot.send_message(LI, "x", reply_markup=keyboard("a" * size))
        return
    with pytest.raises(BadRequest, match="Button_data_invalid"):
        await bot.send_message(LI, "x", reply_markup=keyboard("a" * size))


@pytest.mark.asyncio
async def test_callback_data_is_counted_in_bytes(bot: telegram.Bot) -> None:
    with pytest.raises(BadRequest, match="Button_data_invalid"):
        await bot.send_message(LI, "x", reply_markup=keyboard("字" * 22))


@pytest.mark.asyncio
async def test_a_chat_nobody_opened_is_not_found(bot: telegram.Bot, people: ChatClient) -> None:
    await people.person(7, "未开始")

    for chat_id in (7, 999_999):
        with pytest.raises(BadRequest, match="Chat not found"):
            await bot.send_message(chat_id, "x")


@pytest.mark.asyncio
async def test_who_blocked_the_bot_is_forbidden(bot: telegram.Bot, people: ChatClient) -> None:
    await people.block(LI)

    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(LI, "x")

    await people.unblock(LI)
    await bot.send_message(LI, "x")


@pytest.mark.asyncio
async def test_an_unknown_parameter_is_refused(bot: telegram.Bot) -> None:
    with pytest.raises(BadRequest, match='nknown parameter "disable_sound"'):
        await bot.send_message(LI, "x", api_kwargs={"disable_sound": True})


@pytest.mark.asyncio
async def test_an_unknown_parse_mode_is_refused(bot: telegram.Bot) -> None:
    with pytest.raises(BadRequest, match="nsupported parse_mode"):
        await bot.send_message(LI, "x", parse_mode="BBCode")


@pytest.mark.asyncio
async def test_a_reply_carries_the_message_it_answers(
    bot: telegram.Bot, people: ChatClient
) -> None:
    asked = await people.say(LI, "什么时候？")

    sent = await bot.send_message(LI, "明天", reply_to_message_id=asked["message_id"])

    assert sent.reply_to_message is not None
    assert sent.reply_to_message.text == "什么时候？"


@pytest.mark.asyncio
async def test_a_reply_to_nothing_is_refused_unless_allowed(bot: telegram.Bot) -> None:
    with pytest.raises(BadRequest, match="essage to be replied not found"):
        await bot.send_message(LI, "x", reply_to_message_id=12345)

    sent = await bot.send_message(
        LI, "x", reply_to_message_id=12345, allow_sending_without_reply=True
    )
    assert sent.reply_to_message is None


@pytest.mark.asyncio
async def test_a_reply_keyboard_stands_below_the_chat(
    bot: telegram.Bot, http: httpx.AsyncClient
) -> None:
    markup = ReplyKeyboardMarkup([["我的任务", "帮助"]], resize_keyboard=True)
    await bot.send_message(LI, "请选择", reply_markup=markup)

    page = (await http.get(f"/local/persons/{LI}/messages")).json()
    assert page["keyboard"]["keyboard"][0][0]["text"] == "我的任务"


@pytest.mark.asyncio
async def test_a_photo_arrives_with_caption_and_sizes(
    bot: telegram.Bot, people: ChatClient, png: Png
) -> None:
    sent = await bot.send_photo(LI, png(200, 100), caption="<b>房屋</b>", parse_mode="HTML")

    assert (sent.caption, sent.caption_entities[0].type) == ("房屋", "bold")
    assert [(size.width, size.height) for size in sent.photo] == [(90, 45), (200, 100)]
    again = await bot.send_photo(LI, sent.photo[-1].file_id)
    assert again.photo == sent.photo


@pytest.mark.asyncio
async def test_a_caption_has_1024_characters(bot: telegram.Bot, png: Png) -> None:
    await bot.send_photo(LI, png(2, 2), caption="字" * 1024)

    with pytest.raises(BadRequest, match="aption is too long"):
        await bot.send_photo(LI, png(2, 2), caption="字" * 1025)


@pytest.mark.asyncio
async def test_what_is_no_picture_is_no_photo(bot: telegram.Bot, png: Png) -> None:
    with pytest.raises(BadRequest, match="Image_process_failed"):
        await bot.send_photo(LI, b"%PDF-1.4")
    with pytest.raises(BadRequest, match="Photo_invalid_dimensions"):
        await bot.send_photo(LI, png(1, 50))
    with pytest.raises(BadRequest, match="too big for a photo"):
        await bot.send_photo(LI, png(2, 2) + bytes(10 * 1024 * 1024))


@pytest.mark.asyncio
async def test_a_document_and_a_place_arrive(bot: telegram.Bot, people: ChatClient) -> None:
    document = await bot.send_document(LI, b"a,b\n", filename="名单.csv", caption="c")
    place = await bot.send_location(LI, 27.5, 102.25)

    assert document.document is not None
    assert (document.document.file_name, document.document.file_size) == ("名单.csv", 4)
    assert place.location is not None
    assert (place.location.latitude, place.location.longitude) == (27.5, 102.25)
    assert len(await people.messages(LI)) == 2


@pytest.mark.asyncio
async def test_files_are_downloaded_as_they_were_sent(
    bot: telegram.Bot, people: ChatClient, png: Png
) -> None:
    picture = png(40, 30)
    received = await people.photo(LI, picture, caption="看")

    file = await bot.get_file(received["photo"][-1]["file_id"])

    assert picture == bytes(await file.download_as_bytearray())
    assert len(picture) == file.file_size
    with pytest.raises(BadRequest, match="nvalid file_id"):
        await bot.get_file("nothing")


@pytest.mark.parametrize(
    "call",
    [
        {"json": {"chat_id": LI, "text": "x"}},
        {"data": {"chat_id": LI, "text": "x"}},
        {"params": {"chat_id": LI, "text": "x"}},
    ],
    ids=["json", "form", "address"],
)
@pytest.mark.asyncio
async def test_parameters_come_in_every_documented_way(
    http: httpx.AsyncClient, people: ChatClient, call: dict[str, Any]
) -> None:
    answer = (await http.post(f"/bot{TOKEN}/sendmessage", **call)).json()

    assert answer["ok"]
    assert answer["result"]["text"] == "x"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"text": "x"}, "chat_id is empty"),
        ({"chat_id": LI}, "message text is empty"),
        ({"chat_id": "many", "text": "x"}, 'parameter "chat_id" must be of type Integer or String'),
        (
            {"chat_id": 1 << 70, "text": "x"},
            'parameter "chat_id" must be of type Integer or String',
        ),
        ({"chat_id": LI, "text": "x", "reply_markup": "{"}, "can't parse reply_markup JSON object"),
        (
            {"chat_id": LI, "text": "x", "protect_content": "perhaps"},
            '"protect_content" must be of',
        ),
        ({"chat_id": "@someone", "text": "x"}, "chat not found"),
    ],
)
@pytest.mark.asyncio
async def test_a_wrong_parameter_is_named(
    http: httpx.AsyncClient, people: ChatClient, body: dict[str, Any], reason: str
) -> None:
    answer = await http.post(f"/bot{TOKEN}/sendMessage", json=body)

    assert answer.status_code == 400
    assert reason in answer.json()["description"]


@pytest.mark.asyncio
async def test_half_a_character_is_refused(http: httpx.AsyncClient, people: ChatClient) -> None:
    content, headers = rb'{"chat_id": 1001, "text": "\ud83d"}', {"Content-Type": "application/json"}

    answer = await http.post(f"/bot{TOKEN}/sendMessage", content=content, headers=headers)

    assert answer.status_code == 400
    assert "encoded in UTF-8" in answer.json()["description"]
