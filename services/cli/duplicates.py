"""`tuopin household duplicates`: one person twice in the register, found and decided about."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from services.cli.codes import codes_of
from services.cli.contact import chosen, contact, fail, hint, new_command_id, send, today
from services.cli.households import Household
from services.cli.options import BreakGlass, CommandId, Json, PageSize, PageToken, Purpose
from services.cli.output import EXIT_FAILED, cell, print_table, show, show_one, show_page
from services.cli.progress import counted
from services.cli.words import say
from tuopin.registry.v1 import duplicates_pb2 as pb
from tuopin.registry.v1.composition_pb2 import MergeHouseholds, SamePerson
from tuopin.registry.v1.household_pb2 import GetHousehold
from tuopin.types.v1.types_pb2 import Receipt

app = typer.Typer(no_args_is_help=True, help="One person twice in the register.")

# A code of programme/access.toml.
PURPOSE = "case-work"
DECISIONS = codes_of(pb.DuplicateDecision)

Person = Annotated[str, typer.Argument(help="person_id")]
OtherHousehold = Annotated[str, typer.Argument(help="household_id of the other")]
OtherPerson = Annotated[str, typer.Argument(help="person_id of the other")]
Below = Annotated[str, typer.Option("--region", help="Region code: 4, 6, 9 or 12 digits.")]
Reason = Annotated[str, typer.Option(help="What shows it; sealed with the household.")]


@app.command("find")
def find_duplicates(
    household_id: Household,
    person: Annotated[str, typer.Option(help="person_id; empty: every member.")] = "",
    purpose: Purpose = PURPOSE,
    break_glass: BreakGlass = "",
    as_json: Json = False,
) -> None:
    """Who may be the same person as a member of a household, best first.

    Example: tuopin household duplicates find HOUSEHOLD
    """
    found = contact(purpose, break_glass).call(
        "registry", "FindDuplicates", pb.FindDuplicates(household_id=household_id, person_id=person)
    )
    _show(found.candidates, as_json=as_json)
    _left_out(found)


@app.command("sweep")
def sweep_duplicates(region: Below, purpose: Purpose = PURPOSE, as_json: Json = False) -> None:
    """Every pair below a region that may be one person and that nobody has decided about.

    With --json each pair is written when it is found.

    Example: tuopin household duplicates sweep --region 433124
    """
    found: list[pb.DuplicateCandidate] = []
    last = pb.SweptDuplicates()
    with counted() as progress:
        task = progress.add_task("people", total=None)
        for last in _swept(region, purpose):
            progress.update(task, completed=last.people_done, total=last.people_total)
            if as_json:
                _show(last.candidates, as_json=True)
            else:
                found += last.candidates
    if not as_json:
        _show(sorted(found, key=lambda each: (-each.score, each.pair_id)), as_json=False)
    _left_out(last)


def _swept(region: str, purpose: str) -> Iterator[pb.SweptDuplicates]:
    request = pb.SweepDuplicates(region_id=region)
    return contact(purpose).stream("registry", "SweepDuplicates", request)


@app.command("same")
def confirm_duplicate(
    household_id: Household,
    person_id: Person,
    other_household_id: OtherHousehold,
    other_person_id: OtherPerson,
    reason: Reason,
    merge: Annotated[
        bool, typer.Option("--merge", help="Then merge the other household into the first.")
    ] = False,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """They are one person. With --merge the households become one, and nobody comes twice.

    A merger takes all who were found to be the same in the two households; it waits while a
    candidate between them is not decided about.

    Example: tuopin household duplicates same KEPT PERSON OTHER PERSON --reason 同一人 --merge
    """
    command = pb.ConfirmDuplicate(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        person_id=person_id,
        other_household_id=other_household_id,
        other_person_id=other_person_id,
        reason=reason,
    )
    receipt = contact().call("registry", "ConfirmDuplicate", command)
    if merge:
        receipt = _merged(command, receipt)
    show_one(receipt, title="merged" if merge else "the same", as_json=as_json)


@app.command("not-same")
def dismiss_duplicate(
    household_id: Household,
    person_id: Person,
    other_household_id: OtherHousehold,
    other_person_id: OtherPerson,
    reason: Reason,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """They are two people; the pair is never asked about again.

    Example: tuopin household duplicates not-same HOUSEHOLD PERSON OTHER PERSON --reason 同名
    """
    command = pb.DismissDuplicate(
        household_id=household_id,
        person_id=person_id,
        other_household_id=other_household_id,
        other_person_id=other_person_id,
        reason=reason,
    )
    send("registry", command, "not the same", as_json, command_id=command_id)


@app.command("undo")
def withdraw_decision(
    person_id: Person,
    other_person_id: OtherPerson,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Take a decision about two people back, whichever it was: they are asked about again.

    Households that were merged on it are taken apart first: tuopin household unmerge.

    Example: tuopin household duplicates undo PERSON PERSON
    """
    command = pb.WithdrawDuplicateDecision(person_id=person_id, other_person_id=other_person_id)
    send("registry", command, "withdrawn", as_json, command_id=command_id)


@app.command("decisions")
def list_decisions(
    region: Below,
    decision: Annotated[str, typer.Option(help=" | ".join(DECISIONS))] = "",
    page_size: PageSize = 20,
    page_token: PageToken = "",
    as_json: Json = False,
) -> None:
    """What was decided about pairs below a region, and what is left to do.

    Example: tuopin household duplicates decisions --region 433124 --decision same
    """
    if decision:
        chosen("--decision", decision, DECISIONS)
    request = pb.ListDuplicateDecisions(
        region_id=region,
        decision=DECISIONS.get(decision, 0),
        page_size=page_size,
        page_token=page_token,
    )
    page = contact().call("registry", "ListDuplicateDecisions", request)
    columns = (
        "decision", "household_id", "person_id", "other_household_id", "other_person_id", "score",
        "decided_by", "decided_on", "next_step",
    )  # fmt: skip
    show_page(page.decisions, columns, page=page, noun="decisions", as_json=as_json)


def _show(found: Sequence[pb.DuplicateCandidate], *, as_json: bool) -> None:
    if as_json:
        show(found, (), title="", as_json=True)
        return
    table = Table(header_style="bold")
    for column in ("score", "reasons", "household person", "", "household person", ""):
        table.add_column(column, overflow="fold")
    for each in found:
        reasons = ", ".join(reason.label for reason in each.reasons)
        row = (str(each.score), reasons, *_told(each.person), *_told(each.other))
        table.add_row(*map(cell, row))
    print_table(f"{len(found)} candidates", table)


def _told(person: pb.DuplicatePerson) -> tuple[str, str]:
    """The ids as a decision wants them, and who it is."""
    ids = f"{person.household_id} {person.person_id}"
    return ids, f"{person.name} {person.birth_year} {person.village_id} {person.household_number}"


def _left_out(found: pb.Duplicates | pb.SweptDuplicates) -> None:
    if found.crowded_blocks:
        hint("duplicates-crowded", count=found.crowded_blocks)
    if found.events_behind:
        hint("duplicates-behind", count=found.events_behind)


def _merged(command: pb.ConfirmDuplicate, confirmed: Receipt) -> Any:
    """One household of the two, with everybody who is the same in both."""
    here = contact()
    kept, merged = command.household_id, command.other_household_id
    position = confirmed.position if confirmed.HasField("position") else None
    open_query = pb.FindDuplicates(household_id=kept, at_least=position)
    for each in here.call("registry", "FindDuplicates", open_query).candidates:
        if each.other.household_id == merged:
            ids = " ".join(_told(each.person)[:1] + _told(each.other)[:1])
            fail(say("duplicates-undecided", pair=ids), EXIT_FAILED)
    village_id = here.call("registry", "GetHousehold", GetHousehold(household_id=kept)).village_id
    page = here.call(
        "registry",
        "ListDuplicateDecisions",
        pb.ListDuplicateDecisions(
            region_id=village_id,
            household_id=kept,
            decision=pb.DUPLICATE_DECISION_SAME,
            page_size=1_000,
            at_least=position,
        ),
    )
    sides = (
        {each.household_id: each.person_id, each.other_household_id: each.other_person_id}
        for each in page.decisions
        if each.next_step == pb.DUPLICATE_STEP_MERGE_HOUSEHOLDS
    )
    same = [
        SamePerson(person_id=each[merged], kept_person_id=each[kept])
        for each in sides
        if each.keys() == {kept, merged}
    ]
    return here.call(
        "registry",
        "MergeHouseholds",
        MergeHouseholds(
            command_id=f"{command.command_id}-merge",
            household_id=kept,
            merged_household_id=merged,
            same_people=same,
            reason=command.reason,
            effective_on=today(),
        ),
    )
