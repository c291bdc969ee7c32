"""The rules of the notifier, one module per noun."""

from typing import Any

from chassis.decider import Decider
from services.notifier.decider import assignment, link, message

DECIDERS: tuple[Decider[Any], ...] = (assignment.DECIDER, message.DECIDER, link.DECIDER)
