"""`tuopin run | demo | token`, and the parts that `make run-kafka` calls.

What only a server needs is imported where it is used: a command of the command line starts faster.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chassis.access import ROLES, parse_roles
from chassis.settings import DEMO_OVERLAY, SettingInvalid, Settings
from services.cli import endpoints
from services.cli.contact import fail, hint, known_endpoints, signer
from services.cli.endpoints import SERVICES, Endpoints, data_folder
from services.cli.output import EXIT_FAILED, EXIT_USAGE, console
from services.cli.words import say

if TYPE_CHECKING:
    from services.running import Embedded

parts = typer.Typer(hidden=True)


def run(
    demo: Annotated[
        bool, typer.Option("--demo-county", help="Load Huayuan county with synthetic households.")
    ] = False,
    households: Annotated[int, typer.Option(help="How many synthetic households.")] = 2000,
) -> None:
    """Run the whole system in this process until Ctrl-C. Settings: docs/settings.md.

    Example: tuopin run --demo-county
    """

    from services import running
    from services.compose import announce_ready

    if demo:
        # Whoever tries it in the evening would wait for the morning.
        os.environ.setdefault("TUOPIN_PROGRAMME_OVERLAY", str(DEMO_OVERLAY))
    _check_ports()

    async def ready(system: "Embedded") -> None:
        settings = system.settings
        written = Endpoints(
            services={name: settings.address_of(name) for name in SERVICES},
            token_key_file=str(settings.token_key_path()),
            chat_url=system.chat_url,
            health_urls=(system.health_url,),
        )
        endpoints.write(settings.data, written)
        if demo:
            await _in_child("demo-county", "--households", str(households))
        _say_where(written)
        announce_ready(settings)

    running.run(lambda settings: running.embedded(settings, ready), "embedded")


def _check_ports() -> None:
    """A port that is taken is a sentence, not a fault of the server."""
    from devtools.processes import port_answers

    try:
        settings = Settings.from_environment()
    except SettingInvalid as wrong:
        fail(str(wrong), EXIT_USAGE)
    places = {settings.address_of(name): f"TUOPIN_{name.upper()}_ADDRESS" for name in SERVICES}
    places[f"127.0.0.1:{settings.chat_port}"] = "TUOPIN_CHAT_PORT"
    if settings.page_port:
        places[f"127.0.0.1:{settings.page_port}"] = "TUOPIN_PAGE_PORT"
    for place, setting in places.items():
        if port_answers(int(place.rpartition(":")[2])):
            fail(say("port-taken", place=place, setting=setting), EXIT_USAGE)


async def _in_child(*arguments: str) -> None:
    # A client of its own: the loop that serves must not wait for the one that asks.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", "part", *arguments
    )
    if await process.wait() != 0:
        hint("county-failed")


def _say_where(written: Endpoints) -> None:
    for name, address in written.services.items():
        console.print(f"{name:10} grpc://{address}", highlight=False)
    if written.chat_url:
        console.print(f"chat page  {written.chat_url}/", highlight=False)
    for url in written.health_urls:
        console.print(f"health     {url}/readyz", highlight=False)
    console.print("next       .venv/bin/tuopin status", highlight=False)


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="One line per step.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folder.")] = False,
) -> None:
    """Play the whole story on a fresh embedded system; exits 1 when a step fails.

    Example: tuopin demo --json
    """
    from services.cli.starting import NotStarted, System

    folder = Path(tempfile.mkdtemp(prefix="tuopin-demo-"))
    system = System(folder)
    try:
        system.start()
        passed = play_story(folder, as_json=as_json)
    except NotStarted as failed:
        fail(say("system-not-started", log=failed))
    finally:
        system.stop()
        if keep:
            hint("data-kept", folder=folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if not passed:
        raise typer.Exit(EXIT_FAILED)


def play_story(folder: Path, *, as_json: bool) -> bool:
    """All steps against the system whose endpoints are in the folder."""
    from services.cli.story.play import Stage, play
    from services.cli.story.whole import STEPS

    scratch = folder / "story"
    scratch.mkdir(exist_ok=True)
    stage = Stage(endpoints.read(folder), scratch, folder / "clock-offset")
    try:
        return play(stage, STEPS, as_json=as_json)
    finally:
        stage.close()


def token(
    subject: Annotated[str, typer.Argument(help="Whose token: an account name.")],
    role: Annotated[list[str], typer.Option(help="ROLE@REGION, repeated; ROLE@: everywhere.")],
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 30)] = 8.0,
) -> None:
    """Print a token, signed with the key file of the running system.

    Example: tuopin token office-1 --role county-office@433124
    """
    for each in role:
        try:
            parse_roles([each])
        except ValueError:
            sentence = say("role-unreadable", value=each, allowed=", ".join(sorted(ROLES)))
            fail(sentence, EXIT_USAGE)
    print(signer(known_endpoints()).issue(subject, role, ttl_s=hours * 3600))


@parts.command("keys")
def _keys() -> None:
    """Make the key files of a data folder."""
    from services.compose import make_keys

    make_keys(Settings.from_environment())


@parts.command("chat")
def _chat() -> None:
    """The local chat alone."""
    from services import running

    running.run(running.chat, "chat")


@parts.command("play")
def _play(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Play the story against the running system of TUOPIN_DATA."""
    if not play_story(data_folder(), as_json=as_json):
        raise typer.Exit(EXIT_FAILED)


@parts.command("demo-county")
def _demo_county(households: int = 2000) -> None:
    """Load the demo county into the running system of TUOPIN_DATA."""
    from services.cli.story import demo_county

    demo_county.load(households)
