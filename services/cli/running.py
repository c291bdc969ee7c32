"""`tuopin run | demo | token`, and the parts that `make run-kafka` calls."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from chassis.access import ROLES
from chassis.settings import Settings
from services import running
from services.cli import endpoints
from services.cli.contact import fail, tokens_of
from services.cli.endpoints import SERVICES, Endpoints, data_folder
from services.cli.output import EXIT_FAILED, EXIT_FORBIDDEN, EXIT_USAGE, console, errors
from services.cli.story import demo_county, helping, leaving, register
from services.cli.story.play import Stage, play
from services.compose import announce_ready, make_keys

READY_S = 120.0
STOP_S = 30.0

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

    async def ready(system: running.Embedded) -> None:
        settings = system.settings
        written = Endpoints(
            services={name: settings.address_of(name) for name in SERVICES},
            token_key_file=str(settings.token_key_path()),
            chat_url=system.chat_url,
        )
        endpoints.write(settings.data, written)
        if demo:
            await _in_child("demo-county", "--households", str(households))
        _say_where(written)
        announce_ready(settings)

    running.run(lambda settings: running.embedded(settings, ready), "embedded")


async def _in_child(*arguments: str) -> None:
    # A client of its own: the loop that serves must not wait for the one that asks.
    import asyncio

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", "part", *arguments
    )
    if await process.wait() != 0:
        errors.print(f"{arguments[0]} failed; the system runs on without it")


def _say_where(written: Endpoints) -> None:
    for name, address in written.services.items():
        console.print(f"{name:10} grpc://{address}", highlight=False)
    if written.chat_url:
        console.print(f"chat page  {written.chat_url}/", highlight=False)
    console.print("next       .venv/bin/tuopin status", highlight=False)


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="One line per step.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folder.")] = False,
) -> None:
    """Play the whole story on a fresh embedded system; exits 1 when a step fails.

    Example: tuopin demo --json
    """
    folder = Path(tempfile.mkdtemp(prefix="tuopin-demo-"))
    system = _started(folder)
    try:
        passed = play_story(folder, as_json=as_json)
    finally:
        system.send_signal(signal.SIGTERM)
        system.wait(STOP_S)
        if keep:
            errors.print(f"data is in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if not passed:
        raise typer.Exit(EXIT_FAILED)


def _started(folder: Path) -> subprocess.Popen[bytes]:
    """An embedded system of its own process on free ports; returns when it answers."""
    from devtools.processes import free_port

    ready = folder / "ready"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TUOPIN_")}
    environment |= {
        f"TUOPIN_{name.upper()}_ADDRESS": f"127.0.0.1:{free_port()}" for name in SERVICES
    }
    environment |= {
        "TUOPIN_DATA": str(folder),
        "TUOPIN_CHAT_PORT": str(free_port()),
        "TUOPIN_READY_FILE": str(ready),
        "TUOPIN_CLOCK_OFFSET_FILE": str(folder / "clock-offset"),
    }
    log = (folder / "system.log").open("wb")
    system = subprocess.Popen(
        [sys.executable, "-m", "services", "run"], env=environment, stdout=log, stderr=log
    )
    end = time.monotonic() + READY_S
    while not ready.exists():
        if system.poll() is not None or time.monotonic() > end:
            tail = (folder / "system.log").read_text(errors="replace")[-3000:]
            fail(f"the system did not start:\n{tail}")
        time.sleep(0.05)
    return system


def play_story(folder: Path, *, as_json: bool) -> bool:
    """All steps against the system whose endpoints are in the folder."""
    scratch = folder / "story"
    scratch.mkdir(exist_ok=True)
    stage = Stage(endpoints.read(folder), scratch, folder / "clock-offset")
    try:
        steps = [*register.STEPS, *helping.STEPS, *leaving.STEPS]
        return play(stage, steps, as_json=as_json)
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
        if each.partition("@")[0] not in ROLES or "@" not in each:
            fail(
                f"--role {each}: ROLE@REGION with a role of {', '.join(sorted(ROLES))}", EXIT_USAGE
            )
    known = endpoints.read()
    if not known.token_key_file or not Path(known.token_key_file).exists():
        fail("the key file of the running system is not on this machine", EXIT_FORBIDDEN)
    print(tokens_of(known.token_key_file).issue(subject, role, ttl_s=hours * 3600))


@parts.command("keys")
def _keys() -> None:
    """Make the key files of a data folder."""
    make_keys(Settings.from_environment())


@parts.command("chat")
def _chat() -> None:
    """The local chat alone."""
    running.run(running.chat, "chat")


@parts.command("play")
def _play(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Play the story against the running system of TUOPIN_DATA."""
    if not play_story(data_folder(), as_json=as_json):
        raise typer.Exit(EXIT_FAILED)


@parts.command("demo-county")
def _demo_county(households: int = 2000) -> None:
    """Load the demo county into the running system of TUOPIN_DATA."""
    demo_county.load(households)
