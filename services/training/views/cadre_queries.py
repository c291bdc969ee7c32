"""What is asked of the cadres' records. Names come sealed; who may read them opens them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Table, or_, select

from chassis.paging import below, page
from services.training.views.cadre_record import CERTIFICATES, POSTINGS, RECORDS
from tuopin.training.v1.cadre_pb2 import (
    CadrePage,
    CadreRecord,
    ListCadres,
    Post,
)

_KEYS_COUNT = 500


class HeldPost(NamedTuple):
    """Somebody's post."""

    cadre_id: str
    region_id: str
    post: Post.ValueType


def posts_at(connection: Connection, region_ids: Sequence[str]) -> list[HeldPost]:
    """The posts that are at one of these regions itself."""
    found: list[HeldPost] = []
    columns = (POSTINGS.c.cadre_id, POSTINGS.c.region_id, POSTINGS.c.post)
    for start in range(0, len(region_ids), _KEYS_COUNT):
        some = POSTINGS.c.region_id.in_(region_ids[start : start + _KEYS_COUNT])
        found += [HeldPost(*row) for row in connection.execute(select(*columns).where(some))]
    return sorted(found)


def get_cadre(connection: Connection, cadre_id: str) -> CadreRecord | None:
    """The record of an appointed cadre."""
    wanted = select(RECORDS).where(RECORDS.c.cadre_id == cadre_id, RECORDS.c.region_id.is_not(None))
    records = _records(connection, connection.execute(wanted).all())
    return records[0] if records else None


def list_cadres(connection: Connection, query: ListCadres) -> CadrePage:
    """The records of the cadres appointed by a region, or posted to it, or below it."""
    posted = select(POSTINGS.c.cadre_id).where(below(POSTINGS.c.region_id, query.region_id))
    wanted = select(RECORDS).where(
        RECORDS.c.region_id.is_not(None),
        or_(below(RECORDS.c.region_id, query.region_id), RECORDS.c.cadre_id.in_(posted)),
    )
    key = (RECORDS.c.region_id, RECORDS.c.cadre_id)
    found = page(connection, wanted, key, query.page_size, query.page_token)
    return CadrePage(
        cadres=_records(connection, found.rows),
        next_page_token=found.next_page_token,
        total=found.total,
    )


def _records(connection: Connection, rows: Sequence[Row[Any]]) -> list[CadreRecord]:
    records = {
        row.cadre_id: CadreRecord(
            cadre_id=row.cadre_id,
            region_id=row.region_id,
            name=row.name,
            language=row.language,
            hours=row.hours,
            tasks_open=row.tasks_open,
            tasks_finished=row.tasks_finished,
            visits=row.visits,
            households_helped=row.households_helped,
        )
        for row in rows
    }
    for row in _parts(connection, POSTINGS, list(records)):
        records[row.cadre_id].postings.add(region_id=row.region_id, post=row.post, since=row.since)
    for row in _parts(connection, CERTIFICATES, list(records)):
        records[row.cadre_id].certificates.add(
            certificate_id=row.certificate_id,
            course=row.course,
            hours=row.hours,
            valid_until=row.valid_until,
        )
    return list(records.values())


def _parts(connection: Connection, table: Table, cadre_ids: list[str]) -> Sequence[Row[Any]]:
    """The rows of these cadres, oldest first."""
    day = table.c.since if table is POSTINGS else table.c.valid_until
    wanted = select(table).where(table.c.cadre_id.in_(cadre_ids))
    return connection.execute(wanted.order_by(day, *table.primary_key.columns)).all()
