"""`tuopin regions`: the official list of regions, and how a newer edition changes it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from services.cli.contact import contact, fail, new_command_id, today
from services.cli.options import AsOf, CommandId, Json, On
from services.cli.output import EXIT_FAILED, EXIT_USAGE, console, show, show_one
from services.cli.words import say
from services.registry.editions import read_edition
from tuopin.registry.v1.region_pb2 import (
    AdoptRegions,
    FindRegions,
    GetRegion,
    ListRegionChanges,
    PreviewRegions,
    RegionChangeRow,
    RegionsPreview,
)
from tuopin.types.v1.types_pb2 import Edition

app = typer.Typer(no_args_is_help=True, help="The official list of regions (665,276 nodes).")
# The whole list is read, and compared with the one in force.
TIMEOUT_S = 300.0
CHANGE_COLUMNS = ("change", "old_name", "new_name", "households")


@app.command()
def adopt(
    edition: Annotated[str, typer.Argument(help="Name of a shipped edition.")] = "regions-cn-2023",
    mapping: Annotated[
        Path | None,
        typer.Option(
            help="CSV: what became of the regions that a newer edition lacks.", exists=True
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would change, and every fault.")
    ] = False,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Adopt an edition of the list: one event with its name, count and digest.

    A newer edition needs a mapping of every region it lacks (format: programme/regions/README.md);
    households then follow their villages, see `tuopin regions changes`.

    Example: tuopin regions adopt regions-cn-2024 --mapping 2023-to-2024.csv --dry-run
    """
    try:
        shipped = read_edition(edition)
    except FileNotFoundError:
        fail(say("edition-unknown", edition=edition), EXIT_USAGE)
    named = Edition(name=shipped.name, sha256=shipped.sha256, count=shipped.count)
    mapped = mapping.read_bytes() if mapping else b""
    if dry_run:
        request = PreviewRegions(edition=named, effective_on=on or today(), mapping=mapped)
        preview = contact().call("registry", "PreviewRegions", request, timeout_s=TIMEOUT_S)
        _tell(preview, as_json)
        return
    receipt = contact().call(
        "registry",
        "AdoptRegions",
        AdoptRegions(
            command_id=command_id or new_command_id(),
            edition=named,
            effective_on=on or today(),
            mapping=mapped,
        ),
        timeout_s=TIMEOUT_S,
    )
    show_one(receipt, title=f"adopted {shipped.name}: {shipped.count} regions", as_json=as_json)


def _tell(preview: RegionsPreview, as_json: bool) -> None:
    """Exit code 1 when the edition would be refused."""
    if as_json:
        show_one(preview, title="", as_json=True)
    else:
        console.print(
            say(
                "regions-preview",
                edition=preview.edition,
                follows=preview.follows,
                added=preview.added,
                removed=preview.removed,
                renamed=preview.renamed,
                change_count=preview.change_count,
                households=preview.households,
                villages=preview.villages,
                counties=preview.counties,
                residents=preview.residents,
                cadres=preview.cadres,
                payments=preview.payments,
                faults=len(preview.faults),
            ),
            highlight=False,
        )
        _show_changes(preview.changes, title=say("regions-changed"))
        for fault in preview.faults:
            console.print(f"{fault.slug}: {fault.sentence}", highlight=False, markup=False)
    if preview.faults:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def changes(
    edition: Annotated[
        str, typer.Argument(help="Name of an edition.", show_default="the one in force")
    ] = "",
    region: Annotated[str, typer.Option(help="Only of and to regions below this code.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    as_json: Json = False,
) -> None:
    """What an edition renamed, moved, merged and split, and how many households have followed.

    Example: tuopin regions changes regions-cn-2024 --region 433124
    """
    request = ListRegionChanges(edition=edition, region_id=region, page_size=limit)
    found = contact().call("registry", "ListRegionChanges", request)
    title = say(
        "regions-followed",
        edition=found.edition,
        effective_on=found.effective_on,
        shown=len(found.changes),
        total=found.total,
        followed=found.followed,
        waiting=found.waiting,
    )
    _show_changes(found.changes, title=title, as_json=as_json)


def _show_changes(rows: Iterable[RegionChangeRow], *, title: str, as_json: bool = False) -> None:
    show(rows, CHANGE_COLUMNS, title=title, as_json=as_json)


@app.command("show")
def show_region(
    region_id: Annotated[str, typer.Argument(help="A code of any adopted edition.")],
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """What a code is on a day: the region, or what has come of it; its names and its changes.

    Example: tuopin regions show 433124110226 --as-of 2023-12-31
    """
    request = GetRegion(region_id=region_id, as_of=as_of)
    found = contact().call("registry", "GetRegion", request)
    show_one(found, title=f"{region_id} {as_of}".strip(), as_json=as_json)


@app.command()
def find(
    text: Annotated[
        str, typer.Argument(help="A code or its beginning, a part of a name or of its pinyin.")
    ] = "",
    ancestor: Annotated[str, typer.Option(help="Only below this region code.")] = "",
    level: Annotated[int, typer.Option(help="Digits of the code: 2, 4, 6, 9 or 12.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """Search the list by code, name, pinyin (shibadong, sbd) and ancestor.

    Example: tuopin regions find 十八洞 --ancestor 433124
    """
    found = contact().call(
        "registry",
        "FindRegions",
        FindRegions(text=text, ancestor_id=ancestor, level=level, page_size=limit, as_of=as_of),
    )
    show(
        found.regions,
        ("region_id", "name", "path"),
        title=f"{len(found.regions)} of {found.total} ({found.edition})",
        as_json=as_json,
    )
