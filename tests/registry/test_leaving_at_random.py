"""Random commands, legal and illegal, in any order, with time jumping: what holds in every state of
an exit and of the watch after it.
"""

from datetime import datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chassis.decider import Actor, Context
from chassis.rejection import Rejected
from services.registry.decider.exit import CHECKS
from services.registry.decider.household import HOUSEHOLD
from services.registry.decider.state import State
from tests.given import FixedParameters, sealed
from tests.registry.leaving import COMMITTEE, COUNTY, OTHER_COUNTY, RESIDENT, TOWNSHIP, findings
from tests.registry.stories import HOUSEHOLD_ID, VILLAGE, consent, household_registered, note
from tests.registry.watch_steps import GUARANTEES, NUMBERS, TABLES
from tuopin.registry.v1 import exit_pb2 as exits
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1 import monitoring_pb2 as watch
from tuopin.registry.v1 import posting_pb2 as posting
from tuopin.types.v1.types_pb2 import Note

OF = {"household_id": HOUSEHOLD_ID}
PARAMETERS = FixedParameters({**NUMBERS, "support-grace-days": 30, "exit-posting-days": 7}, TABLES)
SERVICE = Actor("registry", roles={"service": ("",)})
PEOPLE = (COMMITTEE, RESIDENT, TOWNSHIP, COUNTY, OTHER_COUNTY)
# Steps that an open objection to their posting stops.
STOPPED = (
    exits.ExitReviewedAtTownship,
    exits.ExitWithdrawn,
    watch.MonitoringReviewedAtTownship,
)
VOTES = {"minutes": "会议记录", "votes_for": 9, "votes_against": 1}
REASON = exits.EXIT_WITHDRAWAL_CIRCUMSTANCES_CHANGED
UNSTABLE = watch.MONITORING_CLASS_UNSTABLE_AFTER_EXIT
LEGAL: dict[str, tuple[Any, Actor]] = {
    "propose": (lambda on: pb.ProposeExit(**OF, reason="稳定", effective_on=on), COMMITTEE),
    "appraise": (lambda on: exits.AppraiseExit(**OF, **VOTES, effective_on=on), COMMITTEE),
    "find": (
        lambda on: exits.RecordExitFindings(
            **OF, cadre_id=RESIDENT.subject, findings=findings(), effective_on=on
        ),
        RESIDENT,
    ),
    "verify": (
        lambda on: pb.VerifyExit(
            **OF,
            assignment_id="a",
            cadre_id=RESIDENT.subject,
            evidence=[note()],
            effective_on=on,
        ),
        SERVICE,
    ),
    "agree": (lambda on: pb.AgreeToExit(**OF, consent=consent(given_on=on)), COMMITTEE),
    "post": (lambda on: exits.PostExit(**OF), COMMITTEE),
    "township": (
        lambda on: exits.ReviewExitAtTownship(**OF, approved=True, note="属实"),
        TOWNSHIP,
    ),
    "county": (lambda on: exits.ReviewExitAtCounty(**OF, approved=True, note="属实"), COUNTY),
    "announce": (lambda on: exits.AnnounceExit(**OF, document="1号"), COUNTY),
    "leave": (lambda on: pb.ExitHousehold(**OF, effective_on=on), COUNTY),
    "warn": (
        lambda on: watch.RaiseWarning(
            **OF, finder=2, monitoring_class=UNSTABLE, note="下降", effective_on=on
        ),
        COMMITTEE,
    ),
    "visit": (
        lambda on: watch.RecordWarningVisit(
            **OF, cadre_id=RESIDENT.subject, evidence=[note()], effective_on=on
        ),
        SERVICE,
    ),
    "check": (
        lambda on: watch.CheckWarning(
            **OF, sources=["tax"], income_per_head_fen=1, effective_on=on
        ),
        TOWNSHIP,
    ),
    "judge": (lambda on: watch.AppraiseWarning(**OF, **VOTES, effective_on=on), COMMITTEE),
    "show": (lambda on: watch.PostMonitoring(**OF), COMMITTEE),
    "look": (
        lambda on: watch.ReviewMonitoringAtTownship(**OF, approved=True, note="属实"),
        TOWNSHIP,
    ),
    "start": (lambda on: watch.StartMonitoring(**OF, measures=["public-work-post"]), COUNTY),
    "tell": (
        lambda on: watch.RecordMonitoredIncome(**OF, income_per_head_fen=900_000, effective_on=on),
        TOWNSHIP,
    ),
    "clear": (
        lambda on: watch.ClearMonitoring(**OF, guarantees=GUARANTEES, effective_on=on),
        COUNTY,
    ),
}
OTHERS: dict[str, Any] = {
    "withdraw": lambda on: exits.WithdrawExit(**OF, reason=REASON, effective_on=on),
    "wrong": lambda on: exits.DeclareExitWrong(
        **OF, found_by=1, failed=[5], finding="仍为危房", effective_on=on
    ),
    "reinstate": lambda on: exits.ReinstateHousehold(**OF, finding="返贫", effective_on=on),
    "dismiss": lambda on: watch.DismissWarning(**OF, note="不属实", effective_on=on),
    "refuse": lambda on: exits.ReviewExitAtTownship(**OF, approved=False, note="不实"),
}
# The whole way, so that random walks come far: exit, then watch.
WAY = list(LEGAL)


class Leaving(RuleBasedStateMachine):
    """One household from its registration on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime.fromisoformat("2020-02-12T02:00:00+00:00")
        self.state: State = HOUSEHOLD.initial()
        self.events: list[Message] = []
        self.commands = 0
        self.next = 0
        self._take([household_registered()])

    def _take(self, events: list[Message]) -> None:
        for event in events:
            self._judge(event)
            self.events.append(event)
            self.state = HOUSEHOLD.evolve(self.state, sealed(event))

    def send(self, command: Message, by: Actor) -> bool:
        """Whether the rules took it."""
        self.commands += 1
        facts = frozenset({VILLAGE})
        command_id = f"command-{self.commands}"
        context = Context(self.now, by, command_id, PARAMETERS, facts)
        try:
            decisions = HOUSEHOLD.decide(self.state, command, context) or ()
            events = [each for each in decisions if isinstance(each, Message)]
        except Rejected:
            return False
        self._take(events)
        return True

    @rule(steps=st.integers(1, 12))
    def go_on(self, steps: int) -> None:
        """The next steps in order, each as soon as it can be taken."""
        for _ in range(steps):
            make, actor = LEGAL[WAY[self.next % len(WAY)]]
            if not self.send(make(self.today), actor):
                return
            self.next += 1

    @rule(name=st.sampled_from([*LEGAL, *OTHERS]), by=st.sampled_from(PEOPLE))
    def try_anything(self, name: str, by: Actor) -> None:
        make = LEGAL[name][0] if name in LEGAL else OTHERS[name]
        self.send(make(self.today), by)

    @rule(days=st.sampled_from([0, 1, 3, 6, 7, 31, 200]))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days, minutes=1)
        state = self.state
        if state.posting.closes_at_us:
            close = posting.ClosePosting(
                **OF,
                posting_id=state.posting.posting_id,
                closes_at_us=state.posting.closes_at_us,
            )
            self.send(close, SERVICE)
        if state.watch.due_on:
            late = watch.RunOutMonitoringClock(
                **OF,
                warning_id=state.watch.warning_id,
                step=state.watch.clock,
                due_on=state.watch.due_on,
            )
            self.send(late, SERVICE)

    @precondition(lambda self: self.state.posting.running)
    @rule()
    def object(self) -> None:
        statement = Note(text="不实", household_id=HOUSEHOLD_ID)
        self.send(
            posting.RaiseObjection(**OF, channel=1, statement=statement, anonymous=True), COMMITTEE
        )

    @precondition(lambda self: self.state.posting.open)
    @rule(upheld=st.booleans())
    def judge(self, upheld: bool) -> None:
        kind = posting.UpholdObjection if upheld else posting.DismissObjection
        finding = Note(text="已查", household_id=HOUSEHOLD_ID)
        objection_id = next(iter(self.state.posting.open))
        self.send(kind(**OF, objection_id=objection_id, finding=finding), OTHER_COUNTY)

    @property
    def today(self) -> str:
        return (self.now + timedelta(hours=8)).date().isoformat()

    def _since_proposal(self) -> list[Message]:
        for n in range(len(self.events) - 1, -1, -1):
            if isinstance(self.events[n], pb.ExitProposed):
                return self.events[n:]
        return []

    def _judge(self, event: Message) -> None:
        """What must have happened before an event, told from the log alone."""
        if isinstance(event, STOPPED):
            assert not self.state.posting.open, "a step while an objection was open"
        if isinstance(event, pb.HouseholdExited):
            story = self._since_proposal()
            kinds = {type(each) for each in story}
            assert pb.ExitAgreed in kinds, "an exit without consent"
            assert posting.PostingClosed in kinds, "an exit that was not posted"
            passed = [each for each in story if isinstance(each, exits.ExitFindingsRecorded)]
            assert {finding.check for each in passed for finding in each.findings} == set(CHECKS)
            people = {
                each.reviewed_by
                for each in story
                if isinstance(each, exits.ExitReviewedAtTownship | exits.ExitReviewedAtCounty)
            }
            assert len(people) == 2, "one person reviewed twice"
            opened = [each for each in story if isinstance(each, posting.PostingOpened)]
            closed = [each for each in story if isinstance(each, posting.PostingClosed)]
            shown_us = closed[-1].closed_at_us - opened[-1].opened_at_us
            assert shown_us >= 7 * 86_400 * 1_000_000, "a posting shorter than its minimum"
        if isinstance(event, watch.HouseholdMonitored):
            assert self.state.status == pb.HOUSEHOLD_STATUS_EXITED
            assert any(isinstance(each, watch.WarningVisited) for each in self.events)
        if isinstance(event, watch.MonitoringCleared):
            told = [each for each in self.events if isinstance(each, watch.MonitoredIncomeRecorded)]
            assert told[-1].steady_since <= event.effective_on
            since = datetime.fromisoformat(event.steady_since)
            assert (datetime.fromisoformat(event.effective_on) - since).days >= 181
        if isinstance(event, exits.HouseholdReinstated):
            assert self.state.status == pb.HOUSEHOLD_STATUS_EXITED

    @invariant()
    def the_watch_is_over_nobody_in_the_register_for_long(self) -> None:
        if self.state.status == pb.HOUSEHOLD_STATUS_RELAPSED:
            assert not self.state.watch.due_on

    @invariant()
    def every_agreement_is_a_members_own(self) -> None:
        for event in self.events:
            if isinstance(event, pb.ExitAgreed):
                assert event.consent.given_by in self.state.person_ids


Leaving.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestLeaving = Leaving.TestCase


def test_the_whole_way_can_be_walked() -> None:
    """The walk that the random ones are cut from comes to its end."""
    walk = Leaving()
    for name in WAY:
        make, actor = LEGAL[name]
        while not walk.send(make(walk.today), actor):
            assert walk.now.year < 2022, name
            walk.time_passes(7)
            if name == "clear":
                walk.send(LEGAL["tell"][0](walk.today), TOWNSHIP)
    assert isinstance(walk.events[-1], watch.MonitoringCleared)
