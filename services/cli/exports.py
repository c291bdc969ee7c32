"""`tuopin household export`: files out of the register, which import again without change."""

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from chassis.programme import Programme
from chassis.settings import PROGRAMME_FOLDER
from services.cli.contact import chosen, contact, fail, hint, new_command_id
from services.cli.households import STATUSES
from services.cli.options import known_at_us
from services.cli.output import EXIT_USAGE
from services.cli.progress import waiting
from services.cli.words import LANGUAGES, language, say
from services.registry.exporting.rows import ExportRows
from services.registry.importing.columns import CodeLists
from services.registry.importing.writing import XLSX, writing
from tuopin.registry.v1.export_pb2 import ExportedHouseholds, ExportHouseholds
from tuopin.registry.v1.household_pb2 import HouseholdStatus

FORMATS = ("csv", "xlsx")


def export_households(
    region: Annotated[str, typer.Option(help="Region code: 2, 4, 6, 9 or 12 digits.")],
    purpose: Annotated[str, typer.Option(help="What for: a code of the list export-purpose.")],
    file: Annotated[
        Path | None, typer.Option("--file", help="Where to; default households-REGION.FORMAT.")
    ] = None,
    to_format: Annotated[str, typer.Option("--format", help="csv | xlsx")] = "",
    as_of: Annotated[str, typer.Option(help="Effective date, YYYY-MM-DD; empty: today.")] = "",
    known_at: Annotated[str, typer.Option(help="What was known then, ISO time; empty: now.")] = "",
    status: Annotated[str, typer.Option(help=" | ".join(STATUSES))] = "",
    to_language: Annotated[str, typer.Option("--language", help="zh or en labels")] = "",
) -> None:
    """Write the households below a region to a file, with names and numbers.

    Needs the right data-exporter; who exported what for which purpose is on record. The columns
    are those of an import: the file, changed or not, imports again.

    Example: tuopin household export --region 433124 --purpose audit --format xlsx
    """
    if to_format:
        chosen("--format", to_format, FORMATS)
    if status:
        chosen("--status", status, STATUSES)
    if to_language:
        chosen("--language", to_language, LANGUAGES)
    of_file = XLSX.removeprefix(".") if file is not None and file.suffix == XLSX else FORMATS[0]
    target = file or Path(f"households-{region}.{to_format or of_file}")
    if to_format and file is not None and to_format != of_file:
        fail(say("format-of-other-name", file=target, format=to_format), EXIT_USAGE)
    if target.exists():
        fail(say("file-exists", file=target), EXIT_USAGE)
    command = ExportHouseholds(
        command_id=new_command_id(),
        region_id=region,
        purpose=purpose,
        as_of=as_of,
        known_at_us=known_at_us(known_at),
        status=HouseholdStatus.Value(
            f"HOUSEHOLD_STATUS_{(status or 'unspecified').upper().replace('-', '_')}"
        ),
    )
    households, people = _written(command, target, to_language or language())
    hint("exported", households=households, people=people, file=target)


def _written(command: ExportHouseholds, target: Path, in_language: str) -> tuple[int, int]:
    """Households and people; half a file is no file."""
    programme = Programme.load(PROGRAMME_FOLDER)
    rows = ExportRows(CodeLists(programme), programme.table("codes"), in_language)
    households = people = 0
    pages = contact().stream("registry", "ExportHouseholds", command)
    # Refused before anything is written.
    first = next(pages, ExportedHouseholds())
    half = target.with_name(f".half-{target.name}")
    table = writing(half, len(rows.columns))
    try:
        table.row(rows.header())
        with waiting() as progress:
            progress.add_task("exporting")
            for page in chain((first,), pages):
                households += len(page.households)
                for household in page.households:
                    for cells in rows.of(household):
                        people += 1
                        table.row(cells)
    except BaseException:
        table.give_up()
        half.unlink(missing_ok=True)
        raise
    table.close()
    half.rename(target)
    return households, people
