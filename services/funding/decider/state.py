"""What a ledger knows: balances, transfers, the measures it pays for and the payments made."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from chassis.decider import Claim
from services.funding.decider.book import Layered, account, post, word
from tuopin.funding.v1.ledger_pb2 import (
    AllocationReceived,
    MoneyAllocated,
    MoneyAppropriated,
    MoneyAssigned,
    MoneyCommitted,
    MoneyPaid,
    ReceiptConfirmed,
    Source,
    TransferSettled,
)

EVENTS = (
    MoneyAppropriated,
    MoneyAllocated,
    AllocationReceived,
    TransferSettled,
    MoneyAssigned,
    MoneyCommitted,
    MoneyPaid,
    ReceiptConfirmed,
)
Event = (
    MoneyAppropriated
    | MoneyAllocated
    | AllocationReceived
    | TransferSettled
    | MoneyAssigned
    | MoneyCommitted
    | MoneyPaid
    | ReceiptConfirmed
)
Events = Iterator[Event | Claim]

# What stands in the accounts of a measure or payment, source by source.
Purse = list[tuple[Source.ValueType, int]]

# The order in which a measure's money is used.
SOURCES = tuple(Source.values()[1:])


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money on its way to a region below."""

    to_region_id: str
    source: Source.ValueType
    amount_fen: int
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure this ledger pays for, and all that was ever assigned to it here."""

    plan_id: str
    household_id: str
    village_id: str
    assigned_fen: int


@dataclass(frozen=True, slots=True)
class Payment:
    """Money paid to a household; `assignment_id` is the task that brought its receipt, "" when the
    household gave it itself.
    """

    plan_id: str
    household_id: str
    village_id: str
    amount_fen: int
    assignment_id: str = ""
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """One ledger: a region's money of one year."""

    region_id: str = ""
    balances: Layered[int] = field(default_factory=Layered)
    transfers: Layered[Transfer] = field(default_factory=Layered)
    received: Layered[bool] = field(default_factory=Layered)
    measures: Layered[Measure] = field(default_factory=Layered)
    payments: Layered[Payment] = field(default_factory=Layered)

    def balance(self, kind: str, *reference: str) -> int:
        return self.balances.get(account(kind, *reference)) or 0

    def by_source(self, kind: str, reference: str) -> Purse:
        balances = ((source, self.balance(kind, reference, word(source))) for source in SOURCES)
        return [(source, fen) for source, fen in balances if fen]


def evolve(state: State, event: Event) -> State:
    """Post the entries, then note what they were for."""
    state = replace(state, region_id=event.region_id, balances=post(state.balances, event.entries))
    match event:
        case MoneyAllocated():
            transfer = Transfer(event.to_region_id, event.source, event.amount_fen)
            return _with_transfer(state, event.transaction_id, transfer)
        case TransferSettled():
            transfer = state.transfers.of(event.transfer_id)
            return _with_transfer(state, event.transfer_id, replace(transfer, settled=True))
        case AllocationReceived():
            return replace(state, received=state.received.with_all({event.transfer_id: True}))
        case MoneyAssigned():
            return _assigned(state, event)
        case MoneyPaid():
            return _paid(state, event)
        case ReceiptConfirmed():
            payment = state.payments.of(event.payment_id)
            confirmed = replace(payment, assignment_id=event.assignment_id, confirmed=True)
            return replace(state, payments=state.payments.with_all({event.payment_id: confirmed}))
        case MoneyAppropriated() | MoneyCommitted():
            return state


def _with_transfer(state: State, transfer_id: str, transfer: Transfer) -> State:
    return replace(state, transfers=state.transfers.with_all({transfer_id: transfer}))


def _assigned(state: State, event: MoneyAssigned) -> State:
    before = state.measures.get(event.measure_id)
    measure = Measure(
        plan_id=event.plan_id,
        household_id=event.household_id,
        village_id=event.village_id,
        assigned_fen=(before.assigned_fen if before else 0) + event.amount_fen,
    )
    return replace(state, measures=state.measures.with_all({event.measure_id: measure}))


def _paid(state: State, event: MoneyPaid) -> State:
    payment = Payment(event.plan_id, event.household_id, event.village_id, event.amount_fen)
    return replace(state, payments=state.payments.with_all({event.payment_id: payment}))
