"""The rpcs of a household's exit and of its relapse: a part of the registry's servicer."""

from chassis.server import CommandServicer, Context
from services.wiring import ServeParts
from tuopin.registry.v1 import exit_pb2 as pb
from tuopin.registry.v1 import household_pb2 as household
from tuopin.types.v1.types_pb2 import Receipt


class ExitRpcs(CommandServicer):
    """One short method per rpc, no rules."""

    parts: ServeParts

    async def ProposeExit(self, request: household.ProposeExit, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def AppraiseExit(self, request: pb.AppraiseExit, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RecordExitFindings(self, request: pb.RecordExitFindings, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def VerifyExit(self, request: household.VerifyExit, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def AgreeToExit(self, request: household.AgreeToExit, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def PostExit(self, request: pb.PostExit, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ReviewExitAtTownship(
        self, request: pb.ReviewExitAtTownship, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def ReviewExitAtCounty(self, request: pb.ReviewExitAtCounty, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def AnnounceExit(self, request: pb.AnnounceExit, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ExitHousehold(self, request: household.ExitHousehold, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def WithdrawExit(self, request: pb.WithdrawExit, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def EndSupport(self, request: pb.EndSupport, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def DeclareExitWrong(self, request: pb.DeclareExitWrong, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ReinstateHousehold(self, request: pb.ReinstateHousehold, context: Context) -> Receipt:
        return await self.handle(request, context)
