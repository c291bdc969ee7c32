"""The notifier's own copy of households and their helpers: what a task names, whom it goes to."""

import json
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Row, String, Table, Text, select

from chassis.rejection import FactMissing
from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.planning.v1.plan_pb2 import PlanApproved, PlanDrafted
from tuopin.registry.v1.file_pb2 import HouseholdMoved
from tuopin.registry.v1.household_pb2 import HouseholdRegistered, Relation
from tuopin.registry.v1.rezoning_pb2 import HouseholdRezoned

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

DRAFTS = Table(
    "plan_drafts",
    METADATA,
    Column("plan_id", String(60), primary_key=True),
    # JSON: id and the day each is due. One text, because a later draft may have fewer.
    Column("measures", Text),
)


def project_household(
    rows: Rows, envelope: Envelope, event: HouseholdRegistered | HouseholdMoved | HouseholdRezoned
) -> None:
    """Number and village; no personal field is kept here."""
    if not isinstance(event, HouseholdRegistered):
        rows.put(HOUSEHOLDS, (event.household_id,), village_id=event.village_id)
        return
    heads = [m.person_id for m in event.members if m.relation == Relation.RELATION_HEAD]
    everyone = [m.person_id for m in event.members]
    rows.put(
        HOUSEHOLDS,
        (event.household_id,),
        household_number=event.household_number,
        village_id=event.village_id,
        head_id=(heads or everyone or [""])[0],
    )


def project_plan(rows: Rows, envelope: Envelope, event: PlanApproved | PlanDrafted) -> None:
    """A household has one plan: the latest approval names its helper, the latest draft counts."""
    if isinstance(event, PlanDrafted):
        measures = [[each.measure_id, each.due_on] for each in event.measures]
        rows.put(DRAFTS, (event.plan_id,), measures=json.dumps(measures))
        return
    rows.put(PLANS, (event.household_id,), plan_id=event.plan_id, helper_id=event.helper_id)


HOUSEHOLD_VIEW = View(
    name="households",
    tables=(HOUSEHOLDS,),
    topics=("household",),
    project=project_household,
    events=(HouseholdRegistered, HouseholdMoved, HouseholdRezoned),
)
PLAN_VIEW = View(
    name="plans",
    tables=(PLANS, DRAFTS),
    topics=("plan",),
    project=project_plan,
    events=(PlanApproved, PlanDrafted),
)


def household_row(connection: Connection, household_id: str) -> Row[Any]:
    """The household; FactMissing while its registration has not been heard of."""
    wanted = select(HOUSEHOLDS).where(
        HOUSEHOLDS.c.household_id == household_id, HOUSEHOLDS.c.household_number.is_not(None)
    )
    row = connection.execute(wanted).first()
    if row is None:
        raise FactMissing("household", household_id)
    return row


def helper_of(connection: Connection, household_id: str) -> str | None:
    """The household's helper; None while no plan of it is in force here."""
    found = connection.scalar(select(PLANS.c.helper_id).where(PLANS.c.household_id == household_id))
    return None if found is None else str(found)


def measures_of(connection: Connection, plan_id: str) -> tuple[tuple[str, str], ...]:
    """Measures of the latest draft and the day each is due; FactMissing before it is heard of."""
    found = connection.scalar(select(DRAFTS.c.measures).where(DRAFTS.c.plan_id == plan_id))
    if found is None:
        raise FactMissing("plan-draft", plan_id)
    return tuple((measure_id, due_on) for measure_id, due_on in json.loads(found))
