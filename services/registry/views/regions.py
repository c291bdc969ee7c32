"""The answer to: which regions are there, on which day? Loaded from the adopted editions' files
(region_loading.py), not projected, so that no rebuild of a view empties it.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    and_,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.sql.elements import ColumnElement

from chassis.paging import PAGE_SIZE, below
from chassis.rejection import FactMissing
from chassis.viewdb import create_lock
from services.registry.decider.mapping import LEVELS
from tuopin.registry.v1.region_pb2 import FindRegions, Region, Regions

METADATA = MetaData()

EDITIONS = Table(
    "adopted_editions",
    METADATA,
    # Version of the stream that adopted it: the highest one is in force.
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", String(100), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("effective_on", String(10), nullable=False),
)

REGIONS = Table(
    "region_periods",
    METADATA,
    Column("region_id", String(12), primary_key=True),
    # Its days under this name: from ("" since always) up to, not including, to.
    Column("valid_from", String(10), primary_key=True),
    Column("valid_to", String(10), nullable=False),
    Column("name", String(100), nullable=False),
    # The name's syllables without tones, and their initials: "shibadongcun", "sbdc".
    Column("pinyin", String(300), nullable=False),
    Column("initials", String(100), nullable=False),
    sqlite_with_rowid=False,
)

CHANGES = Table(
    "region_changes",
    METADATA,
    # Version of the edition that brought it.
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("old_id", String(12), primary_key=True),
    Column("new_id", String(12), primary_key=True),
    Column("kind", Integer, nullable=False),
    Column("effective_on", String(10), nullable=False),
    Column("is_default", Boolean, nullable=False),
    # Of households that go here and not to the default, joined by commas.
    Column("household_ids", Text, nullable=False),
    Index("region_changes_by_old", "old_id", "effective_on"),
    Index("region_changes_by_new", "new_id"),
)

ALWAYS = ""
# End of what has not ended.
NO_DAY = "9999-12-31"


def create(engine: Engine) -> None:
    """Make the tables where they are missing."""
    with engine.begin() as connection:
        create_lock(connection)
        METADATA.create_all(connection)


def holding(on: str) -> ColumnElement[bool]:
    """The regions of a day; "" for those in force."""
    if not on:
        return REGIONS.c.valid_to == NO_DAY
    return and_(REGIONS.c.valid_from <= on, REGIONS.c.valid_to > on)


def edition_in_force(connection: Connection) -> tuple[int, str]:
    """Version and name of the edition adopted last; FactMissing before the first one is loaded."""
    row = connection.execute(
        select(EDITIONS.c.version, EDITIONS.c.name).order_by(EDITIONS.c.version.desc()).limit(1)
    ).first()
    if row is None:
        raise FactMissing("region edition", "regions-cn")
    return row.version, row.name


def is_known(connection: Connection, region_id: str, on: str = "") -> bool:
    """Whether there is this region; FactMissing before any are."""
    found = select(REGIONS.c.region_id).where(REGIONS.c.region_id == region_id, holding(on))
    if connection.scalar(found) is not None:
        return True
    edition_in_force(connection)
    return False


def known(connection: Connection, region_ids: Sequence[str]) -> set[str]:
    """Those of the codes that are in force; FactMissing before any are."""
    edition_in_force(connection)
    found = select(REGIONS.c.region_id).where(REGIONS.c.region_id.in_(region_ids), holding(""))
    return set(connection.scalars(found))


def names_of(connection: Connection, region_ids: Sequence[str], on: str = "") -> dict[str, str]:
    """Names of a few regions as on a day ("": today); one that is no more has its last name, one
    that was not yet its first. A code that never was is left out.
    """
    columns = (REGIONS.c.region_id, REGIONS.c.valid_from, REGIONS.c.name)
    found = connection.execute(
        select(*columns)
        .where(REGIONS.c.region_id.in_(region_ids))
        .order_by(REGIONS.c.region_id, REGIONS.c.valid_from)
    )
    names: dict[str, str] = {}
    for row in found:
        if row.region_id not in names or row.valid_from <= (on or NO_DAY):
            names[row.region_id] = row.name
    return names


def names_below(connection: Connection, region_id: str) -> list[tuple[str, str]]:
    """Codes and names of a region in force and all below it."""
    edition_in_force(connection)
    found = select(REGIONS.c.region_id, REGIONS.c.name).where(
        holding(""), below(REGIONS.c.region_id, region_id)
    )
    return [(row.region_id, row.name) for row in connection.execute(found)]


def find_regions(connection: Connection, query: FindRegions) -> Regions:
    """Regions of a day by code, part of the name, ancestor and level."""
    _, edition_name = edition_in_force(connection)
    wanted = and_(holding(query.as_of), *_conditions(query))
    total = connection.scalar(select(func.count()).select_from(REGIONS).where(wanted)) or 0
    found = connection.scalars(
        select(REGIONS.c.region_id)
        .where(wanted)
        .order_by(func.length(REGIONS.c.region_id), REGIONS.c.region_id)
        .limit(query.page_size or PAGE_SIZE)
    ).all()
    return Regions(
        edition=edition_name, regions=described(connection, found, query.as_of), total=total
    )


def described(connection: Connection, region_ids: Sequence[str], on: str = "") -> list[Region]:
    """Regions with the names of their ancestors as on a day, in the order asked for."""
    wanted = {code for region_id in region_ids for code in _lineage(region_id)}
    names = names_of(connection, sorted(wanted), on)
    return [_region(region_id, names) for region_id in region_ids]


def _conditions(query: FindRegions) -> Iterator[ColumnElement[bool]]:
    yield below(REGIONS.c.region_id, query.ancestor_id) if query.ancestor_id else true()
    text = query.text.strip()
    if text.isascii() and text.isdigit():
        yield below(REGIONS.c.region_id, text)
    elif text.isascii() and text.isalpha():
        sound = text.lower()
        yield or_(
            REGIONS.c.pinyin.contains(sound, autoescape=True),
            REGIONS.c.initials.startswith(sound, autoescape=True),
        )
    elif text:
        yield REGIONS.c.name.contains(text, autoescape=True)
    if query.level:
        yield func.length(REGIONS.c.region_id) == query.level


def _lineage(region_id: str) -> list[str]:
    """The region's ancestors from the province down, itself last."""
    return [region_id[:digits] for digits in LEVELS if digits <= len(region_id)]


def _region(region_id: str, names: dict[str, str]) -> Region:
    return Region(
        region_id=region_id,
        name=names[region_id],
        level=len(region_id),
        path=[names[code] for code in _lineage(region_id) if code in names],
    )
