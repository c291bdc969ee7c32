"""A local chat on loopback, a bot that believes it is Telegram, and a scripted person."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import pytest_asyncio
import telegram
from telegram.request import HTTPXRequest

from localchat.client import ChatClient
from localchat.server import LocalChat

TOKEN = "4242:local-test-token"
LI = 1001

MakeBot = Callable[..., telegram.Bot]


class Clock:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def _png(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x30\x90\x50" * width) * height)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def png() -> Callable[[int, int], bytes]:
    return _png


@pytest.fixture(autouse=True)
def whole_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The notifier's bot asks the library for timedeltas, by a variable of the whole process."""
    monkeypatch.delenv("PTB_TIMEDELTA", raising=False)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def chat(clock: Clock) -> AsyncIterator[LocalChat]:
    local = LocalChat(":memory:", token=TOKEN, clock=clock)
    await local.start()
    yield local
    await local.stop()


@pytest_asyncio.fixture
async def people(chat: LocalChat) -> AsyncIterator[ChatClient]:
    async with ChatClient(chat.url) as client:
        await client.person(LI, "李阿妹", "zh", started=True)
        yield client


@pytest_asyncio.fixture
async def http(chat: LocalChat) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=chat.url, trust_env=False) as client:
        yield client


@pytest.fixture
def make_bot(chat: LocalChat) -> MakeBot:
    def make(token: str = TOKEN, read_timeout_s: float = 5.0) -> telegram.Bot:
        return telegram.Bot(
            token,
            base_url=f"{chat.url}/bot",
            base_file_url=f"{chat.url}/file/bot",
            request=HTTPXRequest(read_timeout=read_timeout_s),
        )

    return make


@pytest_asyncio.fixture
async def bot(make_bot: MakeBot, people: ChatClient) -> AsyncIterator[telegram.Bot]:
    async with make_bot() as bot:
        yield bot
