"""The rules of a household's word: a member's own, in a place of their own, once."""

from collections.abc import Iterator

from chassis.decider import Context, Decision
from chassis.rejection import reject, require
from services.notifier.decider.voicestate import Member, Question, State, WordGiven, page_good
from tuopin.notifier.v1.voice_pb2 import (
    ConfirmPaymentArrival,
    ExitAgreementGiven,
    GiveExitAgreement,
    GivePlanAgreement,
    PaymentArrivalConfirmed,
    PlanAgreementGiven,
    PostingObjectionRaised,
    RaisePostingObjection,
    ReturnWord,
    Said,
    WordReturned,
)
from tuopin.types.v1.types_pb2 import ChatProof, Consent

Word = GivePlanAgreement | GiveExitAgreement | ConfirmPaymentArrival | RaisePostingObjection
Decisions = Iterator[Decision]


def speak(state: State, command: Word, context: Context) -> Decisions:
    """The word counts for the question that is open now; said twice it is said once."""
    member = require_linked(state, command.person_id)
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
        case RaisePostingObjection():
            return _objection(state, command, question, consent)


def _objection(
    state: State, command: RaisePostingObjection, question: Question, consent: Consent
) -> PostingObjectionRaised:
    require(
        command.statement.household_id == state.household_id,
        "question-not-known",
        field="statement.household_id",
    )
    return PostingObjectionRaised(
        household_id=state.household_id,
        village_id=state.village_id,
        posting_id=command.posting_id,
        statement=command.statement,
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


def require_linked(state: State, person_id: str) -> Member:
    """Only through a chat of their own does anybody speak."""
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
