"""The watch over a household: what is reported and screened, clocks that run out, income month by
month, clearance, or cover for good where nobody can work.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import assert_never

from chassis.decider import Context, Decisions
from chassis.rejection import require
from chassis.times import day_of
from services.registry.decider.duties import COUNTY, require_one_level
from services.registry.decider.leaving import IN_REGISTER
from services.registry.decider.part import (
    Part,
    by_household_id,
    person_of,
    require_known,
    require_past,
)
from services.registry.decider.screening import facts_of, signs
from services.registry.decider.state import State
from services.registry.decider.warning import class_of, due_on, line_fen, raised, require_measures
from services.registry.decider.watch import FOLLOWED, PENDING
from tuopin.registry.v1.household_pb2 import LABOUR_ORDINARY, LABOUR_SKILLED, LABOUR_WEAK
from tuopin.registry.v1.monitoring_pb2 import (
    MONITORING_CLASS_SUDDEN_SEVERE,
    MONITORING_STAGE_CLEARED,
    MONITORING_STAGE_COVERED,
    MONITORING_STAGE_MONITORED,
    MONITORING_STEP_APPRAISAL,
    MONITORING_STEP_CHECK,
    MONITORING_STEP_COUNTY,
    MONITORING_STEP_TOWNSHIP,
    MONITORING_STEP_UNSPECIFIED,
    MONITORING_STEP_VISIT,
    WARNING_FINDER_PLATFORM,
    ClearMonitoring,
    CoverHousehold,
    DifficultyReported,
    HouseholdCovered,
    MonitoredIncomeRecorded,
    MonitoringCleared,
    MonitoringClockMoved,
    MonitoringClockRanOut,
    RecordMonitoredIncome,
    ReportDifficulty,
    RunOutMonitoringClock,
    ScreenHousehold,
)
from tuopin.registry.v1.posting_pb2 import POSTING_PURPOSE_MONITORING

Command = (
    ReportDifficulty
    | ScreenHousehold
    | RunOutMonitoringClock
    | RecordMonitoredIncome
    | ClearMonitoring
    | CoverHousehold
)
Event = (
    DifficultyReported
    | MonitoringClockRanOut
    | MonitoringClockMoved
    | MonitoredIncomeRecorded
    | MonitoringCleared
    | HouseholdCovered
)
ABLE = frozenset({LABOUR_ORDINARY, LABOUR_SKILLED, LABOUR_WEAK})
# Digits of the region whose office hears that a step was not taken: the next level.
HEARS = {
    MONITORING_STEP_VISIT: 9,
    MONITORING_STEP_CHECK: 6,
    MONITORING_STEP_APPRAISAL: 9,
    MONITORING_STEP_TOWNSHIP: 6,
    MONITORING_STEP_COUNTY: 4,
}


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules of the watch."""
    match command:
        case ReportDifficulty():
            return report_difficulty(state, command, context)
        case ScreenHousehold():
            return screen(state, context)
        case RunOutMonitoringClock():
            return run_out(state, command, context)
        case RecordMonitoredIncome():
            return record_income(state, command, context)
        case ClearMonitoring():
            return clear(state, command, context)
        case CoverHousehold():
            return cover(state, command, context)
        case _:
            assert_never(command)


def report_difficulty(state: State, command: ReportDifficulty, context: Context) -> Decisions:
    """What a department or anybody knows; the same again changes nothing."""
    require_known(state)
    require_past(command.effective_on, context)
    known = context.parameters.table("monitoring")["sources"]
    require(command.source in known, "monitoring-source-not-listed", field="source")
    told = (command.amount_fen, command.effective_on)
    if state.watch.difficulties.get(command.difficulty) == told:
        return
    yield DifficultyReported(
        household_id=state.household_id,
        village_id=state.village_id,
        difficulty=command.difficulty,
        amount_fen=command.amount_fen,
        source=command.source,
        effective_on=command.effective_on,
    )


def screen(state: State, context: Context) -> Decisions:
    """The platform warns by itself, where no warning is on its way and nobody watches yet."""
    watch = state.watch
    if not state.living or state.status in IN_REGISTER or watch.stage in (*PENDING, *FOLLOWED):
        return
    table = context.parameters.table("screening")
    today = context.today
    quiet = timedelta(days=table["window"]["quiet-days"])
    if watch.step_on and today <= date.fromisoformat(watch.step_on) + quiet:
        return
    line = context.parameters.number("poverty-line-fen", on=today, region=state.village_id)
    people = len(state.person_ids)
    facts = facts_of(
        state.file, watch, people=people, poverty_line_fen=line, today=today, table=table
    )
    found = tuple(signs(facts, table))
    if found:
        sudden = any(sign.sudden for sign in found)
        yield raised(
            state,
            context,
            finder=WARNING_FINDER_PLATFORM,
            monitoring_class=MONITORING_CLASS_SUDDEN_SEVERE if sudden else class_of(state),
            on=today.isoformat(),
            rules=tuple(sign.rule for sign in found),
        )


def run_out(state: State, command: RunOutMonitoringClock, context: Context) -> Decisions:
    """The step's day is over and it was not taken: the next level hears. A stale clock is none."""
    require(state.household_id, "household-not-known")
    watch = state.watch
    mine = (watch.warning_id, watch.clock, watch.due_on)
    if mine != (command.warning_id, command.step, command.due_on):
        return
    today = context.today.isoformat()
    require(today > command.due_on, "monitoring-clock-running", until=command.due_on)
    posting = state.posting
    shown = posting.purpose == POSTING_PURPOSE_MONITORING and posting.running
    if command.step == MONITORING_STEP_TOWNSHIP and shown:
        # An objection made the posting start again: the township cannot have acted yet.
        ends = max(today, day_of(posting.closes_at_us))
        yield MonitoringClockMoved(
            household_id=state.household_id,
            village_id=state.village_id,
            warning_id=watch.warning_id,
            step=command.step,
            due_on=due_on(state, command.step, ends, context),
        )
        return
    yield MonitoringClockRanOut(
        household_id=state.household_id,
        village_id=state.village_id,
        warning_id=watch.warning_id,
        step=command.step,
        due_on=command.due_on,
        told_region_id=state.village_id[: HEARS[command.step]],
    )


def record_income(state: State, command: RecordMonitoredIncome, context: Context) -> Decisions:
    """Told month by month; silence, or a fall below the line, breaks what was steady."""
    _require_watched(state, command.effective_on, context)
    watch, on = state.watch, command.effective_on
    line = line_fen(state, on, context)
    # Over the line and told often enough: steady since the first of them.
    goes_on = bool(watch.steady_since) and not _silent(state, on, context)
    since = watch.steady_since if goes_on else on
    yield MonitoredIncomeRecorded(
        household_id=state.household_id,
        village_id=state.village_id,
        warning_id=watch.warning_id,
        income_per_head_fen=command.income_per_head_fen,
        monitoring_line_fen=line,
        effective_on=on,
        recorded_by=person_of(context),
        steady_since=since if command.income_per_head_fen >= line else "",
    )


def _silent(state: State, on: str, context: Context) -> bool:
    day = date.fromisoformat(on)
    most = context.parameters.number("monitoring-income-gap-days", on=day, region=state.village_id)
    told_on = state.watch.told_on
    return not told_on or (day - date.fromisoformat(told_on)).days > most


def clear(state: State, command: ClearMonitoring, context: Context) -> Decisions:
    """Steady for long enough, every guarantee kept, and somebody who can work."""
    _require_watched(state, command.effective_on, context)
    require_one_level(state, context, COUNTY)
    require(able(state), "household-without-labour-not-cleared")
    day = date.fromisoformat(command.effective_on)
    months = context.parameters.number("monitoring-steady-months", on=day, region=state.village_id)
    since = state.watch.steady_since
    long_enough = since and not _silent(state, command.effective_on, context)
    long_enough = long_enough and _months_on(since, months) <= command.effective_on
    require(long_enough, "monitored-income-not-steady", months=months, since=since or "-")
    known = context.parameters.table("monitoring")["guarantees"]
    missing = [code for code in known if code not in command.guarantees]
    require(not missing, "guarantee-not-kept", field="guarantees", missing=", ".join(missing))
    yield MonitoringCleared(
        household_id=state.household_id,
        village_id=state.village_id,
        warning_id=state.watch.warning_id,
        guarantees=[code for code in known if code in command.guarantees],
        steady_since=since,
        effective_on=command.effective_on,
        cleared_by=person_of(context),
    )


def cover(state: State, command: CoverHousehold, context: Context) -> Decisions:
    """Nobody in it can work: support for good, as there is no clearance."""
    _require_watched(state, command.effective_on, context)
    require_one_level(state, context, COUNTY)
    require(not able(state), "household-with-labour-not-covered")
    require_measures(tuple(command.measures), context)
    yield HouseholdCovered(
        household_id=state.household_id,
        village_id=state.village_id,
        warning_id=state.watch.warning_id,
        measures=command.measures,
        effective_on=command.effective_on,
        decided_by=person_of(context),
    )


def able(state: State) -> bool:
    """Somebody who lives here can work, be it a little."""
    here = state.living
    return any(each.labour in ABLE for each in state.file.members if each.person_id in here)


def _require_watched(state: State, day: str, context: Context) -> None:
    require_known(state)
    require(state.watch.stage == MONITORING_STAGE_MONITORED, "household-not-under-watch")
    require_past(day, context)
    earlier = max(state.watch.step_on, state.watch.told_on)
    require(day >= earlier, "warning-step-before-the-last", field="effective_on", on=earlier)


def _months_on(day: str, months: int) -> str:
    """The same day so many months on, or the last of a shorter month."""
    began = date.fromisoformat(day)
    count = began.year * 12 + began.month - 1 + months
    first = date(count // 12, count % 12 + 1, 1)
    after = date((count + 1) // 12, (count + 1) % 12 + 1, 1)
    return first.replace(day=min(began.day, (after - first).days)).isoformat()


def evolve(state: State, event: Event) -> State:
    """What the household is after the event."""
    watch = state.watch
    match event:
        case DifficultyReported():
            told = (event.amount_fen, event.effective_on)
            watch = replace(watch, difficulties={**watch.difficulties, event.difficulty: told})
        case MonitoringClockRanOut():
            watch = replace(watch, clock=MONITORING_STEP_UNSPECIFIED, due_on="")
        case MonitoringClockMoved():
            watch = replace(watch, due_on=event.due_on)
        case MonitoredIncomeRecorded():
            on = event.effective_on
            watch = replace(watch, steady_since=event.steady_since, told_on=on)
        case MonitoringCleared():
            watch = replace(watch, stage=MONITORING_STAGE_CLEARED, step_on=event.effective_on)
        case HouseholdCovered():
            watch = replace(watch, stage=MONITORING_STAGE_COVERED, step_on=event.effective_on)
        case _:
            assert_never(event)
    return replace(state, watch=watch)


MONITORED = Part(
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys(
        (
            ReportDifficulty,
            ScreenHousehold,
            RunOutMonitoringClock,
            RecordMonitoredIncome,
            ClearMonitoring,
            CoverHousehold,
        ),
        by_household_id,
    ),
    events=(
        DifficultyReported,
        MonitoringClockRanOut,
        MonitoringClockMoved,
        MonitoredIncomeRecorded,
        MonitoringCleared,
        HouseholdCovered,
    ),
)
