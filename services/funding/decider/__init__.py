"""The rules of funding, one module per noun; a ledger's fill several."""

from typing import Any

from chassis.decider import Decider
from services.funding.decider import ledger

DECIDERS: tuple[Decider[Any], ...] = (ledger.DECIDER,)
