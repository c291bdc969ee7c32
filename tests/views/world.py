"""Households and their plans in two views and a slow, independent fold of the same events."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, select

from chassis.clock import Clock, ManualClock
from chassis.deadlines import DeadlineView
from chassis.envelope import event_of
from chassis.feeding import Batch
from chassis.feedtables import DEADLINES
from chassis.lanes import lane_of
from chassis.reactions import Reaction
from chassis.rejection import FactMissing
from chassis.views import Deadlines, Rows, View
from chassis.viewstore import ViewStore
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.assignment_pb2 import OfferAssignment, RemindAssignment
from tuopin.planning.v1.plan_pb2 import PlanApproved, PlanDrafted, VisitRecorded
from tuopin.registry.v1.household_pb2 import HouseholdExited, HouseholdRegistered

METADATA = MetaData()
DAY_US = 86_400_000_000

# Two topics put different columns of one row.
FILES = Table(
    "files",
    METADATA,
    Column("household_id", String(60), primary_key=True),
    Column("village_id", String(12)),
    Column("exited_on", String(10)),
    Column("plan_id", String(60)),
    Column("helper_id", String(60)),
    Column("visit_count", Integer, server_default="0"),
)
# Added to from every lane; removed for a while by the household's own stream.
VILLAGES = Table(
    "villages",
    METADATA,
    Column("village_id", String(12), primary_key=True),
    Column("household_count", Integer, server_default="0"),
    Column("exited_count", Integer, server_default="0"),
    Column("income_fen", BigInteger, server_default="0"),
)
IN_PROGRAMME = Table("in_programme", METADATA, Column("household_id", String(60), primary_key=True))


class Poison(Exception):
    """The projection cannot do it."""


def project_files(rows: Rows, envelope: Envelope, event: Any) -> None:
    match event:
        case HouseholdRegistered():
            rows.put(FILES, (event.household_id,), village_id=event.village_id)
            rows.put(IN_PROGRAMME, (event.household_id,))
        case HouseholdExited():
            rows.put(FILES, (event.household_id,), exited_on=event.effective_on)
            rows.forget(IN_PROGRAMME, (event.household_id,))
        case PlanDrafted():
            rows.put(FILES, (event.household_id,), plan_id=event.plan_id)
        case PlanApproved():
            rows.put(FILES, (event.household_id,), helper_id=event.helper_id)
        case VisitRecorded():
            rows.add(FILES, (event.household_id,), visit_count=1)


def project_villages(rows: Rows, envelope: Envelope, event: Any) -> None:
    match event:
        case HouseholdRegistered():
            if event.household_number == "poison":
                raise Poison("a sentence with a name in it")
            rows.add(
                VILLAGES,
                (event.village_id,),
                household_count=1,
                income_fen=event.income_per_head_fen,
            )
        case HouseholdExited():
            rows.add(VILLAGES, (event.village_id,), exited_count=1)


def project_visits_due(deadlines: Deadlines, envelope: Envelope, event: Any) -> None:
    match event:
        case PlanApproved():
            due_at_us = envelope.recorded_at_us + 3 * DAY_US
            command = RemindAssignment(assignment_id=event.plan_id)
            deadlines.set("first-visit", event.plan_id, due_at_us, command)
        case VisitRecorded():
            deadlines.clear("first-visit", event.plan_id)


FILES_VIEW = View(
    "files",
    (FILES, IN_PROGRAMME),
    ("household", "plan"),
    project_files,
    (HouseholdRegistered, HouseholdExited, PlanDrafted, PlanApproved, VisitRecorded),
)
VILLAGES_VIEW = View(
    "villages",
    (VILLAGES,),
    ("household",),
    project_villages,
    (HouseholdRegistered, HouseholdExited),
)
VISITS_DUE = DeadlineView(
    "visits-due", ("plan",), (PlanApproved, VisitRecorded), project_visits_due
)
VIEWS = (FILES_VIEW, VILLAGES_VIEW)


def read_village(connection: Any, event: PlanApproved) -> str:
    found = connection.scalar(
        select(FILES.c.village_id).where(FILES.c.household_id == event.household_id)
    )
    if found is None:
        raise FactMissing("household", event.household_id)
    return str(found)


def offer_visit(envelope: Envelope, event: PlanApproved, village_id: str) -> Iterable[Message]:
    yield OfferAssignment(
        assignment_id=f"visit-{event.plan_id}",
        kind="first-visit",
        household_id=event.household_id,
        village_id=village_id,
        subject=event.plan_id,
        cadre_id=event.helper_id,
    )


OFFER_VISIT = Reaction("offer-visit", PlanApproved, offer_visit, read_village)


class Log:
    """Streams in their lanes, positions without gaps."""

    def __init__(self) -> None:
        self.lanes: dict[tuple[str, int], list[Envelope]] = defaultdict(list)
        self.versions: dict[str, int] = defaultdict(int)
        self.events: list[Envelope] = []

    def append(self, topic: str, stream: str, event: Message) -> Envelope:
        self.versions[stream] += 1
        lane = (topic, lane_of(stream))
        envelope = Envelope(
            id=f"{stream}@{self.versions[stream]}",
            type=event.DESCRIPTOR.full_name,
            stream=stream,
            version=self.versions[stream],
            topic=topic,
            partition=lane[1],
            position=len(self.lanes[lane]) + 1,
            recorded_at_us=len(self.events),
            on_behalf_of="cadre-1",
            data=event.SerializeToString(deterministic=True),
        )
        self.lanes[lane].append(envelope)
        self.events.append(envelope)
        return envelope

    def register(self, number: int, **fields: Any) -> Envelope:
        event = HouseholdRegistered(
            household_id=f"h{number}",
            village_id=f"{433124110200 + number % 7}",
            income_per_head_fen=100 + number,
            **fields,
        )
        return self.append("household", f"household-h{number}", event)

    def approve(self, number: int) -> Envelope:
        return self.append(
            "plan",
            f"plan-p{number}",
            PlanApproved(plan_id=f"p{number}", household_id=f"h{number}", helper_id="c1"),
        )

    def live(self, number: int, random: Random) -> None:
        """The next event of a household or of its plan."""
        at = self.versions[f"household-h{number}"]
        if at == 0:
            self.register(number)
        elif at == 1 and random.random() < 0.3:
            event = HouseholdExited(
                household_id=f"h{number}",
                village_id=f"{433124110200 + number % 7}",
                effective_on=f"2020-01-{1 + number % 28:02d}",
            )
            self.append("household", f"household-h{number}", event)
        elif (planned := self.versions[f"plan-p{number}"]) == 0:
            event = PlanDrafted(plan_id=f"p{number}", household_id=f"h{number}")
            self.append("plan", f"plan-p{number}", event)
        elif planned == 1:
            self.approve(number)
        else:
            event = VisitRecorded(plan_id=f"p{number}", household_id=f"h{number}")
            self.append("plan", f"plan-p{number}", event)

    def batches(self, start: int = 1, end: int | None = None) -> list[Batch]:
        """Positions from `start` up to and without `end` of every lane."""
        return [
            batch_of(envelopes[start - 1 : None if end is None else end - 1])
            for envelopes in self.lanes.values()
            if envelopes[start - 1 : None if end is None else end - 1]
        ]


def lived(seed: int, count: int, households: int = 20) -> Log:
    random = Random(seed)
    log = Log()
    for _ in range(count):
        log.live(random.randrange(households), random)
    return log


def batch_of(envelopes: Sequence[Envelope]) -> Batch:
    first = envelopes[0]
    return Batch(
        first.topic,
        first.partition,
        [(each.position, each, each.position + 6) for each in envelopes],
    )


def make(url: str, *, clock: Clock | None = None, **parts: Any) -> ViewStore:
    views = ViewStore(
        url,
        parts.get("views", VIEWS),
        parts.get("reactions", ()),
        deadlines=parts.get("deadlines", (VISITS_DUE,)),
        topics=("household", "plan"),
        clock=clock or ManualClock(),
    )
    views.create()
    return views


def rows(views: ViewStore, *tables: Table) -> dict[str, list[tuple[Any, ...]]]:
    tables = tables or (FILES, IN_PROGRAMME, VILLAGES, DEADLINES)

    def work(connection: Any) -> dict[str, list[tuple[Any, ...]]]:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in tables
        }

    return views.read(work)


def folded(events: Iterable[Envelope]) -> dict[str, list[tuple[Any, ...]]]:
    """The same answers, event by event, without any of the engine."""
    files: dict[str, list[Any]] = {}
    villages: dict[str, list[int]] = {}
    within: set[str] = set()
    due: dict[tuple[str, str], tuple[Any, ...]] = {}
    for envelope in events:
        event: Any = event_of(envelope)
        file = files.setdefault(event.household_id, [None, None, None, None, 0])
        match event:
            case HouseholdRegistered():
                file[0] = event.village_id
                within.add(event.household_id)
                village = villages.setdefault(event.village_id, [0, 0, 0])
                village[0] += 1
                village[2] += event.income_per_head_fen
            case HouseholdExited():
                file[1] = event.effective_on
                within.discard(event.household_id)
                villages.setdefault(event.village_id, [0, 0, 0])[1] += 1
            case PlanDrafted():
                file[2] = event.plan_id
            case PlanApproved():
                file[3] = event.helper_id
                due["first-visit", event.plan_id] = (
                    "deadlines:visits-due",
                    envelope.recorded_at_us + 3 * DAY_US,
                    "tuopin.notifier.v1.RemindAssignment",
                    RemindAssignment(assignment_id=event.plan_id).SerializeToString(),
                    envelope.id,
                    envelope.traceparent,
                    None,
                )
            case VisitRecorded():
                file[4] += 1
                due.pop(("first-visit", event.plan_id), None)
    return {
        "files": [(key, *files[key]) for key in sorted(files)],
        "in_programme": [(key,) for key in sorted(within)],
        "villages": [(key, *villages[key]) for key in sorted(villages)],
        "deadlines": [(*key, *due[key]) for key in sorted(due)],
    }
