"""From the gRPC command through store, feed, reaction, chat message and tap: one trace."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from chassis.telemetry import recorded, span
from tests.drills.workload import Workload
from tests.system.inprocess import running

# What the test itself asks for, to see how far things are.
ASKED = ("Get", "List", "Find", "PutEvidence")
SETTLE_S = 1.0


class Told:
    """The spans of a run, and what each one points to."""

    def __init__(self, spans: Iterable[ReadableSpan]) -> None:
        self.spans = [each for each in spans if not _asked(each)]
        self.by_id = {each.context.span_id: each for each in self.spans}
        self._next: dict[int, set[int]] = defaultdict(set)
        for each in self.spans:
            parents = [each.parent] if each.parent else []
            for other in [*parents, *(link.context for link in each.links)]:
                if other.span_id in self.by_id:
                    self._next[each.context.span_id].add(other.span_id)
                    self._next[other.span_id].add(each.context.span_id)

    def connected_with(self, name: str) -> set[int]:
        """Spans that parents and links lead to from the one of this name, in any direction."""
        (root,) = [each.context.span_id for each in self.spans if each.name == name]
        found, front = {root}, [root]
        while front:
            fresh = self._next[front.pop()] - found
            found |= fresh
            front.extend(fresh)
        return found

    def names(self, ids: Iterable[int]) -> set[str]:
        return {self.by_id[each].name.rsplit(".", 1)[-1] for each in ids}


def _asked(each: ReadableSpan) -> bool:
    return each.name.rsplit(".", 1)[-1].startswith(ASKED)


def live(work: Workload) -> None:
    """A life: registered in one trace, everything from the consent on follows from commands."""
    with span("the test's household"):
        work.life()


async def spans_of_a_life(folder: Path, *, kafka: str = "", prefix: str = "") -> Told:
    async with running(folder, kafka=kafka, prefix=prefix) as system:
        work = await asyncio.to_thread(system.workload)
        try:
            await asyncio.to_thread(work.prepare)
            # What came before is applied by then: it belongs to no trace.
            await asyncio.sleep(SETTLE_S)
            with recorded() as exporter:
                await asyncio.to_thread(live, work)
                await asyncio.sleep(SETTLE_S)
        finally:
            await asyncio.to_thread(work.close)
    return Told(exporter.get_finished_spans())


COMMANDS = {
    "RegisterHousehold",
    "DraftPlan",
    "ConsentToPlan",
    "ApprovePlan",
    "OfferAssignment",
    "QueueMessage",
    "RecordSending",
    "RemindAssignment",
    "AcknowledgeAssignment",
    "AddEvidence",
    "FinishAssignment",
    "RecordVisit",
    "VerifyAssignment",
}
CHAT = {"send message", "chat update"}


def assert_connected(told: Told, wanted: set[str]) -> None:
    """Every span of the life is reached from the command, and none of the stations is missing."""
    reached = told.connected_with("the test's household")
    assert wanted - told.names(reached) == set()
    lost = {each.context.span_id for each in told.spans} - reached
    assert told.names(lost) == set()


def assert_parents_lead_to_the_tap(told: Told) -> None:
    """Parents alone lead from the visit in planning to the tap that finished the task."""
    (visit,) = [each for each in told.spans if each.name.endswith(".RecordVisit")]
    path: list[str] = []
    current: Any = visit
    while current is not None:
        path.append(current.name.rsplit(".", 1)[-1])
        current = told.by_id.get(current.parent.span_id) if current.parent else None
    assert path == ["RecordVisit", "FinishAssignment", "chat update"]


async def test_a_life_is_one_connected_trace(tmp_path: Path) -> None:
    told = await spans_of_a_life(tmp_path)
    assert_connected(told, COMMANDS | CHAT | {"apply"})
    assert_parents_lead_to_the_tap(told)


async def test_on_kafka_relay_and_feed_are_linked_too(
    tmp_path: Path, kafka_bootstrap: str, topic_prefix: str
) -> None:
    told = await spans_of_a_life(tmp_path, kafka=kafka_bootstrap, prefix=topic_prefix)
    assert_connected(told, COMMANDS | CHAT | {"send", "apply"})
