"""Moments as the events carry them, and as a sentence shows them."""

from datetime import UTC, datetime, timedelta

from chassis.decider import PROGRAMME_ZONE

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC, exact."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def shown(at_us: int) -> str:
    """The minute in the programme's zone."""
    moment = EPOCH + timedelta(microseconds=at_us)
    return moment.astimezone(PROGRAMME_ZONE).strftime("%Y-%m-%d %H:%M")
