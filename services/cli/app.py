"""All commands of `tuopin`, put together."""

import sys

import grpc
import typer

from services.cli import (
    accesses,
    cadres,
    complaints,
    duplicates,
    exits,
    explain,  # noqa: F401  # adds a command to `household`
    exports,
    figures,
    funds,
    household_changes,
    household_corrections,
    households,
    identifying,
    imports,
    logs,
    messages,
    monitoring,
    people,
    plans,
    regions,
    running,
    subjects,
    sweeping,
    tasks,
    upkeep,
    voices,
)
from services.cli.contact import refused
from services.cli.output import EXIT_CODES

app = typer.Typer(
    name="tuopin",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="脱贫 tuopin: which households, for what cause, with what measure, with whose money, "
    "through which cadre, and did they really get out.",
    epilog=f"Example: tuopin household list --region 433124 --json\n\n{EXIT_CODES}",
)
app.add_typer(regions.app, name="regions")
app.add_typer(imports.app, name="import")
app.add_typer(households.app, name="household")
households.app.command("export")(exports.export_households)
for _command in (*household_changes.COMMANDS, household_corrections.correct):
    households.app.command(_command.__name__.replace("_", "-"))(_command)
households.app.add_typer(duplicates.app, name="duplicates")
app.add_typer(households.people, name="person")
households.people.command("find")(people.find)
app.add_typer(accesses.app, name="access")
app.add_typer(identifying.postings, name="posting")
app.add_typer(sweeping.round_app, name="round")
app.add_typer(sweeping.lookback_app, name="lookback")
app.add_typer(exits.app, name="exit")
app.add_typer(monitoring.app, name="monitoring")
app.add_typer(figures.app, name="figures")
app.add_typer(subjects.village, name="village")
app.add_typer(subjects.county, name="county")
app.add_typer(plans.app, name="plan")
app.add_typer(funds.app, name="fund")
app.add_typer(cadres.app, name="cadre")
app.add_typer(cadres.sessions, name="session")
app.add_typer(tasks.app, name="task")
app.add_typer(messages.app, name="message")
app.add_typer(complaints.app, name="complaint")
for _voice in (voices.link, voices.links, voices.unlink):
    households.app.command()(_voice)
app.add_typer(logs.app, name="events")
app.command("template")(imports.template)
app.command("rebuild")(upkeep.rebuild)
app.command("verify")(upkeep.verify)
app.command("status")(upkeep.status)
app.command("token")(running.token)
app.add_typer(running.parts, name="part", hidden=True)
app.command("run")(running.run)
app.command("demo")(running.demo)


def main() -> None:
    """Run the command line; a refusal of a service becomes a line and an exit code."""
    try:
        app(prog_name="tuopin")
    except grpc.RpcError as error:
        try:
            refused(error)
        except typer.Exit as leave:
            sys.exit(leave.exit_code)
