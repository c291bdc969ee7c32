"""The provider's bad days: too fast, refused, silent, cut."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx
import pytest
import telegram
from telegram.error import Forbidden, NetworkError, RetryAfter, TimedOut

from localchat.client import ChatClient
from localchat.limits import Limits
from localchat.server import LocalChat

LI = 1001
TOKEN = "4242:local-test-token"


@pytest.mark.asyncio
async def test_a_private_chat_takes_a_short_burst_and_one_a_second(
    bot: telegram.Bot, people: ChatClient, clock: object
) -> None:
    for _ in range(3):
        await bot.send_message(LI, "x")
    with pytest.raises(RetryAfter) as refused:
        await bot.send_message(LI, "x")
    assert refused.value.retry_after == 1

    for _ in range(5):
        clock.now += 1.0  # type: ignore[attr-defined]
        await bot.send_message(LI, "x")
    assert (await people.stats()).too_many_requests == 1


@pytest.mark.asyncio
async def test_all_chats_together_take_thirty_a_second(
    bot: telegram.Bot, people: ChatClient, clock: object
) -> None:
    for number in range(35):
        await people.person(2000 + number, "某人", started=True)
    for number in range(30):
        await bot.send_message(2000 + number, "x")

    with pytest.raises(RetryAfter):
        await bot.send_message(2030, "x")

    for number in range(30, 35):
        clock.now += 1 / 30  # type: ignore[attr-defined]
        await bot.send_message(2000 + number, "x")


@pytest.mark.asyncio
async def test_a_group_takes_twenty_a_minute(
    bot: telegram.Bot, people: ChatClient, clock: object
) -> None:
    await people.group(-500, "村组")
    for _ in range(20):
        await bot.send_message(-500, "x")

    with pytest.raises(RetryAfter) as refused:
        await bot.send_message(-500, "x")
    assert refused.value.retry_after == 3
    clock.now += 3  # type: ignore[attr-defined]
    await bot.send_message(-500, "x")
    assert len(await people.messages(-500)) == 21


@pytest.mark.asyncio
async def test_a_refusal_says_how_long_in_body_and_header(
    http: httpx.AsyncClient, people: ChatClient
) -> None:
    body = {"chat_id": LI, "text": "x"}
    answers = [await http.post(f"/bot{TOKEN}/sendMessage", json=body) for _ in range(4)]

    assert answers[-1].json() == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 1",
        "parameters": {"retry_after": 1},
    }
    assert answers[-1].headers["retry-after"] == "1"


@pytest.mark.asyncio
async def test_rates_can_be_switched_off(bot: telegram.Bot, people: ChatClient) -> None:
    await people.rate_limits(on=False)

    for _ in range(40):
        await bot.send_message(LI, "x")

    assert (await people.stats()).sent[LI] == 40


@pytest.mark.asyncio
async def test_a_counted_fault_ends_after_its_count(bot: telegram.Bot, people: ChatClient) -> None:
    await people.fault("429", 2, retry_after_s=17)

    for _ in range(2):
        with pytest.raises(RetryAfter) as refused:
            await bot.send_message(LI, "x")
        assert refused.value.retry_after == 17
    await bot.send_message(LI, "x")
    assert (await people.stats()).sent[LI] == 1


@pytest.mark.asyncio
async def test_a_fault_hits_only_its_method_and_chat(bot: telegram.Bot, people: ChatClient) -> None:
    await people.person(2000, "某人", started=True)
    await people.fault("403", None, method="sendMessage", chat_id=2000)

    await bot.send_message(LI, "x")
    await bot.get_me()
    with pytest.raises(Forbidden):
        await bot.send_message(2000, "x")

    await people.clear_faults()
    await bot.send_message(2000, "x")


@pytest.mark.asyncio
async def test_a_500_is_a_network_error(bot: telegram.Bot, people: ChatClient) -> None:
    await people.fault("500")

    with pytest.raises(NetworkError, match="Internal Server Error"):
        await bot.send_message(LI, "x")


@pytest.mark.parametrize(("kind", "delivered"), [("hang", 0), ("silent", 1)])
@pytest.mark.asyncio
async def test_who_gets_no_answer_does_not_know_what_was_done(
    make_bot: Callable[..., telegram.Bot], people: ChatClient, kind: str, delivered: int
) -> None:
    async with make_bot(read_timeout_s=0.5) as bot:
        await people.fault(kind)  # type: ignore[arg-type]

        with pytest.raises(TimedOut):
            await bot.send_message(LI, "x")

        assert delivered == len(await people.messages(LI))
        await bot.send_message(LI, "y")


@pytest.mark.asyncio
async def test_a_cut_answer_hides_a_message_that_arrived(
    bot: telegram.Bot, people: ChatClient
) -> None:
    await people.fault("cut")

    with pytest.raises(NetworkError):
        await bot.send_message(LI, "x")

    assert [message["text"] for message in await people.messages(LI)] == ["x"]
    assert (await people.stats()).faults_given == {"cut": 1}


@pytest.mark.asyncio
async def test_polling_is_spared_unless_it_is_named(bot: telegram.Bot, people: ChatClient) -> None:
    await people.fault("500", None)
    assert await bot.get_updates() == ()

    await people.fault("500", 1, method="getUpdates")
    with pytest.raises(NetworkError):
        await bot.get_updates()


@pytest.mark.asyncio
async def test_stopping_lets_go_of_everyone_who_waits(
    chat: LocalChat, make_bot: Callable[..., telegram.Bot], people: ChatClient
) -> None:
    async with make_bot() as bot:
        await people.fault("hang")
        poll = asyncio.create_task(bot.get_updates(timeout=30))
        hung = asyncio.create_task(bot.send_message(LI, "x"))
        await asyncio.sleep(0.2)

        stopped_at = time.monotonic()
        await chat.stop()

        assert time.monotonic() - stopped_at < 1.5
        assert await poll == ()
        with pytest.raises(NetworkError):
            await hung


@pytest.mark.asyncio
async def test_a_fault_of_no_known_kind_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post("/local/faults", json={"kind": "fire"})

    assert answer.status_code == 400
    assert "kind must be one of" in answer.json()["error"]


@pytest.mark.asyncio
async def test_a_document_that_is_too_large_is_refused() -> None:
    small = Limits(upload_max_bytes=1024, download_max_bytes=10)
    local = LocalChat(":memory:", token=TOKEN, limits=small)
    await local.start()
    async with ChatClient(local.url) as people, httpx.AsyncClient(base_url=local.url) as http:
        await people.person(LI, "李阿妹", started=True)
        large, medium = await send_document(http, 1100), await send_document(http, 20)
        file_id = medium.json()["result"]["document"]["file_id"]
        answer = await http.post(f"/bot{TOKEN}/getFile", json={"file_id": file_id})
    await local.stop()

    assert large.status_code == 413
    assert answer.json()["description"] == "Bad Request: file is too big"


async def send_document(http: httpx.AsyncClient, size: int) -> httpx.Response:
    files = {"document": ("a.bin", bytes(size))}
    return await http.post(f"/bot{TOKEN}/sendDocument", data={"chat_id": LI}, files=files)
