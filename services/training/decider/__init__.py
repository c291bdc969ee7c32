"""The rules of training, one module per noun."""

from typing import Any

from chassis.decider import Decider
from services.training.decider import cadre, session

DECIDERS: tuple[Decider[Any], ...] = (cadre.DECIDER, session.DECIDER)
