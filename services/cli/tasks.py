"""`tuopin task`: tasks out, confirmations in."""

from datetime import date
from typing import Annotated

import typer

from services.cli.contact import contact, today
from services.cli.options import Json, PageSize, PageToken, Region
from services.cli.output import show_page
from services.cli.tracing import print_chain
from tuopin.notifier.v1.assignment_pb2 import ListAssignments
from tuopin.notifier.v1.burden_pb2 import ListBurden

app = typer.Typer(no_args_is_help=True, help="Assignments of cadres.")


@app.command("list")
def list_tasks(
    region: Region = "",
    cadre: Annotated[str, typer.Option(help="cadre_id")] = "",
    household: Annotated[str, typer.Option(help="household_id")] = "",
    open_only: Annotated[bool, typer.Option("--open", help="Only what is not finished.")] = False,
    page_size: PageSize = 20,
    page_token: PageToken = "",
    as_json: Json = False,
) -> None:
    """Assignments, their state and messages.

    Example: tuopin task list --region 433124 --open
    """
    page = contact().call(
        "notifier",
        "ListAssignments",
        ListAssignments(
            region_id=region,
            cadre_id=cadre,
            household_id=household,
            open_only=open_only,
            page_size=page_size,
            page_token=page_token,
        ),
    )
    columns = ("assignment_id", "kind", "status", "household_number", "cadre_id", "due_at_us")
    show_page(page.assignments, columns, page=page, noun="assignments", as_json=as_json)


@app.command()
def trace(
    reference: Annotated[
        str,
        typer.Argument(help="task, or the reference a message shows (#A1B2C3); or any other id"),
    ],
    as_json: Json = False,
) -> None:
    """A task from its cause to what came of it: cause, assignment, messages, answer, result, each
    with its place in the log and the hash of its lane there.

    With the id of a household, plan, payment or command: everything that belongs to it, over all
    five services, in the order it was recorded.

    Example: tuopin task trace ASSIGNMENT_ID
    """
    print_chain(reference, as_json)


@app.command()
def burden(
    region: Region = "",
    week: Annotated[
        str, typer.Option(help="ISO week, e.g. 2026-W09.", show_default="this week")
    ] = "",
    cadre: Annotated[str, typer.Option(help="cadre_id")] = "",
    page_size: PageSize = 20,
    page_token: PageToken = "",
    as_json: Json = False,
) -> None:
    """What was asked of each cadre in a week: questions, reminders, and the minutes they take.

    Example: tuopin task burden --region 433124 --week 2026-W09
    """
    year, number, _ = date.fromisoformat(today()).isocalendar()
    page = contact().call(
        "notifier",
        "ListBurden",
        ListBurden(
            region_id=region,
            week=week or f"{year}-W{number:02}",
            cadre_id=cadre,
            page_size=page_size,
            page_token=page_token,
        ),
    )
    columns = ("cadre_id", "week", "questions", "reminders", "minutes", "over_limit")
    show_page(page.rows, columns, page=page, noun="cadres", as_json=as_json)
