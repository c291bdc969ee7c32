"""`tuopin village | county`: files, designation, and the way out, with the sample of a county."""

import tomllib
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import ParseDict, ParseError

from services.cli.contact import contact, fail, new_command_id, send, today
from services.cli.options import CommandId, Json, On, PageSize, PageToken, Region
from services.cli.output import EXIT_USAGE, show_one, show_page
from services.cli.words import say
from tuopin.registry.v1 import county_pb2 as county_pb
from tuopin.registry.v1 import village_pb2 as village_pb

village = typer.Typer(no_args_is_help=True, help="Villages: yearly file, designation, exit.")
county = typer.Typer(no_args_is_help=True, help="Counties: designation, and exit by a sample.")

Village = Annotated[str, typer.Argument(help="Village code, 12 digits.")]
County = Annotated[str, typer.Argument(help="County code, 6 digits.")]
Document = Annotated[str, typer.Option(help="Number of the document that says so.")]

TEMPLATE = """\
year = 2025
terrain = "TERRAIN_MOUNTAINS"        # PLAIN HILLS MOUNTAINS PLATEAU OTHER
registered_people = 1200
registered_households = 310
labour_force = 640
hard_road = true
safe_water = true
power = true
network = true
clinic = true
school_in_reach = true
leading_industry = true
[economy]                            # fen in the year
undertakings = ["tea"]
assets_fen = 80000000
income_fen = 6000000
paid_to_households_fen = 2000000
paid_for_public_work_fen = 1000000
[organisation]
seats = 7
seats_filled = 7
meetings_held = 12
rating = "ORGANISATION_RATING_SOUND" # SOUND WEAK
"""


@village.command("template")
def template() -> None:
    """Print a village's file to fill in.

    Example: tuopin village template > village.toml
    """
    typer.echo(TEMPLATE, nl=False)


@village.command("state")
def state(
    village_id: Village,
    file: Annotated[Path, typer.Option("--file", exists=True, dir_okay=False, help="TOML.")],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """State a village's file of a year; the same again changes nothing.

    Example: tuopin village state 433124110226 --file village.toml
    """
    try:
        stated = ParseDict(tomllib.loads(file.read_text("utf-8")), village_pb.VillageFile())
    except (tomllib.TOMLDecodeError, ParseError, UnicodeDecodeError) as error:
        fail(say("village-file-unreadable", file=file.name, error=error), EXIT_USAGE)
    command = village_pb.StateVillage(
        command_id=command_id or new_command_id(),
        village_id=village_id,
        file=stated,
        effective_on=on or today(),
    )
    send("registry", command, "stated", as_json)


@village.command("designate")
def designate_village(
    village_id: Village,
    document: Document,
    plan: Annotated[str, typer.Option(help="Reference of the village's plan.")] = "",
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Put a village on the list of poor villages.

    Example: tuopin village designate 433124110226 --document 2014-21
    """
    command = village_pb.DesignateVillage(
        command_id=command_id or new_command_id(),
        village_id=village_id,
        document=document,
        plan_reference=plan,
        effective_on=on or today(),
    )
    send("registry", command, "designated", as_json)


@village.command("propose-exit")
def propose_village_exit(
    village_id: Village, on: On = "", command_id: CommandId = "", as_json: Json = False
) -> None:
    """Propose a village's exit: incidence by the register, services by its last file.

    Example: tuopin village propose-exit 433124110226
    """
    command = village_pb.ProposeVillageExit(
        command_id=command_id or new_command_id(), village_id=village_id, effective_on=on or today()
    )
    send("registry", command, "proposed", as_json)


@village.command("post-exit")
def post_village_exit(
    village_id: Village, on: On = "", command_id: CommandId = "", as_json: Json = False
) -> None:
    """The township posts the exit in the village.

    Example: tuopin village post-exit 433124110226
    """
    command = village_pb.PostVillageExit(
        command_id=command_id or new_command_id(), village_id=village_id, effective_on=on or today()
    )
    send("registry", command, "posted", as_json)


@village.command("object")
def object_to_exit(
    village_id: Village,
    point: Annotated[str, typer.Option(help="incidence, road, water, power, network, ...")],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Say that a point of a posted exit is untrue.

    Example: tuopin village object 433124110226 --point road
    """
    command = village_pb.ObjectToVillageExit(
        command_id=command_id or new_command_id(),
        village_id=village_id,
        point=point,
        effective_on=on or today(),
    )
    send("registry", command, "objected", as_json)


@village.command("settle")
def settle(
    village_id: Village,
    objection_id: Annotated[str, typer.Argument(help="objection_id")],
    upheld: Annotated[bool, typer.Option("--upheld/--dismissed", help="Was it right?")],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Settle an objection: upheld it stops the exit, dismissed the posting begins anew.

    Example: tuopin village settle 433124110226 OBJECTION --dismissed
    """
    command = village_pb.SettleVillageObjection(
        command_id=command_id or new_command_id(),
        village_id=village_id,
        objection_id=objection_id,
        upheld=upheld,
        effective_on=on or today(),
    )
    send("registry", command, "settled", as_json)


@village.command("approve-exit")
def approve_village_exit(
    village_id: Village,
    document: Document,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The county approves a posted exit.

    Example: tuopin village approve-exit 433124110226 --document 2025-7
    """
    command = village_pb.ApproveVillageExit(
        command_id=command_id or new_command_id(),
        village_id=village_id,
        document=document,
        effective_on=on or today(),
    )
    send("registry", command, "exited", as_json)


@village.command("list")
def list_villages(
    region: Region = "",
    page_size: PageSize = 20,
    page_token: PageToken = "",
    as_json: Json = False,
) -> None:
    """Villages with a file or a designation.

    Example: tuopin village list --region 433124
    """
    page = contact().call(
        "registry",
        "ListVillages",
        village_pb.ListVillages(region_id=region, page_size=page_size, page_token=page_token),
    )
    columns = ("village_id", "status", "incidence_e4", "plan_reference", "exited_on")
    show_page(page.villages, columns, page=page, noun="villages", as_json=as_json)


@county.command("designate")
def designate_county(
    county_id: County,
    document: Document,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Put a county on the list of poor counties.

    Example: tuopin county designate 433124 --document 2012-14
    """
    command = county_pb.DesignateCounty(
        command_id=command_id or new_command_id(),
        county_id=county_id,
        document=document,
        effective_on=on or today(),
    )
    send("registry", command, "designated", as_json)


@county.command("apply")
def apply(
    county_id: County, on: On = "", command_id: CommandId = "", as_json: Json = False
) -> None:
    """The county applies for its exit; what the register says that day is recorded.

    Example: tuopin county apply 433124
    """
    command = county_pb.ApplyForCountyExit(
        command_id=command_id or new_command_id(), county_id=county_id, effective_on=on or today()
    )
    send("registry", command, "applied", as_json)


@county.command("check")
def check(
    county_id: County,
    passed: Annotated[bool, typer.Option("--passed/--not-passed", help="The check's outcome.")],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The prefecture's check.

    Example: tuopin county check 433124 --passed
    """
    command = county_pb.CheckCountyExit(
        command_id=command_id or new_command_id(),
        county_id=county_id,
        passed=passed,
        effective_on=on or today(),
    )
    send("registry", command, "checked", as_json)


@county.command("draw")
def draw(
    county_id: County,
    seed: Annotated[str, typer.Option(help="Letters and digits, thrown before witnesses.")],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Draw the sample from a seed: anybody who knows the seed draws the same.

    Example: tuopin county draw 433124 --seed 7Q4M9
    """
    command = county_pb.DrawCountySample(
        command_id=command_id or new_command_id(),
        county_id=county_id,
        seed=seed,
        effective_on=on or today(),
    )
    send("registry", command, "drawn", as_json)


@county.command("finding")
def finding(
    county_id: County,
    village_id: Annotated[str, typer.Option("--village", help="A village of the sample.")],
    people: Annotated[int, typer.Option(min=1, max=30, help="People behind the door.")],
    household: Annotated[str, typer.Option(help="An exited household of the sample.")] = "",
    door: Annotated[int, typer.Option(min=0, help="Or the door of one not in the register.")] = 0,
    wrong: Annotated[bool, typer.Option("--wrong", help="Wrongly exited, or omitted.")] = False,
    denies: Annotated[bool, typer.Option("--denies", help="It does not recognise it.")] = False,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """What the third party found at one door of the sample.

    Example: tuopin county finding 433124 --village 433124110226 --door 1 --people 4
    """
    command = county_pb.RecordSampleFinding(
        command_id=command_id or new_command_id(),
        county_id=county_id,
        village_id=village_id,
        household_id=household,
        door=door,
        people=people,
        wrong=wrong,
        recognises=not denies,
        effective_on=on or today(),
    )
    send("registry", command, "recorded", as_json)


@county.command("conclude")
def conclude(
    county_id: County, on: On = "", command_id: CommandId = "", as_json: Json = False
) -> None:
    """The arithmetic over the whole sample; any miss blocks the exit.

    Example: tuopin county conclude 433124
    """
    command = county_pb.ConcludeCountySample(
        command_id=command_id or new_command_id(), county_id=county_id, effective_on=on or today()
    )
    send("registry", command, "concluded", as_json)


@county.command("post")
def post(county_id: County, on: On = "", command_id: CommandId = "", as_json: Json = False) -> None:
    """Post the exit of a verified county.

    Example: tuopin county post 433124
    """
    command = county_pb.PostCountyExit(
        command_id=command_id or new_command_id(), county_id=county_id, effective_on=on or today()
    )
    send("registry", command, "posted", as_json)


@county.command("approve")
def approve(
    county_id: County,
    document: Document,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The province's last word.

    Example: tuopin county approve 433124 --document 2020-1
    """
    command = county_pb.ApproveCountyExit(
        command_id=command_id or new_command_id(),
        county_id=county_id,
        document=document,
        effective_on=on or today(),
    )
    send("registry", command, "exited", as_json)


@county.command("show")
def show(county_id: County, as_json: Json = False) -> None:
    """How a county stands: its sample, the arithmetic, what it missed.

    Example: tuopin county show 433124
    """
    found = contact().call("registry", "GetCounty", county_pb.GetCounty(county_id=county_id))
    show_one(found, title=county_id, as_json=as_json)
