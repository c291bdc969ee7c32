"""Moments as the events carry them, and as a sentence shows them."""

from datetime import UTC, date, datetime, time, timedelta

from chassis.decider import PROGRAMME_ZONE

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime) -> int:
    """Microseconds since 1970 UTC, exact."""
    return (at - EPOCH) // timedelta(microseconds=1)


def moment(at_us: int) -> datetime:
    """The moment that `micros` counts."""
    return EPOCH + timedelta(microseconds=at_us)


def minute_of(at_us: int) -> str:
    """The minute in the programme's zone."""
    return moment(at_us).astimezone(PROGRAMME_ZONE).strftime("%Y-%m-%d %H:%M")


def day_of(at_us: int) -> str:
    """The day in the programme's zone."""
    return datetime.fromtimestamp(at_us // 1_000_000, PROGRAMME_ZONE).date().isoformat()


def start_of(day: str) -> datetime:
    """The first moment of a day in the programme's zone."""
    return datetime.combine(date.fromisoformat(day), time(), PROGRAMME_ZONE)


def end_of(day: str) -> datetime:
    """The first moment after a day in the programme's zone."""
    return start_of(day) + timedelta(days=1)
