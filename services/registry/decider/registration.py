"""What a household file must fulfil to enter the register. The import reports every fault of it, a
single command is rejected with the first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from chassis.decider import Claim, Context, Decisions, Parameters, derived_id
from chassis.rejection import Rejected
from services.registry.decider import identity
from tuopin.registry.v1.household_pb2 import (
    EMPLOYMENT_NONE,
    EMPLOYMENT_UNSPECIFIED,
    RELATION_HEAD,
    Household,
    HouseholdRegistered,
    Income,
    Member,
    RegisterHousehold,
)

# Claim of a person's identity number; its owner is "<household_id>/<person_id>".
ACTIVE_MEMBER = "active-member"
PERSON_ALREADY_IN_HOUSEHOLD = "person-already-in-household"
MOST_OTHER_CAUSES = 2


@dataclass(frozen=True, slots=True)
class RegistrationFacts:
    """Whether the adopted regions know the village, and, for a household that is already in the
    register, whether the command repeats its file word for word.
    """

    village_known: bool
    same_content: bool = False


def household_id_of(command: RegisterHousehold) -> str:
    """Fixed for ever by where the household comes from and its number there."""
    return derived_id("household", command.source, command.household_number)


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule: its slug, the field's path, what fills the sentence."""

    slug: str
    path: str
    details: Mapping[str, object] = field(default_factory=dict)


def faults(
    command: RegisterHousehold, facts: RegistrationFacts, parameters: Parameters, today: date
) -> Iterator[Fault]:
    """Every rule of registration that the file breaks, in the order of its fields."""
    if not facts.village_known:
        yield Fault("village-not-in-regions", "village_id", {"village_id": command.village_id})
    yield from cause_faults(command.main_cause, command.other_causes)
    yield from need_faults(command.needs)
    yield from _head_faults(command)
    yield from _member_faults(command, today)
    try:
        poverty_line_fen(command, parameters)
    except Rejected as unknown:
        yield Fault(unknown.slug, "income.year", unknown.details)
    if command.effective_on > today.isoformat():
        yield Fault("effective-date-in-the-future", "effective_on", {"today": today})


def cause_faults(main_cause: int, other_causes: Sequence[int]) -> Iterator[Fault]:
    """One main cause, at most two others, all of them different."""
    if len(other_causes) > MOST_OTHER_CAUSES:
        yield Fault("household-with-too-many-causes", "other_causes", {"most": MOST_OTHER_CAUSES})
    seen = {main_cause}
    for ordinal, cause in enumerate(other_causes):
        if cause in seen:
            yield Fault("cause-given-twice", f"other_causes.{ordinal}")
        seen.add(cause)


def _head_faults(command: RegisterHousehold) -> Iterator[Fault]:
    heads = [
        ordinal
        for ordinal, member in enumerate(command.members)
        if member.relation == RELATION_HEAD
    ]
    if not heads:
        yield Fault("household-without-head", "members.0.relation")
    for ordinal in heads[1:]:
        yield Fault("household-with-two-heads", f"members.{ordinal}.relation")


def _member_faults(command: RegisterHousehold, today: date) -> Iterator[Fault]:
    seen: set[str] = set()
    for ordinal, member in enumerate(command.members):
        number = member.identity_number
        path = f"members.{ordinal}"
        yield from person_faults(member, path, today)
        if number in seen:
            yield Fault("person-twice-in-household", f"{path}.identity_number")
        seen.add(number)


def person_faults(member: Member, path: str, today: date) -> Iterator[Fault]:
    """What is wrong with one person by themselves."""
    number = member.identity_number
    if not identity.is_valid(number):
        yield Fault("identity-number-not-valid", f"{path}.identity_number")
    elif identity.birth_year(number) != member.birth_year:
        yield Fault("birth-year-not-of-identity-number", f"{path}.birth_year")
    elif number[6:14] > today.isoformat().replace("-", ""):
        yield Fault("person-not-born-yet", f"{path}.identity_number")
    yield from work_faults(member, path)


def work_faults(member: Member, path: str) -> Iterator[Fault]:
    """Where and how long somebody works says nothing without what they do."""
    if member.employment in {EMPLOYMENT_UNSPECIFIED, EMPLOYMENT_NONE}:
        if member.work_place:
            yield Fault("work-place-without-employment", f"{path}.work_place")
        if member.work_months:
            yield Fault("work-months-without-employment", f"{path}.work_months")


def need_faults(needs: Sequence[int]) -> Iterator[Fault]:
    """Each need once."""
    for ordinal, need in enumerate(needs):
        if need in needs[:ordinal]:
            yield Fault("need-given-twice", f"needs.{ordinal}")


def registered(command: RegisterHousehold, household_id: str, context: Context) -> Decisions:
    """The household's first event, and the claim that each member is in no other household."""
    event = HouseholdRegistered(
        household_id=household_id,
        source=command.source,
        household_number=command.household_number,
        village_id=command.village_id,
        attribute=command.attribute,
        main_cause=command.main_cause,
        other_causes=command.other_causes,
        members=command.members,
        income=command.income,
        address=command.address,
        effective_on=command.effective_on,
        synthetic=command.synthetic,
        import_id=command.import_id,
        income_per_head_fen=per_head_fen(command.income, len(command.members)),
        poverty_line_fen=poverty_line_fen(command, context.parameters),
        needs=command.needs,
    )
    if command.HasField("living_conditions"):
        event.living_conditions.CopyFrom(command.living_conditions)
    for ordinal, member in enumerate(event.members):
        member.person_id = context.new_id("person", ordinal)
        yield Claim(
            ACTIVE_MEMBER,
            member.identity_number,
            f"{household_id}/{member.person_id}",
            PERSON_ALREADY_IN_HOUSEHOLD,
        )
    yield event


def registration_of(file: Household, effective_on: str) -> HouseholdRegistered:
    """The event that registers a file as it stands (opened), for whoever applied with it."""
    event = HouseholdRegistered(effective_on=effective_on)
    for name in _AS_FILED:
        setattr(event, name, getattr(file, name))
    event.other_causes.extend(file.other_causes)
    event.needs.extend(file.needs)
    event.members.extend(file.members)
    event.income.CopyFrom(file.income)
    if file.HasField("living_conditions"):
        event.living_conditions.CopyFrom(file.living_conditions)
    return event


_AS_FILED = (
    "household_id", "source", "household_number", "village_id", "attribute", "main_cause",
    "address", "synthetic", "income_per_head_fen", "poverty_line_fen",
)  # fmt: skip


def poverty_line_fen(command: RegisterHousehold, parameters: Parameters) -> int:
    """The line of the year and place of the income; recorded, not demanded."""
    return line_fen(command.income.year, command.village_id, parameters)


def line_fen(year: int, village_id: str, parameters: Parameters) -> int:
    """The poverty line of a year in a place."""
    return parameters.number("poverty-line-fen", on=date(year, 12, 31), region=village_id)


def repeats(command: RegisterHousehold, file: Household) -> bool:
    """Whether the command says word for word what the file says (opened)."""
    members = [Member.FromString(each.SerializeToString()) for each in file.members]
    for member in members:
        member.person_id = ""
    stated = [each.income for each in file.income_statements if each.income == command.income]
    return (
        bool(stated)
        and list(command.members) == members
        and command.effective_on == file.registered_on
        and all(getattr(command, name) == getattr(file, name) for name in _FILE_FIELDS)
    )


_FILE_FIELDS = (
    "source", "household_number", "village_id", "attribute", "main_cause", "other_causes", "needs",
    "living_conditions", "address", "synthetic",
)  # fmt: skip


def per_head_fen(income: Income, member_count: int) -> int:
    """Income minus the cost of production, per registered member, rounded down to the fen. Tied
    subsidies and one-off relief do not count.
    """
    total = income.wages_fen + income.business_fen + income.property_fen + income.transfers_fen
    return (total - income.production_cost_fen) // member_count
