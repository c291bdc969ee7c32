"""`tuopin cadre | session`: who does the work, and are they ready."""

import base64
import hashlib
import secrets
import uuid
from pathlib import Path
from typing import Annotated

import segno
import typer

from services.cli.codes import codes_of
from services.cli.contact import chosen, contact, new_command_id, send, today
from services.cli.options import CommandId, Json, On, PageSize, PageToken, Purpose, Region
from services.cli.output import console, show_one, show_page
from tuopin.notifier.v1.link_pb2 import IssueLink
from tuopin.notifier.v1.linking_pb2 import ChooseChannels, RevokeLink
from tuopin.training.v1.cadre_pb2 import (
    AppointCadre,
    CompleteTraining,
    EndPost,
    GetCadre,
    ListCadres,
    Post,
    PostCadre,
    RecordDeparture,
    ScheduleSession,
)

app = typer.Typer(no_args_is_help=True, help="Cadres, their posts, chats and records.")
sessions = typer.Typer(no_args_is_help=True, help="Training sessions.")

CadreId = Annotated[str, typer.Argument(help="cadre_id")]
POSTS = codes_of(Post)


def new_code() -> str:
    """32 random bytes as the text a link carries."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


@app.command()
def appoint(
    region: Annotated[str, typer.Option(help="County or township that appoints.")],
    name: Annotated[str, typer.Option(prompt=True)],
    phone: Annotated[str, typer.Option(help="May be left out.")] = "",
    unit: Annotated[str, typer.Option(help="Where the cadre comes from.")] = "",
    language: Annotated[str, typer.Option(help="zh or en")] = "zh",
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Appoint a cadre.

    Example: tuopin cadre appoint --region 433124 --name 示例 --language zh
    """
    cadre_id = str(uuid.uuid4())
    command = AppointCadre(
        command_id=command_id or new_command_id(),
        cadre_id=cadre_id,
        region_id=region,
        name=name,
        phone=phone,
        unit=unit,
        language=language,
        effective_on=on or today(),
    )
    send("training", command, f"cadre {cadre_id}", as_json)


@app.command()
def post(
    cadre_id: CadreId,
    region: Annotated[str, typer.Option(help="Village or township.")],
    as_what: Annotated[str, typer.Option("--as", help=" | ".join(POSTS))] = "first-secretary",
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Post a cadre to a village, or to a township as its specialist.

    Example: tuopin cadre post CADRE --region 433124110226 --as first-secretary
    """
    chosen("--as", as_what, POSTS)
    command = PostCadre(
        command_id=command_id or new_command_id(),
        cadre_id=cadre_id,
        region_id=region,
        post=Post.Value(f"POST_{as_what.upper().replace('-', '_')}"),
        effective_on=on or today(),
    )
    send("training", command, "posted", as_json)


@app.command("end-post")
def end_post(
    cadre_id: CadreId,
    region: Annotated[str, typer.Option(help="Where the post is.")],
    as_what: Annotated[str, typer.Option("--as", help=" | ".join(POSTS))] = "first-secretary",
    reason: Annotated[str, typer.Option(help="term-over | transferred | recalled | other")] = (
        "term-over"
    ),
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """End one post of a cadre. Its open tasks there go to the next whom the policies name.

    Example: tuopin cadre end-post CADRE --region 433124110226 --as first-secretary
    """
    chosen("--as", as_what, POSTS)
    command = EndPost(
        command_id=command_id or new_command_id(),
        cadre_id=cadre_id,
        region_id=region,
        post=Post.Value(f"POST_{as_what.upper().replace('-', '_')}"),
        reason=reason,
        effective_on=on or today(),
    )
    send("training", command, "ended", as_json)


@app.command()
def leave(
    cadre_id: CadreId,
    reason: Annotated[
        str,
        typer.Option(
            help="term-over | transferred | recalled | resigned | retired | deceased | other"
        ),
    ] = "term-over",
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """A cadre leaves: every post ends, every open task is handed over, the chat is let go.

    Example: tuopin cadre leave CADRE --reason recalled
    """
    command = RecordDeparture(
        command_id=command_id or new_command_id(),
        cadre_id=cadre_id,
        reason=reason,
        effective_on=on or today(),
    )
    send("training", command, "left", as_json)


@app.command("show")
def show_cadre(
    cadre_id: CadreId, purpose: Purpose = "staff-management", as_json: Json = False
) -> None:
    """The record of a cadre: posts, hours, certificates, tasks.

    Example: tuopin cadre show CADRE --json
    """
    record = contact(purpose).call("training", "GetCadre", GetCadre(cadre_id=cadre_id))
    show_one(record, title=f"cadre {cadre_id}", as_json=as_json)


@app.command("list")
def list_cadres(
    region: Region = "",
    page_size: PageSize = 20,
    page_token: PageToken = "",
    purpose: Purpose = "staff-management",
    as_json: Json = False,
) -> None:
    """Cadres appointed below a region.

    Example: tuopin cadre list --region 433124 --json
    """
    page = contact(purpose).call(
        "training",
        "ListCadres",
        ListCadres(region_id=region, page_size=page_size, page_token=page_token),
    )
    columns = ("cadre_id", "postings", "hours", "tasks_open", "tasks_finished", "visits")
    show_page(page.cadres, columns, page=page, noun="cadres", as_json=as_json)


@app.command()
def link(
    cadre_id: CadreId,
    qr: Annotated[Path | None, typer.Option(help="File for a QR picture: .svg or .png")] = None,
    bot: Annotated[str, typer.Option(help="The bot's name at Telegram, for the link.")] = "",
    command_id: CommandId = "",
) -> None:
    """Print the one-time link (10 minutes) that ties the cadre's private chat to the post.

    The code is shown once; only its hash is kept. In the chat the cadre says yes to the masked
    name; specialists and county leaders share the telephone that is on record.

    Example: tuopin cadre link CADRE --qr link.svg
    """
    code = new_code()
    command = IssueLink(
        command_id=command_id or new_command_id(),
        cadre_id=cadre_id,
        code_sha256=hashlib.sha256(code.encode()).hexdigest(),
    )
    caller = contact()
    caller.call("notifier", "IssueLink", command)
    console.print(f"/start {code}", highlight=False, soft_wrap=True)
    address = f"https://t.me/{bot}" if bot else caller.endpoints.chat_url
    if address:
        url = f"{address.rstrip('/')}{'' if bot else '/'}?start={code}"
        console.print(url, highlight=False, soft_wrap=True)
    if qr is not None:
        segno.make(url if address else f"/start {code}").save(str(qr), scale=8, border=4)
        console.print(f"picture in {qr}; whoever sees it within ten minutes can use it")


@app.command()
def channels(
    cadre_id: CadreId,
    order: Annotated[list[str], typer.Argument(help="telegram, log; the first is tried first")],
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """By what a cadre is reached, in this order: the next is tried where one cannot reach them.

    log is a file of lines (notifier/outbox.jsonl in the data folder) for an office that calls.

    Example: tuopin cadre channels CADRE telegram log
    """
    command = ChooseChannels(
        command_id=command_id or new_command_id(), cadre_id=cadre_id, channels=order
    )
    show_one(
        contact().call("notifier", "ChooseChannels", command), title="channels", as_json=as_json
    )


@app.command()
def unlink(
    cadre_id: CadreId,
    reason: Annotated[str, typer.Option(help="A word in the log, e.g. lost-phone.")] = "office",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Nothing more goes to the cadre's chat, and nothing it sends counts; unused codes are void.

    Example: tuopin cadre unlink CADRE --reason lost-phone
    """
    command = RevokeLink(
        command_id=command_id or new_command_id(), cadre_id=cadre_id, reason=reason
    )
    show_one(contact().call("notifier", "RevokeLink", command), title="unlinked", as_json=as_json)


@sessions.command()
def schedule(
    region: Annotated[str, typer.Option(help="County or township that holds it.")],
    course: Annotated[str, typer.Option(help="Code in the catalogue of courses.")],
    hours: Annotated[int, typer.Option(min=1)] = 8,
    places: Annotated[int, typer.Option(min=1)] = 40,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Schedule a training session of a course of the catalogue.

    Example: tuopin session schedule --region 433124 --course household-files --hours 8
    """
    session_id = str(uuid.uuid4())
    command = ScheduleSession(
        command_id=command_id or new_command_id(),
        session_id=session_id,
        region_id=region,
        course=course,
        hours=hours,
        places=places,
        held_on=on or today(),
    )
    send("training", command, f"session {session_id}", as_json)


@sessions.command()
def complete(
    session_id: Annotated[str, typer.Argument(help="session_id")],
    cadre: Annotated[str, typer.Option(help="cadre_id")],
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """A cadre attended to the end and passed: hours and certificate go into the record.

    Example: tuopin session complete SESSION --cadre CADRE
    """
    command = CompleteTraining(
        command_id=command_id or new_command_id(), session_id=session_id, cadre_id=cadre
    )
    send("training", command, "completed", as_json)
