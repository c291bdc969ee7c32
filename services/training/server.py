"""training over gRPC: one short method per rpc, no rules."""

from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import Connection

from chassis.access import Forbidden
from chassis.handle import Handler
from chassis.rejection import reject
from chassis.sealing import Sealer
from chassis.server import CommandServicer, Context, check_region
from chassis.viewstore import ViewStore
from services.training.views.cadre_queries import get_cadre, list_cadres
from tuopin.training.v1 import cadre_pb2 as pb
from tuopin.training.v1.service_pb2_grpc import TrainingServiceServicer
from tuopin.types.v1.types_pb2 import Receipt


class Training(CommandServicer, TrainingServiceServicer):
    """The rpcs of training."""

    def __init__(self, handler: Handler, views: ViewStore, sealer: Sealer) -> None:
        self.handler = handler
        self.views = views
        self.sealer = sealer

    async def AppointCadre(self, request: pb.AppointCadre, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def PostCadre(self, request: pb.PostCadre, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def EndPost(self, request: pb.EndPost, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RezonePost(self, request: pb.RezonePost, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RecordDeparture(self, request: pb.RecordDeparture, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ScheduleSession(self, request: pb.ScheduleSession, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def CompleteTraining(self, request: pb.CompleteTraining, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def GetCadre(self, request: pb.GetCadre, context: Context) -> pb.CadreRecord:
        await self.views.own_write(request, "cadre_record")
        record = await self.views.query(lambda connection: _record(connection, request))
        _check_any_region(
            context, [*(posting.region_id for posting in record.postings), record.region_id]
        )
        await self._open([record])
        return record

    async def ListCadres(self, request: pb.ListCadres, context: Context) -> pb.CadrePage:
        page = await self.views.query(lambda connection: list_cadres(connection, request))
        await self._open(page.cadres)
        return page

    async def _open(self, records: Sequence[pb.CadreRecord]) -> None:
        """Names as they are; an erased person's is empty."""
        await self.sealer.opening(records)
        for record in records:
            self.sealer.open(record)


def _record(connection: Connection, request: pb.GetCadre) -> pb.CadreRecord:
    return get_cadre(connection, request.cadre_id) or reject("cadre-not-known", field="cadre_id")


def _check_any_region(context: Context, regions: Sequence[str]) -> None:
    """Whoever covers a place where the cadre works may see the record, or who appointed it."""
    for region in regions[:-1]:
        with suppress(Forbidden):
            check_region(context, region)
            return
    check_region(context, regions[-1])
