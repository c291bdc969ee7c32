"""What a household file must fulfil to enter the register. The import reports every fault of it, a
single command is rejected with the first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from chassis.decider import Claim, Context, Decisions, Parameters
from chassis.rejection import Rejected
from services.registry.decider import identity
from tuopin.registry.v1.household_pb2 import (
    RELATION_HEAD,
    HouseholdRegistered,
    Income,
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
    yield from _cause_faults(command)
    yield from _head_faults(command)
    yield from _member_faults(command, today)
    try:
        poverty_line_fen(command, parameters)
    except Rejected as unknown:
        yield Fault(unknown.slug, "income.year", unknown.details)
    if command.effective_on > today.isoformat():
        yield Fault("effective-date-in-the-future", "effective_on", {"today": today})


def _cause_faults(command: RegisterHousehold) -> Iterator[Fault]:
    if len(command.other_causes) > MOST_OTHER_CAUSES:
        yield Fault("household-with-too-many-causes", "other_causes", {"most": MOST_OTHER_CAUSES})
    seen = {command.main_cause}
    for ordinal, cause in enumerate(command.other_causes):
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
    latest = today.isoformat().replace("-", "")
    for ordinal, member in enumerate(command.members):
        number = member.identity_number
        path = f"members.{ordinal}"
        if not identity.is_valid(number):
            yield Fault("identity-number-not-valid", f"{path}.identity_number")
        elif identity.birth_year(number) != member.birth_year:
            yield Fault("birth-year-not-of-identity-number", f"{path}.birth_year")
        elif number[6:14] > latest:
            yield Fault("person-not-born-yet", f"{path}.identity_number")
        if number in seen:
            yield Fault("person-twice-in-household", f"{path}.identity_number")
        seen.add(number)


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


def poverty_line_fen(command: RegisterHousehold, parameters: Parameters) -> int:
    """The line of the year and place of the income; recorded, not demanded."""
    year_end = date(command.income.year, 12, 31)
    return parameters.number("poverty-line-fen", on=year_end, region=command.village_id)


def repeats(command: RegisterHousehold, event: HouseholdRegistered) -> bool:
    """Whether the command says word for word what is registered (the event opened)."""
    again = HouseholdRegistered()
    again.CopyFrom(event)
    for member in again.members:
        member.person_id = ""
    return _file_of(command) == _file_of(again)


def _file_of(message: RegisterHousehold | HouseholdRegistered) -> tuple[object, ...]:
    return tuple(
        tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
        for value in (getattr(message, name) for name in _FILE_FIELDS)
    )


_FILE_FIELDS = (
    "source", "household_number", "village_id", "attribute", "main_cause", "other_causes",
    "members", "living_conditions", "income", "address", "effective_on", "synthetic",
)  # fmt: skip


def per_head_fen(income: Income, member_count: int) -> int:
    """Income minus the cost of production, per registered member, rounded down to the fen."""
    total = income.wages_fen + income.business_fen + income.property_fen + income.transfers_fen
    return (total - income.production_cost_fen) // member_count
