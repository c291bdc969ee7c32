"""Identification under random commands and jumps in time: what holds whatever anybody sends."""

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from chassis.decider import Actor, Context
from chassis.rejection import Rejected
from services.registry.decider.current import CurrentFiles
from services.registry.decider.household import HOUSEHOLD
from services.registry.decider.identification import ApplicationFacts
from tests.given import sealed
from tests.registry import applying as a
from tuopin.registry.v1 import household_pb2 as household
from tuopin.registry.v1 import identification_pb2 as pb
from tuopin.registry.v1 import posting_pb2 as posting

LEAST = timedelta(days=7)
# Whatever these say, they say only when no objection is open.
STEPS = (
    pb.VillageAppraised,
    pb.TownshipReviewed,
    pb.CountyReviewed,
    pb.HouseholdAnnounced,
    household.HouseholdRegistered,
    posting.PostingOpened,
    posting.PostingClosed,
)
people = st.sampled_from([a.VILLAGE, a.TOWNSHIP, a.COUNTY, Actor("he", a.COUNTY.roles)])
yes = st.sampled_from([True, True, True, False])


class Applying(RuleBasedStateMachine):
    """One household, everybody's commands, in any order, at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.state = HOUSEHOLD.initial()
        self.now = a.START
        self.commands = 0
        self.events: list[Any] = []
        # Kept by the events alone, beside the rules.
        self.open: set[str] = set()
        self.clock_began = self.now
        self.shown = 0
        self.reviewers: dict[str, str] = {}
        self.against: set[str] = set()

    @rule(days=st.sampled_from([0, 1, 6, 7, 7, 30]), seconds=st.integers(0, 3600))
    def time_passes(self, days: int, seconds: int) -> None:
        self.now += timedelta(days=days, seconds=seconds)

    @rule(facts=st.sampled_from([[], [], ["car"]]))
    def apply(self, facts: list[str]) -> None:
        self.do(a.apply_household(disqualifying_facts=facts), a.VILLAGE)

    @rule(passed=yes, by=people)
    def meet(self, passed: bool, by: Actor) -> None:
        self.do(a.prove_income(), by)
        held_on = (self.now + timedelta(hours=8)).date().isoformat()
        self.do(a.appraise(votes_for=40 if passed else 3, held_on=held_on), by)

    @rule(command=st.sampled_from([a.post_in_village(), a.post_by_township()]), by=people)
    def post(self, command: Any, by: Actor) -> None:
        self.do(command, by)

    @rule(exact=yes)
    def clock_runs_out(self, exact: bool) -> None:
        clock = self.state.posting.closes_at_us
        command = a.close_posting(clock + (not exact), self.state.posting.posting_id)
        self.do(command, a.SERVICE)

    @rule(command=st.sampled_from([a.review_at_township, a.review_at_county]), ok=yes, by=people)
    def review(self, command: Any, ok: bool, by: Actor) -> None:
        self.do(command(approved=ok), by)

    @rule(command=st.sampled_from([a.announce(), a.register_applicant()]), by=people)
    def finish(self, command: Any, by: Actor) -> None:
        self.do(command, by)

    @rule(anonymous=st.booleans(), by=people)
    def objects(self, anonymous: bool, by: Actor) -> None:
        for _ in range(4):
            if not self.state.posting.running:
                self.next_step()
        name = "" if anonymous else "合成村民"
        self.do(a.raise_objection(anonymous=anonymous, objector_name=name), by)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), right=st.sampled_from([False, False, False, True]), by=people)
    def judge(self, data: Any, right: bool, by: Actor) -> None:
        objection = data.draw(st.sampled_from(sorted(self.open)))
        self.do(a.uphold(objection) if right else a.dismiss(objection), by)

    @rule(by=people, command=st.sampled_from([a.record_fact(), a.override_fact()]))
    def facts_come_up(self, command: Any, by: Actor) -> None:
        self.do(command, by)

    # The straight way, so that every state is met.
    @initialize(steps=st.integers(0, 10))
    def begins(self, steps: int) -> None:
        for _ in range(steps):
            self.next_step()

    @rule()
    def next_step(self) -> None:
        """What a careful office would do now."""
        if self.state.posting.running and not self.open:
            self.now += LEAST
            self.clock_runs_out(True)
            return
        match self.state.status:
            case household.HOUSEHOLD_STATUS_APPLIED:
                self.meet(True, a.VILLAGE)
            case household.HOUSEHOLD_STATUS_VILLAGE_APPRAISED:
                self.do(a.post_in_village(), a.VILLAGE)
            case household.HOUSEHOLD_STATUS_POSTED_IN_VILLAGE:
                self.do(a.review_at_township(), a.TOWNSHIP)
            case household.HOUSEHOLD_STATUS_TOWNSHIP_REVIEWED:
                self.do(a.post_by_township(), a.TOWNSHIP)
            case household.HOUSEHOLD_STATUS_POSTED_BY_TOWNSHIP:
                self.do(a.review_at_county(), a.COUNTY)
            case household.HOUSEHOLD_STATUS_COUNTY_REVIEWED:
                self.do(a.announce(), a.COUNTY)
            case household.HOUSEHOLD_STATUS_ANNOUNCED:
                self.do(a.register_applicant(), a.COUNTY)
            case _:
                self.do(a.apply_household(), a.VILLAGE)

    def do(self, command: Any, by: Actor) -> None:
        self.commands += 1
        sent = type(command)()
        sent.CopyFrom(command)
        sent.command_id = f"command-{self.commands}"
        file = household.Household()
        file.CopyFrom(self.state.file)
        facts: Any = ApplicationFacts()
        if isinstance(command, pb.RegisterApplicant):
            facts = CurrentFiles(
                {self.state.household_id: file},
                versions={self.state.household_id: self.state.version},
            )
        context = Context(self.now, by, sent.command_id, a.PARAMETERS, facts)
        try:
            decisions = list(HOUSEHOLD.decide(self.state, sent, context))
        except Rejected:
            return
        for event in decisions:
            if isinstance(event, HOUSEHOLD.events):
                self.check(event)
                self.state = HOUSEHOLD.evolve(self.state, sealed(event))
                self.events.append(event)

    def check(self, event: Any) -> None:
        if isinstance(event, STEPS):
            assert not self.open, f"{type(event).__name__} while an objection is open"
        match event:
            case pb.HouseholdApplied():
                self.shown, self.reviewers = 0, {}
                self.against = set(event.disqualifying_facts)
            case pb.VillageAppraised():
                self.reviewers["village"] = event.recorded_by
            case pb.TownshipReviewed():
                assert self.shown == 1
                self.reviewers["township"] = event.reviewed_by
            case pb.CountyReviewed():
                assert self.shown == 2
                assert not (event.approved and self.against)
                self.reviewers["county"] = event.reviewed_by
            case pb.DisqualifyingFactRecorded():
                self.against.add(event.fact)
            case pb.DisqualifyingFactOverridden():
                self.against.discard(event.fact)
            case posting.PostingOpened():
                self.clock_began = self.now
            case posting.PostingClosed():
                assert self.now - self.clock_began >= LEAST, "a posting was shortened"
                self.shown += 1
            case posting.ObjectionRaised():
                self.open.add(event.objection_id)
            case posting.ObjectionDismissed():
                self.open.remove(event.objection_id)
                self.clock_began = self.now
            case posting.ObjectionUpheld():
                self.open.clear()
            case household.HouseholdRegistered():
                assert self.shown == 2
                assert not self.against

    @invariant()
    def nobody_reviews_at_two_levels(self) -> None:
        assert len(set(self.reviewers.values())) == len(self.reviewers)

    @invariant()
    def the_clock_stands_exactly_while_an_objection_is_open(self) -> None:
        latest = self.state.posting
        assert set(latest.open) == self.open
        if latest.running:
            assert bool(latest.closes_at_us) != bool(self.open)


TestApplying = Applying.TestCase
TestApplying.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
