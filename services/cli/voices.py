"""`tuopin household link | links | unlink`: whose chat speaks for a household."""

import hashlib
from typing import Annotated

import typer

from services.cli.cadres import new_code
from services.cli.contact import contact, new_command_id
from services.cli.options import CommandId, Json
from services.cli.output import console, show, show_one
from tuopin.notifier.v1.voice_pb2 import (
    IssueHouseholdLink,
    ListHouseholdLinks,
    UnlinkHousehold,
)

HouseholdId = Annotated[str, typer.Argument(help="household_id")]
PersonId = Annotated[str, typer.Argument(help="person_id of the member")]


def link(household_id: HouseholdId, person_id: PersonId, command_id: CommandId = "") -> None:
    """Print the one-time link (10 minutes) that ties a member's private chat to the household.

    The code is shown once; only its hash is kept. With the chat the member opens the household's
    own page.

    Example: tuopin household link HOUSEHOLD PERSON
    """
    code = new_code()
    command = IssueHouseholdLink(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        person_id=person_id,
        code_sha256=hashlib.sha256(code.encode()).hexdigest(),
    )
    caller = contact()
    caller.call("notifier", "IssueHouseholdLink", command)
    console.print(f"/start {code}", highlight=False, soft_wrap=True)
    if caller.endpoints.chat_url:
        url = f"{caller.endpoints.chat_url}/?start={code}"
        console.print(url, highlight=False, soft_wrap=True)


def links(household_id: HouseholdId, as_json: Json = False) -> None:
    """Members whose chat is, or was, linked.

    Example: tuopin household links HOUSEHOLD
    """
    found = contact().call(
        "notifier", "ListHouseholdLinks", ListHouseholdLinks(household_id=household_id)
    )
    columns = ("person_id", "linked", "linked_at_us", "language")
    show(found.links, columns, title=f"household {household_id}", as_json=as_json)


def unlink(
    household_id: HouseholdId,
    person_id: PersonId,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """End a member's link; the pages opened from that chat close with it.

    Example: tuopin household unlink HOUSEHOLD PERSON
    """
    command = UnlinkHousehold(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        person_id=person_id,
        ground="office",
    )
    receipt = contact().call("notifier", "UnlinkHousehold", command)
    show_one(receipt, title=f"household {household_id}", as_json=as_json)
