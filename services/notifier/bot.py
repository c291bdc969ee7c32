"""The bot: takes what people do in the chat, sends what they are to do. One works per token."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from chassis.clock import Clock
from chassis.sending import reason_of
from services.notifier.chat.answers import Answers
from services.notifier.chat.budget import Budget
from services.notifier.chat.catalogue import LANGUAGES, load_catalogues
from services.notifier.chat.commands import Commands
from services.notifier.chat.editor import Editor
from services.notifier.chat.gauges import Gauges
from services.notifier.chat.intake import Intake
from services.notifier.chat.ledger import LeaseLost, Ledger
from services.notifier.chat.linking import Linking
from services.notifier.chat.logchannel import LogChannel
from services.notifier.chat.outcomes import ProviderAway
from services.notifier.chat.people import People
from services.notifier.chat.performing import COMMANDS, Performer, named
from services.notifier.chat.pictures import Pictures
from services.notifier.chat.places import Places
from services.notifier.chat.presence import HEAR, Presence
from services.notifier.chat.provider import Provider
from services.notifier.chat.replies import Replies
from services.notifier.chat.sender import Sender
from services.notifier.chat.talks import Talks
from services.notifier.chat.understanding import Understanding
from services.notifier.chat.webhook import Webhook
from services.wiring import WorkParts

# Another bot takes over when this one has been silent for so long.
LEASE_S = 3.0
# Time-out of one call; beyond it a sending is uncertain.
CALL_TIMEOUT_S = 10.0
AGAIN_AFTER_S = 1.0
AGAIN_AFTER_MAX_S = 30.0

log = structlog.get_logger(__name__)

Step = Callable[[], Awaitable[None]]


async def run_bot(
    parts: WorkParts,
    *,
    bot_url: str | None,
    token: str,
    call_timeout_s: float = CALL_TIMEOUT_S,
    lease_s: float = LEASE_S,
) -> None:
    """Run until cancelled. `bot_url` is a Bot API base ("http://host:port" or ".../bot"); None or
    "" is Telegram.
    """
    ledger = open_ledger(parts)
    try:
        await _work_with_token(parts, ledger, bot_url or None, token, call_timeout_s, lease_s)
    finally:
        await ledger.close()


def open_ledger(parts: WorkParts) -> Ledger:
    """In the cluster beside the views; embedded in a file of its own, so that neither waits."""
    settings = parts.settings
    if settings.engine == "postgres":
        return Ledger.open(settings.dsn_of("notifier"), parts.clock)
    folder = settings.data / "notifier"
    folder.mkdir(parents=True, exist_ok=True)
    return Ledger.open(str(folder / "bot.db"), parts.clock)


async def _work_with_token(
    parts: WorkParts,
    ledger: Ledger,
    bot_url: str | None,
    token: str,
    call_timeout_s: float,
    lease_s: float,
) -> None:
    """Meet the provider; work while the lease is held, wait for it otherwise."""
    waits = 0
    while True:
        try:
            async with Provider(token, bot_url, timeout_s=call_timeout_s) as provider:
                waits = 0
                await _work_in_turns(parts, ledger, provider, lease_s)
        except ProviderAway as away:
            log.warning("bot.provider-away", reason=str(away))
            await parts.clock.sleep(_wait_s(waits, away.wait_s))
            waits += 1


async def _work_in_turns(
    parts: WorkParts, ledger: Ledger, provider: Provider, lease_s: float
) -> None:
    holder = f"{socket.gethostname()}:{os.getpid()}"
    while True:
        fence = await ledger.take_lease(provider.bot_id, holder, lease_s)
        if fence is None:
            await parts.clock.sleep(lease_s / 3)
            continue
        try:
            await _work_with_lease(parts, ledger, provider, fence, lease_s)
        except* LeaseLost:
            log.warning("bot.lease-lost", fence=fence)
        finally:
            await ledger.give_lease(provider.bot_id, fence)


async def _work_with_lease(
    parts: WorkParts, ledger: Ledger, provider: Provider, fence: int, lease_s: float
) -> None:
    clock = parts.clock
    commands = Commands(parts.send, clock)
    places = Places(parts.settings.programme / "regions", parts.views)
    catalogues = load_catalogues(parts.settings.programme / "chat")
    policies = parts.programme.table("policies")
    people = People(
        parts.views,
        parts.sealer,
        commands.find,
        catalogues,
        places,
        parts.programme.sentence,
        choices="decline_reasons" in policies,
    )
    budget = Budget(clock)
    replies = Replies(provider, budget)
    editor = Editor(provider, ledger, people, parts.views, budget, clock)
    others = (LogChannel(parts.settings.data / "notifier" / "outbox.jsonl", clock),)
    lost_after_s = parts.programme.table("hours")["answer"]["lost_after_s"]
    presence = Presence(provider.name, commands, clock, lost_after_s=lost_after_s)
    sender = Sender(
        provider, ledger, commands, people, parts.views, budget, clock, fence, presence, others
    )
    pictures = Pictures(provider.download, parts.blobs, clock)
    limits = parts.programme.table("linking")
    linking = Linking(parts.views, parts.sealer, ledger, limits, clock)
    talks = Talks(ledger, parts.sealer, clock)
    understanding = Understanding(parts.views, people, pictures, linking, talks)
    answers = Answers(parts.views, people, policies, clock)
    performer = Performer(
        provider, commands, people, answers, linking, talks, parts.settings.page_address
    )
    intake = Intake(
        provider, ledger, understanding, performer, people, replies, parts.views, editor.poke
    )

    async def keep_lease() -> None:
        await clock.sleep(lease_s / 3)
        await ledger.keep_lease(provider.bot_id, fence, lease_s)

    gone_after_s = lost_after_s + lease_s

    async def name_commands() -> None:
        for language in (*LANGUAGES, ""):
            texts = catalogues[language or LANGUAGES[0]]
            await provider.set_commands(language, named(COMMANDS, texts))

    async with asyncio.TaskGroup() as group:
        group.create_task(keep_lease_forever(keep_lease, presence, gone_after_s))
        group.create_task(again_until_done("commands", name_commands, clock))
        group.create_task(again_until_done("forgetting", ledger.forget_old_updates, clock))
        group.create_task(hear(parts, provider, intake, presence))
        group.create_task(forever("presence", presence.step, clock))
        group.create_task(forever("gauges", Gauges(parts.views, clock).step, clock))
        group.create_task(forever("sender", sender.run, clock))
        group.create_task(forever("editor", editor.step, clock))
        group.create_task(forever("replies", replies.run, clock))


async def hear(parts: WorkParts, provider: Provider, intake: Intake, presence: Presence) -> None:
    """Be called where an address is set, else ask."""
    settings, clock = parts.settings, parts.clock
    if not settings.webhook_url:
        await again_until_done("polling", provider.forget_webhook, clock)
        await forever("intake", partial(listen, intake, presence), clock)
        return
    webhook = Webhook(
        provider,
        intake,
        url=settings.webhook_url,
        # The same after a restart, and known to nobody without the key.
        secret=parts.sealer.blind("webhook", str(provider.bot_id)).hex(),
        bind=settings.bind,
        port=settings.webhook_port,
    )
    await forever("webhook", webhook.run, clock)


async def listen(intake: Intake, presence: Presence) -> None:
    """One call for updates; whether it was answered is known at once."""
    try:
        await intake.step(at_once=presence.fails(HEAR))
    except ProviderAway:
        presence.failed(HEAR)
        raise
    presence.answered(HEAR)


async def keep_lease_forever(keep: Step, presence: Presence, gone_after_s: float) -> None:
    """Ends with LeaseLost only: while the ledger's database is away nothing of ours can go on, and
    whoever takes the lease meanwhile makes the fence of this one worthless.
    """
    kept_at_s = time.monotonic()
    while True:
        try:
            await keep()
        except LeaseLost:
            raise
        except Exception as error:
            log.warning("bot.lease-not-kept", reason=reason_of(error))
            continue
        # Of the process, not of the clock: a clock that is set forth is no outage.
        gone_s, kept_at_s = time.monotonic() - kept_at_s, time.monotonic()
        if gone_s > gone_after_s:
            presence.was_gone(gone_s)


async def forever(name: str, step: Step, clock: Clock) -> None:
    """Step after step; a fault of the world or our own is logged and waited out, never the end."""
    while True:
        await again_until_done(name, step, clock)


async def again_until_done(name: str, step: Step, clock: Clock) -> None:
    """One step, as often as it takes."""
    waits = 0
    while True:
        try:
            await step()
        except (ProviderAway, ExceptionGroup, Exception) as error:
            lost = _lease_lost(error)
            if lost is not None:
                raise lost from error
            log.warning("bot.step-failed", step=name, reason=_reason(error))
            await clock.sleep(_wait_s(waits, getattr(error, "wait_s", 0.0)))
            waits += 1
        else:
            return


def _lease_lost(error: BaseException) -> LeaseLost | None:
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_lease_lost, error.exceptions)), None)
    return error if isinstance(error, LeaseLost) else None


def _reason(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(sorted({_reason(each) for each in error.exceptions}))
    return reason_of(error)


def _wait_s(waits: int, asked_s: float) -> float:
    """Longer each time; at least as long as the provider asked for."""
    doubled = AGAIN_AFTER_S * float(2 ** min(waits, 10))
    return max(asked_s, min(doubled, AGAIN_AFTER_MAX_S))
