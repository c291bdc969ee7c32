"""The rules of a household's plan: drafted, consented to, approved, and the visits that follow."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from chassis.decider import Context, Decider, derived_id
from chassis.rejection import require
from services.planning.decider.catalogue import CAUSES, draw_up
from tuopin.planning.v1.plan_pb2 import (
    ApprovePlan,
    ConsentToPlan,
    DraftPlan,
    Measure,
    MovePlan,
    PlanApproved,
    PlanConsented,
    PlanDrafted,
    PlanMoved,
    RecordVisit,
    VisitRecorded,
)
from tuopin.types.v1.types_pb2 import Consent, Evidence

Command = DraftPlan | ConsentToPlan | ApprovePlan | RecordVisit | MovePlan
Event = PlanDrafted | PlanConsented | PlanApproved | VisitRecorded | PlanMoved
Events = Iterator[Event]


class Phase(Enum):
    """How far the plan is."""

    UNKNOWN = "unknown"
    DRAFTED = "drafted"
    CONSENTED = "consented"
    IN_FORCE = "in-force"


class DrawnUp(NamedTuple):
    """What makes two drafts the same: everything but the days on which they were made."""

    main_cause: int
    member_ids: tuple[str, ...]
    measures: tuple[tuple[str, int, tuple[str, ...], int], ...]


NOT_DRAWN_UP = DrawnUp(0, (), ())


@dataclass(frozen=True, slots=True)
class CadreFacts:
    """Where a cadre is posted, from planning's own copy."""

    cadre_id: str
    regions: frozenset[str]


@dataclass(frozen=True, slots=True)
class State:
    """The plan of one household."""

    phase: Phase = Phase.UNKNOWN
    plan_id: str = ""
    household_id: str = ""
    village_id: str = ""
    helper_id: str = ""
    drawn_up: DrawnUp = NOT_DRAWN_UP
    consented_on: str = ""
    visits: frozenset[str] = frozenset()


def plan_id_of(household_id: str) -> str:
    """A household has one plan, and its id follows from the household's."""
    return derived_id("plan", household_id)


def decide(state: State, command: Command, context: Context) -> Events:
    """Which rule a command is for."""
    match command:
        case DraftPlan():
            return draft(state, command, context)
        case ConsentToPlan():
            return consent(state, command, context)
        case ApprovePlan():
            return approve(state, command, context)
        case RecordVisit():
            return record_visit(state, command, context)
        case MovePlan():
            return move(state, command)


def draft(state: State, command: DraftPlan, context: Context) -> Events:
    """The same again has no effect; other facts give a new draft until the household agrees."""
    plan_id = plan_id_of(command.household_id)
    measures = draw_up(command, plan_id, context.parameters.table("measures"), context.today)
    require(
        any(measure.cause == command.main_cause for measure in measures),
        "plan-without-measure-for-main-cause",
        cause=CAUSES.get(command.main_cause, "").lower(),
    )
    event = PlanDrafted(
        plan_id=plan_id,
        household_id=command.household_id,
        village_id=command.village_id,
        main_cause=command.main_cause,
        measures=measures,
        catalogue=context.parameters.edition,
        member_ids=[member.person_id for member in command.members],
    )
    if _drawn_up(event) == state.drawn_up:
        return
    require(
        state.phase in (Phase.UNKNOWN, Phase.DRAFTED),
        "plan-already-agreed",
        agreed_on=state.consented_on,
    )
    yield event


def consent(state: State, command: ConsentToPlan, context: Context) -> Events:
    """The household's own yes, on its own signed paper or from its own chat."""
    require(state.phase is not Phase.UNKNOWN, "plan-not-known", plan=command.plan_id)
    require(state.phase is Phase.DRAFTED, "plan-already-agreed", agreed_on=state.consented_on)
    _require_own_word(state, command.consent, context)
    yield PlanConsented(
        plan_id=state.plan_id,
        household_id=state.household_id,
        village_id=state.village_id,
        consent=command.consent,
        effective_on=command.consent.given_on,
    )


def approve(state: State, command: ApprovePlan, context: Context) -> Events:
    """The township's word: from here on the plan is in force and the household has its helper."""
    require(state.phase is not Phase.UNKNOWN, "plan-not-known", plan=command.plan_id)
    require(state.phase is not Phase.DRAFTED, "plan-not-consented")
    if state.phase is Phase.IN_FORCE and command.helper_id == state.helper_id:
        return
    require(state.phase is Phase.CONSENTED, "plan-already-in-force", helper=state.helper_id)
    require(
        _posted_to(state.village_id, context.facts),
        "helper-not-posted-to-village",
        field="helper_id",
        village=state.village_id,
    )
    yield PlanApproved(
        plan_id=state.plan_id,
        household_id=state.household_id,
        village_id=state.village_id,
        helper_id=command.helper_id,
        approved_by=context.actor.subject,
        effective_on=context.today.isoformat(),
    )


def record_visit(state: State, command: RecordVisit, context: Context) -> Events:
    """A visit counts when the plan is in force and the visitor is the helper or posted there."""
    require(state.phase is not Phase.UNKNOWN, "plan-not-known", plan=command.plan_id)
    if command.assignment_id in state.visits:
        return
    require(state.phase is Phase.IN_FORCE, "plan-not-in-force")
    require(
        command.cadre_id == state.helper_id or _posted_to(state.village_id, context.facts),
        "visitor-not-posted-to-village",
        field="cadre_id",
        village=state.village_id,
    )
    _require_past(command.effective_on, "effective_on", context)
    require(
        all(_household_of(evidence) in _own_ids(state) for evidence in command.evidence),
        "evidence-of-other-household",
        field="evidence",
    )
    yield VisitRecorded(
        plan_id=state.plan_id,
        household_id=state.household_id,
        village_id=state.village_id,
        assignment_id=command.assignment_id,
        cadre_id=command.cadre_id,
        evidence=command.evidence,
        effective_on=command.effective_on,
    )


def move(state: State, command: MovePlan) -> Events:
    """Where the household is; without a plan there is nothing to move."""
    if state.phase is Phase.UNKNOWN or command.village_id == state.village_id:
        return
    yield PlanMoved(
        plan_id=state.plan_id,
        household_id=state.household_id,
        village_id=command.village_id,
        from_village_id=state.village_id,
        effective_on=command.effective_on,
    )


def evolve(state: State, event: Event) -> State:
    """What an event changes."""
    match event:
        case PlanDrafted():
            return State(
                phase=Phase.DRAFTED,
                plan_id=event.plan_id,
                household_id=event.household_id,
                village_id=event.village_id,
                drawn_up=_drawn_up(event),
            )
        case PlanConsented():
            return replace(state, phase=Phase.CONSENTED, consented_on=event.effective_on)
        case PlanApproved():
            return replace(state, phase=Phase.IN_FORCE, helper_id=event.helper_id)
        case VisitRecorded():
            return replace(state, visits=state.visits | {event.assignment_id})
        case PlanMoved():
            return replace(state, village_id=event.village_id)


def _require_own_word(state: State, word: Consent, context: Context) -> None:
    """A cadre's word alone is never the household's: it takes a member, and their own paper or
    their own chat. What was said in a chat is heard from the notifier's events only.
    """
    require(word.WhichOneof("proof"), "consent-without-paper", field="consent.paper")
    require(
        word.given_by in state.drawn_up.member_ids,
        "consent-not-by-member",
        field="consent.given_by",
    )
    if word.HasField("chat"):
        require(context.actor.caused_by, "consent-chat-not-heard", field="consent.chat")
    else:
        require(
            word.paper.household_id == state.household_id
            and word.paper.picture.subject_id in _own_ids(state),
            "paper-of-other-household",
            field="consent.paper",
        )
    _require_past(word.given_on, "consent.given_on", context)


def _require_past(day: str, field: str, context: Context) -> None:
    today = context.today.isoformat()
    require(day <= today, "effective-date-in-the-future", field=field, today=today)


def _own_ids(state: State) -> frozenset[str]:
    return frozenset((state.household_id, *state.drawn_up.member_ids))


def _household_of(evidence: Evidence) -> str:
    """Whom it is about: the household of a note or place, the subject whose key seals a photo."""
    if evidence.HasField("photo"):
        return evidence.photo.subject_id
    if evidence.HasField("note"):
        return evidence.note.household_id
    return evidence.location.household_id


def _posted_to(village_id: str, cadre: CadreFacts) -> bool:
    """To the village, its township or its county: the code of each is a prefix of the village's."""
    return any(village_id.startswith(region) for region in cadre.regions)


def _drawn_up(event: PlanDrafted) -> DrawnUp:
    def content(measure: Measure) -> tuple[str, int, tuple[str, ...], int]:
        return measure.code, measure.cause, tuple(measure.person_ids), measure.amount_fen

    return DrawnUp(
        event.main_cause,
        tuple(event.member_ids),
        tuple(content(measure) for measure in event.measures),
    )


DECIDER: Decider[State] = Decider(
    noun="plan",
    topic="plan",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={
        DraftPlan: lambda command: plan_id_of(command.household_id),
        ConsentToPlan: lambda command: str(command.plan_id),
        ApprovePlan: lambda command: str(command.plan_id),
        RecordVisit: lambda command: str(command.plan_id),
        MovePlan: lambda command: str(command.plan_id),
    },
    events=(PlanDrafted, PlanConsented, PlanApproved, VisitRecorded, PlanMoved),
    region=lambda state: state.village_id,
)
