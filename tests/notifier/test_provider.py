"""What the provider's errors mean, and that the token stays out of the log."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from telegram.error import (
    BadRequest,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from chassis.clock import ManualClock
from localchat.server import LocalChat
from services.notifier.chat.budget import Budget
from services.notifier.chat.incoming import reference_in
from services.notifier.chat.outcomes import (
    Blocked,
    Doubtful,
    ProviderAway,
    Refused,
    Throttled,
)
from services.notifier.chat.provider import Provider, outcome_of
from services.notifier.chat.tasks import Shown

TOKEN = "4242:secret-of-the-bot"


def because(error: TelegramError, cause: Exception) -> TelegramError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RetryAfter(timedelta(seconds=3)), Throttled(3.0)),
        (Forbidden("blocked"), Blocked("Forbidden: blocked")),
        (BadRequest("Chat not found"), Blocked("Chat not found")),
        (BadRequest("no such thing"), Refused("no such thing", final=True)),
        (because(TimedOut(), httpx.ReadTimeout("")), Doubtful("ReadTimeout")),
        (because(TimedOut(), httpx.ConnectTimeout("")), Refused("ConnectTimeout", final=False)),
        (because(TimedOut(), httpx.PoolTimeout("")), Refused("PoolTimeout", final=False)),
        (because(NetworkError("x"), httpx.ConnectError("")), Refused("ConnectError", final=False)),
        (
            because(NetworkError("x"), httpx.RemoteProtocolError("")),
            Doubtful("RemoteProtocolError"),
        ),
        (NetworkError("Internal Server Error"), Refused("Internal Server Error", final=False)),
        (TelegramError("Invalid server response"), Doubtful("TelegramError")),
        (InvalidToken(), Doubtful("InvalidToken")),
        (Conflict("x"), Doubtful("Conflict")),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_each_error_has_its_meaning(error: TelegramError, outcome: Any) -> None:
    found = outcome_of(error)
    assert type(found) is type(outcome)
    if not isinstance(found, Blocked):
        assert found == outcome


async def test_nobody_at_the_other_end_is_a_refusal_that_can_be_tried_again() -> None:
    provider = Provider(TOKEN, "http://127.0.0.1:9", timeout_s=0.5)
    with pytest.raises(ProviderAway):
        async with provider:
            pass


async def test_the_token_is_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chat = LocalChat(":memory:", token=TOKEN)
    await chat.start()
    try:
        with caplog.at_level(logging.DEBUG):
            async with Provider(TOKEN, f"{chat.url}/bot") as provider:
                assert provider.bot_id == 4242
                assert isinstance(await provider.send("1", Shown("x")), Blocked)
                assert isinstance(await provider.answer("1", "x"), Refused)
                assert await provider.updates(None, 0) == []
    finally:
        await chat.stop()
    assert "secret-of-the-bot" not in caplog.text


def test_a_reference_is_read_from_a_text_of_ours() -> None:
    assert reference_in("新任务 #A1B2C3") == ""
    assert reference_in("新任务 #ABCDE2\n首次") == "ABCDE2"
    assert reference_in("no reference") == ""


async def test_the_budget_gives_thirty_turns_a_second() -> None:
    clock = ManualClock()
    budget = Budget(clock)
    taken: list[int] = []

    async def take() -> None:
        await budget.take()
        taken.append(clock.now_us())

    await clock.advance(10)
    waiting = [asyncio.ensure_future(take()) for _ in range(100)]
    for _ in range(200):
        await clock.advance(0.02)
    await asyncio.gather(*waiting)
    seconds = (taken[-1] - taken[0]) / 1_000_000
    assert 93 <= 30 * seconds <= 97


async def test_a_chat_gets_one_message_a_second() -> None:
    clock = ManualClock()
    budget = Budget(clock)
    budget.use_chat("7")
    assert not budget.chat_ready("7")
    assert budget.chat_ready("8")
    await clock.advance(1)
    assert budget.chat_ready("7")
    budget.use_chat("7")
    clock.set_back(3600)
    assert budget.chat_ready("7")
