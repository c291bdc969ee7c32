"""The answer to: what did an office order, and how far is it?"""

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, Text, func, select

from chassis.rejection import reject
from chassis.views import Rows, View
from services.notifier.views.assignments import ASSIGNMENTS, OPEN
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.assignment_pb2 import AssignmentStatus
from tuopin.notifier.v1.order_pb2 import Order, TaskOrdered

METADATA = MetaData()

ORDERS = Table(
    "orders",
    METADATA,
    Column("order_id", String(60), primary_key=True),
    Column("region_id", String(12)),
    Column("topic", String(40)),
    # Sealed under the order's own key.
    Column("details", Text),
    Column("due_on", String(10)),
    Column("ordered_by", String(120)),
    Column("target_count", Integer),
)

_DONE = (
    AssignmentStatus.ASSIGNMENT_STATUS_DONE,
    AssignmentStatus.ASSIGNMENT_STATUS_VERIFIED,
)


def project(rows: Rows, envelope: Envelope, event: TaskOrdered) -> None:
    """An order is one event."""
    rows.put(
        ORDERS,
        (event.order_id,),
        region_id=event.region_id,
        topic=event.topic,
        details=event.details,
        due_on=event.due_on,
        ordered_by=event.ordered_by,
        target_count=len(event.targets),
    )


VIEW = View(
    name="orders", tables=(ORDERS,), topics=("task",), project=project, events=(TaskOrdered,)
)


def get_order(connection: Connection, order_id: str) -> Order:
    """The order and the state of its tasks; its details are still sealed."""
    row = connection.execute(select(ORDERS).where(ORDERS.c.order_id == order_id)).first()
    if row is None:
        reject("order-not-known", field="order_id")
    found = connection.execute(
        select(ASSIGNMENTS.c.status, func.count())
        .where(ASSIGNMENTS.c.subject == order_id)
        .group_by(ASSIGNMENTS.c.status)
    )
    counts = {row[0]: int(row[1]) for row in found}
    return Order(
        order_id=order_id,
        region_id=row.region_id,
        topic=row.topic,
        details=row.details,
        due_on=row.due_on,
        ordered_by=row.ordered_by,
        count=row.target_count,
        done_count=sum(counts.get(status, 0) for status in _DONE),
        open_count=sum(counts.get(status, 0) for status in OPEN),
    )
