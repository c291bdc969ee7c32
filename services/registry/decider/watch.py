"""Where a household is on the path from a warning to clearance, and what the rules keep of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tuopin.registry.v1.monitoring_pb2 import (
    MONITORING_CLASS_UNSPECIFIED,
    MONITORING_STAGE_APPRAISED,
    MONITORING_STAGE_CHECKED,
    MONITORING_STAGE_COVERED,
    MONITORING_STAGE_MONITORED,
    MONITORING_STAGE_POSTED,
    MONITORING_STAGE_TOWNSHIP_REVIEWED,
    MONITORING_STAGE_UNSPECIFIED,
    MONITORING_STAGE_VISITED,
    MONITORING_STAGE_WARNED,
    MONITORING_STEP_UNSPECIFIED,
    Difficulty,
    MonitoringClass,
    MonitoringStage,
    MonitoringStep,
)

# A warning on its way; nobody has decided yet.
PENDING = (
    MONITORING_STAGE_WARNED,
    MONITORING_STAGE_VISITED,
    MONITORING_STAGE_CHECKED,
    MONITORING_STAGE_APPRAISED,
    MONITORING_STAGE_POSTED,
    MONITORING_STAGE_TOWNSHIP_REVIEWED,
)
# Under monitoring: with measures for a time, or covered for good.
FOLLOWED = (MONITORING_STAGE_MONITORED, MONITORING_STAGE_COVERED)


@dataclass(frozen=True, slots=True)
class Watch:
    """The watch over one household."""

    warning_id: str = ""
    stage: MonitoringStage.ValueType = MONITORING_STAGE_UNSPECIFIED
    monitoring_class: MonitoringClass.ValueType = MONITORING_CLASS_UNSPECIFIED
    # The step whose clock runs, and its last day; "" when none does.
    clock: MonitoringStep.ValueType = MONITORING_STEP_UNSPECIFIED
    due_on: str = ""
    # Effective date of the last step.
    step_on: str = ""
    # Since when every income that was told lay over the line; "" when the last one did not.
    steady_since: str = ""
    # Day of the last income that was told.
    told_on: str = ""
    # What was reported, the latest amount by kind: fen a year and its day.
    difficulties: Mapping[Difficulty.ValueType, tuple[int, str]] = field(default_factory=dict)
