"""When support after an exit ends."""

from datetime import date, datetime, timedelta

from chassis.clock import MICROSECONDS
from chassis.deadlines import DeadlineView
from chassis.decider import PROGRAMME_ZONE
from chassis.views import Deadlines
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.exit_pb2 import EndSupport, HouseholdReinstated
from tuopin.registry.v1.household_pb2 import HouseholdExited

END_SUPPORT = "end-support"
# The server that decides may have a clock a little behind ours.
SKEW_US = 3 * MICROSECONDS


def after_us(day: str) -> int:
    """When this day is over in the programme's zone."""
    over = datetime.combine(
        date.fromisoformat(day) + timedelta(days=1), datetime.min.time(), PROGRAMME_ZONE
    )
    return round(over.timestamp()) * MICROSECONDS + SKEW_US


def project_support(
    deadlines: Deadlines, envelope: Envelope, event: HouseholdExited | HouseholdReinstated
) -> None:
    """Set at the exit; a household that is back in the register is helped as one of it."""
    key = event.household_id
    if isinstance(event, HouseholdReinstated):
        deadlines.clear(END_SUPPORT, key)
        return
    command = EndSupport(household_id=key, support_until=event.support_until)
    deadlines.set(END_SUPPORT, key, after_us(event.support_until), command)


SUPPORT = DeadlineView(
    name="support-clock",
    topics=("household",),
    events=(HouseholdExited, HouseholdReinstated),
    project=project_support,
)
