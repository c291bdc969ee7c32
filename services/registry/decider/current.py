"""What rules are given of a file that only the server can open: its people as they are now."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chassis.decider import FactsOutdated
from services.registry.decider.state import State
from tuopin.registry.v1.household_pb2 import Household


@dataclass(frozen=True, slots=True)
class CurrentFiles:
    """The files a command speaks of, opened, each as of a version of its stream; and whether the
    adopted regions know the village that the command names.
    """

    files: Mapping[str, Household]
    village_known: bool = True
    versions: Mapping[str, int] = field(default_factory=dict)

    def of(self, state: State) -> Household:
        """The file that belongs to this very state; FactsOutdated when it was read before."""
        file = self.files.get(state.household_id)
        if file is None or self.versions[state.household_id] != state.version:
            raise FactsOutdated(state.household_id)
        return file
