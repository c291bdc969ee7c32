"""The answer to: how far is an import?"""

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    select,
)

from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.household_pb2 import HouseholdRegistered
from tuopin.registry.v1.import_pb2 import (
    IMPORT_PHASE_COMMITTING,
    IMPORT_PHASE_COMPLETED,
    IMPORT_PHASE_VALIDATED,
    ImportCommitted,
    ImportCompleted,
    ImportReport,
    ImportValidated,
)

METADATA = MetaData()

IMPORTS = Table(
    "imports",
    METADATA,
    Column("import_id", String(60), primary_key=True),
    Column("region_id", String(12)),
    Column("phase", Integer),
    Column("file_rows", Integer),
    Column("households", Integer),
    # Counted on the topic household; the others are written from the topic import.
    Column("entered", Integer, server_default="0"),
    # ImportCompleted as it is stored.
    Column("completed", LargeBinary),
)

Event = ImportValidated | ImportCommitted | ImportCompleted | HouseholdRegistered


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """The import's own steps, and each household that came in with it."""
    if not event.import_id:
        return
    key = (event.import_id,)
    match event:
        case HouseholdRegistered():
            rows.add(IMPORTS, key, entered=1)
        case ImportValidated():
            rows.put(
                IMPORTS,
                key,
                region_id=event.region_id,
                phase=IMPORT_PHASE_VALIDATED,
                file_rows=event.rows,
                households=event.households,
            )
        case ImportCommitted():
            rows.put(IMPORTS, key, phase=IMPORT_PHASE_COMMITTING)
        case ImportCompleted():
            rows.put(IMPORTS, key, phase=IMPORT_PHASE_COMPLETED, completed=envelope.data)


VIEW = View(
    name="imports",
    tables=(IMPORTS,),
    topics=("import", "household"),
    project=project,
    events=(ImportValidated, ImportCommitted, ImportCompleted, HouseholdRegistered),
)


def report_of(connection: Connection, import_id: str) -> ImportReport | None:
    """The import as far as the log has been read; None while nothing of it has."""
    row = connection.execute(select(IMPORTS).where(IMPORTS.c.import_id == import_id)).first()
    if row is None or row.phase is None:
        return None
    report = ImportReport(
        import_id=import_id,
        phase=row.phase,
        rows=row.file_rows,
        households=row.households,
        households_done=row.entered,
    )
    if row.completed is not None:
        completed = ImportCompleted.FromString(row.completed)
        report.households_done = completed.registered
        report.households_unchanged = completed.unchanged
        report.fault_count = len(completed.faults)
        report.faults.extend(completed.faults)
    return report
