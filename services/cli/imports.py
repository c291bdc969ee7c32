"""`tuopin import` and `tuopin template`: a county's file of established households."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from chassis.decider import derived_id
from services.cli.contact import contact, fail, today
from services.cli.options import Json, On
from services.cli.output import EXIT_USAGE, errors, show, show_one
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
            ("row", "column", "slug", "sentence"),
            title=f"{report.fault_count} faults in {report.rows} rows; nothing was changed",
            as_json=as_json,
        )
        raise typer.Exit(EXIT_USAGE)
    if validate_only or report.already_imported:
        title = "already imported: nothing was changed" if report.already_imported else "valid"
        show_one(report, title=title, as_json=as_json)
        return
    done = committed(report)
    if done.faults:
        show(done.faults, ("row", "column", "slug", "sentence"), title="left out", as_json=as_json)
    show_one(done, title="imported", as_json=as_json)


def import_file(path: Path, region: str, source: str, *, on: str, synthetic: bool) -> ImportReport:
    """Validate and commit a file that must be sound; the same file again changes nothing."""
    report = validated(path, region, source, on, synthetic)
    if report.fault_count:
        fault = report.faults[0]
        fail(f"{path.name} row {fault.row}, {fault.column}: {fault.sentence}", EXIT_USAGE)
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
    with file.open("rb") as stream, _progress() as progress:
        task = progress.add_task("validating", total=total)
        while piece := stream.read(CHUNK_BYTES):
            sent += len(piece)
            yield UploadImport(chunk=piece)
            progress.update(task, completed=sent)


def _watch(report: ImportReport) -> ImportReport:
    """Follow a committed import to its end, over a restart of the server too."""
    latest = report
    with _progress() as progress:
        task = progress.add_task("importing", total=report.households)
        while latest.phase != ImportPhase.IMPORT_PHASE_COMPLETED:
            request = WatchImport(import_id=report.import_id)
            for latest in contact().stream("registry", "WatchImport", request):
                done = latest.households_done + latest.households_unchanged
                progress.update(task, completed=done)
            if latest.phase == ImportPhase.IMPORT_PHASE_REJECTED:
                fail("the server rejected the file", EXIT_USAGE)
            if latest.phase != ImportPhase.IMPORT_PHASE_COMPLETED:
                time.sleep(0.2)
    return latest


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
    )


def template(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("households.csv"),
    language: Annotated[str, typer.Option(help="zh or en headers")] = "zh",
) -> None:
    """Write an empty import file with all columns and one synthetic example household.

    Example: tuopin template households.csv --language en
    """
    from services.registry.importing.template import write_template

    if language not in ("zh", "en"):
        fail(f"--language {language}: zh or en", EXIT_USAGE)
    if file.exists():
        fail(f"{file} exists; name another file", EXIT_USAGE)
    write_template(file, language)
    errors.print(f"wrote {file}")
