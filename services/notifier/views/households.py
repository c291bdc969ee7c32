"""The notifier's own copy of households and their helpers: what a task names, whom it goes to."""

from typing import Any

from sqlalchemy import Column, Connection, MetaData, Row, String, Table, select

from chassis.rejection import FactMissing
from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.planning.v1.plan_pb2 import PlanApproved
from tuopin.registry.v1.household_pb2 import HouseholdRegistered, Relation

METADATA = MetaData()

HOUSEHOLDS = Table(
    "households",
    METADATA,
    Column("household_id", String(60), primary_key=True),
    Column("household_number", String(40)),
    Column("village_id", String(12)),
    # Pseudonymous id of who speaks for the household on its signed paper.
    Column("head_id", String(60)),
)

PLANS = Table(
    "plans",
    METADATA,
    Column("household_id", String(60), primary_key=True),
    Column("plan_id", String(60)),
    Column("helper_id", String(60)),
)


def project_household(rows: Rows, envelope: Envelope, event: HouseholdRegistered) -> None:
    """Number and village; no personal field is kept here."""
    heads = [m.person_id for m in event.members if m.relation == Relation.RELATION_HEAD]
    everyone = [m.person_id for m in event.members]
    rows.put(
        HOUSEHOLDS,
        (event.household_id,),
        household_number=event.household_number,
        village_id=event.village_id,
        head_id=(heads or everyone or [""])[0],
    )


def project_plan(rows: Rows, envelope: Envelope, event: PlanApproved) -> None:
    """A household has one plan: the latest approval names its helper."""
    rows.put(PLANS, (event.household_id,), plan_id=event.plan_id, helper_id=event.helper_id)


HOUSEHOLD_VIEW = View(
    name="households",
    tables=(HOUSEHOLDS,),
    topics=("household",),
    project=project_household,
    events=(HouseholdRegistered,),
)
PLAN_VIEW = View(
    name="plans", tables=(PLANS,), topics=("plan",), project=project_plan, events=(PlanApproved,)
)


def household_row(connection: Connection, household_id: str) -> Row[Any]:
    """The household; FactMissing while it has not been heard of."""
    row = connection.execute(
        select(HOUSEHOLDS).where(HOUSEHOLDS.c.household_id == household_id)
    ).first()
    if row is None:
        raise FactMissing("household", household_id)
    return row


def helper_of(connection: Connection, household_id: str) -> str | None:
    """The household's helper; None while no plan of it is in force here."""
    found = connection.scalar(select(PLANS.c.helper_id).where(PLANS.c.household_id == household_id))
    return None if found is None else str(found)
