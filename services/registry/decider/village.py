"""A village as a subject: its yearly file, its designation, its exit."""

from dataclasses import dataclass, replace
from typing import assert_never

from chassis.decider import Context, Decider, Decisions
from chassis.rejection import require
from services.registry.decider import succession
from services.registry.decider.part import person_of, require_past
from services.registry.decider.standing import (
    Standing,
    closes_at_us,
    e4,
    people_in_class,
    require_another_person,
    require_posting_over,
)
from tuopin.registry.v1.rezoning_pb2 import SucceedVillage, VillageClosed, VillageSucceeded
from tuopin.registry.v1.village_pb2 import (
    SUBJECT_STATUS_EXIT_POSTED,
    SUBJECT_STATUS_EXIT_PROPOSED,
    SUBJECT_STATUS_EXITED,
    SUBJECT_STATUS_NOT_DESIGNATED,
    SUBJECT_STATUS_POOR,
    SUBJECT_STATUS_UNSPECIFIED,
    ApproveVillageExit,
    DesignateVillage,
    ObjectToVillageExit,
    PostVillageExit,
    ProposeVillageExit,
    SettleVillageObjection,
    StateVillage,
    SubjectStatus,
    VillageDesignated,
    VillageExited,
    VillageExitObjected,
    VillageExitPosted,
    VillageExitProposed,
    VillageFile,
    VillageObjectionSettled,
    VillageStated,
)

# What a village must have to exit, each a field of its file.
SERVICES = (
    "hard_road",
    "safe_water",
    "power",
    "network",
    "clinic",
    "school_in_reach",
    "leading_industry",
)

Command = (
    StateVillage
    | DesignateVillage
    | ProposeVillageExit
    | PostVillageExit
    | ObjectToVillageExit
    | SettleVillageObjection
    | ApproveVillageExit
    | SucceedVillage
)
Event = (
    VillageStated
    | VillageDesignated
    | VillageExitProposed
    | VillageExitPosted
    | VillageExitObjected
    | VillageObjectionSettled
    | VillageExited
    | VillageSucceeded
    | VillageClosed
)


@dataclass(frozen=True, slots=True)
class State:
    """What the rules need of a village."""

    village_id: str = ""
    status: SubjectStatus.ValueType = SUBJECT_STATUS_UNSPECIFIED
    # The last yearly file, as stored.
    file: bytes = b""
    # Who took the steps of the exit that is under way.
    proposed_by: str = ""
    posted_by: str = ""
    # Effective date of the last step.
    step_on: str = ""
    closes_at_us: int = 0
    # Objection -> who took it.
    open_objections: tuple[tuple[str, str], ...] = ()
    plan_reference: str = ""
    # Villages that it came of, and the one that took its place.
    came_of: frozenset[str] = frozenset()
    closed_into: str = ""

    @property
    def village_file(self) -> VillageFile:
        """The last yearly file."""
        return VillageFile.FromString(self.file)


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules of a village."""
    require(not state.closed_into, "village-closed", into=state.closed_into)
    match command:
        case SucceedVillage():
            return succession.succeed_village(state, command, context)
        case StateVillage():
            return state_village(state, command, context)
        case DesignateVillage():
            return designate(state, command, context)
        case ProposeVillageExit():
            return propose_exit(state, command, context)
        case PostVillageExit():
            return post_exit(state, command, context)
        case ObjectToVillageExit():
            return object_to_exit(state, command, context)
        case SettleVillageObjection():
            return settle_objection(state, command, context)
        case ApproveVillageExit():
            return approve_exit(state, command, context)
        case _:
            assert_never(command)


def state_village(state: State, command: StateVillage, context: Context) -> Decisions:
    """A village's file of a year; the same again is no event."""
    require(context.facts, "village-not-in-regions", village_id=command.village_id)
    require_past(command.effective_on, context)
    file = command.file
    require(file.year <= context.today.year, "village-file-of-the-future", field="file.year")
    require(
        file.labour_force <= file.registered_people,
        "labour-force-above-people",
        field="file.labour_force",
    )
    require(
        file.organisation.seats_filled <= file.organisation.seats,
        "more-seats-filled-than-there-are",
        field="file.organisation.seats_filled",
    )
    economy = file.economy
    paid = economy.paid_to_households_fen + economy.paid_for_public_work_fen
    require(
        paid <= economy.income_fen + economy.assets_fen,
        "collective-paid-more-than-it-has",
        field="file.economy",
    )
    if state.file:
        require(
            file.year >= state.village_file.year, "village-file-older-than-last", field="file.year"
        )
        if file == state.village_file:
            return
    yield VillageStated(
        village_id=command.village_id, file=command.file, effective_on=command.effective_on
    )


def designate(state: State, command: DesignateVillage, context: Context) -> Decisions:
    """The village is on the list of poor villages."""
    require(context.facts, "village-not-in-regions", village_id=command.village_id)
    require_past(command.effective_on, context)
    require(state.status <= SUBJECT_STATUS_NOT_DESIGNATED, "village-already-designated")
    yield VillageDesignated(
        village_id=command.village_id,
        document=command.document,
        plan_reference=command.plan_reference,
        effective_on=command.effective_on,
    )


def propose_exit(state: State, command: ProposeVillageExit, context: Context) -> Decisions:
    """Incidence from the register, all else from the village's last yearly file."""
    require(state.village_id, "village-not-known")
    require(state.status != SUBJECT_STATUS_EXITED, "village-already-exited")
    require(state.status >= SUBJECT_STATUS_POOR, "village-not-designated")
    require(state.status == SUBJECT_STATUS_POOR, "village-exit-already-proposed")
    require(state.file, "village-file-missing")
    require_past(command.effective_on, context)
    file = state.village_file
    require(file.year >= context.today.year - 1, "village-file-too-old", year=file.year)
    for name in SERVICES:
        require(getattr(file, name), "village-service-missing", service=name)
    least_fen = context.parameters.number(
        "village-collective-income-fen", on=context.today, region=state.village_id
    )
    require(
        file.economy.income_fen >= least_fen,
        "collective-income-too-low",
        least_yuan=least_fen // 100,
    )
    standing: Standing = context.facts
    poor = people_in_class(standing, "poor", context.parameters.table("figures"))
    incidence = e4(poor, file.registered_people)
    limit = context.parameters.number(
        "exit-incidence-e4", on=context.today, region=state.village_id
    )
    require(
        incidence < limit,
        "incidence-too-high",
        poor=poor,
        people=file.registered_people,
        limit_percent=limit / 100,
    )
    yield VillageExitProposed(
        village_id=state.village_id,
        effective_on=command.effective_on,
        proposed_by=person_of(context),
        poor_people=poor,
        registered_people=file.registered_people,
        incidence_e4=incidence,
        limit_e4=limit,
        file_year=file.year,
    )


def post_exit(state: State, command: PostVillageExit, context: Context) -> Decisions:
    """The township has been there; the exit is shown in the village."""
    require(state.village_id, "village-not-known")
    require(state.status == SUBJECT_STATUS_EXIT_PROPOSED, "village-exit-not-proposed")
    _require_next(state, command.effective_on, context)
    require_another_person(context, state.proposed_by)
    days = _posting_days(state, context)
    yield VillageExitPosted(
        village_id=state.village_id,
        effective_on=command.effective_on,
        posted_by=person_of(context),
        days=days,
        closes_at_us=closes_at_us(context, days),
    )


def object_to_exit(state: State, command: ObjectToVillageExit, context: Context) -> Decisions:
    """Anybody may say that a point is untrue, while the exit is posted."""
    require(state.village_id, "village-not-known")
    require(state.status == SUBJECT_STATUS_EXIT_POSTED, "village-exit-not-posted")
    points = context.parameters.table("codes")["village-exit-point"]
    require(command.point in points, "village-exit-point-not-listed", field="point")
    _require_next(state, command.effective_on, context)
    yield VillageExitObjected(
        village_id=state.village_id,
        objection_id=context.new_id("objection"),
        point=command.point,
        effective_on=command.effective_on,
        taken_by=person_of(context),
    )


def settle_objection(state: State, command: SettleVillageObjection, context: Context) -> Decisions:
    """Upheld it stops the exit; dismissed the posting begins anew."""
    require(state.village_id, "village-not-known")
    taken = dict(state.open_objections)
    require(command.objection_id in taken, "objection-not-open", field="objection_id")
    _require_next(state, command.effective_on, context)
    require_another_person(context, taken[command.objection_id], state.proposed_by)
    again = 0 if command.upheld else closes_at_us(context, _posting_days(state, context))
    yield VillageObjectionSettled(
        village_id=state.village_id,
        objection_id=command.objection_id,
        upheld=command.upheld,
        effective_on=command.effective_on,
        settled_by=person_of(context),
        closes_at_us=again,
    )


def approve_exit(state: State, command: ApproveVillageExit, context: Context) -> Decisions:
    """The county's last word, once the posting has run without an open objection."""
    require(state.village_id, "village-not-known")
    require(state.status != SUBJECT_STATUS_EXITED, "village-already-exited")
    require(state.status == SUBJECT_STATUS_EXIT_POSTED, "village-exit-not-posted")
    require(not state.open_objections, "subject-objection-open")
    require_posting_over(context, state.closes_at_us)
    _require_next(state, command.effective_on, context)
    require_another_person(context, state.proposed_by, state.posted_by)
    yield VillageExited(
        village_id=state.village_id,
        document=command.document,
        effective_on=command.effective_on,
        approved_by=person_of(context),
    )


def _posting_days(state: State, context: Context) -> int:
    return context.parameters.number(
        "subject-exit-posting-days", on=context.today, region=state.village_id
    )


def _require_next(state: State, on: str, context: Context) -> None:
    require_past(on, context)
    require(on >= state.step_on, "subject-step-before-last", field="effective_on", on=state.step_on)


def evolve(state: State, event: Event) -> State:
    """What the village is after the event."""
    state = replace(state, village_id=event.village_id)
    match event:
        case VillageStated():
            status = state.status or SUBJECT_STATUS_NOT_DESIGNATED
            return replace(state, file=event.file.SerializeToString(), status=status)
        case VillageDesignated():
            reference = event.plan_reference
            return replace(state, status=SUBJECT_STATUS_POOR, plan_reference=reference)
        case VillageExitProposed():
            state = replace(state, proposed_by=event.proposed_by, posted_by="")
            return _step(state, SUBJECT_STATUS_EXIT_PROPOSED, event.effective_on)
        case VillageExitPosted():
            state = replace(state, posted_by=event.posted_by, closes_at_us=event.closes_at_us)
            return _step(state, SUBJECT_STATUS_EXIT_POSTED, event.effective_on)
        case VillageExitObjected():
            taken = (*state.open_objections, (event.objection_id, event.taken_by))
            return _step(replace(state, open_objections=taken), state.status, event.effective_on)
        case VillageObjectionSettled():
            return _settled(state, event)
        case VillageExited():
            return _step(state, SUBJECT_STATUS_EXITED, event.effective_on)
        case VillageSucceeded():
            return _succeeded(state, event)
        case VillageClosed():
            return replace(state, closed_into=event.successor_id)
        case _:
            assert_never(event)


def _succeeded(state: State, event: VillageSucceeded) -> State:
    file = event.file.SerializeToString() if event.HasField("file") else state.file
    came_of = state.came_of | {event.from_village_id}
    state = replace(state, file=file, plan_reference=event.plan_reference, came_of=came_of)
    if event.status == state.status:
        return state
    # An exit of its own that was under way is over.
    state = replace(state, proposed_by="", posted_by="", closes_at_us=0, open_objections=())
    return _step(state, event.status, event.exited_on or event.effective_on)


def _settled(state: State, event: VillageObjectionSettled) -> State:
    if event.upheld:
        state = replace(state, open_objections=(), closes_at_us=0)
        return _step(state, SUBJECT_STATUS_POOR, event.effective_on)
    left = tuple(each for each in state.open_objections if each[0] != event.objection_id)
    state = replace(state, open_objections=left, closes_at_us=event.closes_at_us)
    return _step(state, state.status, event.effective_on)


def _step(state: State, status: SubjectStatus.ValueType, on: str) -> State:
    return replace(state, status=status, step_on=on)


VILLAGE: Decider[State] = Decider(
    noun="village",
    topic="region",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys(
        (
            StateVillage,
            DesignateVillage,
            ProposeVillageExit,
            PostVillageExit,
            ObjectToVillageExit,
            SettleVillageObjection,
            ApproveVillageExit,
            SucceedVillage,
        ),
        lambda command: str(command.village_id),
    ),
    events=(
        VillageStated,
        VillageDesignated,
        VillageExitProposed,
        VillageExitPosted,
        VillageExitObjected,
        VillageObjectionSettled,
        VillageExited,
        VillageSucceeded,
        VillageClosed,
    ),
    further={SucceedVillage: lambda command: (command.from_village_id,)},
    region=lambda state: state.village_id,
)
