"""Where an application stands, and its first step: the proof of income."""

from typing import TypeAlias

from chassis.decider import Context, Decisions
from chassis.rejection import require
from services.registry.decider.duties import require_no_relative
from services.registry.decider.part import person_of, require_known
from services.registry.decider.posting import require_no_objection
from services.registry.decider.state import State
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_ANNOUNCED,
    HOUSEHOLD_STATUS_APPLIED,
    HOUSEHOLD_STATUS_COUNTY_REVIEWED,
    HOUSEHOLD_STATUS_POSTED_BY_TOWNSHIP,
    HOUSEHOLD_STATUS_POSTED_IN_VILLAGE,
    HOUSEHOLD_STATUS_TOWNSHIP_REVIEWED,
    HOUSEHOLD_STATUS_VILLAGE_APPRAISED,
    HouseholdStatus,
)
from tuopin.registry.v1.identification_pb2 import IncomeProved, ProveIncome
from tuopin.types.v1.types_pb2 import Evidence

Status: TypeAlias = HouseholdStatus.ValueType

# In the order of the procedure.
COURSE = (
    HOUSEHOLD_STATUS_APPLIED,
    HOUSEHOLD_STATUS_VILLAGE_APPRAISED,
    HOUSEHOLD_STATUS_POSTED_IN_VILLAGE,
    HOUSEHOLD_STATUS_TOWNSHIP_REVIEWED,
    HOUSEHOLD_STATUS_POSTED_BY_TOWNSHIP,
    HOUSEHOLD_STATUS_COUNTY_REVIEWED,
    HOUSEHOLD_STATUS_ANNOUNCED,
)


def require_at(state: State, status: Status) -> None:
    """The household is at this step: not before, not beyond, not out of it."""
    require_known(state)
    require(state.status in COURSE, "household-not-applying")
    here, wanted = COURSE.index(state.status), COURSE.index(status)
    require(here <= wanted, "identification-step-already-taken")
    # An objection speaks first: it is what stops the step.
    require_no_objection(state)
    require(here == wanted, "identification-step-not-reached")


def prove_income(state: State, command: ProveIncome, context: Context) -> Decisions:
    """Before the village meets; a household on the allowance list need not."""
    require_at(state, HOUSEHOLD_STATUS_APPLIED)
    require_no_relative(state, context)
    for each in command.evidence:
        own = _subject_of(each) == state.household_id
        require(own, "evidence-of-other-household", field="evidence")
    yield IncomeProved(
        household_id=state.household_id,
        village_id=state.village_id,
        evidence=command.evidence,
        effective_on=context.today.isoformat(),
        taken_by=person_of(context),
    )


def _subject_of(evidence: Evidence) -> str:
    """Whose key seals it: a picture names its subject, note and place their household."""
    match evidence.WhichOneof("kind"):
        case "photo":
            return evidence.photo.subject_id
        case "note":
            return evidence.note.household_id
        case "location":
            return evidence.location.household_id
        case _:
            return ""
