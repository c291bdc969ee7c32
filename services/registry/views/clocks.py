"""When support after an exit ends, when a step of monitoring is late, and when a break-glass access
is over.
"""

from typing import assert_never

from chassis.clock import MICROSECONDS
from chassis.deadlines import DeadlineView
from chassis.times import end_of, micros
from chassis.views import Deadlines
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.access_pb2 import BreakGlassOpened, BreakGlassReviewed, ExpireBreakGlass
from tuopin.registry.v1.exit_pb2 import EndSupport, HouseholdReinstated
from tuopin.registry.v1.household_pb2 import HouseholdExited
from tuopin.registry.v1.monitoring_pb2 import (
    MONITORING_STEP_APPRAISAL,
    MONITORING_STEP_CHECK,
    MONITORING_STEP_COUNTY,
    MONITORING_STEP_TOWNSHIP,
    MONITORING_STEP_VISIT,
    HouseholdMonitored,
    MonitoringClockMoved,
    MonitoringPosted,
    MonitoringReviewedAtTownship,
    MonitoringStep,
    RunOutMonitoringClock,
    WarningChecked,
    WarningDismissed,
    WarningRaised,
    WarningVisited,
)
from tuopin.registry.v1.screening_pb2 import OpenScreening, ScreeningOpened

END_SUPPORT = "end-support"
# The server that decides may have a clock a little behind ours.
SKEW_US = 3 * MICROSECONDS


def after_us(day: str) -> int:
    """When this day is over in the programme's zone."""
    return micros(end_of(day)) + SKEW_US


def project_support(
    deadlines: Deadlines, envelope: Envelope, event: HouseholdExited | HouseholdReinstated
) -> None:
    """Set at the exit; a household that is back in the register is helped as one of it."""
    key = event.household_id
    if isinstance(event, HouseholdReinstated):
        deadlines.clear(END_SUPPORT, key)
        return
    command = EndSupport(household_id=key, support_until=event.support_until)
    deadlines.set(END_SUPPORT, key, after_us(event.support_until), command)


SUPPORT = DeadlineView(
    name="support-clock",
    topics=("household",),
    events=(HouseholdExited, HouseholdReinstated),
    project=project_support,
)


SCREENING_CLOCK = "screening-clock"


def project_screening(deadlines: Deadlines, envelope: Envelope, event: ScreeningOpened) -> None:
    """A county that began to be screened is screened again and again, until a run is the last."""
    if not event.next_at_us:
        deadlines.clear(SCREENING_CLOCK, event.region_id)
        return
    command = OpenScreening(region_id=event.region_id)
    deadlines.set(SCREENING_CLOCK, event.region_id, event.next_at_us + SKEW_US, command)


SCREENING = DeadlineView(
    name="screening-clock",
    topics=("region",),
    events=(ScreeningOpened,),
    project=project_screening,
)


MONITORING_CLOCK = "monitoring-clock"
MonitoringEvent = (
    WarningRaised
    | WarningVisited
    | WarningChecked
    | MonitoringPosted
    | MonitoringReviewedAtTownship
    | MonitoringClockMoved
    | HouseholdMonitored
    | WarningDismissed
)


def project_monitoring(deadlines: Deadlines, envelope: Envelope, event: MonitoringEvent) -> None:
    """Each step sets the clock of the next; the end of the path clears it."""
    clock = _next(event)
    if clock is None:
        deadlines.clear(MONITORING_CLOCK, event.household_id)
        return
    step, due_on = clock
    command = RunOutMonitoringClock(
        household_id=event.household_id, warning_id=event.warning_id, step=step, due_on=due_on
    )
    deadlines.set(MONITORING_CLOCK, event.household_id, after_us(due_on), command)


def _next(event: MonitoringEvent) -> tuple[MonitoringStep.ValueType, str] | None:
    match event:
        case WarningRaised():
            return MONITORING_STEP_VISIT, event.visit_due_on
        case WarningVisited():
            return MONITORING_STEP_CHECK, event.check_due_on
        case WarningChecked():
            return MONITORING_STEP_APPRAISAL, event.appraisal_due_on
        case MonitoringPosted():
            return MONITORING_STEP_TOWNSHIP, event.township_due_on
        case MonitoringReviewedAtTownship():
            return MONITORING_STEP_COUNTY, event.county_due_on
        case MonitoringClockMoved():
            return event.step, event.due_on
        case HouseholdMonitored() | WarningDismissed():
            return None
        case _:
            assert_never(event)


MONITORING = DeadlineView(
    name="monitoring-clock",
    topics=("household",),
    events=(
        WarningRaised,
        WarningVisited,
        WarningChecked,
        MonitoringPosted,
        MonitoringReviewedAtTownship,
        MonitoringClockMoved,
        HouseholdMonitored,
        WarningDismissed,
    ),
    project=project_monitoring,
)


EXPIRE_BREAK_GLASS = "expire-break-glass"


def project_break_glass(
    deadlines: Deadlines, envelope: Envelope, event: BreakGlassOpened | BreakGlassReviewed
) -> None:
    """Set when it is opened; a review ends it before its time."""
    key = event.break_glass_id
    if isinstance(event, BreakGlassReviewed):
        deadlines.clear(EXPIRE_BREAK_GLASS, key)
    else:
        command = ExpireBreakGlass(break_glass_id=key)
        deadlines.set(EXPIRE_BREAK_GLASS, key, event.expires_at_us + SKEW_US, command)


BREAK_GLASS = DeadlineView(
    name="break-glass-clock",
    topics=("access",),
    events=(BreakGlassOpened, BreakGlassReviewed),
    project=project_break_glass,
)
