"""An assignment under everything that can happen, in any order, with time jumping."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chassis.decider import Context
from chassis.rejection import Rejected
from chassis.times import micros, moment
from services.notifier.decider import assignment
from services.notifier.decider.assignment import Phase, State
from services.notifier.decider.policy import Posted
from services.notifier.views.deadlines import DEADLINES
from tests.given import NOW, SOMEBODY, sealed
from tests.notifier import tasks as task
from tests.notifier.policies import KINDS, PARAMETERS
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1 import assignment_pb2 as pb
from tuopin.notifier.v1 import handling_pb2 as handling

CADRES = (task.HELPER, task.RESIDENT, task.SPECIALIST, task.LEADER)
POSTED = (*task.BOTH.posted, Posted(task.RESIDENT, "RESIDENT_TEAM", task.VILLAGE))
ENDS = (Phase.VERIFIED, Phase.CANCELLED, Phase.EXPIRED)
SILENCE = DEADLINES[0]


class Waiting:
    """The deadline rows, as the table keeps them."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[int, Any]] = {}

    def set(self, name: str, key: str, due_at_us: int, command: Any) -> None:
        self.rows[name] = (due_at_us, command)

    def clear(self, name: str, key: str) -> None:
        self.rows.pop(name, None)


class Course(RuleBasedStateMachine):
    """Cadres, offices, the provider and the clock against one assignment."""

    @initialize(kind=st.sampled_from(sorted(KINDS)), ahead=st.booleans())
    def begin(self, kind: str, ahead: bool) -> None:
        self.now: datetime = NOW
        self.state: State = assignment.DECIDER.initial()
        self.events: list[Any] = []
        self.waiting = Waiting()
        self.world = replace(task.BOTH, posted=POSTED)
        self.ended: Phase | None = None
        command = task.offer(kind)
        command.personally = not KINDS[kind]["who"]
        if ahead:
            command.offer_at_us = micros(NOW + timedelta(days=9))
        self.do(command)

    def do(self, command: Any) -> bool:
        command.command_id = f"c-{len(self.events)}"
        context = Context(self.now, SOMEBODY, command.command_id, PARAMETERS, self.world)
        try:
            decided = list(assignment.decide(self.state, command, context))
        except Rejected:
            return False
        for event in decided:
            self.state = assignment.evolve(self.state, sealed(event))
            self.events.append(event)
            if isinstance(event, SILENCE.events):
                envelope = Envelope(recorded_at_us=micros(self.now))
                SILENCE.project(self.waiting, envelope, event)
        return bool(decided)

    # --- people

    @rule(cadre=st.sampled_from(CADRES))
    def take(self, cadre: str) -> None:
        self.do(task.take(cadre))

    @rule(cadre=st.sampled_from(CADRES), reason=st.sampled_from(["away", "ill"]))
    def decline(self, cadre: str, reason: str) -> None:
        self.do(handling.DeclineAssignment(assignment_id=task.ID, cadre_id=cadre, reason=reason))

    @rule(cadre=st.sampled_from(CADRES), hours=st.integers(1, 200))
    def snooze(self, cadre: str, hours: int) -> None:
        before = self.state.snoozes
        put_off = handling.SnoozeAssignment(
            assignment_id=task.ID, cadre_id=cadre, for_s=hours * 3600
        )
        if self.do(put_off):
            assert before < self.state.terms.snoozes_max
            assert self.events[-1].until_us <= self.state.offered.due_at_us

    @rule(cadre=st.sampled_from(CADRES), evidence=st.sampled_from([task.note(), task.photo()]))
    def prove(self, cadre: str, evidence: Any) -> None:
        self.do(task.add(evidence, cadre))

    @rule(cadre=st.sampled_from(CADRES))
    def finish(self, cadre: str) -> None:
        self.do(task.finish(cadre))

    @rule(good=st.booleans())
    def judge(self, good: bool) -> None:
        if self.state.terms.verified_by == "office":
            reason = "" if good else "incomplete"
            self.do(handling.ReviewAssignment(assignment_id=task.ID, accepted=good, reason=reason))
        elif good:
            self.do(pb.VerifyAssignment(assignment_id=task.ID, event_id="plan-1@4"))
        else:
            self.do(pb.ReturnAssignment(assignment_id=task.ID, slug="plan-not-in-force"))

    @rule(cadre=st.sampled_from(CADRES))
    def office_hands_on(self, cadre: str) -> None:
        self.do(handling.ReassignAssignment(assignment_id=task.ID, cadre_id=cadre))

    @rule(cadre=st.sampled_from(CADRES))
    def leave(self, cadre: str) -> None:
        self.world = replace(
            self.world,
            departed=self.world.departed | {cadre},
            posted=tuple(each for each in self.world.posted if each.cadre_id != cadre),
        )
        self.do(handling.HandOverAssignment(assignment_id=task.ID, cadre_id=cadre))
        assert not (self.state.open and self.state.cadre_id == cadre)

    @rule()
    def cause_gone(self) -> None:
        self.do(handling.CancelAssignment(assignment_id=task.ID, reason="answered"))
        assert not self.state.open

    # --- the provider

    @rule(cadre=st.sampled_from(CADRES), reachable=st.booleans())
    def reach(self, cadre: str, reachable: bool) -> None:
        known = self.world.unreachable
        known = known - {cadre} if reachable else known | {cadre}
        self.world = replace(self.world, unreachable=known)
        if not reachable:
            lost = pb.EscalateAssignment(
                assignment_id=task.ID, reason="unreachable", cadre_id=cadre
            )
            self.do(lost)

    @rule()
    def sent(self) -> None:
        self.do(
            handling.StartAnswerClock(
                assignment_id=task.ID,
                message_id=self.state.message_id or "none",
                sent_at_us=micros(self.now),
            )
        )

    @rule()
    def provider(self) -> None:
        outages = self.world.outages
        if outages and not outages[-1][1]:
            outages = (*outages[:-1], (outages[-1][0], micros(self.now)))
        else:
            outages = (*outages, (micros(self.now), 0))
        self.world = replace(self.world, outages=outages)

    # --- time

    @rule(hours=st.integers(1, 24 * 20))
    def pass_time(self, hours: int) -> None:
        """Time jumps, and whatever is due fires in its order."""
        self.now += timedelta(hours=hours)
        for _ in range(100):
            due = sorted(
                (at, name) for name, (at, _) in self.waiting.rows.items() if at <= micros(self.now)
            )
            if not due:
                return
            at, name = due[0]
            _, command = self.waiting.rows.pop(name)
            reason = getattr(command, "reason", "")
            away = any(not ended for _, ended in self.world.outages)
            count = len(self.events)
            self.do(command)
            if away and name == "answer":
                passed = self.events[count:]
                assert not [e for e in passed if isinstance(e, pb.AssignmentReminded)], (
                    "reminded in an outage"
                )
                assert not [
                    e
                    for e in passed
                    if isinstance(e, pb.AssignmentEscalated)
                    and e.reason in ("no-answer", "no-progress")
                ], "passed over in an outage"
            assert reason != "overdue" or at >= self.state.offered.due_at_us
        raise AssertionError("deadlines that never end")

    # --- what always holds

    @invariant()
    def an_end_is_an_end(self) -> None:
        if self.ended is not None:
            assert self.state.phase is self.ended
        if self.state.phase in ENDS:
            self.ended = self.state.phase

    @invariant()
    def an_open_task_is_somebody_s_or_on_a_list(self) -> None:
        if self.state.open and not self.state.cadre_id:
            last = [e for e in self.events if isinstance(e, pb.AssignmentEscalated)][-1]
            assert last.region_id

    @invariant()
    def whoever_has_it_is_watched(self) -> None:
        """Silence is never for ever: a step is to come, or the law's day, or the county has it."""
        if self.state.open and self.state.cadre_id:
            rows = self.waiting.rows
            clock = self.state.clock
            late = micros(self.now) >= self.state.offered.due_at_us
            assert rows.keys() & {"answer", "due", "expiry"} or late or not clock.next_step

    @invariant()
    def what_is_over_waits_for_nothing(self) -> None:
        if self.state.phase in (*ENDS, Phase.DONE):
            assert self.waiting.rows == {}

    @invariant()
    def the_message_in_hand_belongs_to_the_latest_news(self) -> None:
        if self.state.open and self.state.cadre_id:
            assert self.state.message_id
            assert moment(self.state.offered.due_at_us) > NOW


TestCourse = Course.TestCase
TestCourse.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
