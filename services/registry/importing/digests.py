"""What the rows of a household said when they were last found to agree with the register: a keyed
digest beside the version it held for, so that an unchanged row is known without being read.

Kept beside the views, not projected: it covers personal data, and no event carries it. A household
that has changed since has another version, and is compared in full.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    func,
    select,
)

from chassis.projecting import TableRows
from chassis.rowwriting import RowWriter
from chassis.viewdb import create_lock
from services.registry.views.versions import HOUSEHOLD_VERSIONS

METADATA = MetaData()

ROW_DIGESTS = Table(
    "import_row_digests",
    METADATA,
    Column("household_id", String(60), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)


class RowDigest(NamedTuple):
    """The digest of a household's rows, and the version that they agree with."""

    household_id: str
    version: int
    digest: bytes


def create(engine: Engine) -> None:
    """Make the table where it is missing."""
    with engine.begin() as connection:
        create_lock(connection)
        METADATA.create_all(connection)


def still_true(connection: Connection, household_ids: Sequence[str]) -> dict[str, bytes]:
    """The digests of those households that nothing has happened to since."""
    versions = HOUSEHOLD_VERSIONS.c
    newest = (
        select(func.max(versions.version))
        .where(versions.household_id == ROW_DIGESTS.c.household_id)
        .scalar_subquery()
    )
    found = connection.execute(
        select(ROW_DIGESTS.c.household_id, ROW_DIGESTS.c.digest).where(
            ROW_DIGESTS.c.household_id.in_(household_ids), ROW_DIGESTS.c.version == newest
        )
    )
    return {row.household_id: bytes(row.digest) for row in found}


def keep(connection: Connection, found: Iterable[RowDigest]) -> None:
    """From now on these are the ones."""
    rows = TableRows()
    for household_id, version, digest in found:
        rows.put[household_id,] = {"version": version, "digest": digest}
    if rows.put:
        RowWriter(connection.dialect).write(connection, {ROW_DIGESTS: rows})


def forget(connection: Connection, household_id: str) -> None:
    """Somebody of the household is erased: no digest may recognise them."""
    connection.execute(delete(ROW_DIGESTS).where(ROW_DIGESTS.c.household_id == household_id))
