"""A village or county that is no more, and the one that takes its place in the programme."""

from typing import Protocol

from chassis.decider import Context, Decisions, Elsewhere
from services.registry.decider.mapping import ONE_TO_ONE
from tuopin.registry.v1.rezoning_pb2 import (
    CountyClosed,
    CountySucceeded,
    SucceedCounty,
    SucceedVillage,
    VillageClosed,
    VillageSucceeded,
)
from tuopin.registry.v1.village_pb2 import (
    SUBJECT_STATUS_EXITED,
    SUBJECT_STATUS_POOR,
    SubjectStatus,
    VillageFile,
)


class Subject(Protocol):
    """What is asked of either of both."""

    @property
    def status(self) -> SubjectStatus.ValueType: ...

    @property
    def step_on(self) -> str: ...

    @property
    def closed_into(self) -> str: ...

    @property
    def came_of(self) -> frozenset[str]: ...


class VillageSubject(Subject, Protocol):
    """A village has a file besides."""

    @property
    def file(self) -> bytes: ...

    @property
    def plan_reference(self) -> str: ...


def settled(status: SubjectStatus.ValueType) -> SubjectStatus.ValueType:
    """An exit under way ends with the region it was of; whoever is poor proposes it anew."""
    return SUBJECT_STATUS_POOR if SUBJECT_STATUS_POOR < status < SUBJECT_STATUS_EXITED else status


def status_after(
    own: SubjectStatus.ValueType, old: SubjectStatus.ValueType
) -> SubjectStatus.ValueType:
    """As poor as the poorer of both; else as it was itself."""
    return SUBJECT_STATUS_POOR if settled(old) == SUBJECT_STATUS_POOR else own or old


def succeed_village(own: VillageSubject, command: SucceedVillage, context: Context) -> Decisions:
    """Nothing to take over from a village that never was a subject."""
    old: VillageSubject = context.others[command.from_village_id]
    if not old.status or command.from_village_id in own.came_of:
        return
    status = status_after(own.status, old.status)
    takes_file = command.kind in ONE_TO_ONE and old.file and not own.file
    yield VillageSucceeded(
        village_id=command.village_id,
        from_village_id=command.from_village_id,
        kind=command.kind,
        edition=command.edition,
        status=status,
        file=VillageFile.FromString(old.file) if takes_file else None,
        plan_reference=own.plan_reference or old.plan_reference,
        exited_on=_exited_on(own, old, status),
        effective_on=command.effective_on,
    )
    if command.closes and not old.closed_into:
        closed = VillageClosed(
            village_id=command.from_village_id,
            successor_id=command.village_id,
            kind=command.kind,
            edition=command.edition,
            effective_on=command.effective_on,
        )
        yield Elsewhere(command.from_village_id, closed)


def succeed_county(own: Subject, command: SucceedCounty, context: Context) -> Decisions:
    """Nothing to take over from a county that never was designated."""
    old: Subject = context.others[command.from_county_id]
    if not old.status or command.from_county_id in own.came_of:
        return
    status = status_after(own.status, old.status)
    yield CountySucceeded(
        county_id=command.county_id,
        from_county_id=command.from_county_id,
        kind=command.kind,
        edition=command.edition,
        status=status,
        exited_on=_exited_on(own, old, status),
        effective_on=command.effective_on,
    )
    if command.closes and not old.closed_into:
        closed = CountyClosed(
            county_id=command.from_county_id,
            successor_id=command.county_id,
            kind=command.kind,
            edition=command.edition,
            effective_on=command.effective_on,
        )
        yield Elsewhere(command.from_county_id, closed)


def _exited_on(own: Subject, old: Subject, status: SubjectStatus.ValueType) -> str:
    if status != SUBJECT_STATUS_EXITED:
        return ""
    return own.step_on if own.status == SUBJECT_STATUS_EXITED else old.step_on
