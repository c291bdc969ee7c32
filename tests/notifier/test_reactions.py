"""What the notifier does when it hears something, as pure functions."""

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.decider import derived_id
from chassis.programme import Programme
from chassis.times import micros, minute_of
from services.notifier import reactions
from services.notifier.causes import Known, reactions_of
from services.notifier.decider.policy import Posted
from services.notifier.reactions import ANSWERS, REACTIONS
from tests.given import NOW
from tests.notifier import tasks as task
from tests.notifier.policies import ROOT
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.funding.v1.ledger_pb2 import MoneyPaid, ReceiptConfirmed
from tuopin.notifier.v1.assignment_pb2 import (
    AssignmentReminded,
    EscalateAssignment,
    OfferAssignment,
    ReturnAssignment,
    VerifyAssignment,
)
from tuopin.notifier.v1.digest_pb2 import ExpectDigest
from tuopin.notifier.v1.message_pb2 import MessageFailed, QueueMessage, SupersedeMessage
from tuopin.planning.v1.plan_pb2 import PlanApproved, VisitRecorded
from tuopin.registry.v1.exit_pb2 import ExitAppraised
from tuopin.registry.v1.household_pb2 import ExitProposed, ExitVerified, HouseholdRegistered
from tuopin.registry.v1.monitoring_pb2 import (
    MONITORING_STEP_VISIT,
    MonitoringClockRanOut,
    WarningRaised,
    WarningVisited,
)
from tuopin.registry.v1.posting_pb2 import PostingOpened
from tuopin.training.v1.cadre_pb2 import SessionScheduled
from tuopin.types.v1.types_pb2 import ReactionRefused

EVENT_ID = "somewhere-1@7"
RECORDED_US = micros(NOW)
HOUSEHOLD = Known("0001", "person-head", "cadre-helper")
CAUSED = reactions_of(Programme.load(ROOT / "programme"))


def caused(event: Message, known: Known = HOUSEHOLD, kind: str = "") -> list[Any]:
    """The tasks that the policies make of an event."""
    envelope = Envelope(id=EVENT_ID, recorded_at_us=RECORDED_US)
    return [
        offer
        for reaction in CAUSED
        if reaction.event is type(event) and kind in ("", reaction.name.removeprefix("offer-"))
        for offer in reaction.react(envelope, event, known)
    ]


def reacted(event: Message, facts: Any = None) -> list[Message]:
    """All that any reaction to this class of event wants done."""
    envelope = Envelope(id=EVENT_ID)
    return [
        command
        for reaction in REACTIONS
        if reaction.event is type(event)
        if facts is not None or reaction.read is None
        for command in reaction.react(envelope, event, facts)
    ]


def test_a_plan_in_force_asks_the_helper_for_a_first_visit() -> None:
    event = PlanApproved(
        plan_id="plan-1", household_id="h-1", village_id=task.VILLAGE, helper_id="cadre-9"
    )
    offer = OfferAssignment(
        assignment_id=derived_id("assignment", "first-visit", EVENT_ID),
        kind="first-visit",
        household_id="h-1",
        village_id=task.VILLAGE,
        subject="plan-1",
        household_number="0001",
        cadre_id="cadre-9",
        caused_at_us=RECORDED_US,
    )
    assert caused(event) == [offer]


def test_a_payment_asks_the_helper_whether_it_arrived() -> None:
    event = MoneyPaid(
        ledger_id="l",
        region_id="433124",
        year=2020,
        payment_id="pay-1",
        household_id="h-1",
        village_id=task.VILLAGE,
        measure_id="plan-1/1",
        amount_fen=500,
    )
    (offer,) = caused(event)
    assert (offer.kind, offer.subject, offer.cadre_id) == ("receipt-check", "pay-1", "cadre-helper")
    assert offer.facts["region_id"] == "433124"
    assert offer.facts["year"] == "2020"
    assert offer.facts["given_by"] == "person-head"


def test_an_exit_is_looked_at_on_site_once_the_meeting_is_for_it() -> None:
    """Before, the registry would refuse what the cadre found."""
    assert caused(ExitProposed(household_id="h-1", village_id=task.VILLAGE)) == []
    (offer,) = caused(ExitAppraised(household_id="h-1", village_id=task.VILLAGE))
    assert (offer.kind, offer.subject) == ("verify-exit", "h-1")


def test_an_import_asks_nobody_for_anything() -> None:
    event = HouseholdRegistered(household_id="h-1", village_id=task.VILLAGE)
    assert [offer.kind for offer in caused(event)] == ["draft-plan"]
    event.import_id = "import-1"
    assert caused(event) == []


def test_each_measure_of_a_plan_is_checked_on_the_morning_it_is_due() -> None:
    event = PlanApproved(plan_id="plan-1", household_id="h-1", village_id=task.VILLAGE)
    known = replace(HOUSEHOLD, measures=(("plan-1/1", "2026-02-16"), ("plan-1/2", "2026-03-04")))
    offers = caused(event, known, "measure-check")
    assert [offer.facts["measure_id"] for offer in offers] == ["plan-1/1", "plan-1/2"]
    # The first is due in the Spring Festival: the day after it.
    assert [minute_of(offer.offer_at_us) for offer in offers] == [
        "2026-02-24 08:00",
        "2026-03-04 08:00",
    ]
    assert len({offer.assignment_id for offer in offers}) == 2


def test_a_notice_and_a_warning_have_their_tasks() -> None:
    opened = PostingOpened(posting_id="post-1", household_id="h-9", village_id=task.VILLAGE)
    (notice,) = caused(opened)
    assert (notice.kind, notice.subject) == ("posting-notice", "post-1")
    raised = WarningRaised(
        warning_id="w-1", household_id="h-1", village_id=task.VILLAGE, visit_due_on="2026-04-20"
    )
    (visit,) = caused(raised)
    assert (visit.kind, minute_of(visit.due_at_us)) == ("warning-visit", "2026-04-21 00:00")


def test_a_step_of_the_monitoring_that_is_late_alerts_the_region_that_is_to_hear() -> None:
    late = MonitoringClockRanOut(
        warning_id="w-1",
        household_id="h-1",
        village_id=task.VILLAGE,
        step=MONITORING_STEP_VISIT,
        due_on="2026-04-20",
        told_region_id=task.VILLAGE[:9],
    )
    (alert,) = caused(late)
    assert (alert.kind, alert.subject) == ("monitoring-late", "w-1")
    assert alert.village_id == task.VILLAGE[:9]
    assert alert.facts["step"] == "MONITORING_STEP_VISIT"


def test_a_session_invites_each_cadre_of_its_region_once() -> None:
    event = SessionScheduled(session_id="s-1", region_id="433124", course="x", held_on="2026-04-20")
    everyone = (
        Posted("cadre-1", "HELPER", task.VILLAGE),
        Posted("cadre-1", "RESIDENT_TEAM", task.VILLAGE),
        Posted("cadre-2", "TOWNSHIP_SPECIALIST", task.TOWNSHIP),
    )
    offers = caused(event, Known(everyone=everyone))
    assert [offer.cadre_id for offer in offers] == ["cadre-1", "cadre-2"]
    assert all(offer.personally and offer.household_id == "" for offer in offers)
    assert {minute_of(offer.due_at_us) for offer in offers} == {"2026-04-21 00:00"}


def test_an_offer_is_told_to_whom_it_was_made() -> None:
    message = QueueMessage(
        message_id=derived_id("message", EVENT_ID, task.HELPER),
        assignment_id=task.ID,
        cadre_id=task.HELPER,
        template="offer",
        priority=reactions.TASK,
        village_id=task.VILLAGE,
        household_id=task.HOUSEHOLD,
    )
    assert reacted(task.offered()) == [message, ExpectDigest(cadre_id=task.HELPER)]


def test_an_offer_to_nobody_is_told_to_nobody() -> None:
    assert reacted(task.offered(cadre_id="")) == []
    assert reacted(task.escalated(cadre_id="")) == []


@pytest.mark.parametrize(
    ("event", "template"),
    [
        (task.escalated(), "escalation"),
        (task.returned(), "returned"),
        (
            AssignmentReminded(
                assignment_id=task.ID,
                cadre_id=task.HELPER,
                supersedes_message_id=task.FIRST_MESSAGE,
            ),
            "reminder",
        ),
    ],
)
def test_news_takes_the_place_of_the_message_before(event: Message, template: str) -> None:
    message, supersede, *_ = reacted(event)
    assert isinstance(message, QueueMessage)
    assert message.template == template
    assert supersede == SupersedeMessage(
        message_id=task.FIRST_MESSAGE, by_message_id=message.message_id
    )


def test_who_cannot_be_reached_is_passed_over_at_once() -> None:
    failed = MessageFailed(assignment_id="a", cadre_id="c", unreachable=True)
    escalate = EscalateAssignment(assignment_id="a", cadre_id="c", reason="unreachable")
    assert reacted(failed) == [escalate]
    assert reacted(MessageFailed(assignment_id="a", cadre_id="c")) == []


@pytest.mark.parametrize("event", [VisitRecorded, ReceiptConfirmed, ExitVerified, WarningVisited])
def test_the_owner_s_word_verifies(event: type[Any]) -> None:
    verify = VerifyAssignment(assignment_id="a", event_id=EVENT_ID)
    assert reacted(event(assignment_id="a")) == [verify]
    assert reacted(event()) == []


@pytest.mark.parametrize("command", sorted(ANSWERS))
def test_an_answer_that_its_owner_refuses_goes_back(command: str) -> None:
    refused = ReactionRefused(
        command_type=command, slug="plan-not-in-force", caused_by=f"task-{task.ID}@4"
    )
    back = ReturnAssignment(assignment_id=task.ID, slug="plan-not-in-force")
    assert reacted(refused) == [back]


def test_other_refusals_are_not_ours() -> None:
    assert reacted(ReactionRefused(command_type="x.DraftPlan", caused_by="household-1@1")) == []
    own = ReactionRefused(
        command_type="tuopin.notifier.v1.QueueMessage", caused_by=f"task-{task.ID}@1"
    )
    assert reacted(own) == []
