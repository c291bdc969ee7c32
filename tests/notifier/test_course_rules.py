"""What becomes of an assignment besides the straight way, as sentences."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chassis.times import micros, minute_of, moment
from services.notifier.decider import assignment
from services.notifier.decider.policy import Posted, World
from tests.given import NOW, Given
from tests.notifier import tasks as task
from tests.notifier.policies import KINDS, PARAMETERS
from tests.notifier.tasks import HELPER, ID, LEADER, RESIDENT, SPECIALIST
from tuopin.notifier.v1.assignment_pb2 import (
    AssignmentEscalated,
    AssignmentOffered,
    AssignmentReminded,
    AssignmentVerified,
    EscalateAssignment,
    RemindAssignment,
)
from tuopin.notifier.v1.handling_pb2 import (
    AnswerClock,
    AnswerClockStarted,
    AssignmentCancelled,
    AssignmentDeclined,
    AssignmentExpired,
    AssignmentReassigned,
    AssignmentScheduled,
    AssignmentSnoozed,
    CancelAssignment,
    DeclineAssignment,
    ExpireAssignment,
    HandOverAssignment,
    ReassignAssignment,
    ReleaseAssignment,
    ReviewAssignment,
    SnoozeAssignment,
    StartAnswerClock,
)

given = Given(assignment.DECIDER, PARAMETERS, facts=task.BOTH)
RESIDENT_POSTED = Posted(RESIDENT, "RESIDENT_TEAM", task.VILLAGE)
VILLAGE_TOO = replace(task.BOTH, posted=(*task.BOTH.posted, RESIDENT_POSTED))
REMIND = RemindAssignment(assignment_id=ID)
UP = EscalateAssignment(assignment_id=ID, reason="no-answer", cadre_id=HELPER)
OVERDUE = EscalateAssignment(assignment_id=ID, reason="overdue")


def fires(event: object) -> datetime:
    """When the clock that an event carries runs out."""
    return moment(event.clock.next_at_us)  # type: ignore[attr-defined]


def reminded() -> AssignmentReminded:
    (event,) = given(task.offered()).when(REMIND, at=fires(task.offered())).events
    assert isinstance(event, AssignmentReminded)
    return event


def without(*cadre_ids: str) -> World:
    return replace(VILLAGE_TOO, unreachable=frozenset(cadre_ids))


# --- who is asked


def test_whoever_cannot_be_reached_is_skipped_at_once() -> None:
    here = given.with_facts(without(HELPER))
    here().when(task.offer()).then_event(AssignmentOffered, cadre_id=RESIDENT)


def test_where_nobody_in_the_village_can_be_reached_it_goes_up_at_once() -> None:
    world = World(posted=(task.LEADER_POSTED,), unreachable=frozenset({HELPER}))
    result = given.with_facts(world)().when(task.offer())
    result.then_event(AssignmentOffered, cadre_id=HELPER)
    result.then_event(
        AssignmentEscalated, cadre_id=LEADER, reason="unreachable", region_id=task.COUNTY, level=2
    )


def test_where_nobody_at_all_can_be_reached_the_message_waits_and_the_clock_runs() -> None:
    world = World(unreachable=frozenset({HELPER}))
    (event,) = given.with_facts(world)().when(task.offer()).events
    assert isinstance(event, AssignmentOffered)
    assert (event.cadre_id, event.clock.next_step) == (HELPER, "remind")


def test_a_helper_who_has_left_is_no_helper() -> None:
    world = replace(VILLAGE_TOO, departed=frozenset({HELPER}))
    given.with_facts(world)().when(task.offer()).then_event(AssignmentOffered, cadre_id=RESIDENT)


def test_what_is_too_old_or_has_lost_its_cause_is_not_asked() -> None:
    """A restored or replayed past sends nothing."""
    old = task.offer()
    old.caused_at_us = micros(NOW - timedelta(days=31))
    given().when(old).then_nothing()
    recent = task.offer()
    recent.caused_at_us = micros(NOW - timedelta(days=1))
    gone = replace(task.BOTH, gone_at_us=micros(NOW))
    given.with_facts(gone)().when(recent).then_nothing()
    given().when(recent).then_event(AssignmentOffered, caused_at_us=recent.caused_at_us)


def test_a_scheduled_task_is_offered_on_its_day_by_the_policy_of_that_day() -> None:
    later = NOW + timedelta(days=20)
    command = task.offer("measure-check")
    command.offer_at_us = micros(later)
    (scheduled,) = given().when(command).events
    assert isinstance(scheduled, AssignmentScheduled)
    release = ReleaseAssignment(assignment_id=ID)
    given(scheduled).when(release).then_nothing()
    given(scheduled).when(task.take()).then_rejected("assignment-not-known")
    given(scheduled).when(release, at=later).then_event(
        AssignmentOffered, kind="measure-check", cadre_id=HELPER
    )


# --- answers besides yes


def decline(reason: str = "away", cadre_id: str = HELPER) -> DeclineAssignment:
    return DeclineAssignment(assignment_id=ID, cadre_id=cadre_id, reason=reason, note="CANARY")


def test_a_declined_task_goes_to_the_next_by_policy_with_the_reason() -> None:
    result = given.with_facts(VILLAGE_TOO)(task.offered()).when(decline())
    result.then_event(AssignmentDeclined, cadre_id=HELPER, reason="away")
    result.then_event(
        AssignmentReassigned,
        cadre_id=RESIDENT,
        previous_cadre_id=HELPER,
        reason="declined",
        supersedes_message_id=task.FIRST_MESSAGE,
    )


def test_who_declined_is_not_asked_again_and_after_the_last_it_goes_up() -> None:
    declined = given.with_facts(VILLAGE_TOO)(task.offered()).when(decline()).events
    story = given.with_facts(VILLAGE_TOO)(task.offered(), *declined)
    story.when(decline()).then_rejected("assignment-with-another-cadre", cadre=RESIDENT)
    story.when(decline(cadre_id=RESIDENT)).then_event(
        AssignmentEscalated, cadre_id=SPECIALIST, reason="declined", region_id=task.TOWNSHIP
    )


def test_declining_takes_a_listed_reason_also_after_the_yes() -> None:
    given(task.offered()).when(decline("no-wish")).then_rejected("decline-reason-not-known")
    result = given.with_facts(VILLAGE_TOO)(task.offered(), task.acknowledged()).when(decline())
    result.then_event(AssignmentReassigned, cadre_id=RESIDENT)


def snooze(hours: float) -> SnoozeAssignment:
    return SnoozeAssignment(assignment_id=ID, cadre_id=HELPER, for_s=int(hours * 3600))


def test_a_task_put_off_comes_back_as_a_reminder() -> None:
    (event,) = given(task.offered()).when(snooze(24)).events
    assert isinstance(event, AssignmentSnoozed)
    assert (event.ordinal, minute_of(event.until_us)) == (1, "2020-03-03 09:00")
    story = given(task.offered(), event)
    story.when(REMIND, at=NOW + timedelta(hours=23)).then_nothing()
    # It is the wake-up, not one of the reminders that count.
    story.when(REMIND, at=fires(event)).then_event(AssignmentReminded, by="message", ordinal=0)


def test_putting_off_is_capped_in_number_and_length_and_by_the_day_it_is_due() -> None:
    (first,) = given(task.offered()).when(snooze(24)).events
    (second,) = given(task.offered(), first).when(snooze(24)).events
    story = given(task.offered(), first, second)
    story.when(snooze(24)).then_rejected("assignment-snoozed-too-often", most=2)
    given(task.offered()).when(snooze(49)).then_rejected("snooze-too-long", hours=48)
    late = NOW + timedelta(days=6)
    given(task.offered()).when(snooze(24), at=late).then_event(AssignmentSnoozed, ordinal=1)
    given(task.offered()).when(snooze(25), at=late).then_rejected("snooze-past-due")


# --- silence


def test_silence_is_reminded_and_then_goes_up_level_by_level_to_the_county_s_list() -> None:
    events = [task.offered()]
    holders = []
    for _ in range(20):
        last = events[-1]
        clock = last.clock
        if not clock.next_step:
            break
        at = moment(clock.next_at_us)
        command = REMIND if clock.next_step == "remind" else EscalateAssignment(assignment_id=ID)
        assert given(*events).when(command, at=at - timedelta(seconds=1)).events == []
        (event,) = given(*events).when(command, at=at).events
        events.append(event)
        holders.append((type(event).__name__, event.cadre_id))
    up, asked = "AssignmentEscalated", "AssignmentReminded"
    assert holders == [
        (asked, HELPER),
        (up, SPECIALIST),
        (asked, SPECIALIST),
        (up, LEADER),
        (asked, LEADER),
        (up, ""),
    ]
    assert events[-1].region_id == task.COUNTY
    given(*events).when(task.take(LEADER)).then_event(type(task.acknowledged()), cadre_id=LEADER)


def test_an_answer_ends_the_wait() -> None:
    story = given(task.offered(), task.acknowledged())
    story.when(REMIND, at=fires(task.offered())).then_nothing()
    story.when(UP, at=fires(task.offered())).then_nothing()


def test_taken_is_not_done_silence_after_it_opens_the_escalation_again() -> None:
    taken = task.acknowledged()
    (again,) = given(task.offered(), taken).when(REMIND, at=fires(taken)).events
    assert isinstance(again, AssignmentReminded)
    story = given(task.offered(), taken, again)
    story.when(UP, at=fires(again)).then_event(
        AssignmentEscalated, cadre_id=SPECIALIST, reason="no-progress"
    )
    # Evidence is an answer: the clock starts anew.
    added = task.added(task.note())
    given(task.offered(), taken, again, added).when(UP, at=fires(again)).then_nothing()


def test_the_clock_runs_from_the_sending_when_that_is_earlier() -> None:
    sent = NOW + timedelta(minutes=5)
    start = StartAnswerClock(
        assignment_id=ID, message_id=task.FIRST_MESSAGE, sent_at_us=micros(sent)
    )
    remind_s = KINDS["first-visit"]["remind_after_s"][0]
    story = given(task.offered())
    story.when(start, at=sent).then_event(AnswerClockStarted, clock=task.clock(sent, remind_s))
    # After so many hours it counts as sent: a late sending moves nothing.
    late = NOW + timedelta(hours=5)
    start.sent_at_us = micros(late)
    story.when(start, at=late).then_nothing()
    start.message_id = "of-another-step"
    start.sent_at_us = micros(sent)
    story.when(start, at=sent).then_nothing()


def test_an_outage_of_the_provider_stops_the_clock_of_the_answer() -> None:
    offered = task.offered()
    began = moment(offered.clock.started_at_us) + timedelta(hours=1)
    ended = began + timedelta(hours=3)
    due = fires(offered)
    world = replace(task.BOTH, outages=((micros(began), micros(ended)),))
    (moved,) = given.with_facts(world)(offered).when(REMIND, at=due).events
    assert isinstance(moved, AnswerClockStarted)
    assert fires(moved) == due + timedelta(hours=3)
    story = given.with_facts(world)(offered, moved)
    story.when(REMIND, at=fires(moved)).then_event(AssignmentReminded, ordinal=1)


def test_while_the_outage_lasts_nobody_is_reminded_or_passed_over() -> None:
    offered = task.offered()
    began = moment(offered.clock.started_at_us)
    world = replace(task.BOTH, outages=((micros(began), 0),))
    events = [offered]
    for _ in range(4):
        (event,) = given.with_facts(world)(*events).when(REMIND, at=fires(events[-1])).events
        assert isinstance(event, AnswerClockStarted)
        events.append(event)


def test_no_outage_stops_the_clock_of_the_law() -> None:
    offered = task.offered()
    world = replace(task.BOTH, outages=((micros(NOW), 0),))
    story = given.with_facts(world)(offered, task.acknowledged())
    due = moment(offered.due_at_us)
    story.when(OVERDUE, at=due - timedelta(seconds=1)).then_nothing()
    story.when(OVERDUE, at=due).then_event(
        AssignmentEscalated, cadre_id=SPECIALIST, reason="overdue"
    )


def test_a_reminder_for_the_digest_takes_the_place_of_no_message() -> None:
    offered = task.offered("measure-check")
    story = given(offered)
    story.when(REMIND, at=fires(offered)).then_event(
        AssignmentReminded, by="digest", ordinal=1, supersedes_message_id=""
    )


# --- hand-over, end


def test_who_leaves_hands_over_what_is_open_with_its_evidence() -> None:
    command = HandOverAssignment(assignment_id=ID, cadre_id=HELPER)
    story = given.with_facts(VILLAGE_TOO)(
        task.offered(), task.acknowledged(), task.added(task.note())
    )
    result = story.when(command).then_event(AssignmentReassigned, cadre_id=RESIDENT, reason="left")
    after = given.with_facts(VILLAGE_TOO)(*story.events, *result.events)
    assert len(after.state().evidence) == 1
    after.when(command).then_nothing()


def test_where_nobody_is_left_the_county_has_it_and_not_in_the_leaver_s_name() -> None:
    command = HandOverAssignment(assignment_id=ID, cadre_id=HELPER)
    alone = given.with_facts(World())
    result = alone(task.offered()).when(command)
    result.then_event(AssignmentEscalated, cadre_id="", reason="left", region_id=task.COUNTY)
    alone(task.offered(), *result.events).when(task.take()).then_rejected(
        "assignment-with-another-cadre"
    )


def test_an_office_hands_a_task_to_whom_it_likes_but_not_to_one_who_is_gone() -> None:
    command = ReassignAssignment(assignment_id=ID, cadre_id=LEADER)
    given(task.offered()).when(command).then_event(
        AssignmentReassigned, cadre_id=LEADER, reason="office"
    )
    gone = replace(task.BOTH, departed=frozenset({LEADER}))
    given.with_facts(gone)(task.offered()).when(command).then_rejected("assignee-departed")
    done = (task.acknowledged(), task.added(task.note()), task.done(task.note()))
    given(task.offered(), *done).when(command).then_rejected("assignment-not-open")


def test_a_task_whose_cause_is_gone_is_cancelled_and_nobody_can_take_it() -> None:
    cancel = CancelAssignment(assignment_id=ID, reason="exit-withdrawn", event_id="household-1@9")
    result = given(task.offered()).when(cancel)
    result.then_event(AssignmentCancelled, cadre_id=HELPER, reason="exit-withdrawn")
    over = given(task.offered(), *result.events)
    over.when(task.take()).then_rejected("assignment-cancelled")
    over.when(cancel).then_nothing()
    over.when(REMIND, at=fires(task.offered())).then_nothing()
    over.when(OVERDUE, at=NOW + timedelta(days=30)).then_nothing()


def test_what_is_done_stays_done_when_its_cause_ends() -> None:
    cancel = CancelAssignment(assignment_id=ID, reason="answered")
    story = given(
        task.offered(), task.acknowledged(), task.added(task.note()), task.done(task.note())
    )
    story.when(cancel).then_nothing()


def test_an_invitation_expires_when_it_is_over() -> None:
    invitation = task.offered("session-invitation", proof="none")
    invitation.expire_at_us = micros(NOW + timedelta(days=3))
    expire = ExpireAssignment(assignment_id=ID)
    given(invitation).when(expire, at=NOW + timedelta(days=2)).then_nothing()
    result = given(invitation).when(expire, at=NOW + timedelta(days=3))
    result.then_event(AssignmentExpired, cadre_id=HELPER)
    given(invitation, *result.events).when(task.take()).then_rejected("assignment-expired")
    given(task.offered()).when(expire, at=NOW + timedelta(days=99)).then_nothing()


def test_where_nobody_judges_the_answer_done_is_the_end() -> None:
    story = given(task.offered("session-invitation", proof="none"), task.acknowledged())
    story.when(task.finish()).then_event(AssignmentVerified, event_id="", verified_by="")


def test_an_office_judges_only_what_no_service_judges_and_gives_a_reason() -> None:
    yes = ReviewAssignment(assignment_id=ID, accepted=True)
    no = ReviewAssignment(assignment_id=ID, reason="photo-unclear")
    done = (task.acknowledged(), task.added(task.note()), task.done(task.note()))
    given(task.offered(), *done).when(yes).then_rejected("assignment-not-for-office")
    story = given(task.offered("office-task"), *done)
    story.when(yes).then_event(AssignmentVerified, verified_by="li-office")
    story.when(no).then_event(type(task.returned()), slug="returned-photo-unclear")
    no.reason = "dance"
    story.when(no).then_rejected("return-reason-not-known")


@pytest.mark.parametrize("proof", ["photo"])
def test_a_notice_put_up_is_shown_by_a_photo(proof: str) -> None:
    story = given(task.offered(proof=proof), task.acknowledged(), task.added(task.note()))
    story.when(task.finish()).then_rejected("assignment-without-photo")


def test_an_offer_from_before_there_were_terms_goes_on_by_its_own_times() -> None:
    old = task.offered()
    old.ClearField("terms")
    old.ClearField("clock")
    old.remind_at_us = micros(NOW + timedelta(days=1))
    old.escalate_at_us = micros(NOW + timedelta(days=3))
    (event,) = given(old).when(REMIND, at=NOW + timedelta(days=1)).events
    assert isinstance(event, AssignmentReminded)
    event.clock.CopyFrom(AnswerClock())
    event.ClearField("clock")
    given(old, event).when(UP, at=NOW + timedelta(days=3)).then_event(
        AssignmentEscalated, cadre_id=SPECIALIST, reason="no-answer"
    )
