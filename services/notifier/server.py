"""The notifier over gRPC: one short method per rpc, no rules."""

from chassis.server import CommandServicer, Context, caller, check_region
from services.notifier.decider.link import CHAT, CODE
from services.notifier.decider.voicestate import member_of
from services.notifier.targets import Targets
from services.notifier.views.assignments import list_assignments
from services.notifier.views.burden import find_assignment, list_burden
from services.notifier.views.complaints import complaint_of, list_complaints
from services.notifier.views.dead import list_dead
from services.notifier.views.orders import get_order
from services.notifier.views.reachable import get_link
from services.notifier.views.voice import household_links, membership
from services.notifier.views.worklist import digest_page
from services.wiring import ServeParts
from tuopin.notifier.v1 import assignment_pb2 as assignment
from tuopin.notifier.v1 import burden_pb2 as burden
from tuopin.notifier.v1 import complaint_pb2 as complaint
from tuopin.notifier.v1 import digest_pb2 as digest
from tuopin.notifier.v1 import handling_pb2 as handling
from tuopin.notifier.v1 import link_pb2 as link
from tuopin.notifier.v1 import linking_pb2 as linking
from tuopin.notifier.v1 import message_pb2 as message
from tuopin.notifier.v1 import order_pb2 as order
from tuopin.notifier.v1 import outage_pb2 as outage
from tuopin.notifier.v1 import resending_pb2 as resending
from tuopin.notifier.v1 import voice_pb2 as voice
from tuopin.notifier.v1.service_pb2_grpc import NotifierServiceServicer
from tuopin.types.v1.types_pb2 import Receipt


class Notifier(CommandServicer, NotifierServiceServicer):
    """The rpcs of the notifier."""

    def __init__(self, parts: ServeParts) -> None:
        self.handler = parts.handler
        self.views = parts.views
        self.store = parts.store
        self.sealer = parts.sealer
        self.clock = parts.clock
        self.targets = Targets(parts.settings.programme / "regions", parts.views)
        self.handler.use_facts(order.OrderTask, self.targets.of)

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

    async def ReleaseAssignment(
        self, request: handling.ReleaseAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def DeclineAssignment(
        self, request: handling.DeclineAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def SnoozeAssignment(
        self, request: handling.SnoozeAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def ReassignAssignment(
        self, request: handling.ReassignAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def HandOverAssignment(
        self, request: handling.HandOverAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def StartAnswerClock(
        self, request: handling.StartAnswerClock, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def CancelAssignment(
        self, request: handling.CancelAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def ExpireAssignment(
        self, request: handling.ExpireAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def ReviewAssignment(
        self, request: handling.ReviewAssignment, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def ExpectDigest(self, request: digest.ExpectDigest, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def QueueDigest(self, request: digest.QueueDigest, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ReportProvider(self, request: outage.ReportProvider, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def OrderTask(self, request: order.OrderTask, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def PreviewOrder(
        self, request: order.PreviewOrder, context: Context
    ) -> order.OrderPreview:
        return await self.targets.preview(request)

    async def GetOrder(self, request: order.GetOrder, context: Context) -> order.Order:
        found = await self.views.query(lambda c: get_order(c, request.order_id))
        check_region(context, found.region_id)
        await self.sealer.opening([found])
        self.sealer.open(found)
        return found

    async def GetDigest(
        self, request: digest.GetDigest, context: Context
    ) -> assignment.AssignmentPage:
        await self.views.own_write(request, "assignments")
        return await self.views.query(
            lambda connection: digest_page(
                connection,
                request.cadre_id,
                request.page_size,
                request.page_token,
                self.clock.now_us(),
            )
        )

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

    async def BeginLink(self, request: linking.BeginLink, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ConfirmLink(self, request: linking.ConfirmLink, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def RevokeLink(self, request: linking.RevokeLink, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ChooseChannels(self, request: linking.ChooseChannels, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ResendMessage(self, request: resending.ResendMessage, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ListDeadMessages(
        self, request: resending.ListDeadMessages, context: Context
    ) -> resending.DeadMessagePage:
        await self.views.own_write(request, "messages")
        return await self.views.query(lambda connection: list_dead(connection, request))

    async def ChooseLanguage(self, request: linking.ChooseLanguage, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def IssueHouseholdLink(
        self, request: voice.IssueHouseholdLink, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def LinkHouseholdChat(
        self, request: voice.LinkHouseholdChat, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def UnlinkHousehold(self, request: voice.UnlinkHousehold, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def OpenPage(self, request: voice.OpenPage, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def EnterPage(self, request: voice.EnterPage, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def ClosePage(self, request: voice.ClosePage, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def GivePlanAgreement(
        self, request: voice.GivePlanAgreement, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def GiveExitAgreement(
        self, request: voice.GiveExitAgreement, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def ConfirmPaymentArrival(
        self, request: voice.ConfirmPaymentArrival, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def RaisePostingObjection(
        self, request: voice.RaisePostingObjection, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def ReturnWord(self, request: voice.ReturnWord, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def FileComplaint(self, request: complaint.FileComplaint, context: Context) -> Receipt:
        return await self.handle(request, context)

    async def PassOnComplaint(
        self, request: complaint.PassOnComplaint, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def AnswerComplaint(
        self, request: complaint.AnswerComplaint, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def RevealComplainant(
        self, request: complaint.RevealComplainant, context: Context
    ) -> Receipt:
        return await self.handle(request, context)

    async def FindAssignment(
        self, request: assignment.FindAssignment, context: Context
    ) -> assignment.AssignmentFound:
        return await self.views.query(lambda c: find_assignment(c, request.reference))

    async def ListBurden(self, request: burden.ListBurden, context: Context) -> burden.BurdenPage:
        await self.views.own_write(request, "burden")
        parameters = self.handler.programme
        return await self.views.query(lambda c: list_burden(c, request, parameters))

    async def ListHouseholdLinks(
        self, request: voice.ListHouseholdLinks, context: Context
    ) -> voice.HouseholdLinks:
        await self.views.own_write(request, "household-links")
        place = await self.views.query(lambda c: membership(c, request.household_id))
        check_region(context, place.village_id)
        found = await self.views.query(lambda c: household_links(c, request.household_id))
        return voice.HouseholdLinks(links=found)

    async def ListComplaints(
        self, request: complaint.ListComplaints, context: Context
    ) -> complaint.ComplaintPage:
        await self.views.own_write(request, "complaints")
        return await self.views.query(lambda connection: list_complaints(connection, request))

    async def GetComplaint(
        self, request: complaint.GetComplaint, context: Context
    ) -> complaint.Complaint:
        await self.views.own_write(request, "complaints")
        found = await self.views.query(lambda c: complaint_of(c, request.complaint_id))
        check_region(context, found.row.region_id)
        if caller(context).actor.subject not in found.revealed_to:
            found.ClearField("complainant")
        await self.sealer.opening([found])
        self.sealer.open(found)
        return found

    async def GetLink(self, request: link.GetLink, context: Context) -> link.Link:
        return await self.views.query(lambda connection: get_link(connection, request.cadre_id))

    async def FindLink(self, request: link.FindLink, context: Context) -> link.LinkFound:
        if request.WhichOneof("by") == "chat_id":
            key = self.sealer.blind(CHAT, request.chat_id)
            return _found(await self.store.claim_owner(CHAT, key) or "")
        key = request.code_sha256.encode()
        return _found(await self.store.claim_owner(CODE, key) or "")

    async def ListAssignments(
        self, request: assignment.ListAssignments, context: Context
    ) -> assignment.AssignmentPage:
        await self.views.own_write(request, "assignments")
        now_us = self.clock.now_us()
        return await self.views.query(lambda c: list_assignments(c, request, now_us))


def _found(owner: str) -> link.LinkFound:
    """A cadre, or a member of a household."""
    household_id, person_id = member_of(owner)
    if household_id:
        return link.LinkFound(household_id=household_id, person_id=person_id)
    return link.LinkFound(cadre_id=owner)
