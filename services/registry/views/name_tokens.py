"""The answer to: who has this name, this sound, this number? Keyed tokens beside the views.

Kept by services/registry/tokening.py, not projected: an event is sealed, and no projection opens
one. A person who is erased leaves no row.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)

from chassis.viewdb import create_lock

METADATA = MetaData()

NAME_TOKENS = Table(
    "name_tokens",
    METADATA,
    # services.registry.tokens.Kind
    Column("kind", Integer, primary_key=True, autoincrement=False),
    Column("token", LargeBinary, primary_key=True),
    # Here, so that a search within a region reads the rows of the region only, in their order.
    Column("village_id", String(12), primary_key=True),
    Column("household_id", String(60), primary_key=True),
    Column("person_id", String(60), primary_key=True),
    Column("birth_year", Integer, nullable=False),
    Column("head", Boolean, nullable=False),
    Index("name_tokens_by_household", "household_id"),
    sqlite_with_rowid=False,
)

# How far the lanes of the topic household are read.
TOKENED = Table(
    "name_tokens_read",
    METADATA,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
)


class TokenRow(NamedTuple):
    """One way to find one present member of a household."""

    kind: int
    token: bytes
    village_id: str
    household_id: str
    person_id: str
    birth_year: int
    head: bool


class ReadElsewhere(Exception):
    """Another process has read these lanes further: nothing was written."""


def create(engine: Engine) -> None:
    """Make the tables where they are missing."""
    with engine.begin() as connection:
        create_lock(connection)
        METADATA.create_all(connection)


def read_so_far(connection: Connection) -> dict[int, int]:
    """Partition -> the last position whose names are in the table."""
    return {row.partition: row.position for row in connection.execute(select(TOKENED))}


def is_unread(connection: Connection, partition: int, position: int) -> bool:
    """Whether this record is still to be read, and stays so until the transaction ends."""
    read = select(TOKENED.c.position).where(TOKENED.c.partition == partition).with_for_update()
    return (connection.scalar(read) or 0) < position


def move(connection: Connection, before: Mapping[int, int], after: Mapping[int, int]) -> None:
    """The lanes are read from there to here, by nobody else; ReadElsewhere otherwise."""
    read = TOKENED.c
    for partition in sorted(after):
        since = before.get(partition, 0)
        if since:
            moved = connection.execute(
                update(TOKENED)
                .where(read.partition == partition, read.position == since)
                .values(position=after[partition])
            )
            if moved.rowcount != 1:
                raise ReadElsewhere
        else:
            # Of two at once the second waits here, and fails on the key.
            connection.execute(
                insert(TOKENED).values(partition=partition, position=after[partition])
            )


def replace(connection: Connection, household_ids: Iterable[str], rows: Iterable[TokenRow]) -> None:
    """From now on these are the households' rows."""
    connection.execute(
        delete(NAME_TOKENS).where(NAME_TOKENS.c.household_id.in_(list(household_ids)))
    )
    values = [row._asdict() for row in sorted(rows)]
    if values:
        connection.execute(insert(NAME_TOKENS), values)


def forget_person(connection: Connection, household_id: str, person_id: str) -> None:
    """They are erased: nothing finds them any more."""
    found = NAME_TOKENS.c
    connection.execute(
        delete(NAME_TOKENS).where(found.household_id == household_id, found.person_id == person_id)
    )


def forget_all(connection: Connection) -> None:
    """Empty, to be read again from the beginning of the log."""
    connection.execute(delete(TOKENED))
    connection.execute(delete(NAME_TOKENS))
