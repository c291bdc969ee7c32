"""The rules of a household's voice: whose chat and page it is, and what was said through them.

What a member says becomes the household's own word, with the chat as its proof. The owner of the
matter hears it and decides; a word that it refuses is returned and may be said again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from chassis.decider import Actor, Claim, Context, Decider, Decision, Release, derived_id
from chassis.rejection import reject, require
from services.notifier.decider.link import CHAT, CODE
from services.notifier.decider.times import micros, shown
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
    ReturnWord,
    Said,
    UnlinkHousehold,
    WordReturned,
)
from tuopin.types.v1.types_pb2 import ChatProof, Consent

Word = GivePlanAgreement | GiveExitAgreement | ConfirmPaymentArrival
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
WordGiven = PlanAgreementGiven | ExitAgreementGiven | PaymentArrivalConfirmed
Event = (
    HouseholdLinkIssued
    | HouseholdChatLinked
    | HouseholdUnlinked
    | PageOpened
    | PageEntered
    | PageClosed
    | WordGiven
    | WordReturned
)
Decisions = Iterator[Decision]

# Kind of claim: from the digest of a page's address to the household.
PAGE = "household-page"
# Questions of the view `questions` that a household answers itself.
PLAN, EXIT, RECEIPT = "plan-agreement", "exit-agreement", "receipt-check"


@dataclass(frozen=True, slots=True)
class Membership:
    """What a code rests on, from the notifier's own copy."""

    village_id: str
    person_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Question:
    """A matter that waits, or waited, for the household's word, from the notifier's own copy."""

    household_id: str
    asked_by: str
    is_open: bool
    region_id: str = ""
    year: int = 0


@dataclass(frozen=True, slots=True)
class Code:
    """A code that is still good."""

    sha256: str
    expires_at_us: int


@dataclass(frozen=True, slots=True)
class Page:
    """A member's latest page. Without a session nobody has entered it yet."""

    page_id: str
    token_sha256: str
    expires_at_us: int
    session_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """One member's way to speak; link_id is "" while no chat is linked."""

    code: Code | None = None
    link_id: str = ""
    language: str = ""
    page: Page | None = None


NOBODY = Member()


@dataclass(frozen=True, slots=True)
class State:
    """One household's voice. `said` maps what was asked to the event that answered."""

    version: int = 0
    household_id: str = ""
    village_id: str = ""
    members: Mapping[str, Member] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)

    def member(self, person_id: str) -> Member:
        """What is known of a member's way to speak."""
        return self.members.get(person_id, NOBODY)


def owner_of(household_id: str, person_id: str) -> str:
    """Who holds a claim on a chat or a code; a cadre's holds its plain id."""
    return f"household/{household_id}/{person_id}"


def member_of(owner: str) -> tuple[str, str]:
    """Household and person of a claim's owner; empty when it is a cadre."""
    parts = owner.split("/")
    return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == "household" else ("", "")


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
        case GivePlanAgreement() | GiveExitAgreement() | ConfirmPaymentArrival():
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
        at=shown(code.expires_at_us),
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
    _require_linked(state, command.person_id)
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


def speak(state: State, command: Word, context: Context) -> Decisions:
    """The word counts for the question that is open now; said twice it is said once."""
    member = _require_linked(state, command.person_id)
    _require_own_page(member, command.said, context)
    question: Question | None = context.facts
    if question is None or question.household_id != state.household_id:
        reject("question-not-known")
    if question.asked_by in state.said:
        return
    require(question.is_open, "question-already-answered")
    given_on = context.today.isoformat()
    consent = Consent(
        given_by=command.person_id,
        chat=ChatProof(
            link_id=member.link_id,
            update_id=command.said.update_id,
            page_id=command.said.page_id,
        ),
        given_on=given_on,
    )
    yield _given(state, command, question, consent)


def _given(state: State, command: Word, question: Question, consent: Consent) -> WordGiven:
    match command:
        case GivePlanAgreement():
            return PlanAgreementGiven(
                household_id=state.household_id,
                village_id=state.village_id,
                plan_id=command.plan_id,
                consent=consent,
                asked_by=question.asked_by,
                effective_on=consent.given_on,
            )
        case GiveExitAgreement():
            return ExitAgreementGiven(
                household_id=state.household_id,
                village_id=state.village_id,
                consent=consent,
                asked_by=question.asked_by,
                effective_on=consent.given_on,
            )
        case ConfirmPaymentArrival():
            return PaymentArrivalConfirmed(
                household_id=state.household_id,
                village_id=state.village_id,
                payment_id=command.payment_id,
                region_id=question.region_id,
                year=question.year,
                consent=consent,
                asked_by=question.asked_by,
                effective_on=consent.given_on,
            )


def give_back(state: State, command: ReturnWord) -> Decisions:
    """The owner refused it, and says why."""
    for asked_by, event_id in state.said.items():
        if event_id == command.event_id:
            yield WordReturned(
                household_id=state.household_id,
                village_id=state.village_id,
                event_id=command.event_id,
                slug=command.slug,
                asked_by=asked_by,
            )


def evolve(state: State, event: Event) -> State:
    """What each event changes."""
    state = replace(
        state,
        version=state.version + 1,
        household_id=event.household_id,
        village_id=event.village_id,
    )
    match event:
        case HouseholdLinkIssued():
            return _with(state, event.person_id, code=Code(event.code_sha256, event.expires_at_us))
        case HouseholdChatLinked():
            member = Member(link_id=event.link_id, language=event.language)
            return replace(state, members={**state.members, event.person_id: member})
        case HouseholdUnlinked():
            members = {who: each for who, each in state.members.items() if who != event.person_id}
            return replace(state, members=members)
        case PageOpened():
            page = Page(event.page_id, event.token_sha256, event.expires_at_us)
            return _with(state, event.person_id, page=page)
        case PageEntered():
            opened = state.member(event.person_id).page
            assert opened is not None
            entered = replace(opened, session_sha256=event.session_sha256)
            return _with(state, event.person_id, page=entered)
        case PageClosed():
            return _with(state, event.person_id, page=None)
        case PlanAgreementGiven() | ExitAgreementGiven() | PaymentArrivalConfirmed():
            event_id = f"voice-{event.household_id}@{state.version}"
            return replace(state, said={**state.said, event.asked_by: event_id})
        case WordReturned():
            said = {asked: given for asked, given in state.said.items() if asked != event.asked_by}
            return replace(state, said=said)


def page_of_token(state: State, token_sha256: str) -> tuple[str, Page] | None:
    """Whose page the address is."""
    for person_id, member in state.members.items():
        if member.page is not None and member.page.token_sha256 == token_sha256:
            return person_id, member.page
    return None


def page_good(page: Page, context: Context) -> bool:
    """Its minutes are not over."""
    return micros(context.now) <= page.expires_at_us


def _with(state: State, person_id: str, **changes: object) -> State:
    member = replace(state.member(person_id), **changes)  # type: ignore[arg-type]
    return replace(state, members={**state.members, person_id: member})


def _require_linked(state: State, person_id: str) -> Member:
    member = state.member(person_id)
    require(member.link_id, "household-chat-not-linked")
    return member


def _require_own_page(member: Member, said: Said, context: Context) -> None:
    """Said in the chat, or on the member's own page while it is good."""
    if not said.page_id:
        require(said.update_id, "word-without-place", field="said")
        return
    page = member.page
    require(
        page is not None
        and page.page_id == said.page_id
        and page.session_sha256
        and page_good(page, context),
        "page-not-open",
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
        WordReturned,
    ),
    region=lambda state: state.village_id,
)
