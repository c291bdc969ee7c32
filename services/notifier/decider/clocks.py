"""When a missing answer is noticed: from which moment the clock runs, and what follows then."""

from datetime import datetime, timedelta

from chassis.decider import Context
from chassis.times import micros, moment
from services.notifier.decider.calendar import Calendar, calendar_of
from tuopin.notifier.v1.handling_pb2 import AnswerClock, Terms

REMIND, ESCALATE = "remind", "escalate"


def next_step(terms: Terms, reminders: int, *, taken: bool) -> tuple[str, int]:
    """What follows on silence, and after how many seconds; ("", 0) when nothing does.

    Once taken, silence is first met by one reminder, then by the next level.
    """
    if taken:
        if not terms.progress_after_s:
            return "", 0
        return (REMIND if reminders == 0 else ESCALATE), terms.progress_after_s
    if reminders < len(terms.remind_after_s):
        return REMIND, terms.remind_after_s[reminders]
    return ESCALATE, terms.escalate_after_s


def running_clock(
    terms: Terms, reminders: int, start: datetime, context: Context, *, taken: bool = False
) -> AnswerClock:
    """The clock that runs from `start` on, in quiet hours stretched to the next morning."""
    step, delay_s = next_step(terms, reminders, taken=taken)
    clock = AnswerClock(started_at_us=micros(start), next_step=step, delay_s=delay_s)
    if step:
        calendar = calendar_of(context)
        clock.next_at_us = micros(_due(terms, calendar, start, timedelta(seconds=delay_s)))
    return clock


def waiting_clock(terms: Terms, reminders: int, context: Context) -> AnswerClock:
    """The clock of a step just queued: it counts as sent after a while, should it hang there."""
    start = context.now + timedelta(seconds=terms.queued_at_most_s)
    return running_clock(terms, reminders, start, context)


def held_up(
    clock: AnswerClock, terms: Terms, outages: tuple[tuple[int, int], ...], context: Context
) -> AnswerClock | None:
    """The clock moved by the outages of the provider since it started; None when it has run out."""
    now_us = micros(context.now)
    lost_us = 0
    still_away = False
    for began_us, ended_us in outages:
        still_away = still_away or not ended_us
        lost_us += max(0, min(ended_us or now_us, now_us) - max(began_us, clock.started_at_us))
    calendar = calendar_of(context)
    delay = timedelta(seconds=clock.delay_s, microseconds=lost_us)
    due = _due(terms, calendar, moment(clock.started_at_us), delay)
    if still_away:
        # Nobody can answer now, however much of the time was over before.
        due = max(due, context.now + calendar.seconds("answer", "recheck_s"))
    if due <= context.now:
        return None
    moved = AnswerClock()
    moved.CopyFrom(clock)
    moved.next_at_us = micros(due)
    return moved


def _due(terms: Terms, calendar: Calendar, start: datetime, delay: timedelta) -> datetime:
    due = calendar.later(start, delay, working_days=terms.working_days)
    # An alert is not put off to the morning.
    return due if terms.priority == "alert" else calendar.awake(due)
