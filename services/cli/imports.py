"""`tuopin import` and `tuopin template`: a county's file of established households."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import grpc
import typer

from chassis.decider import derived_id
from services.cli.contact import chosen, contact, fail, hint, passing, today
from services.cli.options import Json, On
from services.cli.output import EXIT_UNAVAILABLE, EXIT_USAGE, show, show_one
from services.cli.progress import counted
from services.cli.words import LANGUAGES, say
from tuopin.registry.v1.import_pb2 import (
    CommitImport,
    ImportHeader,
    ImportPhase,
    ImportReport,
    UploadImport,
    WatchImport,
)

app = typer.Typer(no_args_is_help=True, help="Import files: all of a file or nothing.")

CHUNK_BYTES = 256 * 1024
FAULT_COLUMNS = ("row", "column", "slug", "sentence")
# How long a committed import waits for a server that went away, and how often it looks.
SERVER_AWAY_S = 120.0
LOOK_EVERY_S = 0.2


@app.callback()
def imports() -> None:
    """Keep `tuopin import households` a word of its own: other files will follow."""


@app.command()
def households(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV, UTF-8.")],
    region: Annotated[str, typer.Option(help="Region the file belongs to, e.g. 433124.")],
    source: Annotated[str, typer.Option(help="Where the household numbers come from.")] = "",
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Change nothing.")] = False,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="Mark as demo data.")] = False,
    on: On = "",
    as_json: Json = False,
) -> None:
    """Import households, one row per person with the household number repeated.

    The file is validated as a whole first. The same file again changes nothing and says so; a
    killed import goes on where it was when the server is back.

    Example: tuopin import households huayuan.csv --region 433124 --validate-only
    """
    report = validated(file, region, source or region, on or today(), synthetic)
    if report.fault_count:
        show(
            report.faults,
            FAULT_COLUMNS,
            title=say("faults-found", count=report.fault_count, rows=report.rows),
            as_json=as_json,
        )
        hint("faults-next")
        raise typer.Exit(EXIT_USAGE)
    if report.already_imported:
        show_one(report, title=say("file-known"), as_json=as_json)
        return
    if validate_only:
        show_one(report, title=say("file-valid"), as_json=as_json)
        hint("file-valid-next")
        return
    done = committed(report)
    show_one(done, title=say("file-imported"), as_json=as_json)


def import_file(path: Path, region: str, source: str, *, on: str, synthetic: bool) -> ImportReport:
    """Validate and commit a file that must be sound; the same file again changes nothing."""
    report = validated(path, region, source, on, synthetic)
    if report.fault_count:
        fault = report.faults[0]
        where = {"file": path.name, "row": fault.row, "column": fault.column}
        fail(say("file-row", **where, sentence=fault.sentence), EXIT_USAGE)
    return report if report.already_imported else committed(report)


def validated(file: Path, region: str, source: str, on: str, synthetic: bool) -> ImportReport:
    """Send the file; the report names every fault."""
    header = ImportHeader(region_id=region, source=source, effective_on=on, synthetic=synthetic)
    report: ImportReport = contact().upload("registry", "ValidateImport", _pieces(file, header))
    return report


def committed(report: ImportReport) -> ImportReport:
    """Commit a valid file and follow it to its end."""
    command = CommitImport(
        command_id=derived_id("commit", report.import_id), import_id=report.import_id
    )
    contact().call("registry", "CommitImport", command)
    return _watch(report)


def _pieces(file: Path, header: ImportHeader) -> Iterator[UploadImport]:
    yield UploadImport(header=header)
    sent, total = 0, file.stat().st_size
    with file.open("rb") as stream, counted() as progress:
        task = progress.add_task("validating, bytes", total=total)
        while piece := stream.read(CHUNK_BYTES):
            sent += len(piece)
            yield UploadImport(chunk=piece)
            progress.update(task, completed=sent)


def _watch(report: ImportReport) -> ImportReport:
    """Follow a committed import to its end, over a restart of the server too."""
    latest, heard_at_s = report, time.monotonic()
    with counted() as progress:
        task = progress.add_task("importing, households", total=report.households)
        while latest.phase != ImportPhase.IMPORT_PHASE_COMPLETED:
            with suppress(_Away):
                for latest in _reports(report.import_id):
                    heard_at_s = time.monotonic()
                    done = latest.households_done + latest.households_unchanged
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
    language: Annotated[str, typer.Option(help="zh or en headers")] = "zh",
) -> None:
    """Write an empty import file with all columns and one synthetic example household.

    Example: tuopin template households.csv --language en
    """
    from services.registry.importing.template import write_template

    chosen("--language", language, LANGUAGES)
    if file.exists():
        fail(say("file-exists", file=file), EXIT_USAGE)
    write_template(file, language)
    hint("file-written", file=file)
