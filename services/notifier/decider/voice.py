"""The rules of a household's voice: whose chat and page it is, and what was said through them.

What a member says becomes the household's own word, with the chat as its proof. The owner of the
matter hears it and decides; a word that it refuses is returned and may be said again.
"""

from collections.abc import Iterator
from datetime import timedelta

from chassis.decider import Actor, Claim, Context, Decider, Decision, Release, derived_id
from chassis.rejection import reject, require
from chassis.times import micros, minute_of
from services.notifier.decider.link import CHAT, CODE
from services.notifier.decider.voicestate import (
    NOBODY,
    PAGE,
    Membership,
    State,
    evolve,
    owner_of,
    page_good,
    page_of_token,
)
from services.notifier.decider.words import Word, give_back, require_linked, speak
from tuopin.notifier.v1.voice_pb2 import (
    ClosePage,
    ConfirmPaymentArrival,
    EnterPage,
    ExitAgreementGiven,
    GiveExitAgreement,
    GivePlanAgreement,
    HouseholdChatLinked,
    HouseholdLinkIssued,
    HouseholdUnlinked,
    IssueHouseholdLink,
    LinkHouseholdChat,
    OpenPage,
    PageClosed,
    PageEntered,
    PageOpened,
    PaymentArrivalConfirmed,
    PlanAgreementGiven,
    PostingObjectionRaised,
    RaisePostingObjection,
    ReturnWord,
    UnlinkHousehold,
    WordReturned,
)

Command = (
    IssueHouseholdLink
    | LinkHouseholdChat
    | UnlinkHousehold
    | OpenPage
    | EnterPage
    | ClosePage
    | Word
    | ReturnWord
)
Decisions = Iterator[Decision]


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rule of each command."""
    match command:
        case IssueHouseholdLink():
            return issue(state, command, context)
        case LinkHouseholdChat():
            return link(state, command, context)
        case UnlinkHousehold():
            return unlink(state, command)
        case OpenPage():
            return open_page(state, command, context)
        case EnterPage():
            return enter_page(state, command, context)
        case ClosePage():
            return close_page(state, command)
        case (
            GivePlanAgreement()
            | GiveExitAgreement()
            | ConfirmPaymentArrival()
            | RaisePostingObjection()
        ):
            return speak(state, command, context)
        case ReturnWord():
            return give_back(state, command)


def issue(state: State, command: IssueHouseholdLink, context: Context) -> Decisions:
    """For a member only, by an office of the place; a newer code ends an unused one."""
    facts: Membership = context.facts
    village_id = facts.village_id
    require(_covers(context.actor, village_id), "household-of-another-region", region=village_id)
    require(command.person_id in facts.person_ids, "link-not-of-member", field="person_id")
    owner = owner_of(command.household_id, command.person_id)
    if state.member(command.person_id).code is not None:
        yield Release(kind=CODE, owner=owner)
    yield Claim(
        kind=CODE,
        key=command.code_sha256,
        owner=owner,
        rejection="link-code-not-known",
        personal=False,
    )
    yield HouseholdLinkIssued(
        household_id=command.household_id,
        person_id=command.person_id,
        code_sha256=command.code_sha256,
        expires_at_us=_later(context, "link_valid_s"),
        village_id=village_id,
        issued_by=context.actor.subject,
    )


def link(state: State, command: LinkHouseholdChat, context: Context) -> Decisions:
    """Once, in time; a chat is one person's, and a new chat ends the pages of the old one."""
    member = state.member(command.person_id)
    code = member.code
    if code is None or code.sha256 != command.code_sha256:
        reject("link-code-not-known")
    require(
        micros(context.now) <= code.expires_at_us,
        "link-code-expired",
        at=minute_of(code.expires_at_us),
    )
    owner = owner_of(state.household_id, command.person_id)
    yield Release(kind=CODE, owner=owner)
    if member.link_id:
        yield Release(kind=CHAT, owner=owner)
    if member.page is not None:
        yield Release(kind=PAGE, owner=owner)
    yield Claim(kind=CHAT, key=command.chat_id, owner=owner, rejection="chat-of-another-cadre")
    yield HouseholdChatLinked(
        household_id=state.household_id,
        person_id=command.person_id,
        chat_id=command.chat_id,
        village_id=state.village_id,
        language=command.language or "zh",
        link_id=derived_id("household-link", owner, state.version + 1),
    )


def unlink(state: State, command: UnlinkHousehold) -> Decisions:
    """Chat, code and page end together."""
    member = state.member(command.person_id)
    if member == NOBODY:
        return
    owner = owner_of(state.household_id, command.person_id)
    for kind in (CODE, CHAT, PAGE):
        yield Release(kind=kind, owner=owner)
    yield HouseholdUnlinked(
        household_id=state.household_id,
        person_id=command.person_id,
        village_id=state.village_id,
        ground=command.ground,
    )


def open_page(state: State, command: OpenPage, context: Context) -> Decisions:
    """A fresh address for minutes; the one before ends."""
    require_linked(state, command.person_id)
    owner = owner_of(state.household_id, command.person_id)
    if state.member(command.person_id).page is not None:
        yield Release(kind=PAGE, owner=owner)
    yield Claim(
        kind=PAGE,
        key=command.token_sha256,
        owner=owner,
        rejection="page-not-open",
        personal=False,
    )
    yield PageOpened(
        household_id=state.household_id,
        person_id=command.person_id,
        village_id=state.village_id,
        page_id=context.new_id("page"),
        token_sha256=command.token_sha256,
        expires_at_us=_later(context, "page_valid_s"),
    )


def enter_page(state: State, command: EnterPage, context: Context) -> Decisions:
    """The first browser that opens the address keeps it; the address alone is worth nothing."""
    found = page_of_token(state, command.token_sha256)
    require(found is not None and page_good(found[1], context), "page-not-open")
    assert found is not None
    person_id, page = found
    if page.session_sha256 == command.session_sha256:
        return
    require(not page.session_sha256, "page-of-another-browser")
    yield PageEntered(
        household_id=state.household_id,
        person_id=person_id,
        village_id=state.village_id,
        page_id=page.page_id,
        session_sha256=command.session_sha256,
    )


def close_page(state: State, command: ClosePage) -> Decisions:
    """On the member's own wish, before its time is over."""
    page = state.member(command.person_id).page
    if page is None:
        return
    yield Release(kind=PAGE, owner=owner_of(state.household_id, command.person_id))
    yield PageClosed(
        household_id=state.household_id,
        person_id=command.person_id,
        village_id=state.village_id,
        page_id=page.page_id,
    )


def _covers(actor: Actor, region_id: str) -> bool:
    """The call's rule names no region, as the household's is known here only."""
    return any(
        region_id.startswith(region) for regions in actor.roles.values() for region in regions
    )


def _later(context: Context, name: str) -> int:
    valid_for = timedelta(seconds=int(context.parameters.table("voice")["limits"][name]))
    return micros(context.now + valid_for)


COMMANDS = (
    IssueHouseholdLink,
    LinkHouseholdChat,
    UnlinkHousehold,
    OpenPage,
    EnterPage,
    ClosePage,
    GivePlanAgreement,
    GiveExitAgreement,
    ConfirmPaymentArrival,
    RaisePostingObjection,
    ReturnWord,
)

DECIDER: Decider[State] = Decider(
    noun="voice",
    topic="voice",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={command: lambda c: str(c.household_id) for command in COMMANDS},
    events=(
        HouseholdLinkIssued,
        HouseholdChatLinked,
        HouseholdUnlinked,
        PageOpened,
        PageEntered,
        PageClosed,
        PlanAgreementGiven,
        ExitAgreementGiven,
        PaymentArrivalConfirmed,
        PostingObjectionRaised,
        WordReturned,
    ),
    region=lambda state: state.village_id,
)
