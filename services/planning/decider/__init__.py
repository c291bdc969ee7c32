"""The rules of planning, one module per noun."""

from typing import Any

from chassis.decider import Decider
from services.planning.decider import plan

DECIDERS: tuple[Decider[Any], ...] = (plan.DECIDER,)
