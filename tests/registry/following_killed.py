"""A registry in a process of its own that adopts an edition, to be killed while it is followed."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from services.registry import following
from services.registry.following import Adopted, FollowingRunner
from services.registry.views.following import Follower
from services.registry.worker import SERVICE
from tests.registry.editions import shipped_to
from tests.services.running import running
from tuopin.registry.v1.region_pb2 import AdoptRegions

_rezone = FollowingRunner._rezone


async def _some(runner: FollowingRunner, adopted: Adopted, found: Sequence[Follower]) -> bool:
    done = await _rezone(runner, adopted, found)
    print("some", flush=True)
    await asyncio.sleep(60)
    return done


async def main(folder: Path, command: bytes) -> None:
    following.BATCH_HOUSEHOLDS = 3
    FollowingRunner._rezone = _some  # type: ignore[method-assign]
    with shipped_to(folder):
        async with running(SERVICE, folder) as here:
            await here.client("operator@").call(AdoptRegions.FromString(command))
            await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), bytes.fromhex(sys.argv[2])))
