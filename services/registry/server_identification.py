"""The rpcs of postings, identification, rounds and look-back: a part of the registry's servicer."""

from chassis.server import CommandServicer, Context
from services.registry.views.postings import get_posting, list_postings
from services.wiring import ServeParts
from tuopin.registry.v1 import identification_pb2 as pb
from tuopin.registry.v1 import posting_pb2 as posting
from tuopin.types.v1.types_pb2 import Receipt

# How long a query waits for the caller's own write.
AT_LEAST_S = 5.0


class IdentificationRpcs(CommandServicer):
    """One short method per rpc, no rules."""

    parts: ServeParts

    async def ClosePosting(self, request: posting.ClosePosting, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RaiseObjection(self, request: posting.RaiseObjection, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def UpholdObjection(self, request: posting.UpholdObjection, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def DismissObjection(
        self, request: posting.DismissObjection, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def DeclareRelative(self, request: posting.DeclareRelative, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ListPostings(
        self, request: posting.ListPostings, context: Context
    ) -> posting.PostingPage:
        if request.HasField("at_least"):
            await self.parts.views.wait_for(("postings",), request.at_least, AT_LEAST_S)
        now_us = self.parts.clock.now_us()
        return await self.parts.views.query(lambda each: list_postings(each, request, now_us))

    async def GetPosting(self, request: posting.GetPosting, context: Context) -> posting.Posting:
        if request.HasField("at_least"):
            await self.parts.views.wait_for(("postings",), request.at_least, AT_LEAST_S)
        now_us = self.parts.clock.now_us()
        return await self.parts.views.query(lambda each: get_posting(each, request, now_us))

    async def ApplyHousehold(self, request: pb.ApplyHousehold, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ProveIncome(self, request: pb.ProveIncome, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RecordDisqualifyingFact(
        self, request: pb.RecordDisqualifyingFact, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def OverrideDisqualifyingFact(
        self, request: pb.OverrideDisqualifyingFact, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def AppraiseHousehold(self, request: pb.AppraiseHousehold, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def PostInVillage(self, request: pb.PostInVillage, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ReviewAtTownship(self, request: pb.ReviewAtTownship, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def PostByTownship(self, request: pb.PostByTownship, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ReviewAtCounty(self, request: pb.ReviewAtCounty, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def AnnounceHousehold(self, request: pb.AnnounceHousehold, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RegisterApplicant(self, request: pb.RegisterApplicant, context: Context) -> Receipt:
        return await self.handle(request, context)
