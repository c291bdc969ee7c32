"""What other services' events make planning do."""

from collections.abc import Iterator

from chassis.reactions import Reaction
from services.planning.decider.plan import plan_id_of
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.assignment_pb2 import AssignmentDone
from tuopin.notifier.v1.voice_pb2 import PlanAgreementGiven
from tuopin.planning.v1.plan_pb2 import ConsentToPlan, DraftPlan, MovePlan, PlanMember, RecordVisit
from tuopin.registry.v1.file_pb2 import HouseholdMoved
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_EXITED,
    HOUSEHOLD_STATUS_REMOVED,
    HouseholdRegistered,
)
from tuopin.registry.v1.rezoning_pb2 import HouseholdRezoned

FIRST_VISIT = "first-visit"
# Out of the register: a household that splits off from such a one brings the status along.
OUT = (HOUSEHOLD_STATUS_EXITED, HOUSEHOLD_STATUS_REMOVED)


def draft_plan(envelope: Envelope, event: HouseholdRegistered, facts: None) -> Iterator[DraftPlan]:
    """Every household in the register gets a plan, imported ones too: a draft is no message."""
    if event.status in OUT:
        return
    yield DraftPlan(
        household_id=event.household_id,
        village_id=event.village_id,
        main_cause=event.main_cause,
        other_causes=event.other_causes,
        members=[
            PlanMember(
                person_id=member.person_id,
                birth_year=member.birth_year,
                at_school=member.at_school,
                health=member.health,
                labour=member.labour,
            )
            for member in event.members
        ],
        housing_safety=event.living_conditions.housing_safety,
    )


def follow_household(
    envelope: Envelope, event: HouseholdMoved | HouseholdRezoned, facts: None
) -> Iterator[MovePlan]:
    """The plan is the village's in which the household lives."""
    yield MovePlan(
        plan_id=plan_id_of(event.household_id),
        village_id=event.village_id,
        effective_on=event.effective_on,
    )


def record_visit(envelope: Envelope, event: AssignmentDone, facts: None) -> Iterator[RecordVisit]:
    """The finished task is the visit; its texts stay sealed on the way."""
    if event.kind == FIRST_VISIT:
        yield RecordVisit(
            plan_id=event.subject,
            assignment_id=event.assignment_id,
            cadre_id=event.cadre_id,
            evidence=event.evidence,
            effective_on=event.effective_on,
        )


def hear_agreement(
    envelope: Envelope, event: PlanAgreementGiven, facts: None
) -> Iterator[ConsentToPlan]:
    """A member said yes from their own chat."""
    yield ConsentToPlan(plan_id=event.plan_id, consent=event.consent)


REACTIONS: tuple[Reaction, ...] = (
    Reaction(name="draft-plan", event=HouseholdRegistered, react=draft_plan),
    Reaction(name="record-visit", event=AssignmentDone, react=record_visit),
    Reaction(name="hear-agreement", event=PlanAgreementGiven, react=hear_agreement),
    Reaction("follow-move", HouseholdMoved, follow_household),
    Reaction("follow-rezoning", HouseholdRezoned, follow_household),
)
