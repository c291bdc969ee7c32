"""`tuopin task`: tasks out, confirmations in."""

import uuid
from datetime import date
from typing import Annotated

import typer

from services.cli.contact import contact, new_command_id, send, today
from services.cli.options import CommandId, Json, PageSize, PageToken, Purpose, Region
from services.cli.output import show_one, show_page
from services.cli.tracing import print_chain
from tuopin.notifier.v1.assignment_pb2 import ListAssignments
from tuopin.notifier.v1.burden_pb2 import ListBurden
from tuopin.notifier.v1.handling_pb2 import (
    CancelAssignment,
    ReassignAssignment,
    ReviewAssignment,
)
from tuopin.notifier.v1.order_pb2 import GetOrder, OrderTask, PreviewOrder

app = typer.Typer(no_args_is_help=True, help="Assignments of cadres.")

AssignmentId = Annotated[str, typer.Argument(help="assignment_id")]


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
def assign(
    topic: Annotated[str, typer.Option(help="What it is about: a code of the policies' topics.")],
    due: Annotated[str, typer.Option(help="YYYY-MM-DD, the last day.")],
    region: Annotated[str, typer.Option(help="Region the order is for.")],
    cadre: Annotated[str, typer.Option(help="cadre_id: one task for this person")] = "",
    post: Annotated[str, typer.Option(help="One task for each who holds this post there.")] = "",
    every_village: Annotated[
        bool, typer.Option("--every-village", help="One task for each village of the region.")
    ] = False,
    details: Annotated[
        str, typer.Option(help="Read in the system only; no chat ever shows it.")
    ] = "",
    proof: Annotated[str, typer.Option(help="none | any")] = "any",
    count: Annotated[
        int, typer.Option(help="The number that the dry run showed. Without it nothing is sent.")
    ] = 0,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Give a task written by hand. Without --count it only shows whom it would reach.

    Example: tuopin task assign --topic hold-meeting --region 433124110 --every-village
    --due 2026-12-01
    """
    chosen_post = post.upper().replace("-", "_")
    caller = contact()
    if not count:
        ask = PreviewOrder(
            region_id=region, cadre_id=cadre, post=chosen_post, every_village=every_village
        )
        preview = caller.call("notifier", "PreviewOrder", ask)
        show_one(preview, title=f"would be {preview.count} tasks", as_json=as_json)
        return
    order_id = str(uuid.uuid4())
    command = OrderTask(
        command_id=command_id or new_command_id(),
        order_id=order_id,
        region_id=region,
        cadre_id=cadre,
        post=chosen_post,
        every_village=every_village,
        topic=topic,
        details=details,
        due_on=due,
        proof=proof,
        count=count,
    )
    receipt = caller.call("notifier", "OrderTask", command)
    show_one(receipt, title=f"order {order_id}", as_json=as_json)


@app.command()
def order(
    order_id: Annotated[str, typer.Argument(help="order_id")],
    purpose: Purpose = "case-work",
    as_json: Json = False,
) -> None:
    """An order, its details and how many of its tasks are done.

    Example: tuopin task order ORDER
    """
    found = contact(purpose).call("notifier", "GetOrder", GetOrder(order_id=order_id))
    show_one(found, title=f"order {order_id}", as_json=as_json)


@app.command()
def reassign(
    assignment_id: AssignmentId,
    to: Annotated[str, typer.Option(help="cadre_id of who is to have it")],
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Hand an open task to somebody else; what was sent as evidence stays with it.

    Example: tuopin task reassign TASK --to CADRE
    """
    command = ReassignAssignment(
        command_id=command_id or new_command_id(), assignment_id=assignment_id, cadre_id=to
    )
    send("notifier", command, "handed on", as_json)


@app.command()
def cancel(
    assignment_id: AssignmentId,
    reason: Annotated[str, typer.Option(help="A code, e.g. mistaken")] = "mistaken",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Take an open task back.

    Example: tuopin task cancel TASK --reason mistaken
    """
    command = CancelAssignment(
        command_id=command_id or new_command_id(), assignment_id=assignment_id, reason=reason
    )
    send("notifier", command, "cancelled", as_json)


@app.command()
def review(
    assignment_id: AssignmentId,
    back: Annotated[
        str, typer.Option(help="Send it back: incomplete | photo-unclear | wrong-place | not-done")
    ] = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Accept the answer to a task that no other service judges, or send it back.

    Example: tuopin task review TASK --back photo-unclear
    """
    command = ReviewAssignment(
        command_id=command_id or new_command_id(),
        assignment_id=assignment_id,
        accepted=not back,
        reason=back,
    )
    send("notifier", command, "reviewed", as_json)


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
