"""A look-back: a sample drawn from a recorded seed, one finding for each household of it, and the
rates of wrongly in, omitted and wrongly out with their confidence intervals.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from chassis.decider import Context, Decider, Decisions, derived_id
from chassis.rejection import require
from services.registry.decider.part import person_of, require_past
from services.registry.decider.sampling import counts, digest_of, draw, regions_of, wilson
from tuopin.registry.v1.lookback_pb2 import (
    STRATUM_EXITED,
    STRATUM_REGISTERED,
    STRATUM_UNREGISTERED,
    VERDICT_NOT_REACHED,
    VERDICT_RIGHT,
    VERDICT_WRONG,
    CloseLookback,
    FindingRecorded,
    Frame,
    LookbackClosed,
    LookbackOpened,
    OpenLookback,
    Rate,
    RecordFinding,
    Stratum,
    Subject,
    SupplementProposed,
)

Command = OpenLookback | RecordFinding | CloseLookback
Event = LookbackOpened | FindingRecorded | SupplementProposed | LookbackClosed

REASONS = "removal"
Z = "lookback-confidence-z-e4"


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """The households of the region by id, with their villages: in the register, and exited."""

    registered: Mapping[str, str]
    exited: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lookback:
    """One campaign. Subjects and verdicts by subject id."""

    lookback_id: str = ""
    region_id: str = ""
    opened_on: str = ""
    subjects: Mapping[str, Subject] = field(default_factory=dict)
    verdicts: Mapping[str, int] = field(default_factory=dict)
    closed: bool = False


def lookback_id_of(command: OpenLookback) -> str:
    """One campaign for a region and a seed."""
    return derived_id("lookback", command.region_id, command.seed)


def decide(state: Lookback, command: Command, context: Context) -> Decisions:
    """The rules of a campaign."""
    match command:
        case OpenLookback():
            return open_lookback(state, command, context)
        case RecordFinding():
            return record(state, command, context)
        case CloseLookback():
            return close(state, context)
        case _:
            assert_never(command)


def open_lookback(state: Lookback, command: OpenLookback, context: Context) -> Decisions:
    """The sample is drawn once, of all that the register knows on that day."""
    require(not state.lookback_id, "lookback-seed-already-used", field="seed")
    frames = _frames(command, context.facts)
    wanted = {
        STRATUM_REGISTERED: command.registered,
        STRATUM_UNREGISTERED: command.unregistered,
        STRATUM_EXITED: command.exited,
    }
    require(any(wanted.values()), "lookback-sample-empty", field="registered")
    sample: list[Subject] = []
    for stratum, count in wanted.items():
        frame = frames[stratum]
        require(count <= len(frame), "lookback-frame-too-small", most=len(frame), wanted=count)
        sample += [
            Subject(subject_id=each, stratum=stratum, village_id=frame[each])
            for each in draw(command.seed, stratum, frame, count)
        ]
    yield LookbackOpened(
        lookback_id=lookback_id_of(command),
        region_id=command.region_id,
        seed=command.seed,
        sample=sample,
        frames=[
            Frame(stratum=stratum, size=len(frame), sha256=digest_of(frame))
            for stratum, frame in frames.items()
            if wanted[stratum]
        ],
        opened_by=person_of(context),
        effective_on=context.today.isoformat(),
    )


def _frames(
    command: OpenLookback, facts: FrameFacts
) -> Mapping[Stratum.ValueType, Mapping[str, str]]:
    lines: dict[str, str] = {}
    for roster in command.rosters:
        below = roster.village_id.startswith(command.region_id)
        require(below, "lookback-roster-elsewhere", field="rosters", village=roster.village_id)
        first = f"{roster.village_id}/1"
        require(first not in lines, "lookback-roster-twice", village=roster.village_id)
        for line in range(1, roster.lines + 1):
            lines[f"{roster.village_id}/{line}"] = roster.village_id
    return {
        STRATUM_REGISTERED: facts.registered,
        STRATUM_UNREGISTERED: lines,
        STRATUM_EXITED: facts.exited,
    }


def record(state: Lookback, command: RecordFinding, context: Context) -> Decisions:
    """One finding for one household; a wrong one says what is wrong, and has its effect."""
    require(state.lookback_id, "lookback-not-known", field="lookback_id")
    require(not state.closed, "lookback-already-closed")
    subject = state.subjects.get(command.subject_id)
    require(subject, "lookback-subject-not-in-sample", field="subject_id")
    assert subject is not None
    earlier = state.verdicts.get(command.subject_id)
    if earlier is not None:
        require(earlier == command.verdict, "lookback-finding-already-recorded", field="verdict")
        return
    require_past(command.effective_on, context)
    in_time = command.effective_on >= state.opened_on
    require(in_time, "finding-before-lookback", field="effective_on", on=state.opened_on)
    _require_said(state, subject, command, context)
    yield FindingRecorded(
        lookback_id=state.lookback_id,
        region_id=state.region_id,
        subject_id=subject.subject_id,
        stratum=subject.stratum,
        village_id=subject.village_id,
        verdict=command.verdict,
        reason=command.reason,
        note=command.note,
        recorded_by=person_of(context),
        effective_on=command.effective_on,
        failed=command.failed,
    )
    if command.verdict == VERDICT_WRONG and subject.stratum == STRATUM_UNREGISTERED:
        yield SupplementProposed(
            lookback_id=state.lookback_id,
            village_id=subject.village_id,
            roster_line=int(subject.subject_id.partition("/")[2]),
            effective_on=command.effective_on,
        )


def _require_said(
    state: Lookback, subject: Subject, command: RecordFinding, context: Context
) -> None:
    """The text is sealed under the household's own key, or the campaign's; a wrong one has what
    its effect needs.
    """
    on_roster = subject.stratum == STRATUM_UNREGISTERED
    about = state.lookback_id if on_roster else subject.subject_id
    require(command.note.household_id == about, "note-of-other-household", field="note")
    wrong = command.verdict == VERDICT_WRONG
    if wrong and subject.stratum == STRATUM_REGISTERED:
        listed = command.reason in context.parameters.table(REASONS)
        require(listed, "removal-reason-not-listed", field="reason")
    needs_checks = wrong and subject.stratum == STRATUM_EXITED
    require(bool(command.failed) == needs_checks, "finding-checks-not-fitting", field="failed")


def close(state: Lookback, context: Context) -> Decisions:
    """When every household of the sample has its finding: the rates, for ever."""
    require(state.lookback_id, "lookback-not-known", field="lookback_id")
    if state.closed:
        return
    left = len(state.subjects) - len(state.verdicts)
    require(not left, "lookback-findings-missing", count=left)
    z_e4 = context.parameters.number(Z, on=context.today, region=state.region_id)
    found = (
        (subject.village_id, subject.stratum, state.verdicts[key])
        for key, subject in state.subjects.items()
    )
    yield LookbackClosed(
        lookback_id=state.lookback_id,
        region_id=state.region_id,
        rates=rates(state.region_id, found, z_e4),
        z_e4=z_e4,
        closed_by=person_of(context),
        effective_on=context.today.isoformat(),
    )


def rates(region_id: str, found: Iterable[tuple[str, int, int]], z_e4: int) -> Sequence[Rate]:
    """For each region and stratum that has a finding of (village, stratum, verdict)."""
    return list(_rates(region_id, counts(found), z_e4))


def _rates(
    region_id: str, by_village: Mapping[tuple[str, int], Mapping[int, int]], z_e4: int
) -> Iterator[Rate]:
    strata = sorted({stratum for _, stratum in by_village})
    for region in regions_of(region_id, {village for village, _ in by_village}):
        for stratum in strata:
            verdicts = [
                each
                for (village, of), each in by_village.items()
                if of == stratum and village.startswith(region)
            ]
            if verdicts:
                yield _rate(region, stratum, verdicts, z_e4)


def _rate(region: str, stratum: int, verdicts: Sequence[Mapping[int, int]], z_e4: int) -> Rate:
    def total(verdict: int) -> int:
        return sum(each.get(verdict, 0) for each in verdicts)

    wrong, right = total(VERDICT_WRONG), total(VERDICT_RIGHT)
    share = wilson(wrong, wrong + right, z_e4)
    return Rate(
        region_id=region,
        stratum=Stratum.ValueType(stratum),
        wrong=wrong,
        reached=wrong + right,
        not_reached=total(VERDICT_NOT_REACHED),
        rate_e6=share.share_e6,
        low_e6=share.low_e6,
        high_e6=share.high_e6,
    )


def evolve(state: Lookback, event: Event) -> Lookback:
    """What the campaign is after the event."""
    match event:
        case LookbackOpened():
            return Lookback(
                event.lookback_id,
                event.region_id,
                event.effective_on,
                {each.subject_id: each for each in event.sample},
            )
        case FindingRecorded():
            verdicts = {**state.verdicts, event.subject_id: event.verdict}
            return replace(state, verdicts=verdicts)
        case SupplementProposed():
            return state
        case LookbackClosed():
            return replace(state, closed=True)
        case _:
            assert_never(event)


LOOKBACK: Decider[Lookback] = Decider(
    noun="lookback",
    topic="household",
    initial=Lookback,
    decide=decide,
    evolve=evolve,
    commands={
        OpenLookback: lookback_id_of,
        RecordFinding: lambda command: command.lookback_id,
        CloseLookback: lambda command: command.lookback_id,
    },
    events=(LookbackOpened, FindingRecorded, SupplementProposed, LookbackClosed),
    region=lambda state: state.region_id,
)
