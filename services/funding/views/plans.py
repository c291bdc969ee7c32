"""Funding's own copy of the plans: which measures there are, for how much, and whether in force."""

import json
from typing import Any

from sqlalchemy import Boolean, Column, Connection, MetaData, Row, String, Table, Text, select

from chassis.rejection import FactMissing
from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.planning.v1.plan_pb2 import PlanApproved, PlanDrafted

METADATA = MetaData()

PLANS = Table(
    "plans",
    METADATA,
    Column("plan_id", String(60), primary_key=True),
    Column("household_id", String(60)),
    Column("village_id", String(12)),
    # A JSON object: measure_id -> fen.
    Column("measures", Text),
    Column("member_ids", Text),
    Column("in_force", Boolean),
)

EVENTS = (PlanDrafted, PlanApproved)


def project(rows: Rows, envelope: Envelope, event: PlanDrafted | PlanApproved) -> None:
    """Drafts bring the measures, the approval puts them in force."""
    match event:
        case PlanDrafted():
            amounts = {measure.measure_id: measure.amount_fen for measure in event.measures}
            rows.put(
                PLANS,
                (event.plan_id,),
                household_id=event.household_id,
                village_id=event.village_id,
                measures=json.dumps(amounts),
                member_ids=json.dumps(list(event.member_ids)),
                in_force=False,
            )
        case PlanApproved():
            rows.put(PLANS, (event.plan_id,), in_force=True)


VIEW = View(name="plans", tables=(PLANS,), topics=("plan",), project=project, events=EVENTS)


def plan(connection: Connection, plan_id: str) -> Row[Any]:
    """The copy of a plan; FactMissing while it has not been heard of."""
    row = connection.execute(select(PLANS).where(PLANS.c.plan_id == plan_id)).first()
    if row is None:
        raise FactMissing("plan", plan_id)
    return row
