"""`tuopin fund`: money from the top to the household."""

from typing import Annotated

import typer

from services.cli.codes import codes_of
from services.cli.contact import chosen, contact, fail, new_command_id, send, today
from services.cli.options import CommandId, Json, PageSize, PageToken, Year
from services.cli.output import EXIT_USAGE, show, show_page
from services.cli.words import say
from tuopin.funding.v1.ledger_pb2 import (
    AllocateMoney,
    AppropriateMoney,
    AssignMoney,
    CommitMoney,
    ListAccounts,
    ListPayments,
    PayMoney,
    Source,
)

app = typer.Typer(no_args_is_help=True, help="Ledgers by region and year; amounts in yuan.")

LedgerRegion = Annotated[str, typer.Option("--region", help="Region code of the ledger.")]
Yuan = Annotated[str, typer.Option("--amount", help="Yuan, at most two decimals: 1200.50")]
From = Annotated[str, typer.Option("--source", help="central, provincial, prefectural, county")]
MeasureId = Annotated[str, typer.Option("--measure", help="measure_id of a plan in force.")]


# An amount is a 64-bit integer in the contract.
FEN_MAX = 2**63 - 1
PART_DIGITS = 2
SOURCES = codes_of(Source)


def fen(yuan: str) -> int:
    """Integer fen of an amount in yuan; nothing is rounded."""
    whole, _, part = yuan.replace(",", "").partition(".")
    digits = f"{whole}{part}"
    if not (whole and digits.isascii() and digits.isdigit() and len(part) <= PART_DIGITS):
        fail(say("amount-unreadable", value=yuan), EXIT_USAGE)
    amount = int(whole) * 100 + int(part.ljust(PART_DIGITS, "0"))
    if amount > FEN_MAX:
        fail(say("amount-too-big", value=yuan), EXIT_USAGE)
    return amount


def source_of(text: str) -> Source.ValueType:
    """The contract's source of a word such as central."""
    return Source.Value(f"SOURCE_{chosen('--source', text, SOURCES).upper()}")


def _year(year: int) -> int:
    return year or int(today()[:4])


@app.command()
def appropriate(
    region: LedgerRegion,
    amount: Yuan,
    document: Annotated[str, typer.Option(help="Number of the budget document.")],
    source: From = "central",
    year: Year = 0,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Money enters a ledger.

    Example: tuopin fund appropriate --region 43 --amount 5000000 --document 财农-2026-1
    """
    command = AppropriateMoney(
        command_id=command_id or new_command_id(),
        region_id=region,
        year=_year(year),
        source=source_of(source),
        amount_fen=fen(amount),
        document=document,
    )
    send("funding", command, "appropriated", as_json)


@app.command()
def allocate(
    region: LedgerRegion,
    to: Annotated[str, typer.Option(help="Region below that receives it.")],
    amount: Yuan,
    source: From = "central",
    year: Year = 0,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Pass money down; it is in transit until the other ledger has received it.

    Example: tuopin fund allocate --region 43 --to 433124 --amount 1000000
    """
    command = AllocateMoney(
        command_id=command_id or new_command_id(),
        region_id=region,
        year=_year(year),
        source=source_of(source),
        to_region_id=to,
        amount_fen=fen(amount),
    )
    send("funding", command, "allocated", as_json)


@app.command()
def assign(
    region: LedgerRegion,
    measure: MeasureId,
    amount: Yuan,
    source: From = "central",
    year: Year = 0,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Set money aside for a measure of a plan in force.

    Example: tuopin fund assign --region 433124 --measure MEASURE --amount 1200
    """
    command = AssignMoney(
        command_id=command_id or new_command_id(),
        region_id=region,
        year=_year(year),
        source=source_of(source),
        measure_id=measure,
        amount_fen=fen(amount),
    )
    send("funding", command, "assigned", as_json)


@app.command()
def commit(
    region: LedgerRegion,
    measure: MeasureId,
    amount: Yuan,
    year: Year = 0,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Bind money that is assigned to a measure, before it is paid.

    Example: tuopin fund commit --region 433124 --measure MEASURE --amount 1200
    """
    command = CommitMoney(
        command_id=command_id or new_command_id(),
        region_id=region,
        year=_year(year),
        measure_id=measure,
        amount_fen=fen(amount),
    )
    send("funding", command, "committed", as_json)


@app.command()
def pay(
    region: LedgerRegion,
    measure: MeasureId,
    amount: Yuan,
    year: Year = 0,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Pay committed money to the household; its helper is then asked whether it arrived.

    Example: tuopin fund pay --region 433124 --measure MEASURE --amount 1200
    """
    command = PayMoney(
        command_id=command_id or new_command_id(),
        region_id=region,
        year=_year(year),
        measure_id=measure,
        amount_fen=fen(amount),
    )
    send("funding", command, "paid", as_json)


@app.command()
def accounts(region: LedgerRegion, year: Year = 0, as_json: Json = False) -> None:
    """Balances of a ledger; --json gives them in fen.

    Example: tuopin fund accounts --region 433124 --json
    """
    found = contact().call(
        "funding", "ListAccounts", ListAccounts(region_id=region, year=_year(year))
    )
    show(
        found.accounts,
        ("ledger_id", "account", "balance_fen"),
        title=f"accounts of {region}",
        as_json=as_json,
    )


@app.command()
def payments(
    region: LedgerRegion,
    household: Annotated[str, typer.Option(help="household_id")] = "",
    page_size: PageSize = 20,
    page_token: PageToken = "",
    as_json: Json = False,
) -> None:
    """Payments, and whether the household confirmed that they arrived.

    Example: tuopin fund payments --region 433124 --household HOUSEHOLD
    """
    page = contact().call(
        "funding",
        "ListPayments",
        ListPayments(
            region_id=region, household_id=household, page_size=page_size, page_token=page_token
        ),
    )
    columns = ("payment_id", "household_id", "measure_id", "amount_fen", "paid_on", "confirmed_on")
    show_page(page.payments, columns, page=page, noun="payments", as_json=as_json)
