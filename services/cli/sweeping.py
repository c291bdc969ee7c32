"""`tuopin round | lookback`: yearly rounds, and sweeps that say how accurate the register is."""

from datetime import date
from typing import Annotated

import typer
from rich.table import Table

from services.cli.codes import codes_of
from services.cli.contact import chosen, contact, fail, new_command_id, send, today
from services.cli.options import CommandId, Json, On, PageSize, PageToken, Region
from services.cli.output import EXIT_USAGE, print_table, show_one, show_page
from services.cli.words import say
from tuopin.registry.v1 import lookback_pb2 as pb
from tuopin.registry.v1 import round_pb2 as rounds
from tuopin.registry.v1.exit_pb2 import ExitCheck
from tuopin.types.v1.types_pb2 import Note

round_app = typer.Typer(no_args_is_help=True, help="Yearly rounds of dynamic management.")
lookback_app = typer.Typer(no_args_is_help=True, help="Look-back: a sample of files re-checked.")

VERDICTS = codes_of(pb.Verdict)
STRATA = {value: code for code, value in codes_of(pb.Stratum).items()}
CHECKS = codes_of(ExitCheck)
Lookback = Annotated[str, typer.Argument(help="lookback_id")]


@round_app.command("open")
def open_round(
    county: Annotated[str, typer.Option(help="Region code of the county, 6 digits.")],
    year: Annotated[int, typer.Option(help="Year.", show_default="this year")] = 0,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Begin the round of a county and year.

    Example: tuopin round open --county 433124 --year 2026
    """
    command = rounds.OpenRound(
        command_id=command_id or new_command_id(),
        county_id=county,
        year=year or date.fromisoformat(today()).year,
    )
    send("registry", command, "opened", as_json)


@round_app.command("close")
def close_round(
    round_id: Annotated[str, typer.Argument(help="round_id")],
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """End a round: nobody is removed or supplemented in it any more.

    Example: tuopin round close ROUND
    """
    command = rounds.CloseRound(command_id=command_id or new_command_id(), round_id=round_id)
    send("registry", command, "closed", as_json)


@round_app.command("list")
def list_rounds(
    region: Region, page_size: PageSize = 20, page_token: PageToken = "", as_json: Json = False
) -> None:
    """Rounds with their figures: removed, supplemented, natural change.

    Example: tuopin round list --region 433124
    """
    request = rounds.ListRounds(region_id=region, page_size=page_size, page_token=page_token)
    page = contact().call("registry", "ListRounds", request)
    columns = (
        "round_id", "year", "opened_on", "closed_on", "households_removed",
        "households_supplemented", "people_joined", "people_left",
    )  # fmt: skip
    show_page(page.rounds, columns, page=page, noun="rounds", as_json=as_json)


@lookback_app.command("open")
def open_lookback(
    region: Region,
    seed: Annotated[str, typer.Option(help="Thrown in public; kept with the sample.")],
    registered: Annotated[int, typer.Option(min=0, help="How many of the register.")] = 0,
    unregistered: Annotated[int, typer.Option(min=0, help="How many of the rosters.")] = 0,
    exited: Annotated[int, typer.Option(min=0, help="How many of those that exited.")] = 0,
    roster: Annotated[
        list[str] | None,
        typer.Option(help="VILLAGE=LINES of its roster of other households; repeated."),
    ] = None,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Draw a sample that anyone can draw again from seed and frame.

    Example: tuopin lookback open --region 433124 --seed "4 2 6 6 1 3" --registered 60
    """
    command = pb.OpenLookback(
        command_id=command_id or new_command_id(),
        region_id=region,
        seed=seed,
        registered=registered,
        unregistered=unregistered,
        exited=exited,
        rosters=[_roster(each) for each in roster or ()],
    )
    send("registry", command, "drawn", as_json)


@lookback_app.command("find")
def record_finding(
    lookback_id: Lookback,
    subject: Annotated[str, typer.Option(help="household_id, or VILLAGE/LINE of a roster.")],
    verdict: Annotated[str, typer.Option(help=" | ".join(VERDICTS))],
    note: Annotated[str, typer.Option(prompt=True, help="What was seen; sealed.")],
    reason: Annotated[str, typer.Option(help="Wrongly in: code of programme/removal.toml.")] = "",
    failed: Annotated[
        list[str] | None, typer.Option(help="Wrongly out: " + " | ".join(CHECKS))
    ] = None,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """One finding on site; a wrong one has its effect as a command of its own.

    Example: tuopin lookback find LOOKBACK --subject HOUSEHOLD --verdict right --note 情况属实
    """
    chosen("--verdict", verdict, VERDICTS)
    for check in failed or ():
        chosen("--failed", check, CHECKS)
    # A line of a roster is nobody the register knows: the campaign's own key seals what was seen.
    about = lookback_id if "/" in subject else subject
    command = pb.RecordFinding(
        command_id=command_id or new_command_id(),
        lookback_id=lookback_id,
        subject_id=subject,
        verdict=VERDICTS[verdict],
        reason=reason,
        failed=[CHECKS[check] for check in failed or ()],
        note=Note(text=note, household_id=about),
        effective_on=on or today(),
    )
    send("registry", command, "found", as_json)


@lookback_app.command("close")
def close_lookback(
    lookback_id: Lookback, command_id: CommandId = "", as_json: Json = False
) -> None:
    """With the last finding in: the rates are kept as they are.

    Example: tuopin lookback close LOOKBACK
    """
    command = pb.CloseLookback(command_id=command_id or new_command_id(), lookback_id=lookback_id)
    send("registry", command, "closed", as_json)


@lookback_app.command("list")
def list_lookbacks(
    region: Region, page_size: PageSize = 20, page_token: PageToken = "", as_json: Json = False
) -> None:
    """Look-backs of a region and below.

    Example: tuopin lookback list --region 433124
    """
    request = pb.ListLookbacks(region_id=region, page_size=page_size, page_token=page_token)
    page = contact().call("registry", "ListLookbacks", request)
    columns = ("lookback_id", "region_id", "opened_on", "closed_on", "sampled", "found", "wrong")
    show_page(page.lookbacks, columns, page=page, noun="look-backs", as_json=as_json)


@lookback_app.command("show")
def show_lookback(lookback_id: Lookback, as_json: Json = False) -> None:
    """Frames, what is still to be visited, and the rates with their intervals.

    Example: tuopin lookback show LOOKBACK
    """
    report = contact().call("registry", "GetLookback", pb.GetLookback(lookback_id=lookback_id))
    if as_json:
        show_one(report, title="look-back", as_json=True)
        return
    rates = Table("region", "stratum", "wrong", "reached", "rate", "interval", "not reached")
    for rate in report.rates:
        rates.add_row(
            rate.region_id,
            STRATA[rate.stratum],
            str(rate.wrong),
            str(rate.reached),
            _percent(rate.rate_e6),
            f"{_percent(rate.low_e6)} - {_percent(rate.high_e6)}",
            str(rate.not_reached),
        )
    del report.rates[:]
    show_one(report, title="look-back", as_json=False)
    print_table("rates", rates)


def _percent(share_e6: int) -> str:
    return f"{share_e6 / 10_000:.2f} %"


def _roster(text: str) -> pb.Roster:
    village, _, lines = text.partition("=")
    if not lines.isdecimal():
        fail(say("roster-unreadable", value=text), EXIT_USAGE)
    return pb.Roster(village_id=village, lines=int(lines))
