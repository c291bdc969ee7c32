"""The rpcs of postings, identification, rounds and look-back: a part of the registry's servicer."""

from typing import Any

from chassis.decider import PROGRAMME_ZONE
from chassis.rejection import require
from chassis.server import CommandServicer, Context, check_region
from services.registry.decider.lookback import Lookback, Z
from services.registry.decider.state import State
from services.registry.views.lookbacks import get_lookback, list_lookbacks
from services.registry.views.objections import objections_of
from services.registry.views.postings import get_posting, list_postings
from services.registry.views.rounds import list_rounds
from services.wiring import ServeParts
from tuopin.registry.v1 import identification_pb2 as pb
from tuopin.registry.v1 import lookback_pb2 as lookback
from tuopin.registry.v1 import posting_pb2 as posting
from tuopin.registry.v1 import round_pb2 as rounds
from tuopin.types.v1.types_pb2 import Receipt


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

    async def ListObjections(
        self, request: posting.ListObjections, context: Context
    ) -> posting.Objections:
        state: State
        state, version = await self.handler.state("household", request.household_id)
        require(version, "household-not-known", field="household_id")
        check_region(context, state.village_id)
        await self._seen("households", request)
        found = await self.parts.views.query(lambda each: objections_of(each, request.household_id))
        await self.parts.sealer.opening([found])
        self.parts.sealer.open(found)
        return found

    async def ListPostings(
        self, request: posting.ListPostings, context: Context
    ) -> posting.PostingPage:
        await self._seen("postings", request)
        now_us = self.parts.clock.now_us()
        return await self.parts.views.query(lambda each: list_postings(each, request, now_us))

    async def GetPosting(self, request: posting.GetPosting, context: Context) -> posting.Posting:
        await self._seen("postings", request)
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

    async def OpenRound(self, request: rounds.OpenRound, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def CloseRound(self, request: rounds.CloseRound, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ProposeRemoval(self, request: rounds.ProposeRemoval, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def AppraiseRemoval(self, request: rounds.AppraiseRemoval, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def PostRemoval(self, request: rounds.PostRemoval, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RemoveHousehold(self, request: rounds.RemoveHousehold, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def OpenLookback(self, request: lookback.OpenLookback, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RecordFinding(self, request: lookback.RecordFinding, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def CloseLookback(self, request: lookback.CloseLookback, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ListRounds(self, request: rounds.ListRounds, context: Context) -> rounds.RoundPage:
        await self._seen("rounds", request)
        return await self.parts.views.query(lambda each: list_rounds(each, request))

    async def ListLookbacks(
        self, request: lookback.ListLookbacks, context: Context
    ) -> lookback.LookbackPage:
        await self._seen("lookbacks", request)
        return await self.parts.views.query(lambda each: list_lookbacks(each, request))

    async def GetLookback(
        self, request: lookback.GetLookback, context: Context
    ) -> lookback.LookbackReport:
        state: Lookback
        state, version = await self.handler.state("lookback", request.lookback_id)
        require(version, "lookback-not-known", field="lookback_id")
        check_region(context, state.region_id)
        await self._seen("lookbacks", request)
        today = self.parts.clock.now().astimezone(PROGRAMME_ZONE).date()
        z_e4 = self.parts.programme.number(Z, on=today, region=state.region_id)
        return await self.parts.views.query(
            lambda each: get_lookback(each, request.lookback_id, z_e4)
        )

    async def _seen(self, view: str, request: Any) -> None:
        """The caller's own write is in the view."""
        await self.parts.views.own_write(request, view)
