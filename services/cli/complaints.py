"""`tuopin complaint`: what households complain of, who must answer, and until when."""

from typing import Annotated

import typer

from services.cli.contact import contact, new_command_id
from services.cli.options import CommandId, Json, PageSize, PageToken, Purpose, Region
from services.cli.output import show_one, show_page
from tuopin.notifier.v1.complaint_pb2 import (
    AnswerComplaint,
    GetComplaint,
    ListComplaints,
    RevealComplainant,
)

app = typer.Typer(
    no_args_is_help=True,
    help="Complaints of households. The village's list shows neither words nor, when it is "
    "anonymous, the household.",
)

ComplaintId = Annotated[str, typer.Argument(help="complaint_id, from `complaint list`.")]


@app.command("list")
def list_complaints(
    region: Region = "",
    open_only: Annotated[bool, typer.Option("--open", help="Only what is not answered.")] = False,
    page_size: PageSize = 20,
    page_token: PageToken = "",
    as_json: Json = False,
) -> None:
    """Complaints below a region, with the level that must answer and its time.

    Example: tuopin complaint list --region 433124 --open
    """
    page = contact().call(
        "notifier",
        "ListComplaints",
        ListComplaints(
            region_id=region, open_only=open_only, page_size=page_size, page_token=page_token
        ),
    )
    columns = (
        "complaint_id",
        "village_id",
        "kind",
        "status",
        "region_id",
        "due_at_us",
        "household_number",
    )
    show_page(page.complaints, columns, page=page, noun="complaints", as_json=as_json)


@app.command()
def show(complaint_id: ComplaintId, purpose: Purpose = "complaint", as_json: Json = False) -> None:
    """One complaint in its own words, for the level that must answer it and those above.

    Example: tuopin complaint show COMPLAINT
    """
    query = GetComplaint(complaint_id=complaint_id)
    found = contact(purpose).call("notifier", "GetComplaint", query)
    show_one(found, title=f"complaint {complaint_id}", as_json=as_json)


@app.command()
def answer(
    complaint_id: ComplaintId,
    text: Annotated[str, typer.Argument(help="What the household is to read.")],
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Answer a complaint: the household reads it on its own page.

    Example: tuopin complaint answer COMPLAINT "The money was paid on the 5th."
    """
    command = AnswerComplaint(
        command_id=command_id or new_command_id(), complaint_id=complaint_id, answer=text
    )
    receipt = contact().call("notifier", "AnswerComplaint", command)
    show_one(receipt, title=f"complaint {complaint_id}", as_json=as_json)


@app.command()
def reveal(
    complaint_id: ComplaintId,
    reason: Annotated[str, typer.Option(help="Why the household must be known; recorded.")],
    purpose: Purpose = "complaint",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Show the county office whose complaint it is. Who asked, and why, is on record.

    Example: tuopin complaint reveal COMPLAINT --reason "the bank needs the account"
    """
    caller = contact(purpose)
    command = RevealComplainant(
        command_id=command_id or new_command_id(), complaint_id=complaint_id, reason=reason
    )
    receipt = caller.call("notifier", "RevealComplainant", command)
    query = GetComplaint(complaint_id=complaint_id)
    if receipt.HasField("position"):
        query.at_least.CopyFrom(receipt.position)
    found = caller.call("notifier", "GetComplaint", query)
    show_one(found, title=f"complaint {complaint_id}", as_json=as_json)
