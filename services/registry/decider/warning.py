"""A warning and its time: what starts and ends the path, how far it is, when a step is due."""

from datetime import date, timedelta

from chassis.decider import Context
from chassis.rejection import require
from services.registry.decider.part import person_of
from services.registry.decider.state import State
from services.registry.decider.watch import PENDING
from tuopin.registry.v1.household_pb2 import HOUSEHOLD_STATUS_EXITED
from tuopin.registry.v1.monitoring_pb2 import (
    MONITORING_CLASS_MARGINAL,
    MONITORING_CLASS_UNSTABLE_AFTER_EXIT,
    MONITORING_STEP_APPRAISAL,
    MONITORING_STEP_CHECK,
    MONITORING_STEP_COUNTY,
    MONITORING_STEP_TOWNSHIP,
    MONITORING_STEP_VISIT,
    MonitoringClass,
    MonitoringStage,
    MonitoringStep,
    WarningDismissal,
    WarningDismissed,
    WarningFinder,
    WarningRaised,
)

# How many days each step has: a parameter, counted from the day of the step before.
DAYS = {
    MONITORING_STEP_VISIT: "monitoring-visit-days",
    MONITORING_STEP_CHECK: "monitoring-check-days",
    MONITORING_STEP_APPRAISAL: "monitoring-appraisal-days",
    MONITORING_STEP_TOWNSHIP: "monitoring-township-days",
    MONITORING_STEP_COUNTY: "monitoring-county-days",
}


def due_on(state: State, step: MonitoringStep.ValueType, since: str, context: Context) -> str:
    """The step's last day."""
    began = date.fromisoformat(since)
    days = context.parameters.number(DAYS[step], on=began, region=state.village_id)
    return (began + timedelta(days=days)).isoformat()


def line_fen(state: State, on: str, context: Context) -> int:
    """The line of monitoring on a day: a share of the poverty line."""
    day, where = date.fromisoformat(on), state.village_id
    poverty_line = context.parameters.number("poverty-line-fen", on=day, region=where)
    percent = context.parameters.number("monitoring-line-percent", on=day, region=where)
    return poverty_line * percent // 100


def raised(
    state: State,
    context: Context,
    *,
    finder: WarningFinder.ValueType,
    monitoring_class: MonitoringClass.ValueType,
    on: str,
    note: str = "",
    rules: tuple[str, ...] = (),
) -> WarningRaised:
    """A warning, with the last day of the visit it asks for."""
    return WarningRaised(
        household_id=state.household_id,
        village_id=state.village_id,
        warning_id=context.new_id("warning"),
        finder=finder,
        monitoring_class=monitoring_class,
        note=note,
        effective_on=on,
        rules=rules,
        visit_due_on=due_on(state, MONITORING_STEP_VISIT, on, context),
        raised_by=person_of(context),
    )


def class_of(state: State) -> MonitoringClass.ValueType:
    """What a household is when nothing sudden happened to it."""
    out = state.status == HOUSEHOLD_STATUS_EXITED
    return MONITORING_CLASS_UNSTABLE_AFTER_EXIT if out else MONITORING_CLASS_MARGINAL


def require_stage(state: State, stage: MonitoringStage.ValueType, slug: str) -> None:
    """The warning is exactly that far."""
    require(state.watch.stage in PENDING, "warning-not-raised")
    require(state.watch.stage >= stage, slug)
    require(state.watch.stage == stage, "warning-step-already-taken")


def require_measures(measures: tuple[str, ...], context: Context) -> None:
    """At least one, all of the catalogue."""
    require(measures, "monitored-without-measures", field="measures")
    known = context.parameters.table("measures")
    for ordinal, measure in enumerate(measures):
        require(measure in known, "measure-not-in-catalogue", field=f"measures.{ordinal}")


def dismissed(
    state: State,
    context: Context,
    reason: WarningDismissal.ValueType,
    *,
    on: str,
    note: str = "",
) -> WarningDismissed:
    """The path ends here."""
    return WarningDismissed(
        household_id=state.household_id,
        village_id=state.village_id,
        warning_id=state.watch.warning_id,
        reason=reason,
        note=note,
        effective_on=on,
        dismissed_by=person_of(context),
    )
