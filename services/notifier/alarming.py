"""Windowed facts of the notifier that a timer looks at."""

from chassis.alarms import WindowAlarm
from chassis.clock import Clock
from chassis.decider import PROGRAMME_ZONE
from chassis.programme import Programme
from services.notifier.views.burden import THRESHOLD, WEEKS


def alarms(programme: Programme, clock: Clock) -> tuple[WindowAlarm, ...]:
    """Too much asked of one cadre in one week."""
    today = clock.now().astimezone(PROGRAMME_ZONE).date()
    most = programme.number(THRESHOLD, on=today)
    return (WindowAlarm("many-questions-in-one-week", WEEKS.c.questions, most),)
