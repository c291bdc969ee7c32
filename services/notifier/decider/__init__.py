"""The rules of the notifier, one module per noun."""

from typing import Any

from chassis.decider import Decider
from services.notifier.decider import (
    assignment,
    complaint,
    digest,
    link,
    message,
    order,
    outage,
    voice,
)

DECIDERS: tuple[Decider[Any], ...] = (
    assignment.DECIDER,
    order.DECIDER,
    message.DECIDER,
    digest.DECIDER,
    outage.DECIDER,
    link.DECIDER,
    voice.DECIDER,
    complaint.DECIDER,
)
