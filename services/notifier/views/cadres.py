"""The notifier's own copy of the cadres: language, and who holds which post where."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, Index, MetaData, Row, String, Table, Text, or_, select

from chassis.paging import below
from chassis.rejection import FactMissing
from chassis.views import Rows, View
from services.notifier.decider.policy import Posted
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.training.v1.cadre_pb2 import (
    CadreAppointed,
    CadreDeparted,
    CadrePosted,
    Post,
    PostEnded,
)

METADATA = MetaData()

VILLAGE_DIGITS = 12

CADRES = Table(
    "cadres",
    METADATA,
    Column("cadre_id", String(60), primary_key=True),
    Column("region_id", String(12)),
    Column("language", String(2)),
    # "" or nothing while the cadre is there.
    Column("departed_on", String(10)),
    # Sealed under the cadre's key: compared when a supervisor links a chat, shown masked or never.
    Column("name", Text),
    Column("phone", Text),
)

POSTINGS = Table(
    "cadre_postings",
    METADATA,
    Column("cadre_id", String(60), primary_key=True),
    Column("region_id", String(12), primary_key=True),
    Column("post", String(30), primary_key=True),
    Index("cadre_postings_by_region", "region_id"),
)

EVENTS = (CadreAppointed, CadrePosted, PostEnded, CadreDeparted)
Event = CadreAppointed | CadrePosted | PostEnded | CadreDeparted


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """Appointments make a cadre known, postings say where; who has left is still known."""
    match event:
        case CadreAppointed():
            rows.put(
                CADRES,
                (event.cadre_id,),
                region_id=event.region_id,
                language=event.language,
                name=event.name,
                phone=event.phone,
            )
        case CadrePosted():
            rows.put(POSTINGS, (event.cadre_id, event.region_id, post_name(event.post)))
        case PostEnded():
            rows.forget(POSTINGS, (event.cadre_id, event.region_id, post_name(event.post)))
        case CadreDeparted():
            rows.put(CADRES, (event.cadre_id,), departed_on=event.effective_on)
            for each in event.posts:
                rows.forget(POSTINGS, (event.cadre_id, each.region_id, post_name(each.post)))


def post_name(post: Post.ValueType) -> str:
    """Its name as the policies write it."""
    return Post.Name(post).removeprefix("POST_")


VIEW = View(
    name="cadres", tables=(CADRES, POSTINGS), topics=("cadre",), project=project, events=EVENTS
)


def region_of(connection: Connection, cadre_id: str) -> str:
    """Who appointed the cadre; FactMissing while the cadre has not been heard of."""
    found = connection.scalar(select(CADRES.c.region_id).where(CADRES.c.cadre_id == cadre_id))
    if found is None:
        raise FactMissing("cadre", cadre_id)
    return str(found)


def known_region_of(connection: Connection, cadre_id: str) -> str:
    """Who appointed the cadre; "" while the cadre has not been heard of."""
    found = connection.scalar(select(CADRES.c.region_id).where(CADRES.c.cadre_id == cadre_id))
    return str(found or "")


def language_of(connection: Connection, cadre_id: str) -> str:
    """The language the cadre is spoken to in; "" while unknown."""
    found = connection.scalar(select(CADRES.c.language).where(CADRES.c.cadre_id == cadre_id))
    return str(found or "")


def cadre_row(connection: Connection, cadre_id: str) -> Row[Any] | None:
    """The cadre, or None; name and telephone are sealed."""
    return connection.execute(select(CADRES).where(CADRES.c.cadre_id == cadre_id)).first()


def posts_of(connection: Connection, cadre_id: str) -> tuple[Posted, ...]:
    """What posts the cadre holds, by region."""
    rows = connection.execute(
        select(POSTINGS)
        .where(POSTINGS.c.cadre_id == cadre_id)
        .order_by(POSTINGS.c.region_id, POSTINGS.c.post)
    )
    return tuple(Posted(row.cadre_id, row.post, row.region_id) for row in rows)


def posted_at(connection: Connection, region_ids: Sequence[str]) -> tuple[Posted, ...]:
    """Who holds a post in one of these regions."""
    rows = connection.execute(
        select(POSTINGS)
        .where(POSTINGS.c.region_id.in_(region_ids))
        .order_by(POSTINGS.c.cadre_id, POSTINGS.c.region_id)
    )
    return tuple(Posted(row.cadre_id, row.post, row.region_id) for row in rows)


def posted_below(
    connection: Connection, region_id: str, posts: Sequence[str]
) -> tuple[Posted, ...]:
    """Who holds one of these posts in the region or below it."""
    rows = connection.execute(
        select(POSTINGS)
        .where(below(POSTINGS.c.region_id, region_id), POSTINGS.c.post.in_(posts))
        .order_by(POSTINGS.c.cadre_id, POSTINGS.c.region_id)
    )
    return tuple(Posted(row.cadre_id, row.post, row.region_id) for row in rows)


def departed(connection: Connection, cadre_ids: Sequence[str]) -> frozenset[str]:
    """Which of these have left, or hold no post any more."""
    posted = select(POSTINGS.c.cadre_id).where(POSTINGS.c.cadre_id == CADRES.c.cadre_id).exists()
    return frozenset(
        connection.scalars(
            select(CADRES.c.cadre_id).where(
                CADRES.c.cadre_id.in_(cadre_ids), or_(CADRES.c.departed_on.is_not(None), ~posted)
            )
        )
    )


def villages_posted(connection: Connection, region_id: str) -> frozenset[str]:
    """Villages of a region to which somebody is posted."""
    regions = connection.scalars(
        select(POSTINGS.c.region_id).where(below(POSTINGS.c.region_id, region_id)).distinct()
    )
    return frozenset(each for each in regions if len(each) == VILLAGE_DIGITS)
