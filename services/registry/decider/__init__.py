"""The rules of the registry, one module per noun."""

from typing import Any

from chassis.decider import Decider
from services.registry.decider.break_glass import BREAK_GLASS
from services.registry.decider.county import COUNTY
from services.registry.decider.duplicate import DUPLICATE
from services.registry.decider.file_export import EXPORT
from services.registry.decider.file_import import IMPORT
from services.registry.decider.household import HOUSEHOLD
from services.registry.decider.lookback import LOOKBACK
from services.registry.decider.region import REGION
from services.registry.decider.round import ROUND
from services.registry.decider.screening_run import SCREENING
from services.registry.decider.village import VILLAGE

DECIDERS: tuple[Decider[Any], ...] = (
    HOUSEHOLD,
    REGION,
    IMPORT,
    EXPORT,
    ROUND,
    LOOKBACK,
    SCREENING,
    VILLAGE,
    COUNTY,
    BREAK_GLASS,
    DUPLICATE,
)
