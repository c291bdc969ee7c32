"""The rpcs of search and of access to personal data: a part of the registry's servicer."""

from chassis.server import CommandServicer, Context
from chassis.viewstore import OWN_WRITE_S
from services.registry.searching import Search
from services.registry.views.reads import list_break_glasses, list_reads
from services.wiring import ServeParts
from tuopin.registry.v1 import access_pb2 as access
from tuopin.registry.v1 import search_pb2 as pb
from tuopin.types.v1.types_pb2 import Position, Receipt

TOPIC = "access"
VIEW = "reads"


class AccessRpcs(CommandServicer):
    """One short method per rpc, no rules."""

    parts: ServeParts
    search: Search

    async def FindPeople(self, request: pb.FindPeople, context: Context) -> pb.PeoplePage:
        return await self.search.people(request)

    async def ListReads(self, request: access.ListReads, context: Context) -> access.ReadPage:
        await self._all_seen()
        return await self.parts.views.query(lambda each: list_reads(each, request))

    async def OpenBreakGlass(self, request: access.OpenBreakGlass, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ExpireBreakGlass(self, request: access.ExpireBreakGlass, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ReviewBreakGlass(self, request: access.ReviewBreakGlass, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ListBreakGlasses(
        self, request: access.ListBreakGlasses, context: Context
    ) -> access.BreakGlassPage:
        await self._all_seen()
        found = await self.parts.views.query(lambda each: list_break_glasses(each, request))
        await self.parts.sealer.opening(found.accesses)
        for each in found.accesses:
            self.parts.sealer.open(each)
        return found

    async def _all_seen(self) -> None:
        """A supervisor sees every read that was answered before the question."""
        for head in await self.parts.store.heads(TOPIC):
            if head.position:
                position = Position(topic=TOPIC, partition=head.partition, position=head.position)
                await self.parts.views.wait_for((VIEW,), position, OWN_WRITE_S)
