"""Files as they are now, opened for a rule: read from the state that the rule itself will see."""

from collections.abc import Iterable

from services.registry.decider.current import CurrentFiles
from services.wiring import ServeParts
from tuopin.registry.v1.household_pb2 import Household


class FilesAtHand:
    """Gives rules the opened files they compare with."""

    def __init__(self, parts: ServeParts) -> None:
        self._handler = parts.handler
        self._sealer = parts.sealer

    async def current(self, household_id: str) -> tuple[Household, int]:
        """The file as stored, names and numbers in clear (those of erased people empty), and the
        version of its stream; an empty file and 0 when there is none.
        """
        state, version = await self._handler.state("household", household_id)
        file = Household()
        file.CopyFrom(state.file)
        await self._sealer.opening([file])
        self._sealer.open(file)
        return file, version

    async def of(self, household_ids: Iterable[str], *, village_known: bool = True) -> CurrentFiles:
        """The facts of a command that speaks of these households."""
        found = {each: await self.current(each) for each in household_ids}
        return CurrentFiles(
            {each: file for each, (file, _) in found.items()},
            village_known,
            {each: version for each, (_, version) in found.items()},
        )
