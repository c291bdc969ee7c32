"""What the rules of a household's voice know of it, folded from its events."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chassis.decider import Context
from chassis.times import micros
from tuopin.notifier.v1.voice_pb2 import (
    ExitAgreementGiven,
    HouseholdChatLinked,
    HouseholdLinkIssued,
    HouseholdUnlinked,
    PageClosed,
    PageEntered,
    PageOpened,
    PaymentArrivalConfirmed,
    PlanAgreementGiven,
    PostingObjectionRaised,
    WordReturned,
)

WordGiven = (
    PlanAgreementGiven | ExitAgreementGiven | PaymentArrivalConfirmed | PostingObjectionRaised
)
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
# Kind of claim: from the digest of a page's address to the household.
PAGE = "household-page"
# Questions of the view `questions` that a household answers itself.
PLAN, EXIT, RECEIPT = "plan-agreement", "exit-agreement", "receipt-check"
POSTING = "posting-objection"


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
        case (
            PlanAgreementGiven()
            | ExitAgreementGiven()
            | PaymentArrivalConfirmed()
            | PostingObjectionRaised()
        ):
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
