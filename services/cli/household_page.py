"""A household's file on a terminal: what is so, who lives there, and what happened, with proof."""

from typing import Any

from rich.table import Table

from services.cli.output import as_dict, cell, moment, print_table, readable, show_one
from tuopin.registry.v1.household_pb2 import FileEntry, Household

# Shown in columns of their own; the rest of a member is told in the last one.
MEMBER_NAMES = ("name", "person_id")
MEMBER_NUMBERS = ("identity_number", "phone", "bank_card")


def show_file(household: Household, *, as_json: bool) -> None:
    """The whole file as JSON, or as three tables."""
    title = f"household {household.household_number}"
    if as_json:
        show_one(household, title=title, as_json=True)
        return
    facts = Household()
    facts.CopyFrom(household)
    facts.ClearField("members")
    facts.ClearField("file")
    show_one(facts, title=title, as_json=False)
    _members(household)
    _entries(household)


def _members(household: Household) -> None:
    table = Table(show_lines=True)
    for column in ("member", "numbers", "about"):
        table.add_column(column, overflow="fold")
    for member in household.members:
        plain = readable(member, as_dict(member))
        names, numbers = (
            "\n".join(str(plain.pop(name)) for name in wanted if name in plain)
            for wanted in (MEMBER_NAMES, MEMBER_NUMBERS)
        )
        table.add_row(cell(names), cell(numbers), cell(plain))
    print_table(f"{len(household.members)} members", table)


def _entries(household: Household) -> None:
    table = Table(show_lines=True)
    for column in ("when", "what", "who", "proof"):
        table.add_column(column, overflow="fold")
    for entry in household.file:
        table.add_row(*(cell("\n".join(lines)) for lines in entry_lines(entry)))
    print_table(f"{len(household.file)} entries", table)


def entry_lines(entry: FileEntry) -> tuple[list[str], ...]:
    """When it was recorded and true, what it says, who did it, and by what it can be proven."""
    when = [moment(entry.recorded_at_us)]
    if entry.effective_on:
        when.append(f"effective {entry.effective_on}")
    what = [entry.type.rsplit(".", 1)[-1], *_present(entry.detail)]
    who = [entry.actor, *_present(entry.on_behalf_of, "for ")]
    proof = [entry.event_id, *_present(entry.reference, "of "), *entry.proofs]
    return when, what, who, proof


def _present(text: Any, before: str = "") -> list[str]:
    return [f"{before}{text}"] if text else []
