"""Adopted editions of the region list become rows, at once or, after a kill, at the next start."""

from collections.abc import Sequence

import structlog

from chassis.envelope import event_of, parse
from services.registry.decider.region import REGION_TREE
from services.registry.registrations import registrations_of
from services.registry.views import region_loading
from services.wiring import ServeParts
from tuopin.registry.v1.region_pb2 import RegionsAdopted, RegionsMapped
from tuopin.types.v1.types_pb2 import RegionChange

log = structlog.get_logger(__name__)

STREAM = f"region-{REGION_TREE}"
# Another process may adopt one.
LOOK_EVERY_S = 5.0


async def load_adopted(parts: ServeParts) -> None:
    """Load every adopted edition that is not loaded yet."""
    loaded = await parts.views.query(region_loading.loaded)
    changes: list[RegionChange] = []
    for record in await parts.store.load(STREAM, max(loaded, default=0)):
        envelope = parse(record.envelope)
        event = event_of(envelope)
        match event:
            case RegionsMapped():
                changes += event.changes
            case RegionsAdopted():
                await _load(parts, envelope.version, event, changes)
                changes = []
        registrations_of(parts).forget_villages()


async def _load(
    parts: ServeParts, version: int, event: RegionsAdopted, changes: Sequence[RegionChange]
) -> None:
    await parts.views.change(
        lambda connection: region_loading.load(
            connection, version, event.edition, effective_on=event.effective_on, changes=changes
        )
    )


async def keep_regions(parts: ServeParts) -> None:
    """The task beside the server."""
    while True:
        try:
            await load_adopted(parts)
        except Exception as error:
            # The file may not be shipped here yet, or the database is away.
            log.error("regions not loaded", error=type(error).__name__)
        await parts.clock.sleep(LOOK_EVERY_S)
