"""`tuopin household correct`: one field of a file was wrong; the rest is sent as it stands."""

from typing import Annotated, Any

import typer

from services.cli.contact import contact, fail
from services.cli.household_changes import DryRun, Reason, filled, send_or_show
from services.cli.households import Household
from services.cli.options import CommandId, Json
from services.cli.output import EXIT_USAGE
from services.cli.words import say
from tuopin.registry.v1 import correction_pb2 as correction
from tuopin.registry.v1 import household_pb2 as pb

CORRECTING = "data-quality"
_COPIED = (
    "source", "household_number", "village_id", "attribute", "main_cause", "other_causes", "needs",
    "members", "living_conditions", "income", "address", "synthetic",
)  # fmt: skip


def correct(
    household_id: Household,
    reason: Reason,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="FIELD=VALUE of the household.")
    ] = None,
    member: Annotated[
        list[str] | None, typer.Option("--member", help="PERSON:FIELD=VALUE; repeatable.")
    ] = None,
    income: Annotated[
        list[str] | None, typer.Option("--income", help="FIELD=FEN of the latest year.")
    ] = None,
    dry_run: DryRun = False,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """What was recorded wrongly is corrected since it counted; nothing is overwritten.

    Example: tuopin household correct ID --reason 录入有误 --member PERSON:phone=00012345678
    """
    query = pb.GetHousehold(household_id=household_id)
    # What came masked must never be written back.
    found: pb.Household = contact(CORRECTING).call("registry", "GetHousehold", query)
    told = file_of(found)
    told.MergeFrom(filled(pb.RegisterHousehold, to or [], "--to"))
    told.income.MergeFrom(filled(pb.Income, income or [], "--income"))
    people = {each.person_id: each for each in told.members}
    for text in member or []:
        person_id, _, change = text.partition(":")
        if person_id not in people:
            fail(say("option-field-unknown", option="--member", field=person_id), EXIT_USAGE)
        people[person_id].MergeFrom(filled(pb.Member, [change], "--member"))
    for each in told.members:
        each.person_id = ""
    command = correction.CorrectHousehold(file=told, reason=reason)
    send_or_show(command, command_id, as_json, dry_run)


def file_of(found: pb.Household) -> pb.RegisterHousehold:
    """The file as a registration would say it; erased people cannot be told."""
    told = pb.RegisterHousehold(command_id="-", effective_on=found.registered_on)
    for name in _COPIED:
        value: Any = getattr(found, name)
        if name in {"living_conditions", "income"}:
            getattr(told, name).CopyFrom(value)
        elif isinstance(value, str | int):
            setattr(told, name, value)
        else:
            getattr(told, name).extend(
                each for each in value if name != "members" or each.identity_number
            )
    return told
