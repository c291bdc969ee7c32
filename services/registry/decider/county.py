"""A county as a subject: designated, checked, sampled, posted, exited; any miss blocks."""

from dataclasses import dataclass, replace
from typing import NamedTuple, assert_never

from chassis.decider import Context, Decider, Decisions
from chassis.rejection import require
from services.registry.decider import succession
from services.registry.decider.error_arithmetic import Finding, arithmetic, misses
from services.registry.decider.part import person_of, require_past
from services.registry.decider.sampling import draw
from services.registry.decider.standing import (
    Standing,
    closes_at_us,
    people_in_class,
    require_another_person,
    require_posting_over,
)
from tuopin.registry.v1.county_pb2 import (
    ApplyForCountyExit,
    ApproveCountyExit,
    CheckCountyExit,
    ConcludeCountySample,
    CountyDesignated,
    CountyExitApplied,
    CountyExitBlocked,
    CountyExitChecked,
    CountyExited,
    CountyExitPosted,
    CountyExitVerified,
    CountySampleDrawn,
    DesignateCounty,
    DrawCountySample,
    PostCountyExit,
    RecordSampleFinding,
    SampleFindingRecorded,
)
from tuopin.registry.v1.rezoning_pb2 import CountyClosed, CountySucceeded, SucceedCounty
from tuopin.registry.v1.village_pb2 import (
    SUBJECT_STATUS_EXIT_CHECKED,
    SUBJECT_STATUS_EXIT_POSTED,
    SUBJECT_STATUS_EXIT_PROPOSED,
    SUBJECT_STATUS_EXIT_SAMPLED,
    SUBJECT_STATUS_EXIT_VERIFIED,
    SUBJECT_STATUS_EXITED,
    SUBJECT_STATUS_POOR,
    SUBJECT_STATUS_UNSPECIFIED,
    SubjectStatus,
)

Command = (
    DesignateCounty
    | ApplyForCountyExit
    | CheckCountyExit
    | DrawCountySample
    | RecordSampleFinding
    | ConcludeCountySample
    | PostCountyExit
    | ApproveCountyExit
    | SucceedCounty
)
Event = (
    CountyDesignated
    | CountyExitApplied
    | CountyExitChecked
    | CountySampleDrawn
    | SampleFindingRecorded
    | CountyExitVerified
    | CountyExitBlocked
    | CountyExitPosted
    | CountyExited
    | CountySucceeded
    | CountyClosed
)


class CountyStanding(NamedTuple):
    """Fact of an application: people by status, and the rural people of the villages' files."""

    people: Standing
    rural_people: int
    villages_without_file: int


class Candidates(NamedTuple):
    """Fact of a drawing: the villages of the county, and the exited households of each."""

    exited_of: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class State:
    """What the rules need of a county."""

    county_id: str = ""
    status: SubjectStatus.ValueType = SUBJECT_STATUS_UNSPECIFIED
    step_on: str = ""
    # Who decided at the levels below, in the exit that is under way.
    deciders: tuple[str, ...] = ()
    applied: CountyExitApplied | None = None
    village_ids: tuple[str, ...] = ()
    household_ids: tuple[str, ...] = ()
    doors_per_village: int = 0
    # By household, or by village and door.
    findings: tuple[tuple[str, Finding], ...] = ()
    closes_at_us: int = 0
    came_of: frozenset[str] = frozenset()
    closed_into: str = ""


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules of a county."""
    require(not state.closed_into, "county-closed", into=state.closed_into)
    match command:
        case SucceedCounty():
            return succession.succeed_county(state, command, context)
        case DesignateCounty():
            return designate(state, command, context)
        case ApplyForCountyExit():
            return apply_for_exit(state, command, context)
        case CheckCountyExit():
            return check_exit(state, command, context)
        case DrawCountySample():
            return draw_sample(state, command, context)
        case RecordSampleFinding():
            return record_finding(state, command, context)
        case ConcludeCountySample():
            return conclude(state, command, context)
        case PostCountyExit():
            return post_exit(state, command, context)
        case ApproveCountyExit():
            return approve_exit(state, command, context)
        case _:
            assert_never(command)


def designate(state: State, command: DesignateCounty, context: Context) -> Decisions:
    """The county is on the list of poor counties."""
    require(context.facts, "county-not-in-regions", county_id=command.county_id)
    require(not state.county_id, "county-already-designated")
    require_past(command.effective_on, context)
    yield CountyDesignated(
        county_id=command.county_id,
        document=command.document,
        effective_on=command.effective_on,
    )


def apply_for_exit(state: State, command: ApplyForCountyExit, context: Context) -> Decisions:
    """The county says that it is ready; what the register says of it that day is recorded."""
    _require_status(state, SUBJECT_STATUS_POOR, "county-exit-already-applied-for")
    _require_next(state, command.effective_on, context)
    facts: CountyStanding = context.facts
    require(facts.rural_people, "county-without-village-files")
    tables = context.parameters.table("figures")
    yield CountyExitApplied(
        county_id=state.county_id,
        effective_on=command.effective_on,
        applied_by=person_of(context),
        remaining_people=people_in_class(facts.people, "poor", tables),
        exited_people=people_in_class(facts.people, "exited", tables),
        rural_people=facts.rural_people,
        villages_without_file=facts.villages_without_file,
    )


def check_exit(state: State, command: CheckCountyExit, context: Context) -> Decisions:
    """The prefecture's check; not passed, the county is where it was."""
    _require_status(state, SUBJECT_STATUS_EXIT_PROPOSED, "county-exit-not-applied-for")
    _require_next(state, command.effective_on, context)
    require_another_person(context, *state.deciders)
    yield CountyExitChecked(
        county_id=state.county_id,
        passed=command.passed,
        effective_on=command.effective_on,
        checked_by=person_of(context),
    )


def draw_sample(state: State, command: DrawCountySample, context: Context) -> Decisions:
    """Villages by the seed, and in each of them exited households and doors of the others."""
    _require_status(state, SUBJECT_STATUS_EXIT_CHECKED, "county-exit-not-checked")
    _require_next(state, command.effective_on, context)
    facts: Candidates = context.facts
    villages = tuple(sorted(facts.exited_of))
    require(any(facts.exited_of.values()), "county-without-exits")
    chosen = draw(command.seed, 0, villages, _number(state, context, "county-sample-villages"))
    per_village = _number(state, context, "county-sample-households-a-village")
    sample = [
        household
        for village in chosen
        for household in draw(command.seed, 1, facts.exited_of[village], per_village)
    ]
    require(sample, "sample-without-exits", field="seed")
    yield CountySampleDrawn(
        county_id=state.county_id,
        seed=command.seed,
        village_ids=chosen,
        exited_household_ids=sample,
        unregistered_per_village=_number(state, context, "county-sample-doors-a-village"),
        effective_on=command.effective_on,
        drawn_by=person_of(context),
        villages_count=len(villages),
        exited_households_count=sum(map(len, facts.exited_of.values())),
    )


def record_finding(state: State, command: RecordSampleFinding, context: Context) -> Decisions:
    """One door, once; the same finding again is no event."""
    _require_status(state, SUBJECT_STATUS_EXIT_SAMPLED, "county-sample-not-drawn")
    _require_next(state, command.effective_on, context)
    require(command.village_id in state.village_ids, "village-not-in-sample", field="village_id")
    if command.household_id:
        known = command.household_id in state.household_ids
        require(known, "household-not-in-sample", field="household_id")
        require(not command.door, "door-of-household-in-sample", field="door")
    else:
        last = state.doors_per_village
        require(1 <= command.door <= last, "door-not-in-sample", field="door", last=last)
    found = Finding(bool(command.household_id), command.people, command.wrong, command.recognises)
    before = dict(state.findings).get(_place(command))
    if before == found:
        return
    require(before is None, "finding-already-recorded")
    yield SampleFindingRecorded(
        county_id=state.county_id,
        village_id=command.village_id,
        household_id=command.household_id,
        door=command.door,
        people=command.people,
        wrong=command.wrong,
        recognises=command.recognises,
        effective_on=command.effective_on,
        found_by=person_of(context),
    )


def conclude(state: State, command: ConcludeCountySample, context: Context) -> Decisions:
    """The arithmetic over the whole sample; any miss blocks the exit."""
    _require_status(state, SUBJECT_STATUS_EXIT_SAMPLED, "county-sample-not-drawn")
    _require_next(state, command.effective_on, context)
    require_another_person(context, *state.deciders)
    wanted = len(state.household_ids) + len(state.village_ids) * state.doors_per_village
    missing = wanted - len(state.findings)
    require(not missing, "sample-findings-missing", missing=missing, wanted=wanted)
    assert state.applied is not None
    found = arithmetic(
        state.applied,
        [finding for _, finding in state.findings],
        lambda name: _number(state, context, name),
    )
    missed = misses(found)
    concluded_by = person_of(context)
    if missed:
        yield CountyExitBlocked(
            county_id=state.county_id,
            arithmetic=found,
            misses=missed,
            effective_on=command.effective_on,
            concluded_by=concluded_by,
        )
        return
    yield CountyExitVerified(
        county_id=state.county_id,
        arithmetic=found,
        effective_on=command.effective_on,
        concluded_by=concluded_by,
    )


def post_exit(state: State, command: PostCountyExit, context: Context) -> Decisions:
    """The exit is shown to the public of the province."""
    _require_status(state, SUBJECT_STATUS_EXIT_VERIFIED, "county-exit-not-verified")
    _require_next(state, command.effective_on, context)
    days = _number(state, context, "subject-exit-posting-days")
    yield CountyExitPosted(
        county_id=state.county_id,
        effective_on=command.effective_on,
        posted_by=person_of(context),
        days=days,
        closes_at_us=closes_at_us(context, days),
    )


def approve_exit(state: State, command: ApproveCountyExit, context: Context) -> Decisions:
    """The province's last word, once the posting has run."""
    _require_status(state, SUBJECT_STATUS_EXIT_POSTED, "county-exit-not-posted")
    require_posting_over(context, state.closes_at_us)
    _require_next(state, command.effective_on, context)
    require_another_person(context, *state.deciders)
    yield CountyExited(
        county_id=state.county_id,
        document=command.document,
        effective_on=command.effective_on,
        approved_by=person_of(context),
    )


def _require_status(state: State, status: SubjectStatus.ValueType, otherwise: str) -> None:
    require(state.county_id, "county-not-designated")
    require(state.status != SUBJECT_STATUS_EXITED, "county-already-exited")
    require(state.status == status, otherwise)


def _require_next(state: State, on: str, context: Context) -> None:
    require_past(on, context)
    require(on >= state.step_on, "subject-step-before-last", field="effective_on", on=state.step_on)


def _number(state: State, context: Context, name: str) -> int:
    return context.parameters.number(name, on=context.today, region=state.county_id)


def _place(finding: RecordSampleFinding | SampleFindingRecorded) -> str:
    return finding.household_id or f"{finding.village_id}/{finding.door}"


def evolve(state: State, event: Event) -> State:
    """What the county is after the event."""
    state = replace(state, county_id=event.county_id, step_on=event.effective_on)
    match event:
        case CountySucceeded():
            came_of = state.came_of | {event.from_county_id}
            on = event.exited_on or event.effective_on
            return replace(state, came_of=came_of, step_on=on, status=event.status)
        case CountyClosed():
            return replace(state, closed_into=event.successor_id)
        case CountyDesignated():
            return replace(state, status=SUBJECT_STATUS_POOR)
        case CountyExitApplied():
            state = replace(state, findings=(), village_ids=(), household_ids=())
            status, by = SUBJECT_STATUS_EXIT_PROPOSED, (event.applied_by,)
            return replace(state, status=status, applied=event, deciders=by)
        case CountyExitChecked():
            status = SUBJECT_STATUS_EXIT_CHECKED if event.passed else SUBJECT_STATUS_POOR
            return replace(state, status=status, deciders=(*state.deciders, event.checked_by))
        case CountySampleDrawn():
            return replace(
                state,
                status=SUBJECT_STATUS_EXIT_SAMPLED,
                village_ids=tuple(event.village_ids),
                household_ids=tuple(event.exited_household_ids),
                doors_per_village=event.unregistered_per_village,
            )
        case SampleFindingRecorded():
            finding = Finding(bool(event.household_id), event.people, event.wrong, event.recognises)
            return replace(state, findings=(*state.findings, (_place(event), finding)))
        case CountyExitVerified():
            return replace(state, status=SUBJECT_STATUS_EXIT_VERIFIED)
        case CountyExitBlocked():
            return replace(state, status=SUBJECT_STATUS_POOR)
        case CountyExitPosted():
            posted = SUBJECT_STATUS_EXIT_POSTED
            return replace(state, status=posted, closes_at_us=event.closes_at_us)
        case CountyExited():
            return replace(state, status=SUBJECT_STATUS_EXITED)
        case _:
            assert_never(event)


COUNTY: Decider[State] = Decider(
    noun="county",
    topic="region",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys(
        (
            DesignateCounty,
            ApplyForCountyExit,
            CheckCountyExit,
            DrawCountySample,
            RecordSampleFinding,
            ConcludeCountySample,
            PostCountyExit,
            ApproveCountyExit,
            SucceedCounty,
        ),
        lambda command: str(command.county_id),
    ),
    events=(
        CountyDesignated,
        CountyExitApplied,
        CountyExitChecked,
        CountySampleDrawn,
        SampleFindingRecorded,
        CountyExitVerified,
        CountyExitBlocked,
        CountyExitPosted,
        CountyExited,
        CountySucceeded,
        CountyClosed,
    ),
    further={SucceedCounty: lambda command: (command.from_county_id,)},
    region=lambda state: state.county_id,
)
