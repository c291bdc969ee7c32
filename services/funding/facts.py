"""What a rule of funding needs to know of the plans, read from funding's own copies."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from services.funding.decider.spending import MeasureFacts, PaymentFacts
from services.funding.views.payments import plan_of_payment
from services.funding.views.plans import plan
from tuopin.funding.v1.ledger_pb2 import AssignMoney, ConfirmReceipt


def measure(connection: Connection, command: AssignMoney) -> MeasureFacts:
    """The measure and its plan; a measure's id begins with its plan's."""
    row = plan(connection, command.measure_id.partition("/")[0])
    return MeasureFacts(
        plan_id=row.plan_id,
        household_id=row.household_id,
        village_id=row.village_id,
        in_force=row.in_force,
        amount_fen=json.loads(row.measures).get(command.measure_id),
    )


def receiver(connection: Connection, command: ConfirmReceipt) -> PaymentFacts | None:
    """Who may say that the payment arrived; nothing while the payment is not in the view."""
    plan_id = plan_of_payment(connection, command.payment_id)
    if plan_id is None:
        return None
    return PaymentFacts(frozenset(json.loads(plan(connection, plan_id).member_ids)))


FACTS: Mapping[type[Message], Callable[[Connection, Any], Any]] = {
    AssignMoney: measure,
    ConfirmReceipt: receiver,
}
