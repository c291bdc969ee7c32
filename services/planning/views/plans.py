"""The answer to: what is planned for whom, how far is it, and who has been there."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
    or_,
    select,
)

from chassis.paging import below, page
from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.planning.v1.plan_pb2 import (
    ListPlans,
    Measure,
    Plan,
    PlanApproved,
    PlanConsented,
    PlanDrafted,
    PlanMoved,
    PlanPage,
    PlanStatus,
    Visit,
    VisitRecorded,
)

METADATA = MetaData()

PLANS = Table(
    "plans",
    METADATA,
    Column("plan_id", String(60), primary_key=True),
    Column("household_id", String(60)),
    Column("village_id", String(12)),
    Column("status", Integer),
    Column("main_cause", Integer),
    # A JSON list: a plan's measures are always read and replaced together.
    Column("measures", Text),
    Column("member_ids", Text),
    Column("helper_id", String(60)),
    Column("consented_on", String(10)),
    Column("approved_on", String(10)),
    Column("version", Integer),
    Index("plans_by_village", "village_id", "plan_id"),
    Index("plans_by_household", "household_id"),
)

VISITS = Table(
    "visits",
    METADATA,
    Column("plan_id", String(60), primary_key=True),
    Column("assignment_id", String(60), primary_key=True),
    Column("cadre_id", String(60)),
    Column("visited_on", String(10)),
    Column("event_id", String(120)),
    Column("evidence_count", Integer),
)

EVENTS = (PlanDrafted, PlanConsented, PlanApproved, VisitRecorded, PlanMoved)
Event = PlanDrafted | PlanConsented | PlanApproved | VisitRecorded | PlanMoved


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """One stream per plan: the latest event wins."""
    key = (event.plan_id,)
    rows.put(PLANS, key, version=envelope.version)
    match event:
        case PlanDrafted():
            rows.put(
                PLANS,
                key,
                household_id=event.household_id,
                village_id=event.village_id,
                status=PlanStatus.PLAN_STATUS_DRAFTED,
                main_cause=event.main_cause,
                measures=_text_of(event.measures),
                member_ids=json.dumps(list(event.member_ids)),
            )
        case PlanConsented():
            rows.put(
                PLANS,
                key,
                status=PlanStatus.PLAN_STATUS_CONSENTED,
                consented_on=event.effective_on,
            )
        case PlanApproved():
            rows.put(
                PLANS,
                key,
                status=PlanStatus.PLAN_STATUS_IN_FORCE,
                helper_id=event.helper_id,
                approved_on=event.effective_on,
            )
        case PlanMoved():
            rows.put(PLANS, key, village_id=event.village_id)
        case VisitRecorded():
            rows.put(
                VISITS,
                (event.plan_id, event.assignment_id),
                cadre_id=event.cadre_id,
                visited_on=event.effective_on,
                event_id=envelope.id,
                evidence_count=len(event.evidence),
            )


VIEW = View(name="plans", tables=(PLANS, VISITS), topics=("plan",), project=project, events=EVENTS)


def get_plan(connection: Connection, reference: str) -> Plan | None:
    """The plan by its own or its household's id, with its visits."""
    row = connection.execute(
        select(PLANS).where(or_(PLANS.c.plan_id == reference, PLANS.c.household_id == reference))
    ).first()
    if row is None:
        return None
    return _plan_of(row, _visits(connection, [row.plan_id]))


def list_plans(connection: Connection, query: ListPlans) -> PlanPage:
    """The plans below a region, village by village."""
    wanted = select(PLANS).where(below(PLANS.c.village_id, query.region_id))
    if query.status:
        wanted = wanted.where(PLANS.c.status == query.status)
    key = (PLANS.c.village_id, PLANS.c.plan_id)
    found = page(connection, wanted, key, query.page_size, query.page_token)
    visits = _visits(connection, [row.plan_id for row in found.rows])
    return PlanPage(
        plans=[_plan_of(row, visits) for row in found.rows],
        next_page_token=found.next_page_token,
        total=found.total,
    )


def _visits(connection: Connection, plan_ids: Sequence[str]) -> dict[str, list[Visit]]:
    visits: dict[str, list[Visit]] = {}
    for row in connection.execute(
        select(VISITS)
        .where(VISITS.c.plan_id.in_(plan_ids))
        .order_by(VISITS.c.visited_on, VISITS.c.assignment_id)
    ):
        visits.setdefault(row.plan_id, []).append(
            Visit(
                assignment_id=row.assignment_id,
                cadre_id=row.cadre_id,
                visited_on=row.visited_on,
                event_id=row.event_id,
                evidence_count=row.evidence_count,
            )
        )
    return visits


def _plan_of(row: Row[Any], visits: Mapping[str, Sequence[Visit]]) -> Plan:
    return Plan(
        plan_id=row.plan_id,
        household_id=row.household_id,
        village_id=row.village_id,
        status=row.status,
        main_cause=row.main_cause,
        measures=_measures_of(row.measures),
        helper_id=row.helper_id,
        consented_on=row.consented_on,
        approved_on=row.approved_on,
        visits=visits.get(row.plan_id, ()),
        version=row.version,
        member_ids=json.loads(row.member_ids),
    )


def _text_of(measures: Iterable[Measure]) -> str:
    return json.dumps(
        [
            [
                measure.measure_id,
                measure.code,
                measure.measure_class,
                measure.cause,
                list(measure.person_ids),
                measure.amount_fen,
                measure.starts_on,
                measure.due_on,
            ]
            for measure in measures
        ]
    )


def _measures_of(text: str) -> list[Measure]:
    return [
        Measure(
            measure_id=measure_id,
            code=code,
            measure_class=measure_class,
            cause=cause,
            person_ids=person_ids,
            amount_fen=amount_fen,
            starts_on=starts_on,
            due_on=due_on,
        )
        for (
            measure_id,
            code,
            measure_class,
            cause,
            person_ids,
            amount_fen,
            starts_on,
            due_on,
        ) in json.loads(text)
    ]
