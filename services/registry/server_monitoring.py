"""The rpcs of monitoring against relapse: a part of the registry's servicer."""

from chassis.server import CommandServicer, Context, check_region
from services.registry.screening_runs import told
from services.registry.views.monitoring import get_monitoring, list_monitoring
from services.wiring import ServeParts
from tuopin.registry.v1 import monitoring_pb2 as pb
from tuopin.registry.v1 import screening_pb2 as screening
from tuopin.types.v1.types_pb2 import Receipt


class MonitoringRpcs(CommandServicer):
    """One short method per rpc, no rules."""

    parts: ServeParts

    async def ReportDifficulty(self, request: pb.ReportDifficulty, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ScreenHousehold(self, request: pb.ScreenHousehold, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def OpenScreening(self, request: screening.OpenScreening, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def GetScreening(
        self, request: screening.GetScreening, context: Context
    ) -> screening.Screening:
        state, _ = await self.parts.handler.state("screening", request.region_id)
        return told(state)

    async def RaiseWarning(self, request: pb.RaiseWarning, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RecordWarningVisit(self, request: pb.RecordWarningVisit, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def CheckWarning(self, request: pb.CheckWarning, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def AppraiseWarning(self, request: pb.AppraiseWarning, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def PostMonitoring(self, request: pb.PostMonitoring, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ReviewMonitoringAtTownship(
        self, request: pb.ReviewMonitoringAtTownship, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def StartMonitoring(self, request: pb.StartMonitoring, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def DismissWarning(self, request: pb.DismissWarning, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RunOutMonitoringClock(
        self, request: pb.RunOutMonitoringClock, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def RecordMonitoredIncome(
        self, request: pb.RecordMonitoredIncome, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def ClearMonitoring(self, request: pb.ClearMonitoring, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def CoverHousehold(self, request: pb.CoverHousehold, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def GetMonitoring(self, request: pb.GetMonitoring, context: Context) -> pb.MonitoringRow:
        await self.parts.views.own_write(request, "monitoring")
        found = await self.parts.views.query(
            lambda each: get_monitoring(each, request.household_id)
        )
        check_region(context, found.village_id)
        return found

    async def ListMonitoring(
        self, request: pb.ListMonitoring, context: Context
    ) -> pb.MonitoringPage:
        await self.parts.views.own_write(request, "monitoring")
        return await self.parts.views.query(lambda each: list_monitoring(each, request))
