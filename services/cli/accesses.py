"""`tuopin access`: who read whose data, and access where no role reaches."""

from typing import Annotated

import typer
from google.protobuf.message import Message

from services.cli.codes import codes_of
from services.cli.contact import chosen, contact, hint, new_command_id
from services.cli.options import CommandId, Json, PageSize, PageToken, Purpose, Region
from services.cli.output import show_one, show_page
from tuopin.registry.v1 import access_pb2 as pb
from tuopin.types.v1.types_pb2 import Receipt

app = typer.Typer(no_args_is_help=True, help="Who read whose data, for what.")
glass = typer.Typer(no_args_is_help=True, help="Access where no role reaches, for some hours.")
app.add_typer(glass, name="break-glass")

FINDINGS = codes_of(pb.BreakGlassFinding)
READ_COLUMNS = (
    "read_at_us", "reader", "on_behalf_of", "purpose", "method", "region_id", "subjects", "fields",
    "break_glass_id",
)  # fmt: skip
GLASS_COLUMNS = (
    "break_glass_id", "reader", "reason", "note", "region_id", "household_id", "expires_at_us",
    "open", "reads", "finding", "reviewed_by",
)  # fmt: skip

BreakGlassId = Annotated[str, typer.Argument(help="break_glass_id")]


@app.command("list")
def list_reads(
    subject: Annotated[str, typer.Option(help="person_id, household_id, cadre_id.")] = "",
    reader: Annotated[str, typer.Option(help="Who read.")] = "",
    region: Region = "",
    from_day: Annotated[str, typer.Option("--from", help="YYYY-MM-DD")] = "",
    to_day: Annotated[str, typer.Option("--to", help="YYYY-MM-DD")] = "",
    break_glass: Annotated[str, typer.Option(help="Beneath this break-glass access.")] = "",
    page_size: PageSize = 20,
    page_token: PageToken = "",
    as_json: Json = False,
) -> None:
    """Every answer that showed personal data: who, when, for what, whose. No personal value.

    Example: tuopin access list --subject PERSON --from 2026-01-01
    """
    query = pb.ListReads(
        region_id=region,
        subject_id=subject,
        reader=reader,
        from_day=from_day,
        to_day=to_day,
        break_glass_id=break_glass,
        page_size=page_size,
        page_token=page_token,
    )
    page = contact().call("registry", "ListReads", query)
    show_page(page.reads, READ_COLUMNS, page=page, noun="reads", as_json=as_json)


@glass.command("open")
def open_glass(
    reason: Annotated[str, typer.Option(help="A code of break-glass-reasons.")],
    note: Annotated[str, typer.Option(help="What happened; sealed, for the supervisor.")],
    hours: Annotated[int, typer.Option(min=1, help="Ends by itself after so long.")] = 1,
    region: Region = "",
    household: Annotated[str, typer.Option(help="household_id, instead of a region.")] = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Open access where your role does not reach. The supervisor of the place is shown it.

    Example: tuopin access break-glass open --reason disaster --note "flood" --region 433124110
    """
    command = pb.OpenBreakGlass(
        command_id=command_id or new_command_id(),
        reason=reason,
        note=note,
        region_id=region,
        household_id=household,
        hours=hours,
    )
    receipt = _send(command, as_json)
    hint("break-glass-opened", id=receipt.stream.partition("-")[2])


@glass.command("review")
def review_glass(
    break_glass_id: BreakGlassId,
    finding: Annotated[str, typer.Option(help=" | ".join(FINDINGS))],
    note: Annotated[str, typer.Option(help="Sealed.")] = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Say whether it was right; an access that is still open ends with it.

    Example: tuopin access break-glass review ID --finding justified
    """
    chosen("--finding", finding, FINDINGS)
    command = pb.ReviewBreakGlass(
        command_id=command_id or new_command_id(),
        break_glass_id=break_glass_id,
        finding=FINDINGS[finding],
        note=note,
    )
    _send(command, as_json)


@glass.command("list")
def list_glasses(
    region: Region = "",
    unreviewed: Annotated[bool, typer.Option("--unreviewed", help="Not reviewed yet.")] = False,
    purpose: Purpose = "audit",
    page_size: PageSize = 20,
    page_token: PageToken = "",
    as_json: Json = False,
) -> None:
    """Break-glass accesses below a region, with the number of answers each of them opened.

    Example: tuopin access break-glass list --region 433124 --unreviewed
    """
    query = pb.ListBreakGlasses(
        region_id=region, unreviewed=unreviewed, page_size=page_size, page_token=page_token
    )
    page = contact(purpose).call("registry", "ListBreakGlasses", query)
    show_page(page.accesses, GLASS_COLUMNS, page=page, noun="accesses", as_json=as_json)


def _send(command: Message, as_json: bool) -> Receipt:
    receipt: Receipt = contact().call("registry", command.DESCRIPTOR.name, command)
    show_one(receipt, title="break-glass", as_json=as_json)
    return receipt
