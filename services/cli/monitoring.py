"""`tuopin monitoring`: warnings, the clocked path to the watch, and the way out of it."""

import time
from typing import Annotated

import typer

from services.cli.codes import codes_of
from services.cli.contact import chosen, contact, new_command_id, send, today
from services.cli.households import Household
from services.cli.options import CommandId, Json, On, PageSize, PageToken, Region
from services.cli.output import show_one, show_page
from services.cli.words import say
from tuopin.registry.v1.monitoring_pb2 import (
    AppraiseWarning,
    CheckWarning,
    ClearMonitoring,
    CoverHousehold,
    Difficulty,
    DismissWarning,
    GetMonitoring,
    ListMonitoring,
    MonitoringClass,
    MonitoringStage,
    PostMonitoring,
    RaiseWarning,
    RecordMonitoredIncome,
    RecordWarningVisit,
    ReportDifficulty,
    ReviewMonitoringAtTownship,
    StartMonitoring,
    WarningFinder,
)
from tuopin.registry.v1.screening_pb2 import GetScreening, OpenScreening
from tuopin.types.v1.types_pb2 import Evidence, Note

app = typer.Typer(no_args_is_help=True, help="The watch against falling back into poverty.")

CLASSES = codes_of(MonitoringClass)
STAGES = codes_of(MonitoringStage)
FINDERS = codes_of(WarningFinder)
DIFFICULTIES = codes_of(Difficulty)
SCREENING_LOOKED_AT_S = 0.5
COLUMNS = ("household_id", "village_id", "monitoring_class", "stage", "finder", "raised_on")

Measures = Annotated[list[str], typer.Option("--measure", help="Code of a measure; repeated.")]
IncomeYuan = Annotated[int, typer.Option(help="Income a head and year.")]
InWords = Annotated[str, typer.Option("--note", prompt=True, help="In words; sealed.")]


@app.command("list")
def list_watched(
    region: Region = "",
    stage: Annotated[str, typer.Option(help=" | ".join(STAGES))] = "",
    monitoring_class: Annotated[str, typer.Option("--class", help=" | ".join(CLASSES))] = "",
    overdue: Annotated[bool, typer.Option("--overdue", help="Only where a clock ran out.")] = False,
    page_size: PageSize = 20,
    page_token: PageToken = "",
    as_json: Json = False,
) -> None:
    """Households that were warned of or are watched, and how far each is.

    Example: tuopin monitoring list --region 433124 --overdue
    """
    if stage:
        chosen("--stage", stage, STAGES)
    if monitoring_class:
        chosen("--class", monitoring_class, CLASSES)
    page = contact().call(
        "registry",
        "ListMonitoring",
        ListMonitoring(
            region_id=region,
            stage=STAGES.get(stage, 0),
            monitoring_class=CLASSES.get(monitoring_class, 0),
            overdue=overdue,
            page_size=page_size,
            page_token=page_token,
        ),
    )
    columns = (*COLUMNS, "due_on", "overdue", "measures")
    show_page(page.households, columns, page=page, noun="households", as_json=as_json)


@app.command("show")
def show(household_id: Household, as_json: Json = False) -> None:
    """The latest warning about a household and what became of it.

    Example: tuopin monitoring show HOUSEHOLD
    """
    found = contact().call("registry", "GetMonitoring", GetMonitoring(household_id=household_id))
    show_one(found, title="monitoring", as_json=as_json)


@app.command()
def report(
    household_id: Household,
    difficulty: Annotated[str, typer.Option(help=" | ".join(DIFFICULTIES))],
    source: Annotated[str, typer.Option(help="Whose data: medical-insurance, education ...")],
    amount_yuan: Annotated[int, typer.Option(min=0, help="A year; for income what there is.")] = 0,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Report what happened to a household; the platform screens it at once.

    Example: tuopin monitoring report HOUSEHOLD --difficulty illness-cost --amount-yuan 30000
    --source medical-insurance
    """
    chosen("--difficulty", difficulty, DIFFICULTIES)
    command = ReportDifficulty(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        difficulty=DIFFICULTIES[difficulty],
        amount_fen=amount_yuan * 100,
        source=source,
        effective_on=on or today(),
    )
    send("registry", command, "reported", as_json)


@app.command()
def warn(
    household_id: Household,
    finder: Annotated[str, typer.Option(help=" | ".join(FINDERS))],
    monitoring_class: Annotated[str, typer.Option("--class", help=" | ".join(CLASSES))],
    note: InWords,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Raise a warning: somebody is to visit the household within its days.

    Example: tuopin monitoring warn HOUSEHOLD --finder cadre --class unstable-after-exit
    --note 务工收入下降
    """
    chosen("--finder", finder, FINDERS)
    chosen("--class", monitoring_class, CLASSES)
    command = RaiseWarning(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        finder=FINDERS[finder],
        monitoring_class=CLASSES[monitoring_class],
        note=note,
        effective_on=on or today(),
    )
    send("registry", command, "warned", as_json)


@app.command()
def visit(
    household_id: Household,
    cadre: Annotated[str, typer.Option(help="cadre_id of who was there.")],
    note: InWords,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Record the home visit after a warning by hand; a finished task records it by itself.

    Example: tuopin monitoring visit HOUSEHOLD --cadre CADRE --note 情况属实
    """
    command = RecordWarningVisit(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        cadre_id=cadre,
        evidence=[Evidence(note=Note(text=note, household_id=household_id))],
        effective_on=on or today(),
    )
    send("registry", command, "visited", as_json)


@app.command()
def check(
    household_id: Household,
    income_yuan: IncomeYuan,
    source: Annotated[list[str], typer.Option(help="Data it was checked against; repeated.")],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Check the warning against other data; not under the line, it ends here.

    Example: tuopin monitoring check HOUSEHOLD --income-yuan 5500 --source tax --source education
    """
    command = CheckWarning(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        sources=source,
        income_per_head_fen=income_yuan * 100,
        effective_on=on or today(),
    )
    send("registry", command, "checked", as_json)


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
    """The village's meeting on the warning.

    Example: tuopin monitoring appraise HOUSEHOLD --for 12 --minutes 评议记录
    """
    command = AppraiseWarning(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        minutes=minutes,
        votes_for=votes_for,
        votes_against=votes_against,
        abstentions=abstentions,
        effective_on=on or today(),
    )
    send("registry", command, "appraised", as_json)


@app.command()
def post(household_id: Household, command_id: CommandId = "", as_json: Json = False) -> None:
    """Post it in the village for its whole time.

    Example: tuopin monitoring post HOUSEHOLD
    """
    command = PostMonitoring(command_id=command_id or new_command_id(), household_id=household_id)
    send("registry", command, "posted", as_json)


@app.command()
def review(
    household_id: Household,
    note: InWords,
    refuse: Annotated[bool, typer.Option("--refuse", help="Say no: it ends here.")] = False,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The township's review.

    Example: tuopin monitoring review HOUSEHOLD --note 程序完整
    """
    command = ReviewMonitoringAtTownship(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        approved=not refuse,
        note=note,
    )
    send("registry", command, "reviewed", as_json)


@app.command()
def start(
    household_id: Household,
    measure: Measures,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The county's yes, with the measures that help.

    Example: tuopin monitoring start HOUSEHOLD --measure public-work-post
    """
    command = StartMonitoring(
        command_id=command_id or new_command_id(), household_id=household_id, measures=measure
    )
    send("registry", command, "monitored", as_json)


@app.command()
def dismiss(
    household_id: Household,
    note: InWords,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """End a warning that is not borne out; never before the visit.

    Example: tuopin monitoring dismiss HOUSEHOLD --note 情况不属实
    """
    command = DismissWarning(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        note=note,
        effective_on=on or today(),
    )
    send("registry", command, "dismissed", as_json)


@app.command()
def income(
    household_id: Household,
    income_yuan: IncomeYuan,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Tell a watched household's income, month by month.

    Example: tuopin monitoring income HOUSEHOLD --income-yuan 6800
    """
    command = RecordMonitoredIncome(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        income_per_head_fen=income_yuan * 100,
        effective_on=on or today(),
    )
    send("registry", command, "told", as_json)


@app.command()
def screen(
    region: Annotated[str, typer.Option(help="Code of the county, 6 digits.")],
    all_households: Annotated[
        bool, typer.Option("--all", help="All households of the county; else the last run is told.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="This run is the last until somebody asks again.")
    ] = False,
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Let the platform's rules look at every household of a county, now and then again and again.

    The server does it and, killed, goes on with it; this waits for the end and can be left.

    Example: tuopin monitoring screen --region 433124 --all
    """
    caller = contact()
    if all_households:
        command = OpenScreening(
            command_id=command_id or new_command_id(), region_id=region, only_once=once
        )
        caller.call("registry", "OpenScreening", command)
    query = GetScreening(region_id=region)
    found = caller.call("registry", "GetScreening", query)
    while all_households and not found.completed:
        time.sleep(SCREENING_LOOKED_AT_S)
        found = caller.call("registry", "GetScreening", query)
    show_one(found, title=say("screened", region=region), as_json=as_json)


@app.command()
def clear(
    household_id: Household,
    guarantee: Annotated[list[str], typer.Option(help="A guarantee that holds; repeated.")],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Clear a household: income steady for long enough, every guarantee kept.

    Example: tuopin monitoring clear HOUSEHOLD --guarantee food-and-clothing --guarantee schooling
    --guarantee medical-care --guarantee housing --guarantee drinking-water
    """
    command = ClearMonitoring(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        guarantees=guarantee,
        effective_on=on or today(),
    )
    send("registry", command, "cleared", as_json)


@app.command()
def cover(
    household_id: Household,
    measure: Measures,
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """Cover a household for good in which nobody can work.

    Example: tuopin monitoring cover HOUSEHOLD --measure subsistence-support
    """
    command = CoverHousehold(
        command_id=command_id or new_command_id(),
        household_id=household_id,
        measures=measure,
        effective_on=on or today(),
    )
    send("registry", command, "covered", as_json)
