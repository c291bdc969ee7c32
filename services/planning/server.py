"""planning over gRPC: one short method per rpc, no rules."""

from sqlalchemy import Connection

from chassis.handle import Handler
from chassis.rejection import reject
from chassis.server import CommandServicer, Context, check_region
from chassis.viewstore import ViewStore
from services.planning.views.plans import get_plan, list_plans
from tuopin.planning.v1 import plan_pb2 as pb
from tuopin.planning.v1.service_pb2_grpc import PlanningServiceServicer
from tuopin.types.v1.types_pb2 import Receipt


class Planning(CommandServicer, PlanningServiceServicer):
    """The rpcs of planning."""

    def __init__(self, handler: Handler, views: ViewStore) -> None:
        self.handler = handler
        self.views = views

    async def DraftPlan(self, request: pb.DraftPlan, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ConsentToPlan(self, request: pb.ConsentToPlan, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ApprovePlan(self, request: pb.ApprovePlan, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RecordVisit(self, request: pb.RecordVisit, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def MovePlan(self, request: pb.MovePlan, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def GetPlan(self, request: pb.GetPlan, context: Context) -> pb.Plan:
        await self.views.own_write(request, "plans")
        plan = await self.views.query(lambda connection: _plan(connection, request))
        check_region(context, plan.village_id)
        return plan

    async def ListPlans(self, request: pb.ListPlans, context: Context) -> pb.PlanPage:
        await self.views.own_write(request, "plans")
        return await self.views.query(lambda connection: list_plans(connection, request))


def _plan(connection: Connection, request: pb.GetPlan) -> pb.Plan:
    return get_plan(connection, request.reference) or reject("plan-not-known", field="reference")
