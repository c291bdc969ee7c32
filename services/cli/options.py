"""Options that many commands share."""

from datetime import datetime
from typing import Annotated

import typer

from chassis.decider import PROGRAMME_ZONE
from services.cli.contact import chosen, fail
from services.cli.endpoints import SERVICES
from services.cli.output import EXIT_USAGE
from services.cli.words import say

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line instead of a table.")]
CommandId = Annotated[
    str,
    typer.Option(help="Keep it to repeat this command safely.", show_default="new"),
]
On = Annotated[str, typer.Option("--on", help="Effective date, YYYY-MM-DD.", show_default="today")]
Region = Annotated[str, typer.Option(help="Region code: 2, 4, 6, 9 or 12 digits.")]
PageSize = Annotated[int, typer.Option(min=1, max=1000, help="Rows a page.")]
PageToken = Annotated[str, typer.Option(help="next_page_token of the page before.")]
Year = Annotated[int, typer.Option(help="Budget year.", show_default="this year")]
AsOf = Annotated[str, typer.Option(help="Effective date, YYYY-MM-DD; empty: today.")]
KnownAt = Annotated[str, typer.Option(help="What was known then, ISO time; empty: now.")]
Purpose = Annotated[
    str, typer.Option(help="What the names are read for, on record; empty: they are masked.")
]
BreakGlass = Annotated[
    str, typer.Option("--break-glass", help="An access opened by `tuopin access break-glass`.")
]
Service = Annotated[str, typer.Option(help=f"One of {', '.join(SERVICES)}; empty: all.")]


def chosen_services(service: str) -> tuple[str, ...]:
    """The service that was named, or all of them."""
    return (chosen("--service", service, SERVICES),) if service else SERVICES


def known_at_us(text: str) -> int:
    """Microseconds of an ISO time (the programme's zone unless it names one); 0 for now."""
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(say("time-unreadable", option="--known-at", value=text), EXIT_USAGE)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=PROGRAMME_ZONE)
    return round(moment.timestamp() * 1_000_000)
