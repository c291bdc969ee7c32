"""The rules of the notifier, one module per noun."""

from typing import Any

from chassis.decider import Decider
from services.notifier.decider import assignment, complaint, link, message, voice

DECIDERS: tuple[Decider[Any], ...] = (
    assignment.DECIDER,
    message.DECIDER,
    link.DECIDER,
    voice.DECIDER,
    complaint.DECIDER,
)
