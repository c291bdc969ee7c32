"""A household's voice: only a member's, from their own chat, each question answered once."""

from datetime import timedelta

from chassis.decider import Actor, Claim, Release
from services.notifier.decider.link import CHAT
from services.notifier.decider.link import CODE as CODE_CLAIM
from services.notifier.decider.voice import DECIDER
from services.notifier.decider.voicestate import PAGE, Question, owner_of
from tests.given import NOW, FixedParameters, Given
from tests.notifier import voices as v
from tuopin.notifier.v1.voice_pb2 import (
    ClosePage,
    EnterPage,
    ExitAgreementGiven,
    GiveExitAgreement,
    HouseholdUnlinked,
    PageClosed,
    PageOpened,
    PostingObjectionRaised,
    RaisePostingObjection,
    ReturnWord,
    Said,
    UnlinkHousehold,
    WordReturned,
)
from tuopin.types.v1.types_pb2 import Note

given = Given(DECIDER, FixedParameters(tables={"voice": v.TABLE}), v.MEMBERS)
OWNER = owner_of(v.HOUSEHOLD, v.PERSON)
ENTER = EnterPage(household_id=v.HOUSEHOLD, token_sha256=v.TOKEN, session_sha256=v.SESSION)
OPEN = (v.issued(), v.linked(), v.opened(), v.entered())


def test_a_code_is_for_a_member() -> None:
    claim = Claim(CODE_CLAIM, v.CODE, OWNER, "link-code-not-known", personal=False)
    given().when(v.issue()).then(v.issued()).then_claims(claim)
    given().when(v.issue("stranger")).then_rejected("link-not-of-member")


def test_a_code_is_issued_by_an_office_of_the_place() -> None:
    elsewhere = Actor("x", {"township-office": ("433125101",)})
    given().when(v.issue(), by=elsewhere).then_rejected("household-of-another-region")


def test_a_newer_code_takes_the_place_of_an_unused_one() -> None:
    claim = Claim(CODE_CLAIM, v.CODE, OWNER, "link-code-not-known", personal=False)
    given(v.issued()).when(v.issue()).then_claims(Release(CODE_CLAIM, OWNER), claim)


def test_a_code_links_once_and_in_time() -> None:
    chat = Claim(CHAT, "77", OWNER, "chat-of-another-cadre")
    result = given(v.issued()).when(v.link())
    result.then_claims(Release(CODE_CLAIM, OWNER), chat)
    given(v.issued()).when(v.link("f" * 64)).then_rejected("link-code-not-known")
    given(v.issued(), v.linked()).when(v.link()).then_rejected("link-code-not-known")
    late = NOW + timedelta(minutes=11)
    given(v.issued()).when(v.link(), at=late).then_rejected("link-code-expired")


def test_a_page_opens_for_who_is_linked_only() -> None:
    given(v.issued()).when(v.open_page()).then_rejected("household-chat-not-linked")
    opened = given(v.issued(), v.linked()).when(v.open_page())
    opened.then_event(PageOpened, expires_at_us=v.opened().expires_at_us)
    opened.then_claims(Claim(PAGE, v.TOKEN, OWNER, "page-not-open", personal=False))


def test_an_address_is_good_for_one_browser_and_minutes() -> None:
    given(*OPEN[:3]).when(ENTER).then(v.entered())
    given(*OPEN).when(ENTER).then_nothing()
    other = EnterPage(household_id=v.HOUSEHOLD, token_sha256=v.TOKEN, session_sha256="a" * 64)
    given(*OPEN).when(other).then_rejected("page-of-another-browser")
    late = NOW + timedelta(minutes=16)
    given(*OPEN[:3]).when(ENTER, at=late).then_rejected("page-not-open")


def test_a_closed_page_is_over() -> None:
    close = ClosePage(household_id=v.HOUSEHOLD, person_id=v.PERSON)
    closed = PageClosed(
        household_id=v.HOUSEHOLD, person_id=v.PERSON, village_id=v.VILLAGE, page_id=v.PAGE
    )
    given(*OPEN).when(close).then(closed)
    said = given(*OPEN, closed).when(v.agree(), facts=v.PLAN_ASKED)
    said.then_rejected("page-not-open")


def test_a_yes_carries_the_member_and_their_own_chat_as_proof() -> None:
    given(*OPEN).when(v.agree(), facts=v.PLAN_ASKED).then(v.agreed())
    in_chat = v.agreed()
    in_chat.consent.CopyFrom(v.consent(update_id=7, page_id=""))
    said = v.agree(Said(update_id=7))
    given(*OPEN[:2]).when(said, facts=v.PLAN_ASKED).then(in_chat)


def test_a_word_needs_a_place_where_it_was_said() -> None:
    said = given(*OPEN).when(v.agree(Said()), facts=v.PLAN_ASKED)
    said.then_rejected("word-without-place")
    elsewhere = given(*OPEN).when(v.agree(Said(page_id="another")), facts=v.PLAN_ASKED)
    elsewhere.then_rejected("page-not-open")
    not_entered = given(*OPEN[:3]).when(v.agree(), facts=v.PLAN_ASKED)
    not_entered.then_rejected("page-not-open")


def test_said_twice_is_said_once() -> None:
    given(*OPEN, v.agreed()).when(v.agree(), facts=v.PLAN_ASKED).then_nothing()


def test_a_question_of_another_household_is_none() -> None:
    other = Question("household-2", v.ASKED, is_open=True)
    given(*OPEN).when(v.agree(), facts=other).then_rejected("question-not-known")


def test_what_was_answered_otherwise_is_not_answered_again() -> None:
    paper = Question(v.HOUSEHOLD, v.ASKED, is_open=False)
    given(*OPEN).when(v.agree(), facts=paper).then_rejected("question-already-answered")


def test_a_receipt_names_the_ledger_it_is_for() -> None:
    asked = Question(v.HOUSEHOLD, v.ASKED, is_open=True, region_id="433124", year=2020)
    given(*OPEN).when(v.confirm(), facts=asked).then(v.arrived())


def test_an_exit_is_agreed_to_in_the_same_way() -> None:
    command = GiveExitAgreement(household_id=v.HOUSEHOLD, person_id=v.PERSON, said=v.ON_PAGE)
    result = given(*OPEN).when(command, facts=v.PLAN_ASKED)
    result.then_event(ExitAgreementGiven, consent=v.consent(), asked_by=v.ASKED)


def test_an_objection_says_why_and_about_the_own_household() -> None:
    statement = Note(text="we never left", household_id=v.HOUSEHOLD)
    command = RaisePostingObjection(
        household_id=v.HOUSEHOLD,
        person_id=v.PERSON,
        posting_id="posting-1",
        statement=statement,
        said=v.ON_PAGE,
    )
    result = given(*OPEN).when(command, facts=v.PLAN_ASKED)
    result.then_event(PostingObjectionRaised, statement=statement, posting_id="posting-1")
    command.statement.household_id = "household-2"
    given(*OPEN).when(command, facts=v.PLAN_ASKED).then_rejected("question-not-known")


def test_a_refused_word_may_be_said_again() -> None:
    event_id = f"voice-{v.HOUSEHOLD}@5"
    command = ReturnWord(household_id=v.HOUSEHOLD, event_id=event_id, slug="plan-already-agreed")
    returned = WordReturned(
        household_id=v.HOUSEHOLD,
        village_id=v.VILLAGE,
        event_id=event_id,
        slug="plan-already-agreed",
        asked_by=v.ASKED,
    )
    given(*OPEN, v.agreed()).when(command).then(returned)
    given(*OPEN, v.agreed(), returned).when(command).then_nothing()
    given(*OPEN, v.agreed(), returned).when(v.agree(), facts=v.PLAN_ASKED).then(v.agreed())


def test_unlinked_nothing_is_left() -> None:
    command = UnlinkHousehold(household_id=v.HOUSEHOLD, person_id=v.PERSON, ground="request")
    result = given(*OPEN).when(command)
    result.then_event(HouseholdUnlinked, ground="request")
    result.then_claims(*(Release(kind, OWNER) for kind in (CODE_CLAIM, CHAT, PAGE)))
    unlinked = result.events[0]
    said = given(*OPEN, unlinked).when(v.agree(), facts=v.PLAN_ASKED)
    said.then_rejected("household-chat-not-linked")
    given().when(command).then_nothing()
