"""The rules of a task written by hand: whom it reaches was seen before, and is fixed with it."""

from collections.abc import Iterator
from dataclasses import dataclass

from chassis.decider import Context, Decider
from chassis.rejection import require
from services.notifier.decider.policy import limit, listed
from tuopin.notifier.v1.order_pb2 import OrderTarget, OrderTask, TaskOrdered

Events = Iterator[TaskOrdered]


@dataclass(frozen=True, slots=True)
class State:
    """One order."""

    ordered: bool = False
    region_id: str = ""


def decide(state: State, command: OrderTask, context: Context) -> Events:
    """The same order again has no effect; another number of tasks than was shown is refused."""
    if state.ordered:
        return
    ways = (bool(command.cadre_id), bool(command.post), command.every_village)
    require(sum(ways) == 1, "order-without-target", field="cadre_id")
    topics = listed("topics", context)
    require(
        command.topic in topics,
        "order-topic-not-known",
        field="topic",
        topics=", ".join(sorted(topics)),
    )
    require(command.due_on >= context.today.isoformat(), "order-due-in-the-past", field="due_on")
    targets: tuple[OrderTarget, ...] = context.facts
    require(targets, "order-reaches-nobody")
    most = limit("targets_max", context)
    require(len(targets) <= most, "order-too-large", most=most)
    require(len(targets) == command.count, "order-count-changed", field="count", count=len(targets))
    yield TaskOrdered(
        order_id=command.order_id,
        region_id=command.region_id,
        topic=command.topic,
        details=command.details,
        due_on=command.due_on,
        proof=command.proof,
        targets=targets,
        ordered_by=context.actor.subject,
    )


def evolve(state: State, event: TaskOrdered) -> State:
    """An order is one event."""
    return State(ordered=True, region_id=event.region_id)


DECIDER: Decider[State] = Decider(
    noun="order",
    topic="task",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={OrderTask: lambda command: str(command.order_id)},
    events=(TaskOrdered,),
    region=lambda state: state.region_id,
)
