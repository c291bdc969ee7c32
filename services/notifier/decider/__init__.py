"""The rules of the notifier, one module per noun."""

from typing import Any

from chassis.decider import Decider
from services.notifier.decider import assignment, digest, link, message, order, outage

DECIDERS: tuple[Decider[Any], ...] = (
    assignment.DECIDER,
    order.DECIDER,
    message.DECIDER,
    digest.DECIDER,
    outage.DECIDER,
    link.DECIDER,
)
