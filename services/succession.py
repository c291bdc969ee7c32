"""Every service's own copy of what old region codes mean today, for who may do what where."""

from sqlalchemy import Boolean, Column, Connection, Integer, MetaData, String, Table, select

from chassis.clock import Clock
from chassis.succession import Succession
from chassis.views import Rows, View
from chassis.viewstore import ViewStore
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.region_pb2 import RegionsAdopted, RegionsMapped
from tuopin.types.v1.types_pb2 import RegionChange

LOOK_EVERY_S = 5.0
METADATA = MetaData()

CHANGES = Table(
    "region_succession",
    METADATA,
    # Of the stream, and the place in the event.
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("old_id", String(12)),
    Column("new_id", String(12)),
    Column("is_default", Boolean),
)

# Versions with which an edition was adopted, after its changes.
ADOPTED = Table(
    "region_adoptions",
    METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("edition", String(100)),
)


def project(rows: Rows, envelope: Envelope, event: RegionsMapped | RegionsAdopted) -> None:
    """The changes of an edition count once it is adopted."""
    if isinstance(event, RegionsAdopted):
        rows.put(ADOPTED, (envelope.version,), edition=event.edition.name)
        return
    for ordinal, each in enumerate(event.changes):
        rows.put(
            CHANGES,
            (envelope.version, ordinal),
            old_id=each.old_id,
            new_id=each.new_id,
            is_default=each.default_successor,
        )


VIEW = View(
    name="region-succession",
    tables=(CHANGES, ADOPTED),
    topics=("region",),
    project=project,
    events=(RegionsMapped, RegionsAdopted),
)


class Keeper:
    """Adds to a succession what its service has heard since."""

    def __init__(self, views: ViewStore, succession: Succession, clock: Clock) -> None:
        self._views = views
        self._succession = succession
        self._clock = clock
        self._version = 0

    async def run(self) -> None:
        """Until cancelled; a database that is away ends it, and the process starts anew."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Every edition adopted since, in its order."""
        for version, changes in await self._views.query(self._newer):
            self._succession.add(changes)
            self._version = version

    def _newer(self, connection: Connection) -> list[tuple[int, list[RegionChange]]]:
        found = []
        after = self._version
        adopted = select(ADOPTED.c.version).where(ADOPTED.c.version > after)
        for version in connection.scalars(adopted.order_by(ADOPTED.c.version)).all():
            between = (CHANGES.c.version > after) & (CHANGES.c.version < version)
            rows = connection.execute(select(CHANGES).where(between))
            changes = [
                RegionChange(old_id=row.old_id, new_id=row.new_id, default_successor=row.is_default)
                for row in rows
            ]
            found.append((version, changes))
            after = version
        return found
