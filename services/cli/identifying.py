"""`tuopin household apply | appraise | review ...` and `tuopin posting`: the way into the register,
and out of it for who should never have been in.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf import json_format

from services.cli.codes import codes_of
from services.cli.contact import chosen, contact, fail, new_command_id, send, today
from services.cli.households import Household
from services.cli.households import app as households
from services.cli.options import CommandId, Json, On, PageSize, PageToken, Purpose, Region
from services.cli.output import EXIT_USAGE, show_one, show_page
from services.cli.words import say
from tuopin.registry.v1 import identification_pb2 as pb
from tuopin.registry.v1 import posting_pb2 as posting
from tuopin.registry.v1 import round_pb2 as rounds
from tuopin.registry.v1.household_pb2 import PutEvidence, RegisterHousehold
from tuopin.types.v1.types_pb2 import Evidence, Note

postings = typer.Typer(no_args_is_help=True, help="What hangs on the notice boards.")

CHANNELS = codes_of(posting.ObjectionChannel)
POSTERS = ("village", "township", "removal")
REVIEWERS = ("township", "county")

Text = Annotated[str, typer.Option("--note", prompt=True, help="In words; sealed.")]
Refuse = Annotated[bool, typer.Option("--refuse", help="Say no: the application ends.")]
Entitled = Annotated[int, typer.Option(min=1, help="How many have a vote in the village.")]
Present = Annotated[int, typer.Option(min=1, help="How many of them were there.")]
VotesFor = Annotated[int, typer.Option("--for", min=0)]
VotesAgainst = Annotated[int, typer.Option("--against", min=0)]
Minutes = Annotated[str, typer.Option(prompt=True, help="Minutes of the meeting; sealed.")]


@households.command("apply")
def apply_household(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="JSON of the file, as in RegisterHousehold."
        ),
    ],
    allowance: Annotated[
        str, typer.Option(help="Number on the subsistence-allowance list: proves the income.")
    ] = "",
    relative: Annotated[
        list[str] | None, typer.Option(help="User's name of an official in the family; repeated.")
    ] = None,
    fact: Annotated[
        list[str] | None, typer.Option(help="Disqualifying fact that is stated; repeated.")
    ] = None,
    round_id: Annotated[str, typer.Option(help="Round that supplements the household.")] = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """A household asks to be registered; the village's meeting is next.

    Example: tuopin household apply family.json --allowance 低保4331240001
    """
    identity = command_id or new_command_id()
    wanted = RegisterHousehold()
    try:
        json_format.Parse(file.read_text(encoding="utf-8"), wanted)
    except (json_format.ParseError, UnicodeDecodeError) as wrong:
        fail(say("json-unreadable", file=file, reason=wrong), EXIT_USAGE)
    wanted.command_id = identity
    wanted.effective_on = wanted.effective_on or today()
    command = pb.ApplyHousehold(
        command_id=identity,
        file=wanted,
        allowance_reference=allowance,
        relatives=relative or (),
        disqualifying_facts=fact or (),
        round_id=round_id,
    )
    send("registry", command, "applied", as_json)


@households.command()
def prove_income(
    household_id: Household,
    note: Text,
    picture: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Picture of a paper.")
    ] = None,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Papers that prove the income; not asked from who is on the allowance list.

    Example: tuopin household prove-income HOUSEHOLD --note 工资单三张 --picture slip.jpg
    """
    evidence = [Evidence(note=_note(household_id, note))]
    if picture:
        request = PutEvidence(household_id=household_id, data=picture.read_bytes())
        evidence.append(Evidence(photo=contact().call("registry", "PutEvidence", request)))
    command = pb.ProveIncome(household_id=household_id, evidence=evidence)
    send("registry", command, "proved", as_json, command_id=command_id)


@households.command()
def appraise(
    household_id: Household,
    entitled: Entitled,
    present: Present,
    votes_for: VotesFor,
    minutes: Minutes,
    votes_against: VotesAgainst = 0,
    removal: Annotated[bool, typer.Option("--removal", help="On its removal.")] = False,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The village's meeting on an application, or on a removal.

    Example: tuopin household appraise HOUSEHOLD --entitled 60 --present 45 --for 40 --minutes 同意
    """
    meeting = pb.Meeting(
        held_on=on or today(),
        entitled=entitled,
        present=present,
        votes_for=votes_for,
        votes_against=votes_against,
        minutes=_note(household_id, minutes),
    )
    kind: Any = rounds.AppraiseRemoval if removal else pb.AppraiseHousehold
    command = kind(household_id=household_id, meeting=meeting)
    send("registry", command, "appraised", as_json, command_id=command_id)


@households.command("post")
def post(
    household_id: Household,
    what: Annotated[str, typer.Option("--as", help=" | ".join(POSTERS))],
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Put up the notice; its own clock takes it down, nobody else can.

    Example: tuopin household post HOUSEHOLD --as village
    """
    chosen("--as", what, POSTERS)
    kinds: dict[str, Any] = {
        "village": pb.PostInVillage,
        "township": pb.PostByTownship,
        "removal": rounds.PostRemoval,
    }
    send(
        "registry", kinds[what](household_id=household_id), "posted", as_json, command_id=command_id
    )


@households.command()
def review(
    household_id: Household,
    level: Annotated[str, typer.Option(help=" | ".join(REVIEWERS))],
    note: Text,
    refuse: Refuse = False,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The township's review after the village's posting, or the county's after the township's.

    Example: tuopin household review HOUSEHOLD --level township --note 已入户核实
    """
    chosen("--level", level, REVIEWERS)
    kind: Any = pb.ReviewAtTownship if level == "township" else pb.ReviewAtCounty
    command = kind(
        household_id=household_id, approved=not refuse, finding=_note(household_id, note)
    )
    send("registry", command, "reviewed", as_json, command_id=command_id)


@households.command()
def announce(
    household_id: Household,
    announcement: Annotated[str, typer.Option(help="Number of the county's announcement.")],
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The county tells everybody who was identified.

    Example: tuopin household announce HOUSEHOLD --announcement 花扶公告〔2026〕3号
    """
    command = pb.AnnounceHousehold(household_id=household_id, announcement=announcement)
    send("registry", command, "announced", as_json, command_id=command_id)


@households.command("register")
def register_applicant(
    household_id: Household, command_id: CommandId = "", as_json: Json = False
) -> None:
    """The last step: the announced household is in the register.

    Example: tuopin household register HOUSEHOLD
    """
    command = pb.RegisterApplicant(household_id=household_id)
    send("registry", command, "registered", as_json, command_id=command_id)


@households.command("object")
def raise_objection(
    household_id: Household,
    note: Text,
    channel: Annotated[str, typer.Option(help=" | ".join(CHANNELS))] = "in-person",
    name: Annotated[str, typer.Option(help="Who objects; sealed.")] = "",
    objector_id: Annotated[str, typer.Option(help="person_id or user's name, if any.")] = "",
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Without a name.")] = False,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Take down an objection to what is posted; it stops clock and procedure.

    Example: tuopin household object HOUSEHOLD --anonymous --note 该户有小汽车
    """
    command = posting.RaiseObjection(
        household_id=household_id,
        channel=CHANNELS[chosen("--channel", channel, CHANNELS)],
        statement=_note(household_id, note),
        anonymous=anonymous,
        objector_id=objector_id,
        objector_name=name,
    )
    send("registry", command, "objected", as_json, command_id=command_id)


@households.command("objections")
def list_objections(
    household_id: Household, purpose: Purpose = "case-work", as_json: Json = False
) -> None:
    """What was objected, and what came of it; for the offices that look into it.

    Example: tuopin household objections HOUSEHOLD
    """
    request = posting.ListObjections(household_id=household_id)
    found = contact(purpose).call("registry", "ListObjections", request)
    show_one(found, title="objections", as_json=as_json)


@households.command()
def judge(
    household_id: Household,
    objection_id: Annotated[str, typer.Argument(help="objection_id")],
    note: Text,
    uphold: Annotated[
        bool, typer.Option("--uphold/--dismiss", help="Right, or wrong: the clock starts again.")
    ],
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Decide on an objection: township for the village's posting, county for all others.

    Example: tuopin household judge HOUSEHOLD OBJECTION --dismiss --note 车辆为借用
    """
    kind: Any = posting.UpholdObjection if uphold else posting.DismissObjection
    command = kind(
        household_id=household_id, objection_id=objection_id, finding=_note(household_id, note)
    )
    send("registry", command, "judged", as_json, command_id=command_id)


@households.command("declare-relative")
def declare_relative(
    household_id: Household,
    official: Annotated[str, typer.Option(help="User's name of the official.")],
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """An official is a relative of the household: they take no step in its file.

    Example: tuopin household declare-relative HOUSEHOLD --official office-7
    """
    command = posting.DeclareRelative(household_id=household_id, official=official)
    send("registry", command, "declared", as_json, command_id=command_id)


@households.command("record-fact")
def record_fact(
    household_id: Household,
    fact: Annotated[str, typer.Option(help="A code of programme/disqualifying.toml.")],
    note: Text,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """A disqualifying fact was found: nobody is admitted with it without the county's reason.

    Example: tuopin household record-fact HOUSEHOLD --fact car --note 门前停有小汽车
    """
    command = pb.RecordDisqualifyingFact(
        household_id=household_id, fact=fact, note=_note(household_id, note)
    )
    send("registry", command, "recorded", as_json, command_id=command_id)


@households.command("override-fact")
def override_fact(
    household_id: Household,
    fact: Annotated[str, typer.Option(help="A code of programme/disqualifying.toml.")],
    note: Text,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The county gives the reason why a disqualifying fact does not stand against it.

    Example: tuopin household override-fact HOUSEHOLD --fact car --note 残疾人代步车
    """
    command = pb.OverrideDisqualifyingFact(
        household_id=household_id, fact=fact, reason=_note(household_id, note)
    )
    send("registry", command, "overridden", as_json, command_id=command_id)


@households.command("propose-removal")
def propose_removal(
    household_id: Household,
    reason: Annotated[str, typer.Option(help="A code of programme/removal.toml.")],
    note: Text,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """A household that should never have been in; appraise and post its removal next.

    Example: tuopin household propose-removal HOUSEHOLD --reason false-file --note 冒名顶替
    """
    command = rounds.ProposeRemoval(
        household_id=household_id, reason=reason, statement=_note(household_id, note)
    )
    send("registry", command, "proposed", as_json, command_id=command_id)


@households.command()
def remove(
    household_id: Household,
    round_id: Annotated[str, typer.Option(help="The county's open round.")],
    note: Text,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The county's decision after the posting; its people may be registered anew.

    Example: tuopin household remove HOUSEHOLD --round-id ROUND --note 查实冒名
    """
    command = rounds.RemoveHousehold(
        household_id=household_id, round_id=round_id, ground=_note(household_id, note)
    )
    send("registry", command, "removed", as_json, command_id=command_id)


@postings.command("list")
def list_postings(
    region: Region = "", page_size: PageSize = 20, page_token: PageToken = "", as_json: Json = False
) -> None:
    """What hangs below a region: as much as the public may see, and no more.

    Example: tuopin posting list --region 433124110
    """
    request = posting.ListPostings(region_id=region, page_size=page_size, page_token=page_token)
    page = contact().call("registry", "ListPostings", request)
    columns = (
        "posting_id", "purpose", "household_number", "village_name", "main_cause", "closes_on",
        "days_left", "stopped",
    )  # fmt: skip
    show_page(page.postings, columns, page=page, noun="postings", as_json=as_json)


@postings.command("show")
def show_posting(
    posting_id: Annotated[str, typer.Argument(help="posting_id")], as_json: Json = False
) -> None:
    """One notice, with where to object.

    Example: tuopin posting show POSTING
    """
    request = posting.GetPosting(posting_id=posting_id)
    show_one(contact().call("registry", "GetPosting", request), title="posting", as_json=as_json)


def _note(household_id: str, text: str) -> Note:
    return Note(text=text, household_id=household_id)
