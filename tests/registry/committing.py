"""A registry in a process of its own that commits an import and says so, to be killed then."""

import asyncio
import sys
from pathlib import Path

from services.registry.importing import running as import_running
from tests.registry.serving import commit, registry


async def main(folder: Path, import_id: str) -> None:
    import_running.BATCH_HOUSEHOLDS = 20
    async with registry(folder) as here:
        await commit(here.client("county-office@433124"), import_id)
        print("committed", flush=True)
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
