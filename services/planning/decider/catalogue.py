"""Which measures the catalogue draws up for a household, by its causes, members and house."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from google.protobuf.descriptor import EnumDescriptor

from tuopin.planning.v1.plan_pb2 import DraftPlan, Measure, MeasureClass, PlanMember
from tuopin.registry.v1.household_pb2 import Cause, Health, HousingSafety, Labour

Entry = Mapping[str, Any]


def _words(enum: EnumDescriptor, prefix: str) -> Mapping[int, str]:
    """The catalogue's word for each value: ILLNESS for CAUSE_ILLNESS."""
    return {value.number: value.name.removeprefix(prefix) for value in enum.values}


CAUSES = _words(Cause.DESCRIPTOR, "CAUSE_")
_HOUSING = _words(HousingSafety.DESCRIPTOR, "HOUSING_SAFETY_")
_HEALTH = _words(Health.DESCRIPTOR, "HEALTH_")
_LABOUR = _words(Labour.DESCRIPTOR, "LABOUR_")


def draw_up(
    command: DraftPlan, plan_id: str, catalogue: Mapping[str, Entry], today: date
) -> tuple[Measure, ...]:
    """Measures in the order of the catalogue, each with the first of the causes it answers."""
    drawn = (
        (code, entry, cause, person_ids)
        for code, entry in catalogue.items()
        for cause, person_ids in _called_for(entry, command, today)
    )
    return tuple(
        Measure(
            measure_id=f"{plan_id}/{ordinal}",
            code=code,
            measure_class=MeasureClass.Value(f"MEASURE_CLASS_{entry['class']}"),
            cause=cause,
            person_ids=person_ids,
            amount_fen=entry["amount_fen"] * max(1, len(person_ids)),
            starts_on=today.isoformat(),
            due_on=(today + timedelta(weeks=entry["weeks"])).isoformat(),
        )
        for ordinal, (code, entry, cause, person_ids) in enumerate(drawn, start=1)
    )


def _called_for(
    entry: Entry, command: DraftPlan, today: date
) -> Iterator[tuple[Cause.ValueType, list[str]]]:
    """At most one measure of an entry: its cause (none: the house calls for it), its people."""
    causes = [command.main_cause, *command.other_causes]
    answered = [cause for cause in causes if CAUSES.get(cause) in entry["causes"]]
    unsafe = _HOUSING.get(command.housing_safety)
    if not answered and unsafe not in entry.get("housing", ()):
        return
    cause = answered[0] if answered else Cause.CAUSE_UNSPECIFIED
    if entry["who"] == "household":
        yield cause, []
        return
    people = [m.person_id for m in command.members if _fits(m, entry, today)]
    if people:
        yield cause, people


def _fits(member: PlanMember, entry: Entry, today: date) -> bool:
    health = _HEALTH.get(member.health)
    labour = _LABOUR.get(member.labour)
    age = today.year - member.birth_year
    return (
        health in entry.get("health", (health,))
        and labour in entry.get("labour", (labour,))
        and member.at_school == entry.get("at_school", member.at_school)
        and entry.get("from_age", age) <= age <= entry.get("to_age", age)
    )
