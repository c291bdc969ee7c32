"""`tuopin regions`: the official list of regions."""

from typing import Annotated

import typer

from services.cli.contact import contact, fail, new_command_id, today
from services.cli.options import CommandId, Json, On
from services.cli.output import EXIT_USAGE, show, show_one
from services.cli.words import say
from services.registry.editions import read_edition
from tuopin.registry.v1.region_pb2 import AdoptRegions, FindRegions
from tuopin.types.v1.types_pb2 import Edition

app = typer.Typer(no_args_is_help=True, help="The official list of regions (665,276 nodes).")


@app.command()
def adopt(
    edition: Annotated[str, typer.Argument(help="Name of a shipped edition.")] = "regions-cn-2023",
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Adopt an edition of the list: one event with its name, count and digest.

    Example: tuopin regions adopt regions-cn-2023
    """
    try:
        shipped = read_edition(edition)
    except FileNotFoundError:
        fail(say("edition-unknown", edition=edition), EXIT_USAGE)
    receipt = contact().call(
        "registry",
        "AdoptRegions",
        AdoptRegions(
            command_id=command_id or new_command_id(),
            edition=Edition(name=shipped.name, sha256=shipped.sha256, count=shipped.count),
            effective_on=on or today(),
        ),
    )
    show_one(receipt, title=f"adopted {shipped.name}: {shipped.count} regions", as_json=as_json)


@app.command()
def find(
    text: Annotated[
        str, typer.Argument(help="A code or its beginning, a part of a name or of its pinyin.")
    ] = "",
    ancestor: Annotated[str, typer.Option(help="Only below this region code.")] = "",
    level: Annotated[int, typer.Option(help="Digits of the code: 2, 4, 6, 9 or 12.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: Json = False,
) -> None:
    """Search the list by code, name, pinyin (shibadong, sbd) and ancestor.

    Example: tuopin regions find 十八洞 --ancestor 433124
    """
    found = contact().call(
        "registry",
        "FindRegions",
        FindRegions(text=text, ancestor_id=ancestor, level=level, page_size=limit),
    )
    show(
        found.regions,
        ("region_id", "name", "path"),
        title=f"{len(found.regions)} of {found.total} ({found.edition})",
        as_json=as_json,
    )
