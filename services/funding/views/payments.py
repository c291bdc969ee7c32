"""The answer to: what was paid to whom, and did the household say that it arrived."""

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, MetaData, Row, String, Table, select

from chassis.paging import below, page
from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.funding.v1.ledger_pb2 import (
    ListPayments,
    MoneyPaid,
    Payment,
    PaymentPage,
    ReceiptConfirmed,
)

METADATA = MetaData()

PAYMENTS = Table(
    "payments",
    METADATA,
    Column("payment_id", String(60), primary_key=True),
    Column("ledger_id", String(20)),
    Column("measure_id", String(80)),
    Column("plan_id", String(60)),
    Column("household_id", String(60)),
    Column("village_id", String(12)),
    Column("amount_fen", BigInteger),
    Column("paid_on", String(10)),
    Column("confirmed_on", String(10)),
    Column("assignment_id", String(60)),
    Index("payments_by_village", "village_id", "payment_id"),
    Index("payments_by_household", "household_id"),
)

EVENTS = (MoneyPaid, ReceiptConfirmed)


def project(rows: Rows, envelope: Envelope, event: MoneyPaid | ReceiptConfirmed) -> None:
    """A payment is made once and confirmed once."""
    key = (event.payment_id,)
    match event:
        case MoneyPaid():
            rows.put(
                PAYMENTS,
                key,
                ledger_id=event.ledger_id,
                measure_id=event.measure_id,
                plan_id=event.plan_id,
                household_id=event.household_id,
                village_id=event.village_id,
                amount_fen=event.amount_fen,
                paid_on=event.effective_on,
            )
        case ReceiptConfirmed():
            rows.put(
                PAYMENTS,
                key,
                confirmed_on=event.effective_on,
                assignment_id=event.assignment_id,
            )


VIEW = View(name="payments", tables=(PAYMENTS,), topics=("fund",), project=project, events=EVENTS)


def list_payments(connection: Connection, query: ListPayments) -> PaymentPage:
    """Payments to the households of a region, or to one of them."""
    wanted = select(PAYMENTS).where(below(PAYMENTS.c.village_id, query.region_id))
    if query.household_id:
        wanted = wanted.where(PAYMENTS.c.household_id == query.household_id)
    key = (PAYMENTS.c.village_id, PAYMENTS.c.payment_id)
    found = page(connection, wanted, key, query.page_size, query.page_token)
    return PaymentPage(
        payments=[_payment_of(row) for row in found.rows],
        next_page_token=found.next_page_token,
        total=found.total,
    )


def plan_of_payment(connection: Connection, payment_id: str) -> str | None:
    """The plan a payment was made for."""
    return connection.scalar(select(PAYMENTS.c.plan_id).where(PAYMENTS.c.payment_id == payment_id))


def _payment_of(row: Row[Any]) -> Payment:
    return Payment(
        payment_id=row.payment_id,
        ledger_id=row.ledger_id,
        measure_id=row.measure_id,
        plan_id=row.plan_id,
        household_id=row.household_id,
        village_id=row.village_id,
        amount_fen=row.amount_fen,
        paid_on=row.paid_on,
        confirmed_on=row.confirmed_on,
        assignment_id=row.assignment_id,
    )
