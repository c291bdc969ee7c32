"""What each event of the file makes of it: one truth for the rules' state and for the views."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from tuopin.registry.v1.correction_pb2 import HouseholdCorrected
from tuopin.registry.v1.file_pb2 import IncomeStated
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_APPLIED,
    HOUSEHOLD_STATUS_REGISTERED,
    Household,
    HouseholdRegistered,
    IncomeStatement,
    Member,
    PersonErased,
)
from tuopin.registry.v1.identification_pb2 import HouseholdApplied

Change = Callable[[Household, Any], None]

# Parts of the file that events set as a whole; people are parts of their own, and years of income.
ADDRESS, ATTRIBUTE, CAUSES = "address", "attribute", "causes"
LIVING_CONDITIONS, NEEDS, VILLAGE = "living_conditions", "needs", "village_id"


def member_part(person_id: str) -> str:
    """One person's part of the file."""
    return f"member:{person_id}"


def income_part(year: int) -> str:
    """One year's part of the file."""
    return f"income:{year}"


_AS_REGISTERED = (
    "household_id", "source", "household_number", "village_id", "attribute", "main_cause",
    "address", "synthetic", "split_from",
)  # fmt: skip


def registered(file: Household, event: HouseholdRegistered) -> None:
    """The whole file for the first time."""
    for name in _AS_REGISTERED:
        setattr(file, name, getattr(event, name))
    file.registered_on = event.effective_on
    file.status = event.status or HOUSEHOLD_STATUS_REGISTERED
    del file.members[:], file.other_causes[:], file.needs[:]
    file.members.extend(event.members)
    file.other_causes.extend(event.other_causes)
    file.needs.extend(event.needs)
    if event.HasField("living_conditions"):
        file.living_conditions.CopyFrom(event.living_conditions)
    if event.HasField("income"):
        put_statement(
            file,
            IncomeStatement(
                income=event.income,
                income_per_head_fen=event.income_per_head_fen,
                poverty_line_fen=event.poverty_line_fen,
                member_count=len(event.members),
                stated_on=event.effective_on,
            ),
        )


def applied(file: Household, event: HouseholdApplied) -> None:
    """The file that will be registered, when it comes to that."""
    registered(file, event.file)
    file.registered_on = ""
    file.status = HOUSEHOLD_STATUS_APPLIED


def income_stated(file: Household, event: IncomeStated) -> None:
    """A further year."""
    put_statement(file, event.statement)


def corrected(file: Household, event: HouseholdCorrected) -> None:
    """What the event names was wrong; the rest stays."""
    for name in event.corrected:
        match name:
            case "income_statement":
                put_statement(file, event.income_statement)
            case "members":
                take_out(file, event.never_there)
                for member in event.members:
                    put_member(file, member)
            case "other_causes" | "needs":
                values = getattr(file, name)
                del values[:]
                values.extend(getattr(event, name))
            case "living_conditions":
                file.living_conditions.CopyFrom(event.living_conditions)
            case _:
                setattr(file, name, getattr(event, name))


def put_statement(file: Household, statement: IncomeStatement) -> None:
    """One statement a year; the latest year is what the file shows first."""
    if not file.income_statements:
        # Every registration comes here.
        file.income_statements.append(statement)
        latest = statement
    else:
        latest = _put_among_others(file, statement)
    file.income.CopyFrom(latest.income)
    file.income_per_head_fen = latest.income_per_head_fen
    file.poverty_line_fen = latest.poverty_line_fen


def _put_among_others(file: Household, statement: IncomeStatement) -> IncomeStatement:
    """Gives the statement of the latest year."""
    others = [each for each in file.income_statements if each.income.year != statement.income.year]
    ordered = sorted([*others, statement], key=lambda each: each.income.year)
    kept = [IncomeStatement.FromString(each.SerializeToString()) for each in ordered]
    del file.income_statements[:]
    file.income_statements.extend(kept)
    return kept[-1]


def put_member(file: Household, member: Member) -> None:
    """In the place of the member with the same id, or at the end."""
    for each in file.members:
        if each.person_id == member.person_id:
            each.CopyFrom(member)
            return
    file.members.append(member)


def take_out(file: Household, person_ids: Any) -> None:
    """These people are no members."""
    gone = set(person_ids)
    for index in reversed(range(len(file.members))):
        if file.members[index].person_id in gone:
            del file.members[index]


def nothing(file: Household, event: object) -> None:
    """The event says nothing of the file."""


CHANGES: Mapping[type[Message], Change] = {
    HouseholdRegistered: registered,
    HouseholdApplied: applied,
    IncomeStated: income_stated,
    HouseholdCorrected: corrected,
    PersonErased: nothing,
}


def parts_of(event: Message) -> tuple[str, ...]:
    """The parts of the file that the event says; "" is all of it."""
    match event:
        case HouseholdRegistered() | HouseholdApplied():
            return ("",)
        case IncomeStated():
            return (income_part(event.statement.income.year),)
        case HouseholdCorrected():
            return tuple(_corrected_parts(event))
        case _:
            return ()


_CAUSE_FIELDS = frozenset({"main_cause", "other_causes"})


def _corrected_parts(event: HouseholdCorrected) -> list[str]:
    parts = []
    for name in event.corrected:
        if name == "members":
            parts += [member_part(each.person_id) for each in event.members]
        elif name == "income_statement":
            parts.append(income_part(event.income_statement.income.year))
        else:
            parts.append(CAUSES if name in _CAUSE_FIELDS else name)
    return parts
