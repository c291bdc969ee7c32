"""`tuopin household join | leave | change | head | move | ...`: what happens to a file."""

from typing import Annotated, Any

import typer
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from chassis.enumcodes import number_by_code
from services.cli.codes import chosen_of, codes_of
from services.cli.contact import chosen, fail, new_command_id, send, today
from services.cli.households import Household
from services.cli.options import CommandId, Json, On
from services.cli.output import EXIT_USAGE, show_one
from services.cli.words import say
from tuopin.registry.v1 import composition_pb2 as composition
from tuopin.registry.v1 import correction_pb2 as correction
from tuopin.registry.v1 import file_pb2 as file
from tuopin.registry.v1 import household_pb2 as pb

Person = Annotated[str, typer.Argument(help="person_id")]
Reason = Annotated[str, typer.Option(help="Why; sealed with the household.")]
NewHead = Annotated[str, typer.Option(help="person_id of the next head, when the head goes.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the command, send nothing.")]
Relations = Annotated[
    list[str] | None,
    typer.Option("--relation", help="PERSON=RELATION, e.g. PERSON=child; repeatable."),
]


def relations_of(texts: list[str] | None) -> list[file.RelationToHead]:
    """PERSON=RELATION pairs."""
    found = []
    for text in texts or []:
        person_id, _, relation = text.partition("=")
        to = chosen_of(pb.Relation, "--relation", relation)
        found.append(file.RelationToHead(person_id=person_id, relation=to))
    return found


def filled(kind: type[Message], texts: list[str], option: str) -> Any:
    """A message from FIELD=VALUE pairs; codes stand for enum values."""
    fields: dict[str, Any] = {}
    message = kind()
    for text in texts:
        name, _, value = text.partition("=")
        known = message.DESCRIPTOR.fields_by_name.get(name)
        if known is None:
            fail(say("option-field-unknown", option=option, field=name), EXIT_USAGE)
        fields[name] = _value(known, value, option)
    try:
        return ParseDict(fields, message)
    except (ParseError, ValueError):
        fail(say("option-value-unreadable", option=option), EXIT_USAGE)


def _value(known: Any, value: str, option: str) -> Any:
    if known.enum_type is not None:
        known_codes = number_by_code(known.enum_type)
        return known_codes[chosen(option, value, known_codes)]
    if known.cpp_type == known.CPPTYPE_BOOL:
        return chosen(option, value, ("yes", "no")) == "yes"
    return value


def send_or_show(command: Any, command_id: str, as_json: bool, dry_run: bool = False) -> None:
    """Send it, or show what would be sent."""
    if dry_run:
        command.command_id = command_id or new_command_id()
        show_one(command, title=f"{command.DESCRIPTOR.name} (dry run)", as_json=as_json)
        return
    send("registry", command, command.DESCRIPTOR.name, as_json, command_id=command_id)


def join(
    household_id: Household,
    arrival: Annotated[str, typer.Option(help=" | ".join(codes_of(pb.Arrival)))],
    member: Annotated[
        list[str], typer.Option("--member", help="FIELD=VALUE, e.g. name=..., sex=female.")
    ],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Somebody becomes a member; who was one before keeps their person_id.

    Example: tuopin household join ID --arrival birth --member name=合成塔娜 --member sex=female
    """
    command = file.AddMember(
        household_id=household_id,
        member=filled(pb.Member, member, "--member"),
        effective_on=on or today(),
    )
    command.arrival = chosen_of(pb.Arrival, "--arrival", arrival)
    send_or_show(command, command_id, as_json)


def leave(
    household_id: Household,
    person_id: Person,
    departure: Annotated[str, typer.Option(help="death | marriage | moved-away | prison")],
    new_head: NewHead = "",
    relation: Relations = None,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Somebody leaves the household and the register.

    Example: tuopin household leave HOUSEHOLD PERSON --departure marriage --on 2026-10-01
    """
    command = file.RemoveMember(
        household_id=household_id,
        person_id=person_id,
        effective_on=on or today(),
        new_head_id=new_head,
        relations=relations_of(relation),
    )
    command.departure = chosen_of(pb.Departure, "--departure", departure)
    send_or_show(command, command_id, as_json)


def change(
    household_id: Household,
    person_id: Person,
    to: Annotated[list[str], typer.Option("--to", help="FIELD=VALUE, e.g. health=disabled.")],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Something about a person is another from a day on.

    Example: tuopin household change HOUSEHOLD PERSON --to employment=wage-work --to work_months=8
    """
    attributes: file.MemberAttributes = filled(file.MemberAttributes, to, "--to")
    attributes.person_id = person_id
    attributes.changed.extend(text.partition("=")[0] for text in to)
    command = file.ChangeMember(
        household_id=household_id, attributes=attributes, effective_on=on or today()
    )
    send_or_show(command, command_id, as_json)


def head(
    household_id: Household,
    person_id: Person,
    relation: Relations = None,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Another member is the head from a day on.

    Example: tuopin household head HOUSEHOLD PERSON --relation OLD_HEAD=parent
    """
    command = file.ChangeHead(
        household_id=household_id,
        person_id=person_id,
        relations=relations_of(relation),
        effective_on=on or today(),
    )
    send_or_show(command, command_id, as_json)


def income(
    household_id: Household,
    source: Annotated[
        list[str], typer.Option("--source", help="FIELD=FEN, e.g. wages_fen=700000.")
    ],
    year: Annotated[int, typer.Option(help="The year it was earned in.")],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """State a year's income; tied_subsidies_fen and one_off_relief_fen do not count.

    Example: tuopin household income ID --year 2025 --source wages_fen=700000
    """
    stated: pb.Income = filled(pb.Income, source, "--source")
    stated.year = year
    command = file.StateIncome(household_id=household_id, income=stated, effective_on=on or today())
    send_or_show(command, command_id, as_json)


def move(
    household_id: Household,
    person: Annotated[str, typer.Option(help="person_id; empty: the whole household.")] = "",
    to: Annotated[str, typer.Option(help="household_id, or the village code.")] = "",
    relation: Annotated[str, typer.Option(help=" | ".join(codes_of(pb.Relation)))] = "other",
    new_head: NewHead = "",
    address: Annotated[str, typer.Option(help="In the new village.")] = "",
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """A person goes to another household, or the whole household to another village.

    Example: tuopin household move HOUSEHOLD --person PERSON --to OTHER --relation spouse
    """
    day = on or today()
    if not person:
        village = file.MoveHousehold(
            household_id=household_id, village_id=to, address=address, effective_on=day
        )
        send_or_show(village, command_id, as_json)
        return
    command = composition.MoveMember(
        household_id=household_id,
        person_id=person,
        to_household_id=to,
        new_head_id=new_head,
        effective_on=day,
    )
    command.relation = chosen_of(pb.Relation, "--relation", relation)
    send_or_show(command, command_id, as_json)


def split(
    household_id: Household,
    source: Annotated[str, typer.Option(help="Where the new number comes from.")],
    number_: Annotated[str, typer.Option("--number", help="Number of the new household.")],
    member: Annotated[
        list[str], typer.Option("--member", help="PERSON=RELATION to the new head; one is head.")
    ],
    year: Annotated[int, typer.Option(help="Year of the new household's income.")],
    earned: Annotated[list[str], typer.Option("--source-of-income", help="FIELD=FEN.")],
    address: Annotated[str, typer.Option(help="Of the new household; empty: the same.")] = "",
    new_head: NewHead = "",
    on: On = "",
    dry_run: DryRun = False,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Some members become a household of their own.

    Example: tuopin household split ID --source 433124 --number N --member PERSON=head --year 2025
    """
    stated: pb.Income = filled(pb.Income, earned, "--source-of-income")
    stated.year = year
    command = composition.SplitHousehold(
        household_id=household_id,
        source=source,
        household_number=number_,
        members=relations_of(member),
        income=stated,
        address=address,
        new_head_id=new_head,
        effective_on=on or today(),
    )
    send_or_show(command, command_id, as_json, dry_run)


Merged = Annotated[str, typer.Argument(help="household_id of the one that is merged away")]


def merge(
    household_id: Household,
    merged: Merged,
    reason: Reason,
    same: Annotated[
        list[str] | None, typer.Option(help="PERSON=KEPT_PERSON who stands in both; repeatable.")
    ] = None,
    relation: Relations = None,
    on: On = "",
    dry_run: DryRun = False,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Two households are one; both histories stay, and it can be taken apart again.

    Example: tuopin household merge KEPT OTHER --reason 同一户 --dry-run
    """
    pairs = [text.partition("=") for text in same or []]
    command = composition.MergeHouseholds(
        household_id=household_id,
        merged_household_id=merged,
        relations=relations_of(relation),
        same_people=[
            composition.SamePerson(person_id=person, kept_person_id=kept)
            for person, _, kept in pairs
        ],
        reason=reason,
        effective_on=on or today(),
    )
    send_or_show(command, command_id, as_json, dry_run)


def unmerge(
    household_id: Household,
    merged: Merged,
    reason: Reason,
    on: On = "",
    dry_run: DryRun = False,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """They were two after all: both are restored.

    Example: tuopin household unmerge KEPT OTHER --reason 并错了
    """
    command = composition.UnmergeHouseholds(
        household_id=household_id,
        merged_household_id=merged,
        reason=reason,
        effective_on=on or today(),
    )
    send_or_show(command, command_id, as_json, dry_run)


def correct_date(
    household_id: Household,
    version: Annotated[int, typer.Option(help="Of the event, the number after @ in its id.")],
    reason: Reason,
    on: Annotated[str, typer.Option("--on", help="The right day, YYYY-MM-DD.")],
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """A fact is right, but not its day.

    Example: tuopin household correct-date ID --version 3 --on 2026-03-01 --reason 日期有误
    """
    command = correction.CorrectDate(
        household_id=household_id, version=version, reason=reason, effective_on=on
    )
    send_or_show(command, command_id, as_json)


COMMANDS = (join, leave, change, head, income, move, split, merge, unmerge, correct_date)
