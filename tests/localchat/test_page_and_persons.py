"""The page, and the JSON API that it shares with scripted persons."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import httpx
import pytest
import telegram

import localchat
from localchat.client import ChatClient, ChatError

LI = 1001
STATIC = Path(localchat.__file__).parent / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))


@pytest.mark.asyncio
async def test_the_page_brings_everything_it_refers_to(http: httpx.AsyncClient) -> None:
    page = await http.get("/", params={"person": LI, "start": "CODE"})

    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert (await http.get(address)).status_code == 200, address


def test_the_page_loads_nothing_from_elsewhere() -> None:
    for path in STATIC.iterdir():
        addresses = set(re.findall(r"https?://[\w.]+", path.read_text()))
        # The name of a vocabulary, never fetched.
        assert addresses <= {"http://www.w3.org"}, path.name


def test_nothing_that_was_written_is_read_as_html() -> None:
    for path in SCRIPTS:
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert way not in path.read_text(), f"{way} in {path.name}"


def test_every_label_is_there_in_both_languages() -> None:
    chinese, english = re.split(r"\n  en: \{", (STATIC / "labels.js").read_text())[:2]
    names = re.compile(r"\b(\w+): \"")
    used = set(re.findall(r'data-(?:label|placeholder|title)="(\w+)"', _text("index.html")))
    used |= {name for path in SCRIPTS for name in re.findall(r'label\("(\w+)"', path.read_text())}

    assert set(names.findall(chinese)) == set(names.findall(english))
    assert used <= set(names.findall(english))


def test_every_element_the_script_asks_for_is_on_the_page() -> None:
    asked = set(re.findall(r'(?:\$|\bon)\("([\w-]+)"', _text("chat.js")))

    assert asked <= set(re.findall(r'id="([\w-]+)"', _text("index.html")))


@pytest.mark.asyncio
async def test_a_person_is_registered_once_and_renamed(
    http: httpx.AsyncClient, people: ChatClient
) -> None:
    await people.person(LI, "李阿妹二", "en")

    known = (await http.get("/local/persons")).json()

    assert known["persons"] == [
        {"id": LI, "name": "李阿妹二", "language_code": "en", "state": "open"}
    ]
    assert known["bot"]["username"] == "tuopin_local_bot"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"id": 0, "name": "x"}, 400),
        ({"id": 1 << 60, "name": "x"}, 400),
        ({"id": 5, "name": " "}, 400),
        ({"id": 5, "name": "x" * 65}, 400),
        ({"id": 5}, 400),
        ({"id": 5, "name": "x", "phone": "1"}, 400),
        ({"id": 5, "name": "x"}, 200),
    ],
)
@pytest.mark.asyncio
async def test_a_person_has_an_id_and_a_name(
    http: httpx.AsyncClient, body: dict[str, object], status: int
) -> None:
    assert (await http.post("/local/persons", json=body)).status_code == status


@pytest.mark.asyncio
async def test_an_unknown_person_can_do_nothing(people: ChatClient) -> None:
    with pytest.raises(ChatError, match="no such person"):
        await people.say(999, "x")


@pytest.mark.asyncio
async def test_another_web_page_cannot_speak_for_a_person(
    http: httpx.AsyncClient, people: ChatClient
) -> None:
    path, body = f"/local/persons/{LI}/send", {"text": "x"}

    foreign = await http.post(path, json=body, headers={"Origin": "https://example.org"})
    own = await http.post(path, json=body, headers={"Origin": str(http.base_url).rstrip("/")})

    assert (foreign.status_code, own.status_code) == (403, 200)


@pytest.mark.asyncio
async def test_waiting_for_a_message_ends_when_it_comes(
    bot: telegram.Bot, people: ChatClient
) -> None:
    waiting = asyncio.create_task(people.wait_for_message(LI, lambda m: "二" in m["text"]))
    await bot.send_message(LI, "一")
    await asyncio.sleep(0.2)
    assert not waiting.done()

    sent_at = time.monotonic()
    sent = await bot.send_message(LI, "二")

    assert (await waiting)["message_id"] == sent.message_id
    assert time.monotonic() - sent_at < 1.0


@pytest.mark.asyncio
async def test_waiting_in_vain_tells_what_there_was(bot: telegram.Bot, people: ChatClient) -> None:
    await bot.send_message(LI, "别的")

    with pytest.raises(TimeoutError, match="别的"):
        await people.wait_for_message(LI, lambda m: m["text"] == "二", timeout_s=0.2)


@pytest.mark.asyncio
async def test_stats_count_what_was_sent_tapped_and_called(
    bot: telegram.Bot, people: ChatClient
) -> None:
    button = telegram.InlineKeyboardButton("好", callback_data="ok")
    markup = telegram.InlineKeyboardMarkup.from_button(button)
    sent = await bot.send_message(LI, "x", reply_markup=markup)
    tap_id = await people.tap(LI, sent.message_id, "ok")
    await bot.answer_callback_query(tap_id)

    stats = await people.stats()

    assert (stats.sent, stats.callback_answers, stats.pending_updates) == ({LI: 1}, 1, 1)
    assert stats.calls["answerCallbackQuery"] == 1


@pytest.mark.asyncio
async def test_a_document_is_saved_and_never_shown(
    http: httpx.AsyncClient, bot: telegram.Bot
) -> None:
    sent = await bot.send_document(LI, b"<script>alert(1)</script>", filename="a.html")
    assert sent.document is not None

    answer = await http.get(f"/local/files/{sent.document.file_id}")

    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["content-type"] == "application/octet-stream"


def _text(name: str) -> str:
    return (STATIC / name).read_text()
