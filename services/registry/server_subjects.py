"""The rpcs of villages and counties: a part of the registry's servicer."""

from chassis.rejection import reject
from chassis.server import CommandServicer, Context
from services.registry.views import subjects
from services.wiring import ServeParts
from tuopin.registry.v1 import county_pb2 as county
from tuopin.registry.v1 import village_pb2 as village
from tuopin.types.v1.types_pb2 import Receipt


class SubjectRpcs(CommandServicer):
    """One short method per rpc, no rules."""

    parts: ServeParts

    async def StateVillage(self, request: village.StateVillage, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def DesignateVillage(
        self, request: village.DesignateVillage, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def ProposeVillageExit(
        self, request: village.ProposeVillageExit, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def PostVillageExit(self, request: village.PostVillageExit, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ObjectToVillageExit(
        self, request: village.ObjectToVillageExit, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def SettleVillageObjection(
        self, request: village.SettleVillageObjection, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def ApproveVillageExit(
        self, request: village.ApproveVillageExit, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def DesignateCounty(self, request: county.DesignateCounty, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ApplyForCountyExit(
        self, request: county.ApplyForCountyExit, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def CheckCountyExit(self, request: county.CheckCountyExit, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def DrawCountySample(self, request: county.DrawCountySample, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RecordSampleFinding(
        self, request: county.RecordSampleFinding, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def ConcludeCountySample(
        self, request: county.ConcludeCountySample, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def PostCountyExit(self, request: county.PostCountyExit, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ApproveCountyExit(
        self, request: county.ApproveCountyExit, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def ListVillages(
        self, request: village.ListVillages, context: Context
    ) -> village.VillagePage:
        await self.parts.views.own_write(request, "subjects")
        return await self.parts.views.query(lambda each: subjects.list_villages(each, request))

    async def GetCounty(self, request: county.GetCounty, context: Context) -> county.County:
        await self.parts.views.own_write(request, "subjects")
        found = await self.parts.views.query(
            lambda each: subjects.county_of(each, request.county_id)
        )
        if found is None:
            reject("county-not-designated", field="county_id")
        return found
