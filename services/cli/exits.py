"""`tuopin exit`: a household's way out of the register, level by level, and the way back."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.codes import codes_of
from services.cli.contact import chosen, new_command_id, send, today
from services.cli.households import Household, paper_consent
from services.cli.options import CommandId, Json, On
from tuopin.registry.v1.exit_pb2 import (
    AnnounceExit,
    AppraiseExit,
    DeclareExitWrong,
    ExitCheck,
    ExitFinding,
    ExitWithdrawal,
    PostExit,
    RecordExitFindings,
    ReinstateHousehold,
    ReviewExitAtCounty,
    ReviewExitAtTownship,
    WithdrawExit,
    WrongExitFinder,
)
from tuopin.registry.v1.household_pb2 import AgreeToExit, ExitHousehold, ProposeExit
from tuopin.types.v1.types_pb2 import Evidence, Note

app = typer.Typer(no_args_is_help=True, help="A household's way out of poverty.")


CHECKS = codes_of(ExitCheck)
WITHDRAWALS = codes_of(ExitWithdrawal)
FINDERS = codes_of(WrongExitFinder)

Notes = Annotated[str, typer.Option("--note", prompt=True, help="What was looked at, or why not.")]
Refuse = Annotated[bool, typer.Option("--refuse", help="Say no: the exit stops.")]


@app.command()
def propose(
    household_id: Household,
    reason: Annotated[str, typer.Option(help="Why it is time.")],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Propose that a household is out; the village's meeting is next.

    Example: tuopin exit propose HOUSEHOLD --reason 收入稳定 --on 2026-10-01
    """
    command = ProposeExit(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        reason=reason,
        effective_on=on or today(),
    )
    send("registry", command, "proposed", as_json)


@app.command()
def appraise(
    household_id: Household,
    minutes: Annotated[str, typer.Option(prompt=True, help="Minutes of the meeting.")],
    votes_for: Annotated[int, typer.Option("--for", min=0)],
    votes_against: Annotated[int, typer.Option("--against", min=0)] = 0,
    abstentions: Annotated[int, typer.Option(min=0)] = 0,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The village's meeting on the exit: more than half of those present must be for it.

    Example: tuopin exit appraise HOUSEHOLD --for 21 --against 1 --abstentions 2 --minutes 评议记录
    """
    command = AppraiseExit(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        minutes=minutes,
        votes_for=votes_for,
        votes_against=votes_against,
        abstentions=abstentions,
        effective_on=on or today(),
    )
    send("registry", command, "appraised", as_json)


@app.command("find")
def record_findings(
    household_id: Household,
    cadre: Annotated[str, typer.Option(help="cadre_id of who was there: the token's own.")],
    note: Annotated[str, typer.Option(prompt=True, help="What was seen; sealed.")],
    passed: Annotated[
        list[str] | None, typer.Option(help=" | ".join(CHECKS) + "; repeated.")
    ] = None,
    failed: Annotated[
        list[str] | None, typer.Option(help="A check that did not pass; repeated.")
    ] = None,
    income_yuan: Annotated[int, typer.Option(help="Counted income a head and year.")] = 0,
    steady: Annotated[bool, typer.Option(help="The income is steady.")] = True,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """What a resident cadre found on site; the finished task then verifies the exit.

    Example: tuopin exit find HOUSEHOLD --cadre CADRE --passed income --income-yuan 6800
    --passed housing --note 已入户查看
    """
    good, bad = passed or [], failed or []
    for check in (*good, *bad):
        chosen("--passed/--failed", check, CHECKS)
    seen = Evidence(note=Note(text=note, household_id=household_id))
    command = RecordExitFindings(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        cadre_id=cadre,
        findings=[
            ExitFinding(
                check=CHECKS[check],
                passed=check in good,
                evidence=[seen],
                income_per_head_fen=income_yuan * 100 if check == "income" else 0,
                steady=steady and check == "income",
            )
            for check in (*good, *bad)
        ],
        effective_on=on or today(),
    )
    send("registry", command, "found", as_json)


@app.command()
def agree(
    household_id: Household,
    given_by: Annotated[str, typer.Option(help="person_id of the member who signed.")],
    paper: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Picture of the paper.")],
    witness: Annotated[str, typer.Option(prompt=True, help="Name of the witness.")],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The household agrees on a signed paper; from its own chat it does so by itself.

    Example: tuopin exit agree HOUSEHOLD --given-by PERSON --paper signed.jpg
    """
    command = AgreeToExit(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        consent=paper_consent(household_id, given_by, paper, witness, on or today()),
    )
    send("registry", command, "agreed", as_json)


@app.command()
def post(household_id: Household, command_id: CommandId = "", as_json: Json = False) -> None:
    """Post the exit in the village for its whole time; its own deadline ends it.

    Example: tuopin exit post HOUSEHOLD
    """
    command = PostExit(command_id=command_id or new_command_id(), household_id=household_id)
    send("registry", command, "posted", as_json)


@app.command()
def review(
    household_id: Household,
    level: Annotated[str, typer.Option(help="township | county")],
    note: Notes,
    refuse: Refuse = False,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The review of a level, by somebody who had no part in the steps before.

    Example: tuopin exit review HOUSEHOLD --level township --note 程序完整
    """
    kind = ReviewExitAtTownship if level == "township" else ReviewExitAtCounty
    chosen("--level", level, ("township", "county"))
    command = kind(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        approved=not refuse,
        note=note,
    )
    send("registry", command, "reviewed", as_json)


@app.command()
def announce(
    household_id: Household,
    document: Annotated[str, typer.Option(help="Number of the county's announcement.")],
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The county announces the exit.

    Example: tuopin exit announce HOUSEHOLD --document 花扶发2026-1号
    """
    command = AnnounceExit(
        command_id=command_id or new_command_id(), household_id=household_id, document=document
    )
    send("registry", command, "announced", as_json)


@app.command()
def complete(
    household_id: Household, on: On = "", command_id: CommandId = "", as_json: Json = False
) -> None:
    """The household is out; support goes on for the grace period.

    Example: tuopin exit complete HOUSEHOLD --on 2026-11-01
    """
    command = ExitHousehold(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        effective_on=on or today(),
    )
    send("registry", command, "exited", as_json)


@app.command()
def withdraw(
    household_id: Household,
    reason: Annotated[str, typer.Option(help=" | ".join(WITHDRAWALS))],
    note: Annotated[str, typer.Option(help="In words; sealed.")] = "",
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Take back an exit that is not done yet.

    Example: tuopin exit withdraw HOUSEHOLD --reason household-declines
    """
    chosen("--reason", reason, WITHDRAWALS)
    command = WithdrawExit(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        reason=WITHDRAWALS[reason],
        note=note,
        effective_on=on or today(),
    )
    send("registry", command, "withdrawn", as_json)


@app.command()
def wrong(
    household_id: Household,
    found_by: Annotated[str, typer.Option(help=" | ".join(FINDERS))],
    failed: Annotated[list[str], typer.Option(help=" | ".join(CHECKS) + "; repeated.")],
    finding: Annotated[str, typer.Option(prompt=True, help="What was found; sealed.")],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Declare an exit wrong: the household is back in the register.

    Example: tuopin exit wrong HOUSEHOLD --found-by look-back --failed housing --finding 仍住危房
    """
    chosen("--found-by", found_by, FINDERS)
    for check in failed:
        chosen("--failed", check, CHECKS)
    command = DeclareExitWrong(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        found_by=FINDERS[found_by],
        failed=[CHECKS[check] for check in failed],
        finding=finding,
        effective_on=on or today(),
    )
    send("registry", command, "wrong", as_json)


@app.command()
def reinstate(
    household_id: Household,
    finding: Annotated[str, typer.Option(prompt=True, help="What was found; sealed.")],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """A monitored household that fell back is in the register again.

    Example: tuopin exit reinstate HOUSEHOLD --finding 因病返贫
    """
    command = ReinstateHousehold(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        finding=finding,
        effective_on=on or today(),
    )
    send("registry", command, "reinstated", as_json)
