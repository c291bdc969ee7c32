"""Random lives of households, legal and illegal commands in any order, while time jumps: what the
file promises holds after each of them.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chassis.decider import Claim, Context, Elsewhere, Release, derived_id
from chassis.rejection import Rejected
from services.registry.decider.current import CurrentFiles
from services.registry.decider.household import HOUSEHOLD
from services.registry.decider.registration import RegistrationFacts
from services.registry.decider.state import State
from services.registry.views.folding import Version, fold
from tests.given import SOMEBODY
from tests.registry.filing import PARAMETERS
from tests.registry.stories import SOURCE, child, identity_number, member, register_household
from tuopin.registry.v1 import composition_pb2 as composition
from tuopin.registry.v1 import correction_pb2 as correction
from tuopin.registry.v1 import file_pb2 as file
from tuopin.registry.v1 import household_pb2 as base

NUMBERS = ("S1-1", "S1-2", "S1-3", "S1-4")
IDS = tuple(derived_id("household", SOURCE, number) for number in NUMBERS)
Which = st.integers(0, 3)
Person = st.integers(0, 7)
Small = st.integers(0, 3)
Health = st.sampled_from((0, 2, 3, 4))


class Households(RuleBasedStateMachine):
    """Four numbers, a handful of people, one store of claims."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2020, 3, 2, 1, 0, tzinfo=UTC)
        self.states: dict[str, State] = {}
        self.versions: dict[str, list[Version]] = {each: [] for each in IDS}
        self.claims: dict[str, str] = {}
        self.told: dict[str, int] = {}
        self.sent = 0

    # The way of a command, without a store

    def send(self, command: Any) -> bool:
        self.sent += 1
        command.command_id = f"command-{self.sent}"
        own = HOUSEHOLD.commands[type(command)](command)
        further = HOUSEHOLD.further.get(type(command), lambda _: ())(command)
        state = self.states.get(own, HOUSEHOLD.initial())
        others = {each: self.states.get(each, HOUSEHOLD.initial()) for each in further}
        facts: Any = self.opened((own, *further))
        if isinstance(command, base.RegisterHousehold):
            facts = RegistrationFacts(village_known=True)
        context = Context(self.now, SOMEBODY, command.command_id, PARAMETERS, facts, others)
        try:
            decisions = list(HOUSEHOLD.decide(state, command, context) or ())
        except Rejected:
            return False
        return self.claimed(decisions) and self.appended(own, decisions)

    def opened(self, ids: tuple[str, ...]) -> CurrentFiles:
        files = {}
        for each in ids:
            state = self.states.get(each, HOUSEHOLD.initial())
            files[each] = base.Household()
            files[each].CopyFrom(state.file)
            for person in files[each].members:
                if person.person_id in state.erased:
                    person.name = person.identity_number = person.phone = ""
        versions = {each: self.states[each].version for each in ids if each in self.states}
        return CurrentFiles(files, True, versions)

    def claimed(self, decisions: list[Any]) -> bool:
        held = dict(self.claims)
        for each in decisions:
            if isinstance(each, Release):
                held = {key: owner for key, owner in held.items() if owner != each.owner}
        for each in decisions:
            if isinstance(each, Claim) and held.setdefault(each.key, each.owner) != each.owner:
                return False
        self.claims = held
        return True

    def appended(self, own: str, decisions: list[Any]) -> bool:
        for each in decisions:
            if isinstance(each, Message):
                self.append(own, each)
            elif isinstance(each, Elsewhere):
                self.append(each.id, each.event)
        # Of several events of one command the last one's count is the file's.
        for household_id, count in self.told.items():
            assert count == len(self.states[household_id].person_ids)
        self.told.clear()
        return bool(decisions)

    def append(self, household_id: str, event: Any) -> None:
        state = HOUSEHOLD.evolve(self.states.get(household_id, HOUSEHOLD.initial()), event)
        self.states[household_id] = state
        on = getattr(event, "effective_on", "") or self.day()
        data = event.SerializeToString()
        name = event.DESCRIPTOR.full_name
        self.versions[household_id].append(Version(state.version, on, name, data))
        count = getattr(event, "member_count", 0)
        if count:
            self.told[household_id] = count

    def day(self, back: int = 0) -> str:
        return (self.now - timedelta(days=back)).date().isoformat()

    def person(self, which: int, ordinal: int) -> str:
        """Somebody of a household, or nobody."""
        state = self.states.get(IDS[which])
        people = state.person_ids if state else ()
        # The last ordinal is now and then somebody who is not there.
        known = people and (ordinal < 3 or len(people) > ordinal)
        return people[ordinal % len(people)] if known else "nobody"

    def about(self, which: int, back: int) -> dict[str, Any]:
        return {"household_id": IDS[which], "effective_on": self.day(back)}

    # Commands

    @initialize()
    def two_households(self) -> None:
        assert self.register(0, 0)
        assert self.register(1, 2)

    @rule(which=Which, first=Person)
    def registers(self, which: int, first: int) -> None:
        self.register(which, first)

    def register(self, which: int, first: int) -> bool:
        people = [
            member(identity_number=identity_number(order=first + 1)),
            child(identity_number=identity_number("20080601", first + 1)),
            child(name="合成多朵", identity_number=identity_number("20080601", first + 2)),
        ]
        number = NUMBERS[which]
        return self.send(register_household(household_number=number, members=people))

    @rule(days=st.integers(0, 400))
    def time_jumps(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(which=Which, order=st.integers(1, 9), back=st.integers(-1, 3))
    def somebody_joins(self, which: int, order: int, back: int) -> None:
        who = child(name="合成塔娜", identity_number=identity_number("20080601", order))
        arrival = base.ARRIVAL_RETURN
        about = self.about(which, back)
        self.send(file.AddMember(**about, member=who, arrival=arrival))

    @rule(which=Which, who=Small, heir=Small, back=st.integers(-1, 3))
    def somebody_leaves(self, which: int, who: int, heir: int, back: int) -> None:
        command = file.RemoveMember(
            **self.about(which, back),
            person_id=self.person(which, who),
            departure=base.DEPARTURE_MARRIAGE,
            new_head_id=self.person(which, heir) if who == 0 else "",
        )
        self.send(command)

    @rule(which=Which, who=Small)
    def another_head(self, which: int, who: int) -> None:
        self.send(file.ChangeHead(**self.about(which, 0), person_id=self.person(which, who)))

    @rule(which=Which, who=Small, health=Health)
    def somebody_falls_ill(self, which: int, who: int, health: Any) -> None:
        attributes = file.MemberAttributes(
            person_id=self.person(which, who), changed=["health"], health=health
        )
        self.send(file.ChangeMember(**self.about(which, 0), attributes=attributes))

    @rule(which=Which, who=Small, to=Which, heir=Small)
    def somebody_moves(self, which: int, who: int, to: int, heir: int) -> None:
        command = composition.MoveMember(
            **self.about(which, 0),
            person_id=self.person(which, who),
            to_household_id=IDS[to],
            relation=base.RELATION_OTHER,
            new_head_id=self.person(which, heir) if who == 0 else "",
        )
        self.send(command)

    @rule(which=Which, to=Which, who=Small)
    def some_split_off(self, which: int, to: int, who: int) -> None:
        head = file.RelationToHead(person_id=self.person(which, who), relation=base.RELATION_HEAD)
        command = composition.SplitHousehold(
            **self.about(which, 0),
            source=SOURCE,
            household_number=NUMBERS[to],
            members=[head],
            income=base.Income(year=2019, wages_fen=1),
            new_head_id=self.person(which, who + 1) if who == 0 else "",
        )
        self.send(command)

    @rule(which=Which, other=Which, who=Small, kept=Small, same=st.booleans())
    def they_merge(self, which: int, other: int, who: int, kept: int, same: bool) -> None:
        other = (which + 1) % 4 if other == which else other
        pair = composition.SamePerson(
            person_id=self.person(other, who), kept_person_id=self.person(which, kept)
        )
        command = composition.MergeHouseholds(
            **self.about(which, 0),
            merged_household_id=IDS[other],
            same_people=[pair] if same else [],
            reason="同一户",
        )
        self.send(command)

    @rule(which=Which, other=Which)
    def they_are_parted(self, which: int, other: int) -> None:
        about = self.about(which, 0)
        state = self.states.get(IDS[which])
        merged = state.file.merged_from[0] if state and state.file.merged_from else IDS[other]
        command = composition.UnmergeHouseholds(
            **about, merged_household_id=merged, reason="并错了"
        )
        self.send(command)

    @rule(which=Which, first=Person, cause=st.integers(1, 13), year=st.integers(2018, 2021))
    def the_file_is_corrected(self, which: int, first: int, cause: Any, year: int) -> None:
        state = self.states.get(IDS[which])
        told = register_household(
            command_id="row",
            household_number=NUMBERS[which],
            main_cause=cause,
            income=base.Income(year=year, wages_fen=first),
        )
        if state and first % 2:
            del told.members[:]
            told.members.extend(self.opened((IDS[which],)).files[IDS[which]].members)
            for each in told.members:
                each.person_id = ""
        self.send(correction.CorrectHousehold(file=told, reason="录入有误"))

    @rule(which=Which, version=st.integers(1, 6), back=st.integers(0, 900))
    def a_day_is_corrected(self, which: int, version: int, back: int) -> None:
        about = self.about(which, back)
        self.send(correction.CorrectDate(**about, version=version, reason="日期有误"))

    @rule(which=Which, year=st.integers(2018, 2022))
    def income_is_stated(self, which: int, year: int) -> None:
        income = base.Income(year=year, wages_fen=year)
        self.send(file.StateIncome(**self.about(which, 0), income=income))

    @rule(which=Which, who=Small)
    def somebody_is_erased(self, which: int, who: int) -> None:
        person_id = self.person(which, who)
        command = base.ErasePerson(household_id=IDS[which], person_id=person_id, ground="request")
        self.send(command)

    # What holds

    def on_file(self) -> list[State]:
        merged = base.HOUSEHOLD_STATUS_MERGED
        return [each for each in self.states.values() if each.status != merged]

    @invariant()
    def exactly_one_head(self) -> None:
        for state in self.on_file():
            heads = [each for each in state.file.members if each.relation == base.RELATION_HEAD]
            assert len(heads) == 1

    @invariant()
    def exactly_one_main_cause_and_at_most_two_others(self) -> None:
        for state in self.on_file():
            causes = [state.file.main_cause, *state.file.other_causes]
            assert all(causes)
            assert len({*causes}) == len(causes) <= 3

    @invariant()
    def one_active_household_per_person(self) -> None:
        people = [each for state in self.states.values() for each in state.person_ids]
        assert len(people) == len({*people})

    @invariant()
    def one_claim_per_person_who_can_be_read(self) -> None:
        owners = {
            f"{state.household_id}/{person_id}"
            for state in self.on_file()
            for person_id in state.living
        }
        assert {*self.claims.values()} == owners

    @invariant()
    def who_is_merged_away_has_nobody(self) -> None:
        for state in self.states.values():
            if state.status == base.HOUSEHOLD_STATUS_MERGED:
                assert not state.person_ids
                assert state.file.merged_into in self.states

    @invariant()
    def the_view_folds_what_the_rules_saw(self) -> None:
        for household_id, state in self.states.items():
            folded = fold(self.versions[household_id])
            assert folded is not None
            assert _said(folded) == _said(state.file)


def _said(household: base.Household) -> tuple[Any, ...]:
    people = sorted(each.SerializeToString(deterministic=True) for each in household.members)
    incomes = [each.SerializeToString(deterministic=True) for each in household.income_statements]
    return (
        household.village_id,
        household.attribute,
        household.main_cause,
        list(household.other_causes),
        household.address,
        household.registered_on,
        people,
        incomes,
    )


TestHouseholds = Households.TestCase
TestHouseholds.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
