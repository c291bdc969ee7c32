"""The plan's life under random commands: what holds whatever is sent, in whatever order."""

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chassis.decider import Context
from chassis.rejection import Rejected
from services.planning.decider.plan import DECIDER, CadreFacts, Phase, State
from services.planning.views import plans
from tests.given import NOW, SOMEBODY, FixedParameters, sealed
from tests.planning.vocabulary import (
    CATALOGUE,
    HOUSEHOLD,
    PLAN,
    VILLAGE,
    approve,
    consent,
    draft_plan,
    member,
    paper,
    record_visit,
)
from tests.services.memory_rows import MemoryRows
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.planning.v1.plan_pb2 import (
    PlanApproved,
    PlanConsented,
    PlanDrafted,
    PlanStatus,
    VisitRecorded,
)
from tuopin.registry.v1.household_pb2 import Cause

POSTED = {
    "cadre-wu": frozenset({VILLAGE}),
    "cadre-long": frozenset({"433124100"}),
    "cadre-tan": frozenset({"433125"}),
    "cadre-new": frozenset[str](),
}
STATUS = {
    PlanDrafted: PlanStatus.PLAN_STATUS_DRAFTED,
    PlanConsented: PlanStatus.PLAN_STATUS_CONSENTED,
    PlanApproved: PlanStatus.PLAN_STATUS_IN_FORCE,
}
cadres = st.sampled_from(sorted(POSTED))
causes = st.sampled_from([Cause.CAUSE_ILLNESS, Cause.CAUSE_LACK_OF_FUNDS, Cause.CAUSE_OTHER])
people = st.sampled_from([["p-1"], ["p-1", "p-2"]])


class PlanLife(RuleBasedStateMachine):
    """One plan, everybody's commands."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()
        self.log: list[Any] = []
        self.rows = MemoryRows()
        self.last: Any = None

    @rule(cause=causes, others=st.lists(causes, max_size=2), who=people)
    def draft(self, cause: Any, others: list[Any], who: list[str]) -> None:
        members = [member(person_id) for person_id in who]
        self.do(draft_plan(main_cause=cause, other_causes=others, members=members))

    @rule(
        by=st.sampled_from(["p-1", "p-2", "cadre-wu"]),
        of=st.sampled_from([HOUSEHOLD, HOUSEHOLD, "household-of-others"]),
    )
    def agree(self, by: str, of: str) -> None:
        self.do(consent(given_by=by, paper=paper(of)))

    @rule(helper=cadres)
    def approve(self, helper: str) -> None:
        self.do(approve(helper), CadreFacts(helper, POSTED[helper]))

    @rule(cadre=cadres, assignment=st.sampled_from(["a-1", "a-2", "a-3"]))
    def visit(self, cadre: str, assignment: str) -> None:
        facts = CadreFacts(cadre, POSTED[cadre])
        self.do(record_visit(cadre_id=cadre, assignment_id=assignment), facts)

    @rule()
    def again(self) -> None:
        """The last command that passed, sent once more: it changes nothing or is refused."""
        if self.last is not None:
            before = len(self.log)
            self.do(*self.last)
            assert len(self.log) == before

    def do(self, command: Any, facts: Any = None) -> None:
        command.command_id = f"command-{len(self.log)}"
        parameters = FixedParameters(tables={"measures": CATALOGUE})
        context = Context(NOW, SOMEBODY, command.command_id, parameters, facts)
        try:
            decisions = tuple(DECIDER.decide(self.state, command, context))
        except Rejected:
            return
        for event in decisions:
            self.state = DECIDER.evolve(self.state, sealed(event))  # type: ignore[arg-type]
            self.log.append(event)
            envelope = Envelope(id=f"plan-{PLAN}@{len(self.log)}", version=len(self.log))
            plans.VIEW.project(self.rows, envelope, event)
            self.last = (command, facts)

    @invariant()
    def the_steps_come_in_their_order(self) -> None:
        kinds = [type(event) for event in self.log]
        last_draft = max((i for i, kind in enumerate(kinds) if kind is PlanDrafted), default=-1)
        assert kinds[: last_draft + 1] == [PlanDrafted] * (last_draft + 1)
        after = kinds[last_draft + 1 :]
        steps = [PlanConsented, PlanApproved]
        assert after[:2] == steps[: len(after[:2])]
        assert set(after[2:]) <= {VisitRecorded}

    @invariant()
    def a_plan_answers_its_main_cause(self) -> None:
        for event in self.log:
            if isinstance(event, PlanDrafted):
                assert event.main_cause in {measure.cause for measure in event.measures}

    @invariant()
    def a_plan_in_force_has_a_helper_posted_there_and_its_households_word(self) -> None:
        if self.state.phase is Phase.IN_FORCE:
            assert any(VILLAGE.startswith(each) for each in POSTED[self.state.helper_id])
            (consented,) = [event for event in self.log if isinstance(event, PlanConsented)]
            assert consented.consent.given_by in self.state.drawn_up.member_ids
            assert consented.consent.paper.household_id == HOUSEHOLD

    @invariant()
    def an_assignment_is_one_visit(self) -> None:
        visits = Counter(e.assignment_id for e in self.log if isinstance(e, VisitRecorded))
        assert all(count == 1 for count in visits.values())
        assert set(visits) == self.state.visits

    @invariant()
    def the_view_says_what_happened_last(self) -> None:
        if not self.log:
            assert not self.rows.tables
            return
        row = self.rows.tables["plans"][(PLAN,)]
        assert row["version"] == len(self.log)
        steps = [STATUS[type(event)] for event in self.log if type(event) in STATUS]
        assert row["status"] == steps[-1]
        assert (row["helper_id"] or "") == self.state.helper_id
        assert set(self.rows.tables.get("visits", {})) == {(PLAN, a) for a in self.state.visits}


TestPlanLife = PlanLife.TestCase
TestPlanLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
