"""The rules of a link: a code that is used once ties a cadre to one private chat.

The chat that used the code up is asked once more, and a supervisor shows the own telephone as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from chassis.decider import Actor, Claim, Context, Decider, Decision, Release
from chassis.rejection import require
from chassis.times import micros, minute_of
from services.notifier.decider.policy import limit
from tuopin.notifier.v1.link_pb2 import ChatLinked, IssueLink, LinkChat, LinkIssued
from tuopin.notifier.v1.linking_pb2 import (
    BeginLink,
    ChannelsChosen,
    ChooseChannels,
    ChooseLanguage,
    ConfirmLink,
    LanguageChosen,
    LinkAttemptFailed,
    LinkBegun,
    LinkRevoked,
    PhoneProof,
    RevokeLink,
)

COMMANDS = (
    IssueLink,
    LinkChat,
    BeginLink,
    ConfirmLink,
    RevokeLink,
    ChooseLanguage,
    ChooseChannels,
)
Command = (
    IssueLink | LinkChat | BeginLink | ConfirmLink | RevokeLink | ChooseLanguage | ChooseChannels
)
EVENTS = (
    LinkIssued,
    ChatLinked,
    LinkBegun,
    LinkAttemptFailed,
    LinkRevoked,
    LanguageChosen,
    ChannelsChosen,
)
Event = (
    LinkIssued
    | ChatLinked
    | LinkBegun
    | LinkAttemptFailed
    | LinkRevoked
    | LanguageChosen
    | ChannelsChosen
)
Decisions = Iterator[Decision]

# Kinds of claims, which the bot looks up: from a chat to its cadre (the store keeps a keyed digest
# of the chat's number), from a code's digest to the cadre who may use it.
CHAT = "chat"
CODE = "link-code"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the notifier's own copy says of a cadre when a link begins."""

    posts: tuple[str, ...] = ()
    has_phone: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """One cadre's link."""

    cadre_id: str = ""
    region_id: str = ""
    # The code that is still good; "" when none is.
    code_sha256: str = ""
    expires_at_us: int = 0
    linked: bool = False
    # The code that was used up and waits for its confirmation; "" when none does.
    begun_sha256: str = ""
    needs_phone: bool = False
    attempts: int = 0
    language: str = ""
    channels: tuple[str, ...] = ()


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rule of each command."""
    match command:
        case IssueLink():
            return issue(state, command, context)
        case LinkChat():
            return link(state, command, context)
        case BeginLink():
            return begin(state, command, context)
        case ConfirmLink():
            return confirm(state, command, context)
        case RevokeLink():
            return revoke(state, command, context)
        case ChooseLanguage():
            return choose_language(state, command)
        case ChooseChannels():
            return choose_channels(state, command, context)


def issue(state: State, command: IssueLink, context: Context) -> Decisions:
    """A newer code takes the place of an unused one."""
    region_id = str(context.facts)
    require(_covers(context.actor, region_id), "link-of-another-region", region=region_id)
    valid_for = timedelta(seconds=limit("link_valid_s", context))
    if state.code_sha256:
        yield Release(kind=CODE, owner=command.cadre_id)
    yield Claim(
        kind=CODE,
        key=command.code_sha256,
        owner=command.cadre_id,
        rejection="link-code-not-known",
        personal=False,
    )
    yield LinkIssued(
        cadre_id=command.cadre_id,
        code_sha256=command.code_sha256,
        expires_at_us=micros(context.now + valid_for),
        region_id=region_id,
    )


def link(state: State, command: LinkChat, context: Context) -> Decisions:
    """In one step, where the chat is proven already: once, in time."""
    _require_code(state, command.code_sha256, context)
    yield Release(kind=CODE, owner=state.cadre_id)
    yield from _tie(state, command.chat_id)


def begin(state: State, command: BeginLink, context: Context) -> Decisions:
    """The code is used up by the chat that shows it first."""
    _require_code(state, command.code_sha256, context)
    standing: Standing = context.facts
    needs_phone = bool(set(standing.posts) & set(_linking(context)["phone_of_posts"]))
    require(standing.has_phone or not needs_phone, "supervisor-without-phone")
    yield Release(kind=CODE, owner=state.cadre_id)
    yield LinkBegun(
        cadre_id=state.cadre_id,
        chat_id=command.chat_id,
        region_id=state.region_id,
        expires_at_us=state.expires_at_us,
        needs_phone=needs_phone,
        code_sha256=command.code_sha256,
    )


def confirm(state: State, command: ConfirmLink, context: Context) -> Decisions:
    """The same chat says yes in time, and whoever supervises shows the telephone on record."""
    waits = state.begun_sha256 and command.code_sha256 == state.begun_sha256
    require(waits, "link-code-not-known")
    _require_in_time(state, context)
    if state.needs_phone:
        given = command.phone != PhoneProof.PHONE_PROOF_UNSPECIFIED
        require(given, "link-needs-phone")
        if command.phone != PhoneProof.PHONE_PROOF_SAME:
            attempt = state.attempts + 1
            yield LinkAttemptFailed(
                cadre_id=state.cadre_id,
                attempt=attempt,
                last=attempt >= _linking(context)["attempts_max"],
                region_id=state.region_id,
            )
            return
    yield from _tie(state, command.chat_id)


def revoke(state: State, command: RevokeLink, context: Context) -> Decisions:
    """Nothing more goes to the chat, what it sends does not count, an unused code is void."""
    by_service = "service" in context.actor.roles
    require(
        by_service or _covers(context.actor, state.region_id),
        "link-of-another-region",
        region=state.region_id,
    )
    if not (state.linked or state.code_sha256 or state.begun_sha256):
        return
    if state.code_sha256:
        yield Release(kind=CODE, owner=state.cadre_id)
    if state.linked:
        yield Release(kind=CHAT, owner=state.cadre_id)
    yield LinkRevoked(cadre_id=state.cadre_id, reason=command.reason, region_id=state.region_id)


def choose_language(state: State, command: ChooseLanguage) -> Decisions:
    """Whoever has a chat says in which language it speaks."""
    require(state.linked, "link-first")
    if state.language != command.language:
        yield LanguageChosen(
            cadre_id=command.cadre_id, language=command.language, region_id=state.region_id
        )


def choose_channels(state: State, command: ChooseChannels, context: Context) -> Decisions:
    """Each channel once, and only those that the programme has."""
    region_id = str(context.facts)
    require(_covers(context.actor, region_id), "link-of-another-region", region=region_id)
    chosen, known = tuple(command.channels), tuple(_linking(context)["channels"])
    sound = chosen and set(chosen) <= set(known) and len(set(chosen)) == len(chosen)
    require(sound, "channels-not-known", field="channels", known=", ".join(known))
    if state.channels != chosen:
        yield ChannelsChosen(cadre_id=command.cadre_id, channels=chosen, region_id=region_id)


def _require_code(state: State, code_sha256: str, context: Context) -> None:
    require(state.code_sha256 and code_sha256 == state.code_sha256, "link-code-not-known")
    _require_in_time(state, context)


def _require_in_time(state: State, context: Context) -> None:
    in_time = micros(context.now) <= state.expires_at_us
    require(in_time, "link-code-expired", at=minute_of(state.expires_at_us))


def _tie(state: State, chat_id: str) -> Decisions:
    """A chat belongs to one cadre, and a cadre has one chat."""
    if state.linked:
        yield Release(kind=CHAT, owner=state.cadre_id)
    yield Claim(kind=CHAT, key=chat_id, owner=state.cadre_id, rejection="chat-of-another-cadre")
    yield ChatLinked(cadre_id=state.cadre_id, chat_id=chat_id, region_id=state.region_id)


def evolve(state: State, event: Event) -> State:
    """What each event changes."""
    match event:
        case LinkIssued():
            return replace(
                state,
                cadre_id=event.cadre_id,
                region_id=event.region_id,
                code_sha256=event.code_sha256,
                expires_at_us=event.expires_at_us,
            )
        case ChatLinked():
            return replace(state, code_sha256="", begun_sha256="", linked=True)
        case LinkBegun():
            return replace(
                state,
                code_sha256="",
                begun_sha256=event.code_sha256,
                expires_at_us=event.expires_at_us,
                needs_phone=event.needs_phone,
                attempts=0,
            )
        case LinkAttemptFailed():
            begun = "" if event.last else state.begun_sha256
            return replace(state, attempts=event.attempt, begun_sha256=begun)
        case LinkRevoked():
            return replace(state, code_sha256="", begun_sha256="", linked=False)
        case LanguageChosen():
            return replace(state, language=event.language)
        case ChannelsChosen():
            # The first word of some cadres: there may be no code yet.
            return replace(
                state,
                cadre_id=event.cadre_id,
                region_id=event.region_id,
                channels=tuple(event.channels),
            )


def _linking(context: Context) -> Mapping[str, Any]:
    return context.parameters.table("linking")


def _covers(actor: Actor, region_id: str) -> bool:
    """The call's rule names no region, as the cadre's is known here only."""
    return any(
        region_id.startswith(region) for regions in actor.roles.values() for region in regions
    )


DECIDER: Decider[State] = Decider(
    noun="link",
    topic="link",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={command: lambda c: str(c.cadre_id) for command in COMMANDS},
    events=EVENTS,
    region=lambda state: state.region_id,
)
