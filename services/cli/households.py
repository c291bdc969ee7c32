"""`tuopin household | person`: files, lookups, erasing."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.codes import codes_of
from services.cli.contact import chosen, contact, new_command_id, send
from services.cli.household_page import show_file
from services.cli.options import (
    AsOf,
    BreakGlass,
    CommandId,
    Json,
    KnownAt,
    PageSize,
    PageToken,
    Purpose,
    Region,
    known_at_us,
)
from services.cli.output import show_page
from services.cli.words import say
from tuopin.registry.v1.household_pb2 import (
    ErasePerson,
    GetHousehold,
    HouseholdStatus,
    ListHouseholds,
    PutEvidence,
)
from tuopin.types.v1.types_pb2 import Consent, Paper

app = typer.Typer(no_args_is_help=True, help="Household files.")
people = typer.Typer(no_args_is_help=True, help="People in the register.")

Household = Annotated[str, typer.Argument(help="household_id")]
GROUNDS = ("request", "court", "retention-over")
STATUSES = codes_of(HouseholdStatus)


@app.command("show")
def show_household(
    household_id: Household,
    as_of: AsOf = "",
    known_at: KnownAt = "",
    purpose: Purpose = "case-work",
    break_glass: BreakGlass = "",
    as_json: Json = False,
) -> None:
    """One file, with who, when and proof of everything in it.

    Example: tuopin household show ID --as-of 2026-06-30 --known-at 2026-07-01T00:00
    """
    found = contact(purpose, break_glass).call(
        "registry",
        "GetHousehold",
        GetHousehold(household_id=household_id, as_of=as_of, known_at_us=known_at_us(known_at)),
    )
    show_file(found, as_json=as_json)


@app.command("list")
def list_households(
    region: Region = "",
    status: Annotated[str, typer.Option(help=" | ".join(STATUSES))] = "",
    as_of: AsOf = "",
    known_at: KnownAt = "",
    page_size: PageSize = 20,
    page_token: PageToken = "",
    as_json: Json = False,
) -> None:
    """Households below a region, without personal fields, as they are or stood on a day.

    Example: tuopin household list --region 433124110226 --status registered --as-of 2026-06-30
    """
    if status:
        chosen("--status", status, STATUSES)
    page = contact().call(
        "registry",
        "ListHouseholds",
        ListHouseholds(
            region_id=region,
            status=HouseholdStatus.Value(
                f"HOUSEHOLD_STATUS_{(status or 'unspecified').upper().replace('-', '_')}"
            ),
            as_of=as_of,
            known_at_us=known_at_us(known_at),
            page_size=page_size,
            page_token=page_token,
        ),
    )
    columns: tuple[str, ...] = ("household_id", "household_number", "village_id", "status")
    columns = (*columns, "main_cause", "member_count", "income_per_head_fen", "synthetic")
    show_page(page.households, columns, page=page, noun="households", as_json=as_json)


@people.command()
def erase(
    household_id: Household,
    person_id: Annotated[str, typer.Argument(help="person_id")],
    ground: Annotated[str, typer.Option(help=" | ".join(GROUNDS))] = "request",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Destroy a person's key: name and numbers are gone everywhere and for ever; figures stay.

    Example: tuopin person erase HOUSEHOLD PERSON --ground request
    """
    if not yes:
        typer.confirm(say("erase-sure"), abort=True)
    chosen("--ground", ground, GROUNDS)
    command = ErasePerson(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        person_id=person_id,
        ground=ground,
    )
    send("registry", command, "erased", as_json)


def paper_consent(
    household_id: str, given_by: str, paper: Path, witness: str, given_on: str
) -> Consent:
    """Upload the picture of a signed paper, sealed on arrival, and make the consent of it."""
    blob = contact().call(
        "registry", "PutEvidence", PutEvidence(household_id=household_id, data=paper.read_bytes())
    )
    return Consent(
        given_by=given_by,
        given_on=given_on,
        paper=Paper(picture=blob, witness=witness, household_id=household_id),
    )
