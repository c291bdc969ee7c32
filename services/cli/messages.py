"""`tuopin message`: what the notifier could not send, and sending it again."""

from typing import Annotated

import typer

from services.cli.contact import contact, new_command_id
from services.cli.options import CommandId, Json, PageSize, PageToken, Region
from services.cli.output import show_one, show_page
from tuopin.notifier.v1.resending_pb2 import ListDeadMessages, ResendMessage

app = typer.Typer(no_args_is_help=True, help="Messages that were given up.")


@app.command("dead")
def list_dead(
    region: Region = "",
    page_size: PageSize = 20,
    page_token: PageToken = "",
    as_json: Json = False,
) -> None:
    """Messages that were given up below a region, with the reason.

    "unreachable" means that the person has blocked the bot or left the chat; a task went on to the
    next person already.

    Example: tuopin message dead --region 433124
    """
    page = contact().call(
        "notifier",
        "ListDeadMessages",
        ListDeadMessages(region_id=region, page_size=page_size, page_token=page_token),
    )
    columns = ("message_id", "reference", "cadre_id", "template", "state", "attempts", "reason")
    show_page(page.messages, columns, page=page, noun="messages", as_json=as_json)


@app.command()
def resend(
    message_id: Annotated[str, typer.Argument(help="message_id, from `tuopin message dead`")],
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Send a message again that was given up, by the person's first channel.

    A task that is over meanwhile is not told about.

    Example: tuopin message resend MESSAGE
    """
    command = ResendMessage(command_id=command_id or new_command_id(), message_id=message_id)
    show_one(contact().call("notifier", "ResendMessage", command), title="queued", as_json=as_json)
