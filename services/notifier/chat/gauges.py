"""What waits and what was given up, as figures for an operator; counted now and then."""

from opentelemetry import metrics

from chassis.clock import Clock
from chassis.viewstore import ViewStore
from services.notifier.views.dead import GIVEN_UP, dead_counts
from services.notifier.views.messages import waiting_counts

LOOK_EVERY_S = 15.0
# Names of the ranks.
RANKS = ("alert", "task", "reminder", "digest")

_meter = metrics.get_meter(__name__)
_queue = _meter.create_gauge("tuopin_bot_queue", unit="1")
_dead = _meter.create_gauge("tuopin_bot_dead_letters", unit="1")


class Gauges:
    """Of the bot that holds the lease."""

    def __init__(self, views: ViewStore, clock: Clock) -> None:
        self._views = views
        self._clock = clock

    async def step(self) -> None:
        """Count, then wait."""
        await self.count()
        await self._clock.sleep(LOOK_EVERY_S)

    async def count(self) -> None:
        """An empty queue is 0, not its last length."""
        waiting = await self._views.query(waiting_counts)
        for rank, name in enumerate(RANKS):
            _queue.set(waiting.get(rank, 0), {"priority": name})
        given_up = await self._views.query(dead_counts)
        for state in GIVEN_UP:
            _dead.set(given_up.get(state, 0), {"state": state})
