"""The answer to: who is in one block with this person? Keyed digests of what two people must agree
in before they are compared, beside the views.

Kept by services/registry/tokening.py, not projected: an event is sealed, and no projection opens
one. Names stay as the events have them, sealed; a person who is erased leaves no row, and neither
does a key made with their name.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
)

from chassis.paging import below
from chassis.viewdb import create_lock
from services.registry.views import name_tokens
from services.registry.views.households import HOUSEHOLDS
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_MERGED,
    HOUSEHOLD_STATUS_REJECTED,
    HOUSEHOLD_STATUS_REMOVED,
)
from tuopin.types.v1.types_pb2 import Position

METADATA = MetaData()
_NUMBER = BigInteger().with_variant(Integer, "sqlite")
KEY_BYTES = 8
# Values in one question to the database.
_ASK_COUNT = 1_000

PEOPLE = Table(
    "people_alike",
    METADATA,
    # Short, as every key of the person carries it.
    Column("id", _NUMBER, primary_key=True),
    Column("household_id", String(60), nullable=False),
    Column("person_id", String(60), nullable=False),
    Column("village_id", String(12), nullable=False),
    Column("birth_year", Integer, nullable=False),
    Column("sex", Integer, nullable=False),
    # Sealed for the person and, of somebody else's household, for its head.
    Column("name", Text, nullable=False),
    Column("head_id", String(60), nullable=False),
    Column("head_name", Text, nullable=False),
    # Keys of the blocks that the person is in, one after the other.
    Column("blocks", LargeBinary, nullable=False),
    Index("people_alike_by_household", "household_id"),
    Index("people_alike_by_person", "person_id"),
    Index("people_alike_by_village", "village_id", "id"),
)

KEYS = Table(
    "people_alike_keys",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("id", _NUMBER, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# The rules that made the keys; with others they stand for nothing.
MADE_BY = Table("people_alike_rules", METADATA, Column("rules", String(64), primary_key=True))

# Who is in no register any more, or did not get into it.
_OUT = (HOUSEHOLD_STATUS_MERGED, HOUSEHOLD_STATUS_REMOVED, HOUSEHOLD_STATUS_REJECTED)


class AlikeRow(NamedTuple):
    """One present member of a household."""

    household_id: str
    person_id: str
    village_id: str
    birth_year: int
    sex: int
    name: str
    head_id: str
    head_name: str
    blocks: bytes


def create(engine: Engine, rules: str, forget_checkpoint: Callable[[Connection], None]) -> None:
    """Make the tables where they are missing; other rules than before begin from nothing."""
    with engine.begin() as connection:
        create_lock(connection)
        METADATA.create_all(connection)
        made_by = connection.scalar(select(MADE_BY.c.rules))
        if made_by != rules:
            for table in (KEYS, PEOPLE, MADE_BY):
                connection.execute(delete(table))
            connection.execute(insert(MADE_BY).values(rules=rules))
            forget_checkpoint(connection)


def packed(keys: Iterable[int]) -> bytes:
    """Keys as they stand in a row."""
    return b"".join(key.to_bytes(KEY_BYTES, "big", signed=True) for key in keys)


def unpacked(keys: bytes) -> list[int]:
    """The keys of a row."""
    return [
        int.from_bytes(keys[start : start + KEY_BYTES], "big", signed=True)
        for start in range(0, len(keys), KEY_BYTES)
    ]


def replace(connection: Connection, household_ids: Iterable[str], rows: Iterable[AlikeRow]) -> None:
    """From now on these are the households' rows."""
    households = sorted(household_ids)
    for household_id in _some(households):
        _forget(connection, household_id)
    values = [row._asdict() for row in sorted(rows)]
    if not values:
        return
    connection.execute(insert(PEOPLE), values)
    of_households = select(PEOPLE.c.id, PEOPLE.c.blocks).where(
        PEOPLE.c.household_id.in_(bindparam("some", expanding=True))
    )
    keys = [
        {"key": key, "id": row.id}
        for some in _some(households)
        for row in connection.execute(of_households, {"some": some})
        for key in unpacked(row.blocks)
    ]
    if keys:
        connection.execute(insert(KEYS), sorted(keys, key=lambda each: (each["key"], each["id"])))


def forget(connection: Connection, household_id: str, erased_at: Position) -> None:
    """Somebody of the household is erased: at once, unless the event is read already. Whoever is
    left comes back with the reading of it, without the name.
    """
    if name_tokens.is_unread(connection, erased_at.partition, erased_at.position):
        _forget(connection, [household_id])


def _forget(connection: Connection, household_ids: Sequence[str]) -> None:
    columns = PEOPLE.c
    mine = columns.household_id.in_(household_ids)
    gone = [
        {"of_key": key, "of_id": row.id}
        for row in connection.execute(select(columns.id, columns.blocks).where(mine))
        for key in unpacked(row.blocks)
    ]
    if gone:
        one = (KEYS.c.key == bindparam("of_key"), KEYS.c.id == bindparam("of_id"))
        connection.execute(delete(KEYS).where(*one), gone)
    connection.execute(delete(PEOPLE).where(mine))


# Questions


def _people() -> Any:
    """With what a candidate shows of the household; who is in no register stands aside."""
    return (
        select(PEOPLE, HOUSEHOLDS.c.household_number)
        .outerjoin(HOUSEHOLDS, HOUSEHOLDS.c.household_id == PEOPLE.c.household_id)
        .where(or_(HOUSEHOLDS.c.status.is_(None), HOUSEHOLDS.c.status.not_in(_OUT)))
    )


def of_household(connection: Connection, household_id: str) -> Sequence[Row[Any]]:
    """Its present members."""
    return connection.execute(_people().where(PEOPLE.c.household_id == household_id)).all()


def of_people(connection: Connection, person_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Where these people stand."""
    return connection.execute(_people().where(PEOPLE.c.person_id.in_(person_ids))).all()


def page_below(
    connection: Connection, region_id: str, after: tuple[str, int], size: int
) -> Sequence[Row[Any]]:
    """The next people of a region, village by village."""
    village_id, number = after
    columns = PEOPLE.c
    return connection.execute(
        _people()
        .where(
            below(columns.village_id, region_id),
            columns.village_id >= village_id,
            or_(columns.village_id > village_id, columns.id > number),
        )
        .order_by(columns.village_id, columns.id)
        .limit(size)
    ).all()


def count_below(connection: Connection, region_id: str) -> int:
    """How many people there are below a region."""
    wanted = select(func.count()).select_from(PEOPLE).where(below(PEOPLE.c.village_id, region_id))
    return connection.scalar(wanted) or 0


class Blocks(NamedTuple):
    """Who shares a key: pairs of numbers, the asking person's first; and keys that were left out
    because too many share them.
    """

    pairs: set[tuple[int, int]]
    crowded: set[int]


def blocks_of(connection: Connection, people: Sequence[Row[Any]], most: int) -> Blocks:
    """The others in the blocks of these people."""
    mine: dict[int, list[int]] = {}
    for row in people:
        for key in unpacked(row.blocks):
            mine.setdefault(key, []).append(row.id)
    shared, crowded = [], set()
    for some in _some(sorted(mine)):
        for key, count in _sizes(connection, some):
            if count > most:
                crowded.add(key)
            else:
                shared.append(key)
    pairs = {
        (number, row.id)
        for some in _some(shared)
        for row in connection.execute(select(KEYS).where(KEYS.c.key.in_(some)))
        for number in mine[row.key]
        if number != row.id
    }
    return Blocks(pairs, crowded)


def _sizes(connection: Connection, keys: Sequence[int]) -> Iterator[tuple[int, int]]:
    count = func.count()
    wanted = select(KEYS.c.key, count).where(KEYS.c.key.in_(keys)).group_by(KEYS.c.key)
    for row in connection.execute(wanted.having(count > 1)):
        yield row[0], row[1]


def by_number(connection: Connection, numbers: Iterable[int]) -> dict[int, Row[Any]]:
    """The rows of these numbers."""
    return {
        row.id: row
        for some in _some(sorted(numbers))
        for row in connection.execute(_people().where(PEOPLE.c.id.in_(some)))
    }


def present(connection: Connection, person_ids: Sequence[str]) -> dict[str, str]:
    """Person -> the household where they stand now."""
    return {
        row.person_id: row.household_id
        for some in _some(person_ids)
        for row in of_people(connection, some)
    }


def _some(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _ASK_COUNT):
        yield values[start : start + _ASK_COUNT]
