"""The rules of a link: a code that is used once ties a cadre to one private chat."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from chassis.decider import Actor, Claim, Context, Decider, Decision, Release
from chassis.rejection import require
from services.notifier.decider.policy import limit
from services.notifier.decider.times import micros, shown
from tuopin.notifier.v1.link_pb2 import ChatLinked, IssueLink, LinkChat, LinkIssued

Command = IssueLink | LinkChat
Event = LinkIssued | ChatLinked
Decisions = Iterator[Decision]

# Kinds of claims, which the bot looks up: from a chat to its cadre (the store keeps a keyed digest
# of the chat's number), from a code's digest to the cadre who may use it.
CHAT = "chat"
CODE = "link-code"


@dataclass(frozen=True, slots=True)
class State:
    """One cadre's link."""

    cadre_id: str = ""
    region_id: str = ""
    # The code that is still good; "" when none is.
    code_sha256: str = ""
    expires_at_us: int = 0
    linked: bool = False


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rule of each command."""
    match command:
        case IssueLink():
            return issue(state, command, context)
        case LinkChat():
            return link(state, command, context)


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
    """Once, in time; a chat belongs to one cadre, and a cadre has one chat."""
    require(state.code_sha256 and command.code_sha256 == state.code_sha256, "link-code-not-known")
    require(
        micros(context.now) <= state.expires_at_us,
        "link-code-expired",
        at=shown(state.expires_at_us),
    )
    yield Release(kind=CODE, owner=state.cadre_id)
    if state.linked:
        yield Release(kind=CHAT, owner=state.cadre_id)
    yield Claim(
        kind=CHAT,
        key=command.chat_id,
        owner=state.cadre_id,
        rejection="chat-of-another-cadre",
    )
    yield ChatLinked(cadre_id=state.cadre_id, chat_id=command.chat_id, region_id=state.region_id)


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
            return replace(state, code_sha256="", linked=True)


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
    commands={IssueLink: lambda c: str(c.cadre_id), LinkChat: lambda c: str(c.cadre_id)},
    events=(LinkIssued, ChatLinked),
    region=lambda state: state.region_id,
)
