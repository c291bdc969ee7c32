"""When a posting's clock runs out: its own deadline closes it, an objection stops the clock."""

from chassis.clock import MICROSECONDS
from chassis.deadlines import DeadlineView
from chassis.views import Deadlines
from services.registry.views import clocks
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.posting_pb2 import (
    ClosePosting,
    ObjectionDismissed,
    ObjectionRaised,
    ObjectionUpheld,
    PostingOpened,
)

CLOSE_POSTING = "close-posting"
# The server that decides may have a clock a little behind ours; a posting is never too short.
SKEW_US = 3 * MICROSECONDS

EVENTS = (PostingOpened, ObjectionRaised, ObjectionDismissed, ObjectionUpheld)
Event = PostingOpened | ObjectionRaised | ObjectionDismissed | ObjectionUpheld


def project(deadlines: Deadlines, envelope: Envelope, event: Event) -> None:
    """Set when the clock starts, or starts again; cleared while it stands still."""
    key = event.posting_id
    if isinstance(event, PostingOpened | ObjectionDismissed) and event.closes_at_us:
        command = ClosePosting(
            household_id=event.household_id, posting_id=key, closes_at_us=event.closes_at_us
        )
        deadlines.set(CLOSE_POSTING, key, event.closes_at_us + SKEW_US, command)
    else:
        deadlines.clear(CLOSE_POSTING, key)


DEADLINES: tuple[DeadlineView, ...] = (
    clocks.SUPPORT,
    clocks.MONITORING,
    clocks.SCREENING,
    clocks.BREAK_GLASS,
    DeadlineView(name="posting-clock", topics=("household",), events=EVENTS, project=project),
)
