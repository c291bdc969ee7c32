"""The rpcs of the region list: a part of the registry's servicer."""

from chassis.rejection import reject
from chassis.server import CommandServicer, Context, caller
from services.registry.adoption import load_adopted
from services.registry.region_preview import Preview
from services.registry.views.following import add_progress
from services.registry.views.region_changes import history_of, list_changes
from services.registry.views.regions import find_regions
from services.wiring import ServeParts
from tuopin.registry.v1 import region_pb2 as region
from tuopin.types.v1.types_pb2 import Receipt


class RegionRpcs(CommandServicer):
    """One short method per rpc, no rules."""

    parts: ServeParts
    preview: Preview

    async def AdoptRegions(self, request: region.AdoptRegions, context: Context) -> Receipt:
        receipt = await self.handle(request, context)
        await load_adopted(self.parts)
        return receipt

    async def PreviewRegions(
        self, request: region.PreviewRegions, context: Context
    ) -> region.RegionsPreview:
        who = caller(context)
        return await self.preview.tell(request, who.actor.subject, who.language)

    async def FindRegions(self, request: region.FindRegions, context: Context) -> region.Regions:
        return await self.parts.views.query(lambda connection: find_regions(connection, request))

    async def GetRegion(self, request: region.GetRegion, context: Context) -> region.RegionHistory:
        found = await self.parts.views.query(lambda each: history_of(each, request))
        if found is None:
            reject("region-not-known", field="region_id", code=request.region_id)
        return found

    async def ListRegionChanges(
        self, request: region.ListRegionChanges, context: Context
    ) -> region.RegionChanges:
        found = await self.parts.views.query(lambda each: list_changes(each, request))
        if found is None:
            reject("edition-not-adopted", field="edition", name=request.edition)
        await self.parts.views.query(lambda each: add_progress(each, found))
        return found
