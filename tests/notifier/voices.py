"""The words in which tests speak of a household's voice."""

from datetime import timedelta

from chassis.times import micros
from services.notifier.decider.voicestate import Membership, Question
from tests.given import NOW
from tests.services.feeds import Log
from tuopin.funding.v1.ledger_pb2 import MoneyPaid, ReceiptConfirmed
from tuopin.notifier.v1.complaint_pb2 import (
    ComplainantRevealed,
    ComplaintAnswered,
    ComplaintAssigned,
    ComplaintFiled,
)
from tuopin.notifier.v1.voice_pb2 import (
    ConfirmPaymentArrival,
    GivePlanAgreement,
    HouseholdChatLinked,
    HouseholdLinkIssued,
    IssueHouseholdLink,
    LinkHouseholdChat,
    OpenPage,
    PageEntered,
    PageOpened,
    PaymentArrivalConfirmed,
    PlanAgreementGiven,
    Said,
)
from tuopin.planning.v1.plan_pb2 import PlanApproved, PlanConsented, PlanDrafted, VisitRecorded
from tuopin.registry.v1.exit_pb2 import ExitAppraised
from tuopin.registry.v1.file_pb2 import MemberJoined, MemberLeft
from tuopin.registry.v1.household_pb2 import ExitAgreed, ExitVerified, PersonErased
from tuopin.registry.v1.posting_pb2 import PostingClosed, PostingOpened
from tuopin.types.v1.types_pb2 import ChatProof, Consent

HOUSEHOLD, PERSON = "household-1", "person-1"
VILLAGE = "433124103206"
CODE, TOKEN, SESSION = "c" * 64, "d" * 64, "e" * 64
LINK, PAGE = "link-1", "page-1"
ASKED = "plan-1@1"
TABLE = {
    "limits": {"link_valid_s": 600, "page_valid_s": 900},
    "complaints": {
        "levels": [9, 6],
        "answer_within_s": [86_400, 172_800],
        "kinds": {"money": 9, "cadre": 6},
    },
}
MEMBERS = Membership(VILLAGE, frozenset({PERSON}))
PLAN_ASKED = Question(HOUSEHOLD, ASKED, is_open=True)


def issue(person_id: str = PERSON) -> IssueHouseholdLink:
    return IssueHouseholdLink(household_id=HOUSEHOLD, person_id=person_id, code_sha256=CODE)


def issued() -> HouseholdLinkIssued:
    return HouseholdLinkIssued(
        household_id=HOUSEHOLD,
        person_id=PERSON,
        code_sha256=CODE,
        expires_at_us=micros(NOW + timedelta(minutes=10)),
        village_id=VILLAGE,
        issued_by="li-office",
    )


def link(code: str = CODE) -> LinkHouseholdChat:
    return LinkHouseholdChat(
        household_id=HOUSEHOLD, person_id=PERSON, code_sha256=code, chat_id="77", language="zh"
    )


def linked() -> HouseholdChatLinked:
    return HouseholdChatLinked(
        household_id=HOUSEHOLD,
        person_id=PERSON,
        chat_id="77",
        village_id=VILLAGE,
        language="zh",
        link_id=LINK,
    )


def open_page() -> OpenPage:
    return OpenPage(household_id=HOUSEHOLD, person_id=PERSON, token_sha256=TOKEN)


def opened() -> PageOpened:
    return PageOpened(
        household_id=HOUSEHOLD,
        person_id=PERSON,
        village_id=VILLAGE,
        page_id=PAGE,
        token_sha256=TOKEN,
        expires_at_us=micros(NOW + timedelta(minutes=15)),
    )


def entered() -> PageEntered:
    return PageEntered(
        household_id=HOUSEHOLD,
        person_id=PERSON,
        village_id=VILLAGE,
        page_id=PAGE,
        session_sha256=SESSION,
    )


ON_PAGE = Said(page_id=PAGE)


def agree(said: Said = ON_PAGE) -> GivePlanAgreement:
    return GivePlanAgreement(household_id=HOUSEHOLD, person_id=PERSON, plan_id="plan-1", said=said)


def confirm() -> ConfirmPaymentArrival:
    return ConfirmPaymentArrival(
        household_id=HOUSEHOLD, person_id=PERSON, payment_id="payment-1", said=ON_PAGE
    )


def consent(update_id: int = 0, page_id: str = PAGE) -> Consent:
    return Consent(
        given_by=PERSON,
        chat=ChatProof(link_id=LINK, update_id=update_id, page_id=page_id),
        given_on="2020-03-02",
    )


def agreed() -> PlanAgreementGiven:
    return PlanAgreementGiven(
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        plan_id="plan-1",
        consent=consent(),
        asked_by=ASKED,
        effective_on="2020-03-02",
    )


def arrived() -> PaymentArrivalConfirmed:
    return PaymentArrivalConfirmed(
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        payment_id="payment-1",
        region_id="433124",
        year=2020,
        consent=consent(),
        asked_by=ASKED,
        effective_on="2020-03-02",
    )


def tell(log: Log, number: int) -> None:
    """One household with everything that its views hear."""
    household_id, person_id, plan_id = f"v-{number}", f"p-{number}", f"v-plan-{number}"
    for word in (issued(), linked(), opened(), entered(), agreed()):
        word.household_id = household_id  # type: ignore[attr-defined]
        if hasattr(word, "person_id"):
            word.person_id = person_id
        log.append("voice", f"voice-{household_id}", word)
    joined = MemberJoined(household_id=household_id)
    joined.member.person_id = f"{person_id}-child"
    log.append("household", f"household-{household_id}", joined)
    left = MemberLeft(household_id=household_id, person_id=f"{person_id}-child")
    if number % 2:
        log.append("household", f"household-{household_id}", left)
    erased = PersonErased(household_id=household_id, person_id=person_id)
    log.append("household", f"household-{household_id}", erased)
    for event in (PlanDrafted(), PlanConsented(), PlanApproved(), VisitRecorded())[:number]:
        event.plan_id, event.household_id = plan_id, household_id  # type: ignore[attr-defined]
        log.append("plan", f"plan-{plan_id}", event)
    for event in (ExitAppraised(), ExitVerified(), ExitAgreed())[:number]:
        event.household_id = household_id  # type: ignore[attr-defined]
        log.append("household", f"household-{household_id}", event)
    for event in (PostingOpened(), PostingClosed())[:number]:
        event.household_id, event.posting_id = household_id, f"post-{number}"  # type: ignore[attr-defined]
        log.append("household", f"household-{household_id}", event)
    for event in (MoneyPaid(amount_fen=5), ReceiptConfirmed())[:number]:
        event.payment_id, event.household_id = f"pay-{number}", household_id  # type: ignore[attr-defined]
        log.append("fund", "fund-433124-2020", event)
    complaint_id = f"c-{number}"
    for event in (
        ComplaintFiled(kind="money", village_id=VILLAGE),
        ComplaintAssigned(region_id="433124103", due_at_us=9, reason="filed"),
        ComplaintAssigned(region_id="433124", due_at_us=19, reason="overdue"),
        ComplainantRevealed(revealed_to="office"),
        ComplaintAnswered(answered_by="office"),
    )[: 1 + number]:
        event.complaint_id = complaint_id  # type: ignore[attr-defined]
        log.append("complaint", f"complaint-{complaint_id}", event)
