"""What an operator reads of sending: pauses, queue, given up, uncertain, unreachable."""

from pathlib import Path

from chassis import telemetry
from chassis.clock import ManualClock
from services.notifier.chat.budget import Budget
from services.notifier.chat.gauges import Gauges
from tests.notifier.staging import on_stage


def value(name: str, **labels: str) -> float:
    """What /metrics says, 0 when it says nothing."""
    telemetry.install("tests")
    found = 0.0
    for line in telemetry.metrics_page().decode().splitlines():
        label, _, number = line.rpartition(" ")
        wanted = all(f'{key}="{each}"' in label for key, each in labels.items())
        if label.partition("{")[0] == name and wanted:
            found += float(number)
    return found


def test_a_pause_is_counted_with_its_seconds_once() -> None:
    pauses, seconds = "tuopin_bot_pauses_total", "tuopin_bot_paused_seconds_total"
    before = value(pauses), value(seconds)
    budget = Budget(ManualClock())
    budget.pause(3)
    budget.pause(2)
    budget.pause(4)
    assert value(pauses) - before[0] == 3
    assert value(seconds) - before[1] == 4


async def test_every_outcome_of_a_sending_is_counted(tmp_path: Path) -> None:
    name, outcomes = "tuopin_bot_sendings_total", ("sent", "uncertain", "errored", "unreachable")
    before = {each: value(name, outcome=each) for each in outcomes}

    async def counted(outcome: str) -> bool:
        return value(name, outcome=outcome) > before[outcome]

    async with on_stage(tmp_path, bot=False) as here:
        await here.appoint_both()
        person = await here.link_directly()
        await here.people.fault("500", 1, "sendMessage")
        await here.people.fault("cut", 1, "sendMessage")
        await here.start_bot(call_timeout_s=1.0)
        await here.offered()
        await here.until(lambda: counted("sent"))
        await here.people.block(person)
        await here.register("h-2", "0002")
        await here.approve_plan("h-2")
        await here.until(lambda: counted("unreachable"))
    assert {each: value(name, outcome=each) - before[each] for each in outcomes} == dict.fromkeys(
        outcomes, 1
    )


async def test_queue_and_dead_letters_are_shown_by_rank_and_state(tmp_path: Path) -> None:
    async with on_stage(tmp_path, bot=False) as here:
        gauges = Gauges(here.views, here.clock)

        async def shown(waiting: int, dead: int) -> bool:
            await gauges.count()
            failed = value("tuopin_bot_dead_letters", state="failed")
            return (value("tuopin_bot_queue", priority="task"), failed) == (waiting, dead)

        await here.appoint_both()
        await here.offered()
        await here.until(lambda: shown(1, 0))
        assert value("tuopin_bot_queue", priority="alert") == 0
        await here.link_directly()
        await here.people.fault("silent", 2, "sendMessage")
        await here.start_bot(call_timeout_s=0.4)
        await here.until(lambda: shown(0, 1))
