"""Working days, quiet hours and the hour of the digest, from the programme data in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from chassis.decider import PROGRAMME_ZONE, Context

DAY = timedelta(days=1)
# Nothing is looked for farther off; no run of holidays is nearly as long.
FAR = 60


@dataclass(frozen=True, slots=True)
class Calendar:
    """The tables `calendar` and `hours`."""

    days: Mapping[str, Any]
    hours: Mapping[str, Any]

    def works(self, day: date) -> bool:
        """Whether the day is worked."""
        year = self.days["years"].get(str(day.year), {})
        if day in year.get("workdays", ()):
            return True
        if any(each["from"] <= day <= each["to"] for each in year.get("holidays", ())):
            return False
        return day.isoweekday() not in self.days["weekend"]

    def later(self, start: datetime, delay: timedelta, *, working_days: bool) -> datetime:
        """So much later; with `working_days` only the hours of working days count."""
        if not working_days:
            return start + delay
        at = start.astimezone(PROGRAMME_ZONE)
        for _ in range(FAR + delay.days * 3):
            midnight = _at(at.date() + DAY, time())
            if self.works(at.date()):
                if delay <= midnight - at:
                    break
                delay -= midnight - at
            at = midnight
        return (at + delay).astimezone(UTC)

    def awake(self, moment: datetime) -> datetime:
        """The first moment from here on at which a message may go out."""
        quiet = self.hours["quiet"]
        at = moment.astimezone(PROGRAMME_ZONE)
        for _ in range(FAR):
            if quiet["days_off"] and not self.works(at.date()):
                at = _at(at.date() + DAY, time())
            elif _within(at.time(), quiet["from"], quiet["to"]):
                same_day = at.time() < quiet["to"]
                at = _at(at.date() if same_day else at.date() + DAY, quiet["to"])
            else:
                break
        return at.astimezone(UTC)

    def next_digest(self, moment: datetime) -> datetime:
        """The hour of the digest on the next working day on which it is still to come."""
        hour = self.hours["digest"]["at"]
        at = moment.astimezone(PROGRAMME_ZONE)
        day = at.date() if at.time() < hour else at.date() + DAY
        for _ in range(FAR):
            if self.works(day):
                break
            day += DAY
        return _at(day, hour).astimezone(UTC)

    def seconds(self, section: str, name: str) -> timedelta:
        """A span of time from the table of hours."""
        return timedelta(seconds=self.hours[section][name])


def calendar_of(context: Context) -> Calendar:
    """The calendar in force."""
    return Calendar(context.parameters.table("calendar"), context.parameters.table("hours"))


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, PROGRAMME_ZONE)


def _within(hour: time, first: time, last: time) -> bool:
    """Also over midnight; the same time twice is no span."""
    if first <= last:
        return first <= hour < last
    return hour >= first or hour < last
