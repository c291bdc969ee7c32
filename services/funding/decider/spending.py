"""Money reaches a household: assigned to a measure, committed, paid, and its arrival confirmed."""

from collections.abc import Iterator
from dataclasses import dataclass

from chassis.decider import Claim, Context
from chassis.rejection import FactMissing, reject, require
from services.funding.decider.book import account, move, word
from services.funding.decider.budget import ledger_id_of, require_available, yuan
from services.funding.decider.state import Events, Measure, Payment, Purse, State
from tuopin.funding.v1.ledger_pb2 import (
    AssignMoney,
    CommitMoney,
    ConfirmReceipt,
    Entry,
    MoneyAssigned,
    MoneyCommitted,
    MoneyPaid,
    PayMoney,
    ReceiptConfirmed,
)


@dataclass(frozen=True, slots=True)
class MeasureFacts:
    """A measure as the own copy of the plans knows it; without an amount the plan lacks it."""

    plan_id: str
    household_id: str
    village_id: str
    in_force: bool
    amount_fen: int | None


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """Who may say that a payment arrived, from the own copy of the household's plan."""

    member_ids: frozenset[str]


def assign(state: State, command: AssignMoney, context: Context) -> Events:
    """Set money aside for a measure of a plan in force, never more than it still lacks."""
    facts: MeasureFacts = context.facts
    require(facts.amount_fen is not None, "measure-not-known", field="measure_id")
    require(facts.in_force, "plan-not-in-force", plan=facts.plan_id)
    require(
        facts.village_id.startswith(command.region_id),
        "household-outside-ledger-region",
        field="region_id",
        village=facts.village_id,
    )
    before = state.measures.get(command.measure_id)
    lacking_fen = (facts.amount_fen or 0) - (before.assigned_fen if before else 0)
    require(
        command.amount_fen <= lacking_fen,
        "measure-lacks-less",
        field="amount_fen",
        lacking=yuan(lacking_fen),
    )
    require_available(state, word(command.source), command.amount_fen)
    if before is None:
        yield _only_payer(command)
    yield MoneyAssigned(
        ledger_id=ledger_id_of(command.region_id, command.year),
        region_id=command.region_id,
        year=command.year,
        source=command.source,
        measure_id=command.measure_id,
        plan_id=facts.plan_id,
        household_id=facts.household_id,
        village_id=facts.village_id,
        amount_fen=command.amount_fen,
        entries=move(
            command.amount_fen,
            out_of=account("available", word(command.source)),
            to=account("assigned", command.measure_id, word(command.source)),
        ),
        transaction_id=context.new_id("transaction"),
    )


def bind(state: State, command: CommitMoney, context: Context) -> Events:
    """Commit assigned money to its measure, source by source."""
    measure = _measure(state, command.measure_id)
    assigned = state.by_source("assigned", command.measure_id)
    _require_within(command.amount_fen, assigned, "commitment-above-assigned")
    yield MoneyCommitted(
        ledger_id=ledger_id_of(command.region_id, command.year),
        region_id=command.region_id,
        year=command.year,
        measure_id=command.measure_id,
        household_id=measure.household_id,
        village_id=measure.village_id,
        amount_fen=command.amount_fen,
        entries=_draw(
            command.amount_fen,
            assigned,
            out_of=("assigned", command.measure_id),
            to=("committed", command.measure_id),
        ),
        transaction_id=context.new_id("transaction"),
    )


def pay(state: State, command: PayMoney, context: Context) -> Events:
    """By one-card to the household, never more than is committed."""
    measure = _measure(state, command.measure_id)
    committed = state.by_source("committed", command.measure_id)
    _require_within(command.amount_fen, committed, "payment-above-committed")
    payment_id = context.new_id("payment")
    yield MoneyPaid(
        ledger_id=ledger_id_of(command.region_id, command.year),
        region_id=command.region_id,
        year=command.year,
        payment_id=payment_id,
        measure_id=command.measure_id,
        plan_id=measure.plan_id,
        household_id=measure.household_id,
        village_id=measure.village_id,
        amount_fen=command.amount_fen,
        effective_on=context.today.isoformat(),
        entries=_draw(
            command.amount_fen,
            committed,
            out_of=("committed", command.measure_id),
            to=("paid", payment_id),
        ),
        transaction_id=context.new_id("transaction"),
    )


def confirm(state: State, command: ConfirmReceipt, context: Context) -> Events:
    """The household says that the money arrived: on its own signed and witnessed paper, or from
    its own chat.
    """
    payment = state.payments.get(command.payment_id)
    if payment is None:
        reject("payment-not-known", field="payment_id")
    if payment.confirmed and payment.assignment_id == command.assignment_id:
        return
    require(not payment.confirmed, "payment-already-confirmed")
    _require_own_word(payment, command, context)
    yield ReceiptConfirmed(
        ledger_id=ledger_id_of(command.region_id, command.year),
        region_id=command.region_id,
        year=command.year,
        payment_id=command.payment_id,
        household_id=payment.household_id,
        village_id=payment.village_id,
        assignment_id=command.assignment_id,
        cadre_id=command.cadre_id,
        consent=command.consent,
        amount_fen=payment.amount_fen,
        effective_on=command.consent.given_on,
        entries=[
            entry
            for source, fen in state.by_source("paid", command.payment_id)
            for entry in move(
                fen,
                out_of=account("paid", command.payment_id, word(source)),
                to=account("confirmed", word(source)),
            )
        ],
        transaction_id=context.new_id("transaction"),
    )


def _only_payer(command: AssignMoney) -> Claim:
    """One ledger pays for a measure: two that each see what it lacks would pay it twice."""
    return Claim(
        kind="measure-payer",
        key=command.measure_id,
        owner=ledger_id_of(command.region_id, command.year),
        rejection="measure-paid-by-another-ledger",
        personal=False,
    )


def _measure(state: State, measure_id: str) -> Measure:
    measure = state.measures.get(measure_id)
    if measure is None:
        reject("measure-without-money", field="measure_id")
    return measure


def _require_within(amount_fen: int, purse: Purse, slug: str) -> None:
    there_fen = sum(fen for _, fen in purse)
    require(amount_fen <= there_fen, slug, field="amount_fen", there=yuan(there_fen))


def _draw(
    amount_fen: int, purse: Purse, *, out_of: tuple[str, str], to: tuple[str, str]
) -> Iterator[Entry]:
    """Take the amount from the sources in their order: money keeps its source to the end."""
    for source, there_fen in purse:
        taken_fen = min(amount_fen, there_fen)
        if taken_fen:
            yield from move(
                taken_fen, out_of=account(*out_of, word(source)), to=account(*to, word(source))
            )
        amount_fen -= taken_fen
    assert amount_fen == 0


def _require_own_word(payment: Payment, command: ConfirmReceipt, context: Context) -> None:
    """A cadre's word alone never closes what a household must confirm."""
    consent = command.consent
    require(consent.WhichOneof("proof"), "consent-without-paper", field="consent.paper")
    if consent.HasField("chat"):
        require(context.actor.caused_by, "consent-chat-not-heard", field="consent.chat")
    else:
        require(consent.paper.witness, "receipt-without-witness", field="consent.paper.witness")
    if context.facts is None:
        raise FactMissing("payment", command.payment_id)
    facts: PaymentFacts = context.facts
    own_ids = facts.member_ids | {payment.household_id}
    if consent.HasField("paper"):
        require(
            consent.paper.household_id == payment.household_id
            and consent.paper.picture.subject_id in own_ids,
            "paper-of-other-household",
            field="consent.paper",
        )
    require(consent.given_by in own_ids, "consent-not-by-member", field="consent.given_by")
    today = context.today.isoformat()
    require(
        consent.given_on <= today,
        "effective-date-in-the-future",
        field="consent.given_on",
        today=today,
    )
