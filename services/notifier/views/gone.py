"""The notifier's own copy of: which causes are gone, so that nobody is asked about them any more.

An event that answers a question elsewhere ends its cause, too: nothing is asked that is known.
"""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, func, or_, select

from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.funding.v1.ledger_pb2 import ReceiptConfirmed
from tuopin.planning.v1.plan_pb2 import PlanApproved
from tuopin.registry.v1.exit_pb2 import ExitStopped, ExitWithdrawn
from tuopin.registry.v1.household_pb2 import ExitVerified, HouseholdExited
from tuopin.registry.v1.monitoring_pb2 import WarningDismissed, WarningVisited
from tuopin.registry.v1.posting_pb2 import PostingClosed

METADATA = MetaData()

# Every kind of a household.
EVERY_KIND = ""

GONE = Table(
    "causes_gone",
    METADATA,
    Column("kind", String(60), primary_key=True),
    # Subject of the assignments; of every kind the household.
    Column("subject", String(120), primary_key=True),
    Column("reason", String(40)),
    Column("gone_at_us", BigInteger),
)

Event = (
    PlanApproved
    | ReceiptConfirmed
    | ExitVerified
    | HouseholdExited
    | ExitWithdrawn
    | ExitStopped
    | PostingClosed
    | WarningVisited
    | WarningDismissed
)
EVENTS = (
    PlanApproved,
    ReceiptConfirmed,
    ExitVerified,
    HouseholdExited,
    ExitWithdrawn,
    ExitStopped,
    PostingClosed,
    WarningVisited,
    WarningDismissed,
)


class End(NamedTuple):
    """What no longer needs doing."""

    kind: str
    subject: str
    reason: str


def ends(event: Event) -> Iterator[End]:
    """Which causes an event ends."""
    match event:
        case PlanApproved():
            yield End("draft-plan", event.household_id, "answered")
        case ReceiptConfirmed():
            yield End("receipt-check", event.payment_id, "answered")
        case ExitVerified() | HouseholdExited():
            yield End("verify-exit", event.household_id, "answered")
        case ExitWithdrawn():
            yield End("verify-exit", event.household_id, "exit-withdrawn")
        case ExitStopped():
            yield End("verify-exit", event.household_id, "exit-stopped")
        case PostingClosed():
            yield End("posting-notice", event.posting_id, "posting-closed")
        case WarningVisited():
            yield End("warning-visit", event.warning_id, "answered")
            yield End("monitoring-late", event.warning_id, "answered")
        case WarningDismissed():
            yield End("warning-visit", event.warning_id, "warning-dismissed")
            yield End("monitoring-late", event.warning_id, "warning-dismissed")


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """The latest end counts; a cause after it is a new one."""
    for end in ends(event):
        rows.put(
            GONE, (end.kind, end.subject), reason=end.reason, gone_at_us=envelope.recorded_at_us
        )


VIEW = View(
    name="causes-gone",
    tables=(GONE,),
    topics=("household", "plan", "fund"),
    project=project,
    events=EVENTS,
)


def gone_at_us(connection: Connection, kind: str, subject: str, household_id: str) -> int:
    """When such a cause was last taken away; 0: never."""
    of_kind = (GONE.c.kind == kind) & (GONE.c.subject == subject)
    of_household = (GONE.c.kind == EVERY_KIND) & (GONE.c.subject == household_id)
    found = connection.scalar(select(func.max(GONE.c.gone_at_us)).where(or_(of_kind, of_household)))
    return int(found or 0)
