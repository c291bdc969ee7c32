"""The rpcs of the household file and of who lives with whom: a part of the registry's servicer."""

from chassis.server import CommandServicer, Context, check_region
from tuopin.registry.v1 import composition_pb2 as composition
from tuopin.registry.v1 import correction_pb2 as correction
from tuopin.registry.v1 import file_pb2 as file
from tuopin.types.v1.types_pb2 import Outcomes, Receipt


class FileRpcs(CommandServicer):
    """One short method per rpc, no rules."""

    async def CorrectHousehold(
        self, request: correction.CorrectHousehold, context: Context
    ) -> Receipt:
        check_region(context, request.file.village_id)
        return await self.handle(request, context)

    async def CorrectHouseholds(
        self, request: correction.CorrectHouseholds, context: Context
    ) -> Outcomes:
        for village_id in {each.file.village_id for each in request.commands}:
            check_region(context, village_id)
        return await self.handle_many(request.commands, context)

    async def MoveHousehold(self, request: file.MoveHousehold, context: Context) -> Receipt:
        check_region(context, request.village_id)
        return await self.handle(request, context)

    async def CorrectDate(self, request: correction.CorrectDate, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def AddMember(self, request: file.AddMember, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RemoveMember(self, request: file.RemoveMember, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ChangeMember(self, request: file.ChangeMember, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ChangeHead(self, request: file.ChangeHead, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ChangeAddress(self, request: file.ChangeAddress, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ChangeAttribute(self, request: file.ChangeAttribute, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ChangeCauses(self, request: file.ChangeCauses, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ChangeNeeds(self, request: file.ChangeNeeds, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ChangeLivingConditions(
        self, request: file.ChangeLivingConditions, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def StateIncome(self, request: file.StateIncome, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def MoveMember(self, request: composition.MoveMember, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def SplitHousehold(
        self, request: composition.SplitHousehold, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def MergeHouseholds(
        self, request: composition.MergeHouseholds, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def UnmergeHouseholds(
        self, request: composition.UnmergeHouseholds, context: Context
    ) -> Receipt:
        return await self.handle(request, context)
