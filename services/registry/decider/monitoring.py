"""From a warning to the watch over a household: visited, checked against other data, appraised and
posted, reviewed by township and county; each step within its time.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import assert_never

from chassis.decider import Context, Decisions
from chassis.rejection import require
from services.registry.decider.duties import (
    COUNTY,
    TOWNSHIP,
    VILLAGE,
    having_acted,
    require_no_relative,
    require_one_level,
)
from services.registry.decider.exit import require_evidence
from services.registry.decider.leaving import IN_REGISTER
from services.registry.decider.part import (
    Part,
    by_household_id,
    person_of,
    require_known,
    require_past,
)
from services.registry.decider.posting import opened, require_no_objection, require_passed
from services.registry.decider.state import Posting, State
from services.registry.decider.warning import (
    class_of,
    dismissed,
    due_on,
    line_fen,
    raised,
    require_measures,
    require_stage,
)
from services.registry.decider.watch import FOLLOWED, PENDING, Watch
from tuopin.registry.v1.monitoring_pb2 import (
    MONITORING_CLASS_SUDDEN_SEVERE,
    MONITORING_STAGE_APPRAISED,
    MONITORING_STAGE_CHECKED,
    MONITORING_STAGE_DISMISSED,
    MONITORING_STAGE_MONITORED,
    MONITORING_STAGE_POSTED,
    MONITORING_STAGE_TOWNSHIP_REVIEWED,
    MONITORING_STAGE_VISITED,
    MONITORING_STAGE_WARNED,
    MONITORING_STEP_APPRAISAL,
    MONITORING_STEP_CHECK,
    MONITORING_STEP_COUNTY,
    MONITORING_STEP_TOWNSHIP,
    MONITORING_STEP_UNSPECIFIED,
    MONITORING_STEP_VISIT,
    WARNING_DISMISSAL_APPRAISAL_AGAINST,
    WARNING_DISMISSAL_COUNTY_REFUSED,
    WARNING_DISMISSAL_NOT_CONFIRMED,
    WARNING_DISMISSAL_OBJECTION_UPHELD,
    WARNING_DISMISSAL_REINSTATED,
    WARNING_DISMISSAL_TOWNSHIP_REFUSED,
    WARNING_FINDER_PLATFORM,
    AppraiseWarning,
    CheckWarning,
    DismissWarning,
    HouseholdMonitored,
    MonitoringClass,
    MonitoringPosted,
    MonitoringReviewedAtTownship,
    MonitoringStage,
    MonitoringStep,
    PostMonitoring,
    RaiseWarning,
    RecordWarningVisit,
    ReviewMonitoringAtTownship,
    StartMonitoring,
    WarningAppraised,
    WarningChecked,
    WarningDismissal,
    WarningDismissed,
    WarningRaised,
    WarningVisited,
)
from tuopin.registry.v1.posting_pb2 import POSTING_PURPOSE_MONITORING

Command = (
    RaiseWarning
    | RecordWarningVisit
    | CheckWarning
    | AppraiseWarning
    | PostMonitoring
    | ReviewMonitoringAtTownship
    | StartMonitoring
    | DismissWarning
)
Event = (
    WarningRaised
    | WarningVisited
    | WarningChecked
    | WarningAppraised
    | MonitoringPosted
    | MonitoringReviewedAtTownship
    | HouseholdMonitored
    | WarningDismissed
)


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules of the path to the watch."""
    require_known(state)
    match command:
        case RaiseWarning():
            return raise_warning(state, command, context)
        case RecordWarningVisit():
            return record_visit(state, command, context)
        case CheckWarning():
            return check_warning(state, command, context)
        case AppraiseWarning():
            return appraise_warning(state, command, context)
        case PostMonitoring():
            return post_monitoring(state, context)
        case ReviewMonitoringAtTownship():
            return review_at_township(state, command, context)
        case StartMonitoring():
            return start_monitoring(state, command, context)
        case DismissWarning():
            return dismiss_warning(state, command, context)
        case _:
            assert_never(command)


def raise_warning(state: State, command: RaiseWarning, context: Context) -> Decisions:
    """By the household, a cadre, a department or supervision; one at a time."""
    require(command.finder != WARNING_FINDER_PLATFORM, "warning-by-platform-only", field="finder")
    require(state.status not in IN_REGISTER, "household-in-register")
    require(state.watch.stage not in PENDING, "warning-already-raised")
    require(state.watch.stage not in FOLLOWED, "household-already-monitored")
    require_past(command.effective_on, context)
    _require_class(state, command.monitoring_class)
    yield raised(
        state,
        context,
        finder=command.finder,
        monitoring_class=command.monitoring_class,
        on=command.effective_on,
        note=command.note,
    )


def _require_class(state: State, monitoring_class: MonitoringClass.ValueType) -> None:
    if monitoring_class != MONITORING_CLASS_SUDDEN_SEVERE:
        fitting = monitoring_class == class_of(state)
        require(fitting, "monitoring-class-not-fitting", field="monitoring_class")


def _require_day(state: State, day: str, context: Context) -> None:
    require_past(day, context)
    earlier = state.watch.step_on
    require(day >= earlier, "warning-step-before-the-last", field="effective_on", on=earlier)


def record_visit(state: State, command: RecordWarningVisit, context: Context) -> Decisions:
    """Somebody was at the home and brought what they saw."""
    require_stage(state, MONITORING_STAGE_WARNED, "warning-not-raised")
    require_evidence(state, command.evidence, "evidence")
    _require_day(state, command.effective_on, context)
    yield WarningVisited(
        household_id=state.household_id,
        village_id=state.village_id,
        warning_id=state.watch.warning_id,
        assignment_id=command.assignment_id,
        cadre_id=command.cadre_id,
        evidence=command.evidence,
        effective_on=command.effective_on,
        check_due_on=due_on(state, MONITORING_STEP_CHECK, command.effective_on, context),
    )


def check_warning(state: State, command: CheckWarning, context: Context) -> Decisions:
    """Against other data; a household that is not under the line is no case."""
    require_stage(state, MONITORING_STAGE_VISITED, "warning-not-visited")
    _require_day(state, command.effective_on, context)
    require_one_level(state, context, TOWNSHIP)
    known = context.parameters.table("monitoring")["sources"]
    for ordinal, source in enumerate(command.sources):
        require(source in known, "monitoring-source-not-listed", field=f"sources.{ordinal}")
    line = line_fen(state, command.effective_on, context)
    yield WarningChecked(
        household_id=state.household_id,
        village_id=state.village_id,
        warning_id=state.watch.warning_id,
        sources=command.sources,
        income_per_head_fen=command.income_per_head_fen,
        monitoring_line_fen=line,
        effective_on=command.effective_on,
        appraisal_due_on=due_on(state, MONITORING_STEP_APPRAISAL, command.effective_on, context),
        checked_by=person_of(context),
    )
    if command.income_per_head_fen >= line:
        yield dismissed(state, context, WARNING_DISMISSAL_NOT_CONFIRMED, on=command.effective_on)


def appraise_warning(state: State, command: AppraiseWarning, context: Context) -> Decisions:
    """The village's meeting: more than half of those present, or it ends here."""
    require_stage(state, MONITORING_STAGE_CHECKED, "warning-not-checked")
    _require_day(state, command.effective_on, context)
    require_one_level(state, context, VILLAGE)
    present = command.votes_for + command.votes_against + command.abstentions
    on = date.fromisoformat(command.effective_on)
    least = context.parameters.number("exit-appraisal-quorum", on=on, region=state.village_id)
    require(present >= least, "exit-appraisal-below-quorum", field="votes_for", least=least)
    yield WarningAppraised(
        household_id=state.household_id,
        village_id=state.village_id,
        warning_id=state.watch.warning_id,
        minutes=command.minutes,
        votes_for=command.votes_for,
        votes_against=command.votes_against,
        abstentions=command.abstentions,
        effective_on=command.effective_on,
        appraised_by=person_of(context),
    )
    if 2 * command.votes_for <= present:
        reason = WARNING_DISMISSAL_APPRAISAL_AGAINST
        yield dismissed(state, context, reason, on=command.effective_on)


def post_monitoring(state: State, context: Context) -> Decisions:
    """The notice hangs its whole time; the township's clock is counted from its end."""
    require_stage(state, MONITORING_STAGE_APPRAISED, "warning-not-appraised")
    require_no_relative(state, context)
    posted = opened(
        state,
        context,
        purpose=POSTING_PURPOSE_MONITORING,
        days="monitoring-posting-days",
        status=state.status,
        status_if_upheld=state.status,
    )
    yield posted
    ends = (context.today + timedelta(days=posted.days)).isoformat()
    yield MonitoringPosted(
        household_id=state.household_id,
        village_id=state.village_id,
        warning_id=state.watch.warning_id,
        posting_id=posted.posting_id,
        effective_on=context.today.isoformat(),
        township_due_on=due_on(state, MONITORING_STEP_TOWNSHIP, ends, context),
        posted_by=person_of(context),
    )


def review_at_township(
    state: State, command: ReviewMonitoringAtTownship, context: Context
) -> Decisions:
    """Nobody objected, or nobody was right."""
    require_stage(state, MONITORING_STAGE_POSTED, "warning-not-posted")
    require_passed(state, POSTING_PURPOSE_MONITORING)
    require_one_level(state, context, TOWNSHIP)
    today = context.today.isoformat()
    if not command.approved:
        reason = WARNING_DISMISSAL_TOWNSHIP_REFUSED
        yield dismissed(state, context, reason, on=today, note=command.note)
        return
    yield MonitoringReviewedAtTownship(
        household_id=state.household_id,
        village_id=state.village_id,
        warning_id=state.watch.warning_id,
        note=command.note,
        effective_on=today,
        county_due_on=due_on(state, MONITORING_STEP_COUNTY, today, context),
        reviewed_by=person_of(context),
    )


def start_monitoring(state: State, command: StartMonitoring, context: Context) -> Decisions:
    """The county's yes comes with measures: to watch alone helps nobody."""
    stage = MONITORING_STAGE_TOWNSHIP_REVIEWED
    require_stage(state, stage, "warning-not-reviewed-by-township")
    require_one_level(state, context, COUNTY)
    require_measures(tuple(command.measures), context)
    yield HouseholdMonitored(
        household_id=state.household_id,
        village_id=state.village_id,
        warning_id=state.watch.warning_id,
        monitoring_class=state.watch.monitoring_class,
        measures=command.measures,
        effective_on=context.today.isoformat(),
        decided_by=person_of(context),
        member_count=len(state.person_ids),
    )


def dismiss_warning(state: State, command: DismissWarning, context: Context) -> Decisions:
    """Not borne out: never before somebody was there, and not past an open objection."""
    watch = state.watch
    back = state.status in IN_REGISTER and watch.stage in (*PENDING, *FOLLOWED)
    if not back:
        require(watch.stage in PENDING, "warning-not-raised")
        require(watch.stage > MONITORING_STAGE_WARNED, "warning-not-visited")
        if state.posting.purpose == POSTING_PURPOSE_MONITORING:
            require_no_objection(state)
    _require_day(state, command.effective_on, context)
    require_no_relative(state, context)
    reason = WARNING_DISMISSAL_REINSTATED if back else _why(state)
    yield dismissed(state, context, reason, on=command.effective_on, note=command.note)


def _why(state: State) -> WarningDismissal.ValueType:
    if state.posting.purpose == POSTING_PURPOSE_MONITORING and state.posting.failed:
        return WARNING_DISMISSAL_OBJECTION_UPHELD
    if state.watch.stage == MONITORING_STAGE_TOWNSHIP_REVIEWED:
        return WARNING_DISMISSAL_COUNTY_REFUSED
    return WARNING_DISMISSAL_NOT_CONFIRMED


def evolve(state: State, event: Event) -> State:
    """What the household is after the event."""
    match event:
        case WarningRaised():
            fresh = Watch(
                warning_id=event.warning_id,
                stage=MONITORING_STAGE_WARNED,
                monitoring_class=event.monitoring_class,
                clock=MONITORING_STEP_VISIT,
                due_on=event.visit_due_on,
                step_on=event.effective_on,
                difficulties=state.watch.difficulties,
            )
            return replace(state, watch=fresh, acted={}, posting=Posting())
        case WarningVisited():
            due = event.check_due_on
            return _on(state, event, MONITORING_STAGE_VISITED, MONITORING_STEP_CHECK, due)
        case WarningChecked():
            state = replace(state, acted=having_acted(state, event.checked_by, TOWNSHIP))
            due = event.appraisal_due_on
            return _on(state, event, MONITORING_STAGE_CHECKED, MONITORING_STEP_APPRAISAL, due)
        case WarningAppraised():
            state = replace(state, acted=having_acted(state, event.appraised_by, VILLAGE))
            # The time is for the appraisal and the posting together.
            clock, due = state.watch.clock, state.watch.due_on
            return _on(state, event, MONITORING_STAGE_APPRAISED, clock, due)
        case MonitoringPosted():
            due = event.township_due_on
            return _on(state, event, MONITORING_STAGE_POSTED, MONITORING_STEP_TOWNSHIP, due)
        case MonitoringReviewedAtTownship():
            state = replace(state, acted=having_acted(state, event.reviewed_by, TOWNSHIP))
            stage, due = MONITORING_STAGE_TOWNSHIP_REVIEWED, event.county_due_on
            return _on(state, event, stage, MONITORING_STEP_COUNTY, due)
        case HouseholdMonitored():
            return _on(state, event, MONITORING_STAGE_MONITORED)
        case WarningDismissed():
            return _on(state, event, MONITORING_STAGE_DISMISSED)
        case _:
            assert_never(event)


def _on(
    state: State,
    event: Event,
    stage: MonitoringStage.ValueType,
    clock: MonitoringStep.ValueType = MONITORING_STEP_UNSPECIFIED,
    due: str = "",
) -> State:
    watch = replace(state.watch, stage=stage, clock=clock, due_on=due, step_on=event.effective_on)
    return replace(state, watch=watch)


MONITORING = Part(
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys(
        (
            RaiseWarning,
            RecordWarningVisit,
            CheckWarning,
            AppraiseWarning,
            PostMonitoring,
            ReviewMonitoringAtTownship,
            StartMonitoring,
            DismissWarning,
        ),
        by_household_id,
    ),
    events=(
        WarningRaised,
        WarningVisited,
        WarningChecked,
        WarningAppraised,
        MonitoringPosted,
        MonitoringReviewedAtTownship,
        HouseholdMonitored,
        WarningDismissed,
    ),
)
