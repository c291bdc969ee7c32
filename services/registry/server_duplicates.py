"""The rpcs of people who may be in the register twice: a part of the registry's servicer."""

from collections.abc import AsyncIterator

from chassis.access import covers
from chassis.rejection import require
from chassis.server import CommandServicer, Context, caller, check_region
from services.registry.decider.duplicate import region_of
from services.registry.duplicates import VIEWS, Duplicates, Reads
from services.registry.views.duplicates import list_decisions
from services.wiring import ServeParts
from tuopin.registry.v1 import duplicates_pb2 as pb
from tuopin.types.v1.types_pb2 import Receipt


class DuplicateRpcs(CommandServicer):
    """One short method per rpc, no rules."""

    parts: ServeParts
    duplicates: Duplicates

    async def FindDuplicates(self, request: pb.FindDuplicates, context: Context) -> pb.Duplicates:
        check_region(context, await self._village_of(request.household_id, "household_id"))
        return await self.duplicates.find(request, caller(context).language, _reads(context))

    async def SweepDuplicates(
        self, request: pb.SweepDuplicates, context: Context
    ) -> AsyncIterator[pb.SweptDuplicates]:
        reads = _reads(context)
        async for swept in self.duplicates.sweep(request, caller(context).language, reads):
            yield swept

    async def ConfirmDuplicate(self, request: pb.ConfirmDuplicate, context: Context) -> Receipt:
        await self._check_both(request, context)
        return await self.handle(request, context)

    async def DismissDuplicate(self, request: pb.DismissDuplicate, context: Context) -> Receipt:
        await self._check_both(request, context)
        return await self.handle(request, context)

    async def WithdrawDuplicateDecision(
        self, request: pb.WithdrawDuplicateDecision, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def ListDuplicateDecisions(
        self, request: pb.ListDuplicateDecisions, context: Context
    ) -> pb.DuplicateDecisionPage:
        await self.parts.views.own_write(request, *VIEWS)
        language = caller(context).language
        return await self.parts.views.query(
            lambda each: list_decisions(
                each, request, lambda codes: self.duplicates.reasons(codes, language)
            )
        )

    async def _check_both(
        self, request: pb.ConfirmDuplicate | pb.DismissDuplicate, context: Context
    ) -> None:
        """Whose region holds both households decides."""
        one = await self._village_of(request.household_id, "household_id")
        other = await self._village_of(request.other_household_id, "other_household_id")
        check_region(context, region_of(one, other))

    async def _village_of(self, household_id: str, field: str) -> str:
        state, version = await self.parts.handler.state("household", household_id)
        require(version, "household-not-known", field=field)
        return str(state.village_id)


def _reads(context: Context) -> Reads:
    """Whether the caller may see the names of a village: by a role, or by a break-glass access."""
    who = caller(context)
    reading = who.reading
    assert reading is not None, "the answer shows people"
    held = [at for role in who.rule.roles for at in who.actor.roles.get(role, ())]

    def reads(village_id: str) -> bool:
        mine = any(covers(each, village_id) for each in held)
        return bool(reading.purpose) and (mine or reading.opened_by_grant(village_id))

    return reads
