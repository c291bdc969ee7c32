"""`tuopin figures`: how many, of what kind, on which day, as known when."""

from typing import Annotated

import typer
from rich.table import Table

from services.cli.contact import contact
from services.cli.options import AsOf, Json, KnownAt, Region, known_at_us
from services.cli.output import decimal, print_table, show, show_one
from tuopin.registry.v1.figures_pb2 import (
    CountHouseholds,
    FigureDefinition,
    Figures,
    GetFlows,
    GetIncomeDeciles,
)

app = typer.Typer(no_args_is_help=True, help="Figures, each with its definition.")

Class = Annotated[str, typer.Option("--class", help="Class of statuses: poor, exited, ...")]


@app.command()
def count(
    region: Region = "",
    by: Annotated[
        str, typer.Option(help="Names joined by commas, e.g. status,cause or region,sex.")
    ] = "status",
    status_class: Class = "",
    as_of: AsOf = "",
    known_at: KnownAt = "",
    withhold_below: Annotated[
        int, typer.Option(min=0, max=1000, help="Withhold cells of fewer people; 0: none.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Households and people of a region, of any day, as known at any moment.

    Example: tuopin figures count --region 433124 --by region,status --as-of 2026-06-30
    """
    found = contact().call(
        "registry",
        "CountHouseholds",
        CountHouseholds(
            region_id=region,
            by=[name.strip() for name in by.split(",") if name.strip()],
            status_class=status_class,
            as_of=as_of,
            known_at_us=known_at_us(known_at),
            withhold_below=withhold_below,
        ),
    )
    if as_json:
        show_one(found, title="", as_json=True)
        return
    print_table(_title(found.region_id, found.as_of), _table(found))
    _define(found.definition)


def _title(region_id: str, day: str) -> str:
    return f"{region_id or 'all regions'}, {day}"


def _table(figures: Figures) -> Table:
    table = Table(*figures.by)
    for name in ("households", "people"):
        table.add_column(name, justify="right")
    for row in figures.rows:
        counts = ("…", "…") if row.withheld else (str(row.households), str(row.people))
        table.add_row(*row.labels, *counts)
    totals = [""] * len(figures.by)
    if totals:
        totals[0] = "Σ"
    table.add_row(*totals, str(figures.households), str(figures.people), style="bold")
    return table


def _define(definition: FigureDefinition) -> None:
    typer.echo(f"{definition.rule} · {definition.programme}: {definition.sentence}")


@app.command()
def deciles(
    region: Region = "",
    status_class: Class = "poor",
    as_of: AsOf = "",
    known_at: KnownAt = "",
    as_json: Json = False,
) -> None:
    """Income per head in ten groups of households, yuan a year.

    Example: tuopin figures deciles --region 433124 --as-of 2026-06-30
    """
    found = contact().call(
        "registry",
        "GetIncomeDeciles",
        GetIncomeDeciles(
            region_id=region,
            as_of=as_of,
            known_at_us=known_at_us(known_at),
            status_class=status_class,
        ),
    )
    if as_json:
        show_one(found, title="", as_json=True)
        return
    table = Table("decile")
    for name in ("households", "least", "most", "mean"):
        table.add_column(name, justify="right")
    for each in found.deciles:
        amounts = map(decimal, (each.least_fen, each.most_fen, each.mean_fen))
        table.add_row(str(each.decile), str(each.households), *amounts)
    print_table(_title(found.region_id, found.as_of), table)
    _define(found.definition)


@app.command()
def flows(
    from_on: Annotated[str, typer.Option("--from", help="Earlier day, YYYY-MM-DD.")],
    to_on: Annotated[str, typer.Option("--to", help="Later day, YYYY-MM-DD.")],
    region: Region = "",
    known_at: KnownAt = "",
    as_json: Json = False,
) -> None:
    """Households that came in, went out or came back between two days.

    Example: tuopin figures flows --region 433124 --from 2025-12-31 --to 2026-06-30
    """
    found = contact().call(
        "registry",
        "GetFlows",
        GetFlows(region_id=region, from_on=from_on, to_on=to_on, known_at_us=known_at_us(known_at)),
    )
    show(
        found.flows,
        ("from_label", "to_label", "households", "people"),
        title=_title(found.region_id, f"{found.from_on} → {found.to_on}"),
        as_json=as_json,
    )
    if not as_json:
        _define(found.definition)
