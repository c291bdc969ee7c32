"""Options that many commands share."""

from typing import Annotated

import typer

from services.cli.contact import chosen
from services.cli.endpoints import SERVICES

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
Service = Annotated[str, typer.Option(help=f"One of {', '.join(SERVICES)}; empty: all.")]


def chosen_services(service: str) -> tuple[str, ...]:
    """The service that was named, or all of them."""
    return (chosen("--service", service, SERVICES),) if service else SERVICES
