"""The answer to: what was asked about a household, and is the answer in the log already?

One row per matter. A plan's draft asks for the household's yes, a payment whether it arrived, a
proposed exit for a look on site; the owner's event that has the answer closes it, whoever gave it.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    select,
)

from chassis.rejection import FactMissing
from chassis.views import Rows, View
from services.notifier.decider.voicestate import EXIT, PLAN, POSTING, RECEIPT, Question
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.funding.v1.ledger_pb2 import MoneyPaid, ReceiptConfirmed
from tuopin.planning.v1.plan_pb2 import PlanApproved, PlanConsented, PlanDrafted, VisitRecorded
from tuopin.registry.v1.exit_pb2 import ExitAppraised, ExitStopped, ExitWithdrawn
from tuopin.registry.v1.household_pb2 import ExitAgreed, ExitVerified, HouseholdExited
from tuopin.registry.v1.posting_pb2 import ObjectionUpheld, PostingClosed, PostingOpened

METADATA = MetaData()

# Questions that a cadre is asked: named as the kinds of assignment are.
FIRST_VISIT, VERIFY_EXIT = "first-visit", "verify-exit"

QUESTIONS = Table(
    "questions",
    METADATA,
    Column("kind", String(40), primary_key=True),
    Column("subject", String(120), primary_key=True),
    Column("household_id", String(60)),
    Column("village_id", String(12)),
    # Event that asked last, and the one that answered it; "" while nobody has.
    Column("asked_by", String(120)),
    Column("answered_by", String(120)),
    Column("asked_at_us", BigInteger),
    # Of a payment.
    Column("region_id", String(12)),
    Column("year", Integer),
    Column("amount_fen", BigInteger),
    Index("questions_by_household", "household_id"),
)

EVENTS = (
    PlanDrafted,
    PlanConsented,
    PlanApproved,
    VisitRecorded,
    ExitAppraised,
    ExitVerified,
    ExitAgreed,
    ExitStopped,
    ExitWithdrawn,
    HouseholdExited,
    MoneyPaid,
    ReceiptConfirmed,
    PostingOpened,
    PostingClosed,
    ObjectionUpheld,
)
Event = (
    PlanDrafted
    | PlanConsented
    | PlanApproved
    | VisitRecorded
    | ExitAppraised
    | ExitVerified
    | ExitAgreed
    | ExitStopped
    | ExitWithdrawn
    | HouseholdExited
    | MoneyPaid
    | ReceiptConfirmed
    | PostingOpened
    | PostingClosed
    | ObjectionUpheld
)


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """The stream of a matter both asks and answers, so the latest event wins."""
    match event:
        case PlanDrafted():
            _ask(rows, envelope, event, PLAN, event.plan_id)
        case PlanConsented():
            _answer(rows, envelope, PLAN, event.plan_id)
        case PlanApproved():
            _ask(rows, envelope, event, FIRST_VISIT, event.plan_id)
        case VisitRecorded():
            _answer(rows, envelope, FIRST_VISIT, event.plan_id)
        case ExitAppraised():
            _ask(rows, envelope, event, VERIFY_EXIT, event.household_id)
        case ExitVerified():
            _answer(rows, envelope, VERIFY_EXIT, event.household_id)
            _ask(rows, envelope, event, EXIT, event.household_id)
        case ExitAgreed():
            _answer(rows, envelope, EXIT, event.household_id)
        case HouseholdExited() | ExitStopped() | ExitWithdrawn():
            _answer(rows, envelope, EXIT, event.household_id)
            _answer(rows, envelope, VERIFY_EXIT, event.household_id)
        case MoneyPaid():
            _ask(rows, envelope, event, RECEIPT, event.payment_id)
            rows.put(
                QUESTIONS,
                (RECEIPT, event.payment_id),
                region_id=event.region_id,
                year=event.year,
                amount_fen=event.amount_fen,
            )
        case PostingOpened():
            _ask(rows, envelope, event, POSTING, event.posting_id)
        case PostingClosed() | ObjectionUpheld():
            _answer(rows, envelope, POSTING, event.posting_id)
        case ReceiptConfirmed():
            _answer(rows, envelope, RECEIPT, event.payment_id)


def _ask(rows: Rows, envelope: Envelope, event: Any, kind: str, subject: str) -> None:
    rows.put(
        QUESTIONS,
        (kind, subject),
        household_id=event.household_id,
        village_id=event.village_id,
        asked_by=envelope.id,
        answered_by="",
        asked_at_us=envelope.recorded_at_us,
    )


def _answer(rows: Rows, envelope: Envelope, kind: str, subject: str) -> None:
    rows.put(QUESTIONS, (kind, subject), answered_by=envelope.id)


VIEW = View(
    name="questions",
    tables=(QUESTIONS,),
    topics=("plan", "household", "fund"),
    project=project,
    events=EVENTS,
)


def question(connection: Connection, kind: str, subject: str) -> Question | None:
    """The matter, or None while nobody has asked."""
    row = question_row(connection, kind, subject)
    if row is None:
        return None
    return Question(
        household_id=row.household_id,
        asked_by=row.asked_by,
        is_open=not row.answered_by,
        region_id=row.region_id or "",
        year=row.year or 0,
    )


def question_row(connection: Connection, kind: str, subject: str) -> Row[Any] | None:
    """The row of a matter that was asked; an answer alone is none."""
    return connection.execute(
        select(QUESTIONS).where(
            QUESTIONS.c.kind == kind,
            QUESTIONS.c.subject == subject,
            QUESTIONS.c.asked_by.is_not(None),
        )
    ).first()


def asked_row(connection: Connection, kind: str, subject: str) -> Row[Any]:
    """The same; FactMissing while the question has not been heard of."""
    row = question_row(connection, kind, subject)
    if row is None:
        raise FactMissing(kind, subject)
    return row


def open_questions(
    connection: Connection, household_id: str, kinds: Sequence[str] = (PLAN, EXIT, RECEIPT, POSTING)
) -> Sequence[Row[Any]]:
    """What waits for the household's own word, the oldest first."""
    return connection.execute(
        select(QUESTIONS)
        .where(
            QUESTIONS.c.household_id == household_id,
            QUESTIONS.c.kind.in_(kinds),
            QUESTIONS.c.answered_by == "",
        )
        .order_by(QUESTIONS.c.asked_at_us, QUESTIONS.c.kind, QUESTIONS.c.subject)
    ).all()
