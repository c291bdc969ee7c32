"""`tuopin person find`: is this person known already?"""

from typing import Annotated

import typer

from services.cli.contact import contact, fail, hint
from services.cli.options import BreakGlass, Json, PageSize, PageToken, Purpose, Region
from services.cli.output import EXIT_FAILED, show_one, show_page
from services.cli.words import say
from tuopin.registry.v1.household_pb2 import FindPerson
from tuopin.registry.v1.search_pb2 import FindPeople

COLUMNS = (
    "name", "identity_number", "birth_year", "relation", "village_name", "village_id", "status",
    "household_id", "person_id",
)  # fmt: skip


def find(
    name: Annotated[str, typer.Option(help="Whole name, given name, or a piece of it.")] = "",
    pinyin: Annotated[str, typer.Option(help="zhangwei, or the initials zw.")] = "",
    phone: Annotated[str, typer.Option(help="With or without +86.")] = "",
    identity_number: Annotated[str, typer.Option(help="18 characters.")] = "",
    region: Region = "",
    born: Annotated[str, typer.Option(help="Year, or FROM-TO: 1950-1960.")] = "",
    purpose: Purpose = "case-work",
    break_glass: BreakGlass = "",
    page_size: PageSize = 20,
    page_token: PageToken = "",
    as_json: Json = False,
) -> None:
    """Find people; texts are compared as keyed digests, and whom the answer shows is on record.

    What is given must all fit. A village alone lists its people. Without any option the identity
    number is asked for, so that it stays out of the shell's history; a number alone is looked for
    everywhere and answered with ids only.

    Example: tuopin person find --pinyin hcab --region 433124 --born 1960-1980
    """
    if not any((name, pinyin, phone, region, born, identity_number)):
        identity_number = typer.prompt(say("identity-number"))
    if identity_number and not any((name, pinyin, phone, region, born)):
        _somewhere(identity_number, as_json)
        return
    born_from, _, born_to = born.partition("-")
    page = contact(purpose, break_glass).call(
        "registry",
        "FindPeople",
        FindPeople(
            region_id=region,
            identity_number=identity_number,
            name=name,
            pinyin=pinyin,
            phone=phone,
            born_from=_year(born_from),
            born_to=_year(born_to or born_from),
            page_size=page_size,
            page_token=page_token,
        ),
    )
    show_page(page.people, COLUMNS, page=page, noun="people", as_json=as_json)
    if page.behind_events:
        hint("search-behind", events=page.behind_events)
    if not page.people:
        fail(say("people-not-found"), EXIT_FAILED)


def _somewhere(identity_number: str, as_json: bool) -> None:
    found = contact().call("registry", "FindPerson", FindPerson(identity_number=identity_number))
    if as_json or found.found:
        show_one(found, title="person", as_json=as_json)
    if not found.found:
        fail(say("person-unknown"), EXIT_FAILED)


def _year(text: str) -> int:
    if text and not (text.isascii() and text.isdigit()):
        raise typer.BadParameter(say("years-unreadable", value=text), param_hint="--born")
    return int(text or 0)
