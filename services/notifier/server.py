"""The notifier over gRPC: one short method per rpc, no rules."""

from chassis.handle import Handler
from chassis.sealing import Sealer
from chassis.server import CommandServicer, Context
from chassis.store.model import Store
from chassis.viewstore import ViewStore
from services.notifier.decider.link import CHAT, CODE
from services.notifier.views.assignments import list_assignments
from services.notifier.views.reachable import get_link
from tuopin.notifier.v1 import assignment_pb2 as assignment
from tuopin.notifier.v1 import link_pb2 as link
from tuopin.notifier.v1 import message_pb2 as message
from tuopin.notifier.v1.service_pb2_grpc import NotifierServiceServicer
from tuopin.types.v1.types_pb2 import Receipt

# How long a query waits for the caller's own write.
AT_LEAST_S = 5.0


class Notifier(CommandServicer, NotifierServiceServicer):
    """The rpcs of the notifier."""

    def __init__(self, handler: Handler, views: ViewStore, store: Store, sealer: Sealer) -> None:
        self.handler = handler
        self.views = views
        self.store = store
        self.sealer = sealer

    async def OfferAssignment(
        self, request: assignment.OfferAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def AcknowledgeAssignment(
        self, request: assignment.AcknowledgeAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def AddEvidence(self, request: assignment.AddEvidence, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def FinishAssignment(
        self, request: assignment.FinishAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def RemindAssignment(
        self, request: assignment.RemindAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def EscalateAssignment(
        self, request: assignment.EscalateAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def VerifyAssignment(
        self, request: assignment.VerifyAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def ReturnAssignment(
        self, request: assignment.ReturnAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def QueueMessage(self, request: message.QueueMessage, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RecordSending(self, request: message.RecordSending, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def SupersedeMessage(
        self, request: message.SupersedeMessage, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def IssueLink(self, request: link.IssueLink, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def LinkChat(self, request: link.LinkChat, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def GetLink(self, request: link.GetLink, context: Context) -> link.Link:
        return await self.views.query(lambda connection: get_link(connection, request.cadre_id))

    async def FindLink(self, request: link.FindLink, context: Context) -> link.LinkFound:
        if request.WhichOneof("by") == "chat_id":
            key = self.sealer.blind(CHAT, request.chat_id)
            return link.LinkFound(cadre_id=await self.store.claim_owner(CHAT, key) or "")
        key = request.code_sha256.encode()
        return link.LinkFound(cadre_id=await self.store.claim_owner(CODE, key) or "")

    async def ListAssignments(
        self, request: assignment.ListAssignments, context: Context
    ) -> assignment.AssignmentPage:
        if request.HasField("at_least"):
            await self.views.wait_for(("assignments",), request.at_least, AT_LEAST_S)
        return await self.views.query(lambda connection: list_assignments(connection, request))
