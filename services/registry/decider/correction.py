"""A file that was wrong: what differs from the truth is corrected from the day on which the wrong
statement took effect.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import assert_never

from chassis.decider import Claim, Context, Decisions, Release
from chassis.rejection import reject, require
from services.registry.decider import filing
from services.registry.decider.current import CurrentFiles
from services.registry.decider.file_content import (
    ADDRESS,
    ATTRIBUTE,
    CAUSES,
    LIVING_CONDITIONS,
    NEEDS,
    VILLAGE,
    income_part,
    member_part,
)
from services.registry.decider.income import income_stated, statement, statement_of
from services.registry.decider.part import Part, by_household_id, require_known, require_past
from services.registry.decider.registration import (
    ACTIVE_MEMBER,
    PERSON_ALREADY_IN_HOUSEHOLD,
    RegistrationFacts,
    faults,
    household_id_of,
)
from services.registry.decider.state import Said, State
from services.registry.decider.told import as_told, same_people
from tuopin.registry.v1.correction_pb2 import (
    CorrectDate,
    CorrectHousehold,
    DateCorrected,
    HouseholdCorrected,
)
from tuopin.registry.v1.household_pb2 import (
    RELATION_HEAD,
    RELATION_OTHER,
    Household,
    IncomeStatement,
    Member,
    RegisterHousehold,
    Relation,
)

# Part of the file -> its fields.
_FIELDS = {
    VILLAGE: ("village_id",),
    ATTRIBUTE: ("attribute",),
    CAUSES: ("main_cause", "other_causes"),
    NEEDS: ("needs",),
    LIVING_CONDITIONS: ("living_conditions",),
    ADDRESS: ("address",),
}


def decide(state: State, command: CorrectHousehold | CorrectDate, context: Context) -> Decisions:
    """The rules of being wrong."""
    require_known(state)
    require(state.file.registered_on, "household-not-registered")
    match command:
        case CorrectHousehold():
            return correct_household(state, command, context)
        case CorrectDate():
            return correct_date(state, command, context)
        case _:
            assert_never(command)


def correct_date(state: State, command: CorrectDate, context: Context) -> Decisions:
    """Only of what still counts; nothing happens before the registration."""
    require_past(command.effective_on, context)
    said = next((each for each in state.said.values() if each.version == command.version), None)
    if said is None:
        reject("event-not-in-file", field="version", version=command.version)
    of_registration = said == state.said[""]
    if of_registration:
        first = min(
            each.effective_on for each in (*state.said.values(), Said(0, "9999")) if each != said
        )
        require(command.effective_on <= first, "registration-after-other-facts", on=first)
    else:
        since = state.file.registered_on
        require(command.effective_on >= since, "before-registration", on=since)
    if command.effective_on != said.effective_on:
        yield DateCorrected(
            household_id=state.household_id,
            village_id=state.village_id,
            corrects_event_id=f"household-{state.household_id}@{command.version}",
            corrects_version=command.version,
            effective_on=command.effective_on,
            effective_before=said.effective_on,
            of_registration=of_registration,
            reason=command.reason,
        )


def correct_household(state: State, command: CorrectHousehold, context: Context) -> Decisions:
    """The file as it should stand must be one that could be registered."""
    facts: CurrentFiles = context.facts
    current = facts.of(state)
    file = as_told(command.file, command.not_told, current)
    known = RegistrationFacts(facts.village_known)
    for fault in faults(file, known, context.parameters, context.today):
        reject(fault.slug, field=f"file.{fault.path}", **fault.details)
    yield from _Correcting(state, command, current, file, context).decisions()


@dataclass
class _Correcting:
    """One correction on its way: what differs, gathered by the event that said it wrongly."""

    state: State
    command: CorrectHousehold
    current: Household
    file: RegisterHousehold
    context: Context
    events: dict[Said, HouseholdCorrected] = field(default_factory=dict)
    claims: list[Claim | Release] = field(default_factory=list)

    def decisions(self) -> Decisions:
        for part, names in _FIELDS.items():
            differing = [name for name in names if self._differs(name)]
            for name in differing and names:
                event = self._event(part)
                event.corrected.append(name)
                _set(event, name, getattr(self.file, name))
        count = self._correct_people()
        stated = self._correct_income(count)
        shown = stated[-1].income_per_head_fen if stated else 0
        for event in self.events.values():
            event.village_id = self.file.village_id
            event.member_count = count
            event.income_per_head_fen = shown
        yield from self.claims
        yield from self.events.values()
        yield from self._new_year(count)

    def _differs(self, name: str) -> bool:
        return bool(getattr(self.file, name) != getattr(self.current, name))

    def _event(self, part: str) -> HouseholdCorrected:
        said = self.state.said_of(part)
        event = self.events.get(said)
        if event is None:
            event = self.events[said] = HouseholdCorrected(
                household_id=self.state.household_id,
                corrects_event_id=f"household-{self.state.household_id}@{said.version}",
                corrects_version=said.version,
                reason=self.command.reason,
                effective_on=said.effective_on,
                import_id=self.command.import_id,
            )
        return event

    # People

    def _correct_people(self) -> int:
        """Who was left out, never there, or said wrongly; gives how many there are then."""
        pairs, new, gone = same_people(self.file.members, self.current.members, self.state.erased)
        for wanted, known in pairs:
            told = _with_id(wanted, known.person_id)
            if told != known:
                self._put(told)
            if wanted.identity_number != known.identity_number:
                self.claims += [
                    Release(ACTIVE_MEMBER, self._owner(known.person_id)),
                    self._claim(told),
                ]
        for known in self.current.members:
            # Whoever was erased stays, but the head is whom the file tells.
            if known.person_id in self.state.erased and known.relation == RELATION_HEAD:
                self._put(_with_relation(known, RELATION_OTHER))
        for known in gone:
            self._people_of(known.person_id).never_there.append(known.person_id)
            self.claims.append(Release(ACTIVE_MEMBER, self._owner(known.person_id)))
        before = {
            each.member.identity_number: each.member.person_id
            for each in self.current.former_members
            if each.member.identity_number and not each.to_household_id
        }
        for ordinal, wanted in enumerate(new):
            known_id = before.get(wanted.identity_number)
            told = _with_id(wanted, known_id or self.context.new_id("person", ordinal))
            self._put(told)
            self.claims.append(self._claim(told))
        self.people_changed = bool(new or gone)
        return len(self.current.members) + len(new) - len(gone)

    people_changed: bool = False

    def _put(self, member: Member) -> None:
        self._people_of(member.person_id).members.append(member)

    def _people_of(self, person_id: str) -> HouseholdCorrected:
        event = self._event(member_part(person_id))
        if "members" not in event.corrected:
            event.corrected.append("members")
        return event

    def _owner(self, person_id: str) -> str:
        return f"{self.state.household_id}/{person_id}"

    def _claim(self, member: Member) -> Claim:
        owner = self._owner(member.person_id)
        return Claim(ACTIVE_MEMBER, member.identity_number, owner, PERSON_ALREADY_IN_HOUSEHOLD)

    # Income

    def _correct_income(self, member_count: int) -> list[IncomeStatement]:
        """A year that was stated otherwise; gives the years as they are then."""
        year = self.file.income.year
        stated = statement_of(self.current, year)
        if stated is None:
            return list(self.current.income_statements)
        counted = stated.member_count
        if self.people_changed:
            counted += member_count - len(self.current.members)
        told = self._statement(counted, stated.stated_on)
        moved = self._differs("village_id")
        if told.income != stated.income or counted != stated.member_count or moved:
            event = self._event(income_part(year))
            event.corrected.append("income_statement")
            event.income_statement.CopyFrom(told)
        else:
            told = stated
        return [told if each is stated else each for each in self.current.income_statements]

    def _new_year(self, member_count: int) -> Decisions:
        """A year that nobody stated is no mistake: it is stated."""
        if statement_of(self.current, self.file.income.year) is not None:
            return
        stated = self._statement(member_count, self.file.effective_on)
        event = income_stated(self.state, stated, self.command.import_id)
        event.village_id = self.file.village_id
        yield event

    def _statement(self, member_count: int, stated_on: str) -> IncomeStatement:
        return statement(
            self.file.income,
            self.file.village_id,
            member_count,
            stated_on,
            self.context.parameters,
        )


def _with_id(member: Member, person_id: str) -> Member:
    told = Member()
    told.CopyFrom(member)
    told.person_id = person_id
    return told


def _with_relation(member: Member, relation: Relation.ValueType) -> Member:
    told = _with_id(member, member.person_id)
    told.relation = relation
    return told


def _set(event: HouseholdCorrected, name: str, value: object) -> None:
    if name == LIVING_CONDITIONS:
        event.living_conditions.CopyFrom(value)  # type: ignore[arg-type]
    elif isinstance(value, Iterable) and not isinstance(value, str):
        getattr(event, name).extend(value)
    else:
        setattr(event, name, value)


def evolve(state: State, event: HouseholdCorrected | DateCorrected) -> State:
    """What the household is after the event."""
    after = filing.evolve(state, event)
    if isinstance(event, HouseholdCorrected):
        return after
    moved = {
        part: Said(each.version, event.effective_on)
        for part, each in state.said.items()
        if each.version == event.corrects_version
    }
    return replace(after, said={**state.said, **moved})


CORRECTION = Part(
    decide=decide,
    evolve=evolve,
    commands={
        CorrectHousehold: lambda command: household_id_of(command.file),
        CorrectDate: by_household_id,
    },
    events=(HouseholdCorrected, DateCorrected),
)
