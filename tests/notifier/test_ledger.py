"""What the bot remembers: one lease, each attempt begun once, on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.clock import ManualClock
from chassis.viewstore import ViewStore
from services.notifier.chat.ledger import Copy, LeaseLost, Ledger
from services.notifier.views import VIEWS
from services.notifier.views.assignments import OPEN, open_of
from services.notifier.views.messages import due, told_about, traceparents_of
from services.notifier.views.shown import changed_since, standing
from tests.notifier.test_views import world

BOT = 4242


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        dsn: str = request.getfixturevalue("postgres_dsn")
        return dsn
    return str(tmp_path / "bot.db")


@pytest.fixture
async def ledger(place: str, clock: ManualClock) -> AsyncIterator[Ledger]:
    ledger = Ledger.open(place, clock)
    yield ledger
    await ledger.close()


async def test_one_bot_holds_the_lease_until_it_is_silent(
    ledger: Ledger, clock: ManualClock
) -> None:
    assert await ledger.take_lease(BOT, "a", 3) == 1
    assert await ledger.take_lease(BOT, "b", 3) is None
    await clock.advance(2)
    await ledger.keep_lease(BOT, 1, 3)
    await clock.advance(2)
    assert await ledger.take_lease(BOT, "b", 3) is None
    await clock.advance(2)
    assert await ledger.take_lease(BOT, "b", 3) == 2
    with pytest.raises(LeaseLost):
        await ledger.keep_lease(BOT, 1, 3)


async def test_a_lease_given_back_or_taken_by_the_same_holder_is_free_at_once(
    ledger: Ledger,
) -> None:
    assert await ledger.take_lease(BOT, "a", 3) == 1
    assert await ledger.take_lease(BOT, "a", 3) == 2
    await ledger.give_lease(BOT, 2)
    assert await ledger.take_lease(BOT, "b", 3) == 3
    # Another token has a lease of its own.
    assert await ledger.take_lease(7, "a", 3) == 1


async def test_a_clock_set_back_does_not_lock_the_lease(ledger: Ledger, clock: ManualClock) -> None:
    assert await ledger.take_lease(BOT, "a", 3) == 1
    clock.set_back(3600)
    assert await ledger.take_lease(BOT, "b", 3) == 2


async def test_an_attempt_is_begun_once_and_by_the_holder_only(ledger: Ledger) -> None:
    await ledger.take_lease(BOT, "a", 3)
    assert await ledger.start_sending(BOT, 1, "m", 1)
    assert not await ledger.start_sending(BOT, 1, "m", 1)
    await ledger.take_lease(BOT, "a", 3)
    with pytest.raises(LeaseLost):
        await ledger.start_sending(BOT, 1, "m", 2)
    assert await ledger.started([("m", 1), ("m", 2)]) == {("m", 1)}
    assert await ledger.started([]) == set()


async def test_what_was_left_behind_is_found_by_the_next_one(ledger: Ledger) -> None:
    fence = await ledger.take_lease(BOT, "a", 3)
    assert fence == 1
    for message_id in ("unknown", "answered", "recorded", "throttled"):
        await ledger.start_sending(BOT, 1, message_id, 1)
    for message_id in ("answered", "recorded"):
        assert await ledger.answered(1, message_id, 1, b"result", None)
    await ledger.recorded("recorded", 1)
    await ledger.not_sent("throttled", 1)
    await ledger.take_lease(BOT, "b", 3)  # not yet: still held
    fence = await ledger.take_lease(BOT, "a", 3)
    assert fence == 2
    left = {row.message_id: (row.state, row.result) for row in await ledger.unrecorded(2)}
    assert left == {"unknown": ("sending", None), "answered": ("answered", b"result")}
    # The one before comes back too late with an answer.
    assert not await ledger.answered(1, "unknown", 1, b"late", None)
    await ledger.recorded("unknown", 1)
    assert [row.message_id for row in await ledger.unrecorded(2, [("answered", 1)])] == ["answered"]


async def test_an_update_is_kept_as_it_was_understood(ledger: Ledger, clock: ManualClock) -> None:
    assert await ledger.begun(BOT, 1) is None
    await ledger.begin(BOT, 1, {"do": "take"})
    begun = await ledger.begun(BOT, 1)
    assert begun is not None
    assert (begun.understood, begun.done) == ({"do": "take"}, False)
    await ledger.finish(BOT, 1)
    done = await ledger.begun(BOT, 1)
    assert done is not None
    assert done.done
    await clock.advance(4 * 86_400)
    await ledger.forget_old_updates()
    assert await ledger.begun(BOT, 1) is None


async def test_a_copy_is_known_by_what_it_shows(ledger: Ledger) -> None:
    await ledger.put_copy(Copy("c", 1, "m", "before"))
    await ledger.put_copy(Copy("c", 1, "m", "after"))
    await ledger.put_copy(Copy("c", 2, "m", ""))
    assert sorted(await ledger.copies(["m"]), key=repr) == [
        Copy("c", 1, "m", "after"),
        Copy("c", 2, "m", ""),
    ]


async def test_the_bot_s_questions_to_the_views_work_on_both_databases(place: str) -> None:
    views = ViewStore(place, VIEWS)
    views.create()
    try:
        for call in world().batches(views.topics):
            views.apply(call)
        assert await views.query(lambda connection: due(connection, 10**16, 10)) == []
        changed = await views.query(lambda connection: changed_since(connection, 0))
        assert changed == []
        assert await views.query(lambda connection: standing(connection, ["m-0"])) == []
        assert len(await views.query(lambda c: open_of(c, "cadre-helper", OPEN))) > 0
        assert await views.query(lambda c: told_about(c, ["a-1"]))
        assert await views.query(lambda c: traceparents_of(c, "a-1", "c-1")) == [""]
    finally:
        views.close()
