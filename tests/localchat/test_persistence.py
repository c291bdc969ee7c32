"""What was accepted survives a kill -9 of the local chat."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import telegram

from localchat.client import ChatClient, buttons_of
from localchat.server import LocalChat

LI = 1001
TOKEN = "4242:local-test-token"
ROOT = Path(__file__).parents[2]


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the local chat in a process of its own, and give its address."""
    command = [sys.executable, "-m", "localchat", "--port", "0", "--token", TOKEN]
    with subprocess.Popen(
        [*command, "--data", str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            yield line.split("base_url is ")[1].strip().removesuffix("/bot"), process
        finally:
            process.kill()


def bot_at(url: str) -> telegram.Bot:
    return telegram.Bot(TOKEN, base_url=f"{url}/bot", base_file_url=f"{url}/file/bot")


@pytest.mark.asyncio
async def test_a_kill_loses_no_update_and_no_message(
    tmp_path: Path, png: Callable[[int, int], bytes]
) -> None:
    with running(tmp_path) as (url, process):
        async with ChatClient(url) as people, bot_at(url) as bot:
            await people.person(LI, "李阿妹")
            await people.say(LI, "/start")
            await people.say(LI, "一")
            first, second = await bot.get_updates()
            await bot.get_updates(offset=second.update_id)
            markup = telegram.InlineKeyboardMarkup.from_button(
                telegram.InlineKeyboardButton("好", callback_data="ok")
            )
            asked = await bot.send_message(LI, "请确认", reply_markup=markup)
            await people.tap(LI, asked.message_id, "好")
            picture = await people.photo(LI, png(20, 20))
            process.send_signal(signal.SIGKILL)
            process.wait()

    with running(tmp_path) as (url, _):
        async with ChatClient(url) as people, bot_at(url) as bot:
            updates = await bot.get_updates()
            assert [second.update_id + n for n in range(3)] == [u.update_id for u in updates]
            assert updates[1].callback_query is not None
            await bot.answer_callback_query(updates[1].callback_query.id, "好")
            assert [m["text"] for m in await people.messages(LI) if "text" in m] == [
                "/start",
                "一",
                "请确认",
            ]
            assert [b["callback_data"] for b in buttons_of((await people.messages(LI))[2])] == [
                "ok"
            ]
            file = await bot.get_file(picture["photo"][-1]["file_id"])
            assert png(20, 20) == bytes(await file.download_as_bytearray())

            await bot.get_updates(offset=updates[-1].update_id + 1)
            await people.say(LI, "二")
            (later,) = await bot.get_updates()
            assert later.update_id == updates[-1].update_id + 1
            assert first.update_id < later.update_id


@pytest.mark.asyncio
async def test_an_erased_chat_does_not_reuse_update_numbers(tmp_path: Path) -> None:
    ids = []
    for run, now in enumerate((1_700_000_000.0, 1_700_000_100.0)):
        local = LocalChat(tmp_path / f"{run}.sqlite", token=TOKEN, clock=partial(float, now))
        await local.start()
        async with ChatClient(local.url) as people, bot_at(local.url) as bot:
            await people.person(LI, "李阿妹")
            await people.say(LI, "/start")
            ids.append((await bot.get_updates())[0].update_id)
        await local.stop()

    assert ids[0] < ids[1]


@pytest.mark.asyncio
async def test_a_chat_comes_back_on_its_port_with_what_it_had(tmp_path: Path) -> None:
    local = LocalChat(tmp_path, token=TOKEN)
    await local.start()
    url = local.url
    async with ChatClient(url) as people:
        await people.person(LI, "李阿妹")
        await people.say(LI, "在吗")
        await local.stop()
        await local.start()
        assert url == local.url
        assert [message["text"] for message in await people.messages(LI)] == ["在吗"]
    await local.stop()


def test_help_is_given() -> None:
    command = [sys.executable, "-m", "localchat", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)

    assert "--data" in shown.stdout


def test_a_malformed_token_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "localchat", "--data", str(tmp_path), "--token", "x"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    assert shown.returncode == 1
    assert "a bot token looks like" in shown.stderr
    assert "Traceback" not in shown.stderr
