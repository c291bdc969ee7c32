"""The answer to: which regions are there? Loaded from the adopted edition's file, not projected, so
that no rebuild of a view empties it; old editions stay.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    and_,
    func,
    insert,
    or_,
    select,
    true,
)
from sqlalchemy.sql.elements import ColumnElement

from chassis.paging import PAGE_SIZE, below
from chassis.rejection import FactMissing
from chassis.viewdb import create_lock
from services.registry.editions import FOLDER, regions_of
from services.registry.spelling import Spelling
from tuopin.registry.v1.region_pb2 import FindRegions, Region, Regions
from tuopin.types.v1.types_pb2 import Edition

METADATA = MetaData()

EDITIONS = Table(
    "region_editions",
    METADATA,
    # Version of the stream that adopted it: the highest one is in force.
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", String(100), nullable=False),
    Column("sha256", String(64), nullable=False),
    # Version that brought the rows: an edition that comes back into force has them already.
    Column("rows_of", Integer, nullable=False),
)

REGIONS = Table(
    "regions",
    METADATA,
    Column("edition", Integer, primary_key=True, autoincrement=False),
    Column("region_id", String(12), primary_key=True),
    Column("name", String(100), nullable=False),
    # The name's syllables without tones, and their initials: "shibadongcun", "sbdc".
    Column("pinyin", String(300), nullable=False),
    Column("initials", String(100), nullable=False),
    sqlite_with_rowid=False,
)

BATCH_ROWS = 20_000
_COLUMNS = "(edition, region_id, name, pinyin, initials)"
_COPY = f"COPY regions {_COLUMNS} FROM STDIN"
_INSERT = f"INSERT INTO regions {_COLUMNS} VALUES (?, ?, ?, ?, ?)"  # noqa: S608  # own names
# Codes of the levels from province to village have as many digits.
LEVELS = (2, 4, 6, 9, 12)


_Row = tuple[int, str, str, str, str]


def create(engine: Engine) -> None:
    """Make the tables where they are missing."""
    with engine.begin() as connection:
        create_lock(connection)
        METADATA.create_all(connection)


def load(connection: Connection, version: int, edition: Edition, folder: Path = FOLDER) -> bool:
    """Load an adopted edition within one transaction; False when it is loaded already.

    Killed or called twice at once, the rows are there once and whole or not at all.
    """
    if connection.scalar(select(EDITIONS.c.name).where(EDITIONS.c.version == version)):
        return False
    earlier = connection.scalar(
        select(EDITIONS.c.rows_of).where(EDITIONS.c.sha256 == edition.sha256).limit(1)
    )
    # Before the rows, so that a second loader waits here and then fails on the key.
    connection.execute(
        insert(EDITIONS).values(
            version=version, name=edition.name, sha256=edition.sha256, rows_of=earlier or version
        )
    )
    if earlier is None:
        _copy(connection, version, edition.sha256, folder)
    return True


def loaded(connection: Connection) -> set[int]:
    """Versions of the region stream whose editions are loaded."""
    return set(connection.scalars(select(EDITIONS.c.version)))


def _copy(connection: Connection, version: int, sha256: str, folder: Path) -> None:
    spoken = Spelling()
    rows = ((version, code, name, *spoken(name)) for code, name in regions_of(sha256, folder))
    if connection.dialect.name == "postgresql":
        raw = connection.connection.driver_connection
        assert raw is not None
        with raw.cursor().copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)
        return
    for batch in _batches(rows):
        connection.exec_driver_sql(_INSERT, batch)


def _batches(rows: Iterator[_Row]) -> Iterator[list[_Row]]:
    while batch := list(islice(rows, BATCH_ROWS)):
        yield batch


def edition_in_force(connection: Connection) -> tuple[int, str]:
    """Number and name of the edition adopted last; FactMissing before the first one is loaded."""
    row = connection.execute(
        select(EDITIONS.c.rows_of, EDITIONS.c.name).order_by(EDITIONS.c.version.desc()).limit(1)
    ).first()
    if row is None:
        raise FactMissing("region edition", "regions-cn")
    return row.rows_of, row.name


def is_known(connection: Connection, edition: int, region_id: str) -> bool:
    """Whether the edition has this region."""
    found = select(REGIONS.c.region_id).where(
        REGIONS.c.edition == edition, REGIONS.c.region_id == region_id
    )
    return connection.scalar(found) is not None


def names_of(connection: Connection, edition: int, region_ids: list[str]) -> dict[str, str]:
    """Names of a few regions; one that the edition does not know is left out."""
    found = select(REGIONS.c.region_id, REGIONS.c.name).where(
        REGIONS.c.edition == edition, REGIONS.c.region_id.in_(region_ids)
    )
    return {row.region_id: row.name for row in connection.execute(found)}


def names_below(connection: Connection, region_id: str) -> list[tuple[str, str]]:
    """Codes and names of a region and all below it, in the edition in force."""
    edition, _ = edition_in_force(connection)
    found = select(REGIONS.c.region_id, REGIONS.c.name).where(
        REGIONS.c.edition == edition, below(REGIONS.c.region_id, region_id)
    )
    return [(row.region_id, row.name) for row in connection.execute(found)]


def find_regions(connection: Connection, query: FindRegions) -> Regions:
    """Regions of the edition in force by code, part of the name, ancestor and level."""
    edition, edition_name = edition_in_force(connection)
    wanted = and_(REGIONS.c.edition == edition, *_conditions(query))
    total = connection.scalar(select(func.count()).select_from(REGIONS).where(wanted)) or 0
    found = connection.execute(
        select(REGIONS.c.region_id, REGIONS.c.name)
        .where(wanted)
        .order_by(func.length(REGIONS.c.region_id), REGIONS.c.region_id)
        .limit(query.page_size or PAGE_SIZE)
    ).all()
    wanted_names = {code for row in found for code in _lineage(row.region_id)}
    names = names_of(connection, edition, sorted(wanted_names))
    return Regions(
        edition=edition_name,
        regions=[_region(row.region_id, names) for row in found],
        total=total,
    )


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
