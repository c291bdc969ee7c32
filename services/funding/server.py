"""funding over gRPC: one short method per rpc, no rules."""

from chassis.handle import Handler
from chassis.server import CommandServicer, Context
from chassis.viewstore import ViewStore
from services.funding.views.accounts import list_accounts
from services.funding.views.payments import list_payments
from tuopin.funding.v1 import ledger_pb2 as pb
from tuopin.funding.v1.service_pb2_grpc import FundingServiceServicer
from tuopin.types.v1.types_pb2 import Receipt


class Funding(CommandServicer, FundingServiceServicer):
    """The rpcs of funding."""

    def __init__(self, handler: Handler, views: ViewStore) -> None:
        self.handler = handler
        self.views = views

    async def AppropriateMoney(self, request: pb.AppropriateMoney, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def AllocateMoney(self, request: pb.AllocateMoney, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ReceiveAllocation(self, request: pb.ReceiveAllocation, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def SettleTransfer(self, request: pb.SettleTransfer, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def AssignMoney(self, request: pb.AssignMoney, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def CommitMoney(self, request: pb.CommitMoney, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def PayMoney(self, request: pb.PayMoney, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ConfirmReceipt(self, request: pb.ConfirmReceipt, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ListAccounts(self, request: pb.ListAccounts, context: Context) -> pb.Accounts:
        await self.views.own_write(request, "accounts")
        return await self.views.query(lambda connection: list_accounts(connection, request))

    async def ListPayments(self, request: pb.ListPayments, context: Context) -> pb.PaymentPage:
        await self.views.own_write(request, "payments")
        return await self.views.query(lambda connection: list_payments(connection, request))
