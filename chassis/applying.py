"""One transaction of a feed: what each consumer takes of the batches, and who stops in it."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from chassis.checkpoints import Checkpoints, stopped_consumers
from chassis.feeding import Applied, Hole, Run, next_records
from chassis.feedtables import STOPPED, Checkpoint, Lane
from chassis.projecting import Consumer, Heard
from chassis.reactionfeed import ReactionConsumer, parked_reactions
from chassis.viewdb import is_fault_of_the_world


class Applying:
    """One `apply` while it runs; `run` begins anew when its transaction is made again."""

    def __init__(
        self,
        consumers: Mapping[str, Consumer],
        at: Checkpoints,
        runs: Mapping[Lane, Sequence[Run]],
        now_us: int,
        reacting: Sequence[ReactionConsumer],
    ) -> None:
        self._consumers = consumers
        self._at = at
        self._now_us = now_us
        self._reacting = reacting
        self._runs = runs
        # Consumers apart from each other by savepoints, which cost more than all else in a small
        # batch: only after an attempt without them met an error.
        self.careful = False
        self._reset()

    def _reset(self) -> None:
        self.holes: list[Hole] = []
        self.rewound: list[str] = []
        self.stops: list[dict[str, object]] = []
        self.counts: dict[str, int] = {}

    def run(self, connection: Connection) -> Applied:
        self._reset()
        stopped = stopped_consumers(connection)
        running = {
            name: [lane for lane in self._runs if lane[0] in consumer.topics]
            for name, consumer in self._consumers.items()
            if name not in stopped
        }
        locked = self._at.lock(connection, running)
        moved: dict[str, dict[Lane, Checkpoint]] = {}
        for name, lanes in running.items():
            moved[name] = self._feed(connection, self._consumers[name], lanes, locked[name])
        self._at.move(connection, moved)
        if any(self.counts.values()):
            # Facts may have moved; the rows of this batch are there to be read.
            parked = parked_reactions(connection)
            for reaction in self._reacting:
                if reaction.name in parked:
                    reaction.retry(connection)
        if self.stops:
            connection.execute(STOPPED.insert(), self.stops)
        return Applied(moved, tuple(str(row["consumer"]) for row in self.stops))

    def _feed(
        self,
        connection: Connection,
        consumer: Consumer,
        lanes: Sequence[Lane],
        at: dict[Lane, Checkpoint],
    ) -> dict[Lane, Checkpoint]:
        """Where the consumer stands after the batches."""
        taken: list[tuple[Lane, list[Heard], Checkpoint]] = []
        for lane in lanes:
            position = at[lane].position
            records, checkpoint, found = next_records(self._runs[lane], position)
            if checkpoint is not None:
                taken.append((lane, records, checkpoint))
            if found is None:
                continue
            if not self._at.follows(consumer.name, lane, position):
                self.rewound.append(consumer.name)
            else:
                last = checkpoint.position if checkpoint else position
                self.holes.append(Hole(consumer.name, *lane, last + 1, found))
        wanted = [
            record for _, records, _ in taken for record in records if record[1] in consumer.wanted
        ]
        self.counts[consumer.name] = sum(len(records) for _, records, _ in taken)
        reached = {lane: checkpoint for lane, _, checkpoint in taken}
        if not wanted:
            return reached
        if not self.careful:
            consumer.consume(connection, wanted)
            return reached
        try:
            with connection.begin_nested():
                consumer.consume(connection, wanted)
        except Exception as error:
            if is_fault_of_the_world(error):
                raise
            return self._feed_singly(connection, consumer, taken)
        return reached

    def _feed_singly(
        self,
        connection: Connection,
        consumer: Consumer,
        taken: Sequence[tuple[Lane, list[Heard], Checkpoint]],
    ) -> dict[Lane, Checkpoint]:
        """One record at a time up to the one that is to blame, which stops the consumer."""
        moved: dict[Lane, Checkpoint] = {}
        for lane, records, checkpoint in taken:
            for record in records:
                try:
                    if record[1] in consumer.wanted:
                        with connection.begin_nested():
                            consumer.consume(connection, [record])
                except Exception as error:
                    if is_fault_of_the_world(error):
                        raise
                    self.stops.append(self._stop(consumer.name, lane, record, error))
                    return moved
                moved[lane] = Checkpoint(record[0], self._offset(lane, record[0]))
            moved[lane] = checkpoint
        # The batch as a whole failed and no single event did.
        return moved

    def _offset(self, lane: Lane, position: int) -> int | None:
        for heard, offsets in self._runs[lane]:
            if heard[0][0] <= position <= heard[-1][0]:
                return offsets[position - heard[0][0]]
        return None

    def _stop(
        self, consumer: str, lane: Lane, record: Heard, error: Exception
    ) -> dict[str, object]:
        return {
            "consumer": consumer,
            "topic": lane[0],
            "partition": lane[1],
            "position": record[0],
            "event_id": record[2].id,
            "reason": type(error).__name__,
            "stopped_at_us": self._now_us,
        }
