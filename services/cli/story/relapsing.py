"""After the exit: a department's report, the platform's warning, the watch and its clearance; then
a look back finds that the exit was wrong after all.
"""

import time
from typing import Any

import grpc

from chassis.client import problem_of
from chassis.clock import OffsetClock
from services.cli.story.leaving import posting_over, refused
from services.cli.story.play import COUNTY, TOWNSHIP, Stage, Step, command_id, expect, place
from tuopin.registry.v1.exit_pb2 import (
    EXIT_CHECK_HOUSING,
    WRONG_EXIT_FINDER_LOOK_BACK,
    DeclareExitWrong,
)
from tuopin.registry.v1.household_pb2 import HOUSEHOLD_STATUS_RELAPSED, GetHousehold
from tuopin.registry.v1.monitoring_pb2 import (
    DIFFICULTY_INCOME,
    MONITORING_STAGE_CLEARED,
    AppraiseWarning,
    CheckWarning,
    ClearMonitoring,
    GetMonitoring,
    PostMonitoring,
    RecordMonitoredIncome,
    RecordWarningVisit,
    ReportDifficulty,
    ReviewMonitoringAtTownship,
    StartMonitoring,
)
from tuopin.registry.v1.screening_pb2 import GetScreening, OpenScreening
from tuopin.types.v1.types_pb2 import Evidence, Note

DAY_H = 24.0
MONTH_H = DAY_H * 31
MONTHS = 6
POSTING_H = DAY_H * 5 + 1
GUARANTEES = ("food-and-clothing", "schooling", "medical-care", "housing", "drinking-water")


def screen(stage: Stage) -> str:
    """The platform's rules look at every household of the county, in the background."""
    opened = OpenScreening(command_id=command_id(), region_id=COUNTY, only_once=True)
    stage.ask("county", "registry", "OpenScreening", opened)

    def completed() -> Any:
        told = stage.ask("county", "registry", "GetScreening", GetScreening(region_id=COUNTY))
        return told if told.completed else None

    told = stage.until("the county is screened", completed)
    expect(told.households, "nobody was looked at")
    return f"run {told.run}: {told.households} households looked at, {told.warned} warned of"


def warn(stage: Stage) -> str:
    """The platform's rules speak as soon as a department reports; nobody had to ask."""
    report = ReportDifficulty(
        command_id=command_id(),
        household_id=stage.facts["household_id"],
        difficulty=DIFFICULTY_INCOME,
        amount_fen=100_000,
        source="human-resources",
        effective_on=stage.today(),
    )
    stage.ask("county", "registry", "ReportDifficulty", report)
    row = stage.until("the platform warns", lambda: _row(stage))
    return f"warning {row.warning_id}: to be visited by {row.due_on}"


def run_out(stage: Stage) -> str:
    """Nobody goes: the clock runs out and the township is named."""
    stage.pass_hours(DAY_H * 4 + 1)
    row = stage.until("the visit is late", lambda: _late(stage))
    return f"due {row.due_on}, not done; region {TOWNSHIP} is to hear of it"


def watch(stage: Stage) -> str:
    """Visited, checked against other data, appraised, posted, reviewed, watched with a measure."""
    household_id, on = stage.facts["household_id"], stage.today()
    seen = Evidence(note=Note(text="务工收入下降。", household_id=household_id))
    _step(
        stage,
        "village",
        RecordWarningVisit(cadre_id=stage.facts["helper"], evidence=[seen], effective_on=on),
    )
    _step(
        stage,
        "township",
        CheckWarning(sources=["tax", "medical-insurance"], income_per_head_fen=1, effective_on=on),
    )
    _step(stage, "village", AppraiseWarning(minutes="同意纳入。", votes_for=18, effective_on=on))
    posted = _step(stage, "village", PostMonitoring())
    stage.pass_hours(POSTING_H)
    posting_over(stage, posted.position)
    _step(stage, "township", ReviewMonitoringAtTownship(approved=True, note="程序完整。"))
    receipt = _step(stage, "county", StartMonitoring(measures=["public-work-post"]))
    return f"{place(receipt)}: under monitoring with public-work-post"


def clear(stage: Stage) -> str:
    """Six months of income over the line, told each month; not a month earlier."""
    for month in range(MONTHS + 1):
        income = RecordMonitoredIncome(income_per_head_fen=700_000, effective_on=stage.today())
        _step(stage, "township", income)
        if month == 1:
            early = refused(stage, "county", _clearance(stage))
            expect(early == "monitored-income-not-steady", f"cleared too early: {early}")
        if month < MONTHS:
            stage.pass_hours(MONTH_H)
            # The running system looks at its clock ten times a second.
            time.sleep(OffsetClock.LOOK_EVERY_S * 1.5)
    receipt = stage.ask("county", "registry", "ClearMonitoring", _clearance(stage))
    request = GetMonitoring(household_id=stage.facts["household_id"], at_least=receipt.position)
    row = stage.ask("county", "registry", "GetMonitoring", request)
    expect(row.stage == MONITORING_STAGE_CLEARED, "the household is not cleared")
    return f"{place(receipt)}: cleared after {MONTHS} months; refused before"


def find_wrong(stage: Stage) -> str:
    """A look back: the house was never safe. The household is back in the register."""
    household_id = stage.facts["household_id"]
    stage.join("inspector", "demo-inspector", "county-office@4331")
    command = DeclareExitWrong(
        command_id=command_id(),
        household_id=household_id,
        found_by=WRONG_EXIT_FINDER_LOOK_BACK,
        failed=[EXIT_CHECK_HOUSING],
        finding="住房仍为危房。",
        effective_on=stage.today(),
    )
    own = refused(stage, "county", command)
    expect(own == "exit-judged-by-its-own", f"the county judged itself: {own}")
    command.command_id = command_id()
    receipt = stage.ask("inspector", "registry", "DeclareExitWrong", command)
    request = GetHousehold(household_id=household_id, at_least=receipt.position)
    household = stage.ask("county", "registry", "GetHousehold", request)
    expect(household.status == HOUSEHOLD_STATUS_RELAPSED, "the household is not back")
    return f"{place(receipt)}: back in the register; the county could not judge itself"


def _clearance(stage: Stage) -> ClearMonitoring:
    return ClearMonitoring(
        command_id=command_id(),
        household_id=stage.facts["household_id"],
        guarantees=GUARANTEES,
        effective_on=stage.today(),
    )


def _step(stage: Stage, who: str, command: Any) -> Any:
    command.command_id = command_id()
    command.household_id = stage.facts["household_id"]
    return stage.ask(who, "registry", type(command).__name__, command)


def _row(stage: Stage) -> Any:
    request = GetMonitoring(household_id=stage.facts["household_id"])
    try:
        return stage.ask("county", "registry", "GetMonitoring", request)
    except grpc.RpcError as error:
        expect(problem_of(error).slug == "household-never-warned-of", str(error))
        return None


def _late(stage: Stage) -> Any:
    row = _row(stage)
    return row if row and row.overdue else None


STEPS = [
    Step("a department reports, the platform warns by itself", warn),
    Step("the platform screens every household of the county", screen),
    Step("nobody visits: the clock runs out and the next level is named", run_out),
    Step("the household is watched, with a measure", watch),
    Step("cleared after six steady months, not earlier", clear),
    Step("the exit was wrong: the household is back in the register", find_wrong),
]
