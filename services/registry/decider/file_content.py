"""What each event of the file makes of it: one truth for the rules' state and for the views."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.protobuf.message import Message

from tuopin.registry.v1.composition_pb2 import (
    HouseholdMergedAway,
    HouseholdRestored,
    HouseholdsMerged,
    HouseholdSplit,
    HouseholdsUnmerged,
)
from tuopin.registry.v1.correction_pb2 import DateCorrected, HouseholdCorrected
from tuopin.registry.v1.file_pb2 import (
    AddressChanged,
    AttributeChanged,
    CausesChanged,
    HeadChanged,
    HouseholdMoved,
    IncomeStated,
    LivingConditionsChanged,
    MemberChanged,
    MemberJoined,
    MemberLeft,
    NeedsChanged,
)
from tuopin.registry.v1.household_pb2 import (
    DEPARTURE_MERGED,
    DEPARTURE_NEVER_THERE,
    DEPARTURE_OTHER_HOUSEHOLD,
    DEPARTURE_SPLIT,
    HOUSEHOLD_STATUS_APPLIED,
    HOUSEHOLD_STATUS_MERGED,
    HOUSEHOLD_STATUS_REGISTERED,
    Departure,
    Household,
    HouseholdRegistered,
    IncomeStatement,
    Member,
    PersonErased,
)
from tuopin.registry.v1.identification_pb2 import HouseholdApplied
from tuopin.registry.v1.rezoning_pb2 import HouseholdRezoned

Change = Callable[[Household, Any], None]

# Parts of the file that events set as a whole; people are parts of their own, and years of income.
ADDRESS, ATTRIBUTE, CAUSES = "address", "attribute", "causes"
LIVING_CONDITIONS, NEEDS, VILLAGE = "living_conditions", "needs", "village_id"


def member_part(person_id: str) -> str:
    """One person's part of the file."""
    return f"member:{person_id}"


def income_part(year: int) -> str:
    """One year's part of the file."""
    return f"income:{year}"


_AS_REGISTERED = (
    "household_id", "source", "household_number", "village_id", "attribute", "main_cause",
    "address", "synthetic", "split_from",
)  # fmt: skip


def registered(file: Household, event: HouseholdRegistered) -> None:
    """The whole file for the first time."""
    for name in _AS_REGISTERED:
        setattr(file, name, getattr(event, name))
    file.registered_on = event.effective_on
    file.status = event.status or HOUSEHOLD_STATUS_REGISTERED
    del file.members[:], file.other_causes[:], file.needs[:]
    file.members.extend(event.members)
    file.other_causes.extend(event.other_causes)
    file.needs.extend(event.needs)
    if event.HasField("living_conditions"):
        file.living_conditions.CopyFrom(event.living_conditions)
    if event.HasField("income"):
        put_statement(
            file,
            IncomeStatement(
                income=event.income,
                income_per_head_fen=event.income_per_head_fen,
                poverty_line_fen=event.poverty_line_fen,
                member_count=len(event.members),
                stated_on=event.effective_on,
            ),
        )


def applied(file: Household, event: HouseholdApplied) -> None:
    """The file that will be registered, when it comes to that."""
    registered(file, event.file)
    file.registered_on = ""
    file.status = HOUSEHOLD_STATUS_APPLIED


def income_stated(file: Household, event: IncomeStated) -> None:
    """A further year."""
    put_statement(file, event.statement)


def corrected(file: Household, event: HouseholdCorrected) -> None:
    """What the event names was wrong; the rest stays."""
    for name in event.corrected:
        match name:
            case "income_statement":
                put_statement(file, event.income_statement)
            case "members":
                take_out(file, event.never_there, DEPARTURE_NEVER_THERE, event.effective_on)
                for member in event.members:
                    put_member(file, member)
            case "other_causes" | "needs":
                values = getattr(file, name)
                del values[:]
                values.extend(getattr(event, name))
            case "living_conditions":
                file.living_conditions.CopyFrom(event.living_conditions)
            case _:
                setattr(file, name, getattr(event, name))


def put_statement(file: Household, statement: IncomeStatement) -> None:
    """One statement a year; the latest year is what the file shows first."""
    if not file.income_statements:
        # Every registration comes here.
        file.income_statements.append(statement)
        latest = statement
    else:
        latest = _put_among_others(file, statement)
    file.income.CopyFrom(latest.income)
    file.income_per_head_fen = latest.income_per_head_fen
    file.poverty_line_fen = latest.poverty_line_fen


def _put_among_others(file: Household, statement: IncomeStatement) -> IncomeStatement:
    """Gives the statement of the latest year."""
    others = [each for each in file.income_statements if each.income.year != statement.income.year]
    ordered = sorted([*others, statement], key=lambda each: each.income.year)
    kept = [IncomeStatement.FromString(each.SerializeToString()) for each in ordered]
    del file.income_statements[:]
    file.income_statements.extend(kept)
    return kept[-1]


def put_member(file: Household, member: Member) -> None:
    """In the place of the member with the same id, or at the end."""
    for each in file.members:
        if each.person_id == member.person_id:
            each.CopyFrom(member)
            return
    file.members.append(member)
    _forget_former(file, member.person_id)


def take_out(
    file: Household,
    person_ids: Iterable[str],
    departure: Departure.ValueType,
    on: str,
    to_household_id: str = "",
) -> None:
    """These people are no members from that day on; the file remembers them."""
    gone = set(person_ids)
    for member in file.members:
        if member.person_id in gone:
            _forget_former(file, member.person_id)
            file.former_members.add(
                member=member, departure=departure, left_on=on, to_household_id=to_household_id
            )
    for index in reversed(range(len(file.members))):
        if file.members[index].person_id in gone:
            del file.members[index]


def _forget_former(file: Household, person_id: str) -> None:
    for index in reversed(range(len(file.former_members))):
        if file.former_members[index].member.person_id == person_id:
            del file.former_members[index]


def date_corrected(file: Household, event: DateCorrected) -> None:
    """Whoever folds gives the corrected event its day; the file itself shows only this one."""
    if event.of_registration:
        file.registered_on = event.effective_on


def nothing(file: Household, event: object) -> None:
    """The event says nothing of the file."""


# People


def member_joined(file: Household, event: MemberJoined) -> None:
    """One more."""
    put_member(file, event.member)


def member_left(file: Household, event: MemberLeft) -> None:
    """One less."""
    people = [event.person_id]
    take_out(file, people, event.departure, event.effective_on, event.to_household_id)


def member_changed(file: Household, event: MemberChanged) -> None:
    """What the event names is another now."""
    for member in file.members:
        if member.person_id == event.attributes.person_id:
            for name in event.attributes.changed:
                setattr(member, name, getattr(event.attributes, name))


def head_changed(file: Household, event: HeadChanged) -> None:
    """Everybody in relation to the new head."""
    relations = {each.person_id: each.relation for each in event.relations}
    for member in file.members:
        member.relation = relations.get(member.person_id, member.relation)


# Between households


def split(file: Household, event: HouseholdSplit) -> None:
    """Some went and are a household of their own."""
    on, new_id = event.effective_on, event.new_household_id
    take_out(file, event.person_ids, DEPARTURE_SPLIT, on, new_id)


def merged(file: Household, event: HouseholdsMerged) -> None:
    """The others' people are here now."""
    for member in event.members:
        put_member(file, member)
    file.merged_from.append(event.merged_household_id)


def merged_away(file: Household, event: HouseholdMergedAway) -> None:
    """The people are there now."""
    everybody = [member.person_id for member in file.members]
    take_out(file, everybody, DEPARTURE_MERGED, event.effective_on, event.into_household_id)
    file.status = HOUSEHOLD_STATUS_MERGED
    file.merged_into = event.into_household_id


def unmerged(file: Household, event: HouseholdsUnmerged) -> None:
    """They went back."""
    on, restored_id = event.effective_on, event.restored_household_id
    take_out(file, event.person_ids, DEPARTURE_OTHER_HOUSEHOLD, on, restored_id)
    kept = [each for each in file.merged_from if each != restored_id]
    del file.merged_from[:]
    file.merged_from.extend(kept)


def restored(file: Household, event: HouseholdRestored) -> None:
    """It is a household again."""
    for member in event.members:
        put_member(file, member)
    file.status = event.status
    file.merged_into = ""


def household_moved(file: Household, event: HouseholdMoved) -> None:
    """Another village; the old address is nobody's any more."""
    file.village_id = event.village_id
    file.address = event.address


def household_rezoned(file: Household, event: HouseholdRezoned) -> None:
    """Its village is another region; on days when it lived elsewhere it lived there."""
    if file.village_id == event.from_village_id:
        file.village_id = event.to_village_id


def _set(*names: str) -> Change:
    """The event says these fields anew."""

    def change(file: Household, event: Any) -> None:
        for name in names:
            value = getattr(event, name)
            if name == LIVING_CONDITIONS:
                file.living_conditions.CopyFrom(value)
            elif isinstance(value, int | str):
                setattr(file, name, value)
            else:
                values = getattr(file, name)
                del values[:]
                values.extend(value)

    return change


CHANGES: Mapping[type[Message], Change] = {
    HouseholdRegistered: registered,
    HouseholdApplied: applied,
    IncomeStated: income_stated,
    HouseholdCorrected: corrected,
    DateCorrected: date_corrected,
    PersonErased: nothing,
    MemberJoined: member_joined,
    MemberLeft: member_left,
    MemberChanged: member_changed,
    HeadChanged: head_changed,
    AddressChanged: _set("address"),
    HouseholdMoved: household_moved,
    HouseholdRezoned: household_rezoned,
    AttributeChanged: _set("attribute"),
    CausesChanged: _set("main_cause", "other_causes"),
    NeedsChanged: _set("needs"),
    LivingConditionsChanged: _set("living_conditions"),
    HouseholdSplit: split,
    HouseholdsMerged: merged,
    HouseholdMergedAway: merged_away,
    HouseholdsUnmerged: unmerged,
    HouseholdRestored: restored,
}

# Events that say a part as a whole.
_PARTS: Mapping[type[Message], tuple[str, ...]] = {
    HouseholdRegistered: ("",),
    HouseholdApplied: ("",),
    AddressChanged: (ADDRESS,),
    HouseholdMoved: (VILLAGE, ADDRESS),
    HouseholdRezoned: (VILLAGE,),
    AttributeChanged: (ATTRIBUTE,),
    CausesChanged: (CAUSES,),
    NeedsChanged: (NEEDS,),
    LivingConditionsChanged: (LIVING_CONDITIONS,),
}


def parts_of(event: Any) -> tuple[str, ...]:
    """The parts of the file that the event says; "" is all of it."""
    match event:
        case IncomeStated():
            return (income_part(event.statement.income.year),)
        case HouseholdCorrected():
            return tuple(_corrected_parts(event))
        case MemberJoined():
            return (member_part(event.member.person_id),)
        case MemberLeft():
            return (member_part(event.person_id),)
        case MemberChanged():
            return (member_part(event.attributes.person_id),)
        case HeadChanged():
            return tuple(member_part(each.person_id) for each in event.relations)
        case HouseholdsMerged() | HouseholdRestored():
            return tuple(member_part(each.person_id) for each in event.members)
        case HouseholdSplit() | HouseholdsUnmerged():
            return tuple(map(member_part, event.person_ids))
        case _:
            return _PARTS.get(type(event), ())


_CAUSE_FIELDS = frozenset({"main_cause", "other_causes"})


def _corrected_parts(event: HouseholdCorrected) -> list[str]:
    parts = []
    for name in event.corrected:
        if name == "members":
            parts += [member_part(each.person_id) for each in event.members]
            parts += map(member_part, event.never_there)
        elif name == "income_statement":
            parts.append(income_part(event.income_statement.income.year))
        else:
            parts.append(CAUSES if name in _CAUSE_FIELDS else name)
    return parts
