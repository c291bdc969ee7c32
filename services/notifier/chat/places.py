"""Names of villages, read from the adopted list of regions: programme/regions/<digest>.csv.gz."""

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path

from chassis.viewstore import ViewStore
from services.notifier.views.editions import digest_in_force

COUNTY_LEN, TOWNSHIP_LEN = 6, 9
# A county has hundreds of villages; a bot that serves more counties at once reads again.
COUNTIES_KEPT = 64

Names = Mapping[str, str]


class Places:
    """Keeps the names of the counties that were asked for last."""

    def __init__(self, folder: Path, views: ViewStore) -> None:
        self._folder = folder
        self._views = views
        self._counties: OrderedDict[tuple[str, str], Names] = OrderedDict()
        self._reading = asyncio.Lock()

    async def name(self, village_id: str) -> str:
        """Township and village by name; the code while no list was adopted."""
        digest = await self._views.query(digest_in_force)
        if not digest:
            return village_id
        names = await self._county(digest, village_id[:COUNTY_LEN])
        parts = [names.get(village_id[:TOWNSHIP_LEN], ""), names.get(village_id, "")]
        return " ".join(filter(None, parts)) or village_id

    async def names(self, village_ids: Iterable[str]) -> dict[str, str]:
        """The names of several villages."""
        return {each: await self.name(each) for each in sorted(set(village_ids))}

    async def _county(self, digest: str, county_id: str) -> Names:
        key = (digest, county_id)
        async with self._reading:
            if key not in self._counties:
                path = self._folder / f"{digest}.csv.gz"
                self._counties[key] = await asyncio.to_thread(_read, path, county_id)
                while len(self._counties) > COUNTIES_KEPT:
                    self._counties.popitem(last=False)
            self._counties.move_to_end(key)
            return self._counties[key]


def _read(path: Path, county_id: str) -> Names:
    """One pass over the list, a third of a second; an edition that is not here has no names."""
    if not path.exists():
        return {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        found = (line.rstrip("\n").split(",", 1) for line in lines if line.startswith(county_id))
        return {line[0]: line[1] for line in found}
