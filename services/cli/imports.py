"""`tuopin import` and `tuopin template`: a county's file of established households."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import grpc
import typer

from chassis.decider import derived_id
from chassis.programme import Programme
from chassis.settings import PROGRAMME_FOLDER
from services.cli.contact import chosen, contact, fail, hint, passing, today
from services.cli.options import Json, On
from services.cli.output import EXIT_UNAVAILABLE, EXIT_USAGE, show, show_one
from services.cli.progress import counted
from services.cli.words import LANGUAGES, language, say
from services.registry.importing.columns import CodeLists
from services.registry.importing.reporting import FaultsOfRows, write_report
from tuopin.registry.v1.import_pb2 import (
    IMPORT_MODE_ALL,
    IMPORT_MODE_ROWS,
    CheckImport,
    CommitImport,
    ImportFault,
    ImportHeader,
    ImportPhase,
    ImportReport,
    WatchImport,
)

app = typer.Typer(
    no_args_is_help=True, help="Import files: all of a file or nothing, or row by row."
)

CHUNK_BYTES = 256 * 1024
MODES = {"all": IMPORT_MODE_ALL, "rows": IMPORT_MODE_ROWS}
FAULT_COLUMNS = ("row", "column", "slug", "sentence")
# How long a committed import waits for a server that went away, and how often it looks.
SERVER_AWAY_S = 120.0
LOOK_EVERY_S = 0.2


@app.callback()
def imports() -> None:
    """Keep `tuopin import households` a word of its own: other files will follow."""


@app.command()
def households(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or XLSX.")],
    region: Annotated[str, typer.Option(help="Region the file belongs to, e.g. 433124.")],
    source: Annotated[str, typer.Option(help="Where the household numbers come from.")] = "",
    mode: Annotated[
        str, typer.Option(help="all: nothing unless every row is valid; rows: what is valid.")
    ] = "all",
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="'header=column' for a header nobody knows; repeatable."),
    ] = None,
    report_file: Annotated[
        Path | None,
        typer.Option("--report", help="Write the file again with a column of faults."),
    ] = None,
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Change nothing.")] = False,
    notifications: Annotated[
        bool,
        typer.Option(
            "--notifications/--no-notifications",
            help="Let tasks and messages follow from every household.",
        ),
    ] = False,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="Mark as demo data.")] = False,
    on: On = "",
    as_json: Json = False,
) -> None:
    """Import households, one row per person with the household number repeated.

    The file is validated as a whole first: CSV (UTF-8, GB 18030, UTF-16) or XLSX, headers in
    Chinese or English. The same file again changes nothing and says so; households that say
    something else than the register are corrected; a killed import goes on where it was when the
    server is back.

    Example: tuopin import households huayuan.xlsx --region 433124 --report faults.xlsx
    """
    chosen("--mode", mode, tuple(MODES))
    if report_file is not None and report_file.exists():
        fail(say("file-exists", file=report_file), EXIT_USAGE)
    header = ImportHeader(
        region_id=region,
        source=source or region,
        effective_on=on or today(),
        synthetic=synthetic,
        mode=MODES[mode],
        columns=_mapping(columns or []),
        notify=notifications,
    )
    found = FaultsOfRows()
    try:
        report = checked(file, header, found.add)
        done = _taken(report, validate_only=validate_only)
        found.add(done.faults if done is not report else [])
        if report_file is not None and (done.fault_count or done.note_count):
            codes = CodeLists(Programme.load(PROGRAMME_FOLDER))
            write_report(file, report_file, found, codes, language())
            hint("report-written", file=report_file)
    finally:
        found.close()
    _show(report, done, validate_only=validate_only, as_json=as_json)


def _mapping(pairs: list[str]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            fail(say("map-unreadable", value=pair), EXIT_USAGE)
    return {said: column for said, _, column in (pair.rpartition("=") for pair in pairs)}


def _taken(report: ImportReport, *, validate_only: bool) -> ImportReport:
    """Commit what may be committed and follow it to its end; the report of that."""
    if report.phase == ImportPhase.IMPORT_PHASE_REJECTED or validate_only:
        return report
    if report.already_imported:
        return _watch(report) if report.phase == ImportPhase.IMPORT_PHASE_COMMITTING else report
    done = committed(report)
    done.fault_count += report.fault_count
    done.faults.extend(report.faults)
    done.note_count = report.note_count
    return done


def _show(report: ImportReport, done: ImportReport, *, validate_only: bool, as_json: bool) -> None:
    if report.phase == ImportPhase.IMPORT_PHASE_REJECTED:
        title = say("faults-found", count=report.fault_count, rows=report.rows)
        show(report.faults, FAULT_COLUMNS, title=title, as_json=as_json)
        hint("faults-next")
        raise typer.Exit(EXIT_USAGE)
    told = ImportReport()
    told.CopyFrom(done)
    del told.faults[:], told.notes[:]
    if report.already_imported:
        show_one(told, title=say("file-known"), as_json=as_json)
        return
    if done.faults and not as_json:
        title = say("households-left-out", count=report.households_left_out)
        show(done.faults, FAULT_COLUMNS, title=title, as_json=as_json)
    if validate_only:
        show_one(told, title=say("file-valid"), as_json=as_json)
        hint("file-valid-next")
        return
    show_one(told, title=say("file-imported"), as_json=as_json)


def import_file(path: Path, region: str, source: str, *, on: str, synthetic: bool) -> ImportReport:
    """Validate and commit a file that must be sound; the same file again changes nothing."""
    report = validated(path, region, source, on, synthetic)
    if report.fault_count:
        fault = report.faults[0]
        where = {"file": path.name, "row": fault.row, "column": fault.column}
        fail(say("file-row", **where, sentence=fault.sentence), EXIT_USAGE)
    return report if report.already_imported else committed(report)


def validated(file: Path, region: str, source: str, on: str, synthetic: bool) -> ImportReport:
    """Send the file; the report names its faults."""
    header = ImportHeader(region_id=region, source=source, effective_on=on, synthetic=synthetic)
    return checked(file, header, lambda faults: None)


def checked(
    file: Path, header: ImportHeader, hear: Callable[[Sequence[ImportFault]], None]
) -> ImportReport:
    """Send the file, unless it is known by its digest; `hear` of every fault as it is found."""
    with file.open("rb") as stream:
        header.file_sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    report = ImportReport()
    for found in contact().upload("registry", "CheckImport", _pieces(file, header)):
        hear(found.faults)
        if found.HasField("report"):
            report = found.report
    return report


def committed(report: ImportReport) -> ImportReport:
    """Commit a valid file and follow it to its end."""
    command = CommitImport(
        command_id=derived_id("commit", report.import_id), import_id=report.import_id
    )
    contact().call("registry", "CommitImport", command)
    return _watch(report)


def _pieces(file: Path, header: ImportHeader) -> Iterator[CheckImport]:
    yield CheckImport(header=header)
    sent, total = 0, file.stat().st_size
    with file.open("rb") as stream, counted() as progress:
        task = progress.add_task("validating, bytes", total=total)
        while piece := stream.read(CHUNK_BYTES):
            sent += len(piece)
            yield CheckImport(chunk=piece)
            progress.update(task, completed=sent)


def _watch(report: ImportReport) -> ImportReport:
    """Follow a committed import to its end, over a restart of the server too."""
    latest, heard_at_s = report, time.monotonic()
    with counted() as progress:
        total = report.households - report.households_left_out
        task = progress.add_task("importing, households", total=total)
        while latest.phase != ImportPhase.IMPORT_PHASE_COMPLETED:
            with suppress(_Away):
                for latest in _reports(report.import_id):
                    heard_at_s = time.monotonic()
                    done = latest.households_done + latest.households_unchanged
                    done += latest.households_corrected
                    progress.update(task, completed=done)
            if latest.phase == ImportPhase.IMPORT_PHASE_REJECTED:
                fail(say("file-rejected"), EXIT_USAGE)
            if time.monotonic() - heard_at_s > SERVER_AWAY_S:
                fail(say("import-interrupted"), EXIT_UNAVAILABLE)
            if latest.phase != ImportPhase.IMPORT_PHASE_COMPLETED:
                time.sleep(LOOK_EVERY_S)
    return latest


class _Away(Exception):
    """The server is not there; what was committed goes on when it is back."""


def _reports(import_id: str) -> Iterator[ImportReport]:
    try:
        yield from contact().stream("registry", "WatchImport", WatchImport(import_id=import_id))
    except grpc.RpcError as error:
        # A server that is stopped in order cancels its streams.
        if passing(error) or error.code() is grpc.StatusCode.CANCELLED:
            raise _Away from error
        raise


def template(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("households.csv"),
    to_language: Annotated[str, typer.Option("--language", help="zh or en headers")] = "zh",
) -> None:
    """Write an empty import file with all columns and one synthetic example household.

    A name that ends in .xlsx gives a workbook whose cells keep every digit.

    Example: tuopin template households.xlsx --language en
    """
    from services.registry.importing.template import write_template

    chosen("--language", to_language, LANGUAGES)
    if file.exists():
        fail(say("file-exists", file=file), EXIT_USAGE)
    write_template(file, to_language)
    hint("file-written", file=file)
