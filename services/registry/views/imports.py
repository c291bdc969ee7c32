"""The answers to: how far is an import, and is this very file in already?"""

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    select,
)

from chassis.decider import derived_id
from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.household_pb2 import HouseholdRegistered
from tuopin.registry.v1.import_pb2 import (
    IMPORT_PHASE_COMMITTING,
    IMPORT_PHASE_COMPLETED,
    IMPORT_PHASE_VALIDATED,
    ImportCommitted,
    ImportCompleted,
    ImportHeader,
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
    # Says the same file for the same region again; see `file_key`.
    Column("file_key", String(60)),
    # Of the households: in the register already, and kept out for a fault.
    Column("unchanged", Integer),
    Column("left_out", Integer),
    # Counted on the topic household; the others are written from the topic import.
    Column("entered", Integer, server_default="0"),
    # ImportCompleted as it is stored.
    Column("completed", LargeBinary),
    Index("imports_by_file", "file_key"),
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
                file_key=file_key(event.file_sha256, event),
                unchanged=event.unchanged,
                left_out=event.left_out,
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


def file_key(file_sha256: str, header: ImportHeader | ImportValidated) -> str:
    """What makes a file the same: its bytes, where they belong, and how they are read."""
    columns = [text for pair in sorted(header.columns.items()) for text in pair]
    return derived_id(
        "file", file_sha256, header.region_id, header.source, header.synthetic, *columns
    )


def known_file(connection: Connection, key: str) -> ImportReport | None:
    """The report of an import of this file of which nothing stays out, done or under way."""
    import_ids = connection.scalars(
        select(IMPORTS.c.import_id).where(
            IMPORTS.c.file_key == key, IMPORTS.c.phase >= IMPORT_PHASE_COMMITTING
        )
    )
    for import_id in import_ids:
        report = report_of(connection, import_id)
        if report is not None and not report.fault_count and not report.households_left_out:
            report.already_imported = True
            return report
    return None


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
        households_unchanged=row.unchanged or 0,
        households_left_out=row.left_out or 0,
    )
    if row.completed is not None:
        completed = ImportCompleted.FromString(row.completed)
        report.households_done = completed.registered
        report.households_unchanged = completed.unchanged
        report.households_corrected = completed.corrected
        report.households_left_out = completed.left_out
        report.fault_count = len(completed.faults)
        report.faults.extend(completed.faults)
    return report
