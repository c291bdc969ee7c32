"""The answer to: about which pairs of people has the office decided, and what is left to do?"""

from collections.abc import Callable, Iterable, Sequence
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
    or_,
    select,
)

from chassis.paging import below, page
from chassis.views import Rows, View
from services.registry.views.people_alike import present
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import duplicates_pb2 as pb

METADATA = MetaData()

DECISIONS = Table(
    "duplicate_decisions",
    METADATA,
    Column("pair_id", String(60), primary_key=True),
    Column("decision", Integer),
    Column("person_id", String(60)),
    Column("household_id", String(60)),
    Column("village_id", String(12)),
    Column("other_person_id", String(60)),
    Column("other_household_id", String(60)),
    Column("other_village_id", String(12)),
    Column("score", Integer),
    # Codes, joined by commas.
    Column("alike", String(200)),
    Column("decided_by", String(200)),
    Column("decided_on", String(10)),
    Index("duplicate_decisions_by_village", "village_id", "pair_id"),
    Index("duplicate_decisions_by_other_village", "other_village_id", "pair_id"),
)

EVENTS = (pb.DuplicateConfirmed, pb.DuplicateDismissed, pb.DuplicateDecisionWithdrawn)
DECIDED = (pb.DUPLICATE_DECISION_SAME, pb.DUPLICATE_DECISION_NOT_SAME)


def project(rows: Rows, envelope: Envelope, event: Any) -> None:
    """One row per pair; a withdrawal leaves it with what was decided before."""
    if isinstance(event, pb.DuplicateDecisionWithdrawn):
        said: dict[str, Any] = {"decision": pb.DUPLICATE_DECISION_WITHDRAWN}
        said |= {"decided_by": event.withdrawn_by}
    else:
        same = isinstance(event, pb.DuplicateConfirmed)
        said = {
            "decision": pb.DUPLICATE_DECISION_SAME if same else pb.DUPLICATE_DECISION_NOT_SAME,
            "person_id": event.person_id,
            "household_id": event.household_id,
            "village_id": event.village_id,
            "other_person_id": event.other_person_id,
            "other_household_id": event.other_household_id,
            "other_village_id": event.other_village_id,
            "score": event.score,
            "alike": ",".join(event.alike),
            "decided_by": event.decided_by,
        }
    rows.put(DECISIONS, (event.pair_id,), **said, decided_on=event.effective_on)


VIEW = View(
    name="duplicates",
    tables=(DECISIONS,),
    topics=("household",),
    project=project,
    events=EVENTS,
)


def decided(connection: Connection, pair_ids: Iterable[str]) -> set[str]:
    """Those of the pairs that are not asked about again."""
    wanted = list(pair_ids)
    if not wanted:
        return set()
    found = select(DECISIONS.c.pair_id).where(
        DECISIONS.c.pair_id.in_(wanted), DECISIONS.c.decision.in_(DECIDED)
    )
    return set(connection.scalars(found))


def list_decisions(
    connection: Connection,
    query: pb.ListDuplicateDecisions,
    reasons_of: Callable[[Sequence[str]], list[pb.DuplicateReason]],
) -> pb.DuplicateDecisionPage:
    """Pairs with one of the two below a region."""
    columns = DECISIONS.c
    wanted = select(DECISIONS).where(
        columns.decision.in_((query.decision,) if query.decision else DECIDED),
        or_(below(columns.village_id, query.region_id),
            below(columns.other_village_id, query.region_id)),
    )  # fmt: skip
    if query.household_id:
        households = (columns.household_id, columns.other_household_id)
        wanted = wanted.where(or_(*(each == query.household_id for each in households)))
    key = (columns.village_id, columns.pair_id)
    found = page(connection, wanted, key, query.page_size, query.page_token)
    people = [each for row in found.rows for each in (row.person_id, row.other_person_id)]
    where = present(connection, people)
    return pb.DuplicateDecisionPage(
        decisions=[_decided(row, where, reasons_of(row.alike.split(","))) for row in found.rows],
        next_page_token=found.next_page_token,
        total=found.total,
    )


def _decided(
    row: Row[Any], where: dict[str, str], reasons: list[pb.DuplicateReason]
) -> pb.DecidedDuplicate:
    told = {
        name: getattr(row, name)
        for name in DECISIONS.columns.keys()  # noqa: SIM118 - a collection of columns
        if name != "alike"
    }
    return pb.DecidedDuplicate(**told, reasons=reasons, next_step=_step(row, where))


def _step(row: Row[Any], where: dict[str, str]) -> pb.DuplicateStep.ValueType:
    """Both still stand somewhere, or one of the entries is gone."""
    if row.decision != pb.DUPLICATE_DECISION_SAME:
        return pb.DUPLICATE_STEP_UNSPECIFIED
    households = {where.get(each, "") for each in (row.person_id, row.other_person_id)}
    if "" in households:
        return pb.DUPLICATE_STEP_DONE
    many = len(households) > 1
    return pb.DUPLICATE_STEP_MERGE_HOUSEHOLDS if many else pb.DUPLICATE_STEP_CORRECT_FILE
