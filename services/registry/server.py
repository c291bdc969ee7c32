"""registry over gRPC: one short method per rpc, no rules."""

from collections.abc import AsyncIterator

from chassis.blobs import BlobMissing, media_type_of
from chassis.rejection import reject, require
from chassis.server import CommandServicer, Context, caller, check_region
from services.registry.applications import Applications
from services.registry.decider.registration import ACTIVE_MEMBER
from services.registry.decider.state import State
from services.registry.duplicates import Duplicates
from services.registry.explaining import Explainer
from services.registry.exporting.streaming import exported
from services.registry.figures import FigureBook
from services.registry.hearing import ear_of
from services.registry.importing import digests
from services.registry.importing.running import wake
from services.registry.importing.uploads import Upload, mark_cut_off
from services.registry.importing.watching import watch
from services.registry.reading import Reader
from services.registry.region_preview import Preview
from services.registry.registrations import registrations_of
from services.registry.searching import Search
from services.registry.server_access import AccessRpcs
from services.registry.server_duplicates import DuplicateRpcs
from services.registry.server_exit import ExitRpcs
from services.registry.server_file import FileRpcs
from services.registry.server_identification import IdentificationRpcs
from services.registry.server_monitoring import MonitoringRpcs
from services.registry.server_regions import RegionRpcs
from services.registry.server_subjects import SubjectRpcs
from services.registry.views import name_tokens, people_alike
from services.registry.views.households import list_households
from services.registry.views.lists import list_as_of
from services.registry.views.regions import create
from services.wiring import ServeParts
from tuopin.registry.v1 import explain_pb2 as explain
from tuopin.registry.v1 import export_pb2 as exports
from tuopin.registry.v1 import figures_pb2 as figures
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1 import import_pb2 as imports
from tuopin.registry.v1.service_pb2_grpc import RegistryServiceServicer
from tuopin.types.v1.types_pb2 import Blob, Outcomes, Receipt

PICTURE_MAX_BYTES = 3 * 1024 * 1024
PICTURES = frozenset({"image/jpeg", "image/png"})


class Registry(
    RegionRpcs,
    FileRpcs,
    ExitRpcs,
    MonitoringRpcs,
    IdentificationRpcs,
    SubjectRpcs,
    AccessRpcs,
    DuplicateRpcs,
    CommandServicer,
    RegistryServiceServicer,
):
    """The rpcs of the registry."""

    def __init__(self, parts: ServeParts) -> None:
        self.handler = parts.handler
        self.parts = parts
        self.registrations = registrations_of(parts)
        self.reader = Reader(parts)
        self.search = Search(parts)
        Applications(parts)
        self.preview = Preview(parts)
        self.figures = FigureBook(parts)
        self.explainer = Explainer(parts)
        create(parts.views.engine)
        digests.create(parts.views.engine)
        name_tokens.create(parts.views.engine)
        edition = ear_of(parts).edition
        people_alike.create(parts.views.engine, edition, name_tokens.forget_all)
        self.duplicates = Duplicates(parts)
        mark_cut_off(parts.scratch)

    async def RegisterHousehold(self, request: pb.RegisterHousehold, context: Context) -> Receipt:
        return await self.registrations.one(request, lambda: self.handle(request, context))

    async def RegisterHouseholds(
        self, request: pb.RegisterHouseholds, context: Context
    ) -> Outcomes:
        outcomes = await self.handle_many(request.commands, context)
        actor = caller(context).actor
        settled = await self.registrations.settle(request.commands, outcomes.outcomes, actor)
        return Outcomes(outcomes=settled)

    async def ErasePerson(self, request: pb.ErasePerson, context: Context) -> Receipt:
        receipt = await self.handle(request, context)
        if not receipt.refused:
            await self._destroy_keys(request.household_id, request.person_id)
        if receipt.HasField("position"):
            await self.parts.views.change(
                lambda each: people_alike.forget(each, request.household_id, receipt.position)
            )
        return receipt

    async def _destroy_keys(self, household_id: str, person_id: str) -> None:
        """The person's, and with the last of its people the household's own."""
        await self.parts.keys.destroy(person_id)
        await self.parts.views.change(lambda each: digests.forget(each, household_id))
        await self.parts.views.change(
            lambda each: name_tokens.forget_person(each, household_id, person_id)
        )
        state = await self._household(household_id)
        if not state.living:
            await self.parts.keys.destroy(household_id)

    async def GetHousehold(self, request: pb.GetHousehold, context: Context) -> pb.Household:
        household = await self.reader.household(request)
        check_region(context, household.village_id)
        return await self.reader.opened(household)

    async def ListHouseholds(
        self, request: pb.ListHouseholds, context: Context
    ) -> pb.HouseholdPage:
        await self.parts.views.own_write(request, "households")
        if request.as_of or request.known_at_us:
            at = await self.figures.moment(request.as_of, request.known_at_us)
            return await self.parts.views.query(lambda each: list_as_of(each, request, at))
        return await self.parts.views.query(lambda connection: list_households(connection, request))

    async def FindPerson(self, request: pb.FindPerson, context: Context) -> pb.PersonFound:
        digest = self.parts.sealer.blind(ACTIVE_MEMBER, request.identity_number)
        owner = await self.parts.store.claim_owner(ACTIVE_MEMBER, digest) or ""
        household_id, _, person_id = owner.partition("/")
        return pb.PersonFound(found=bool(owner), household_id=household_id, person_id=person_id)

    async def PutEvidence(self, request: pb.PutEvidence, context: Context) -> Blob:
        state = await self._household(request.household_id)
        check_region(context, state.village_id)
        require(state.living, "household-erased", field="household_id")
        require(len(request.data) <= PICTURE_MAX_BYTES, "picture-too-large", most=PICTURE_MAX_BYTES)
        require(media_type_of(request.data) in PICTURES, "picture-not-recognised", field="data")
        return await self.parts.blobs.put(request.household_id, request.data)

    async def GetEvidence(self, request: pb.GetEvidence, context: Context) -> pb.EvidenceBytes:
        state = await self._household(request.household_id)
        check_region(context, state.village_id)
        require(request.blob.subject_id == request.household_id, "picture-not-known", field="blob")
        try:
            data = await self.parts.blobs.get(request.blob)
        except BlobMissing:
            reject("picture-not-known", field="blob")
        return pb.EvidenceBytes(media_type=media_type_of(data), data=data)

    async def _household(self, household_id: str) -> State:
        state: State
        state, version = await self.handler.state("household", household_id)
        require(version, "household-not-known", field="household_id")
        return state

    async def ValidateImport(
        self, requests: AsyncIterator[imports.UploadImport], context: Context
    ) -> imports.ImportReport:
        who = caller(context)
        return await Upload(self.parts, who.actor, who.language).report(requests)

    async def CheckImport(
        self, requests: AsyncIterator[imports.CheckImport], context: Context
    ) -> AsyncIterator[imports.CheckedImport]:
        who = caller(context)
        async for checked in Upload(self.parts, who.actor, who.language).told(requests):
            yield checked

    async def CommitImport(self, request: imports.CommitImport, context: Context) -> Receipt:
        receipt = await self.handle(request, context)
        wake(self.parts)
        return receipt

    async def ExportHouseholds(
        self, request: exports.ExportHouseholds, context: Context
    ) -> AsyncIterator[exports.ExportedHouseholds]:
        at = await self.figures.moment(request.as_of, request.known_at_us)
        await self.handler.handle(request, caller(context).actor, checked=True)
        async for page in exported(self.parts, request, at):
            yield page

    async def WatchImport(
        self, request: imports.WatchImport, context: Context
    ) -> AsyncIterator[imports.ImportReport]:
        state, version = await self.handler.state("import", request.import_id)
        require(version, "import-not-known", field="import_id")
        check_region(context, state.region_id)
        async for report in watch(self.parts, request.import_id, caller(context).language):
            yield report

    async def ExplainHousehold(
        self, request: explain.ExplainHousehold, context: Context
    ) -> explain.Explanation:
        state = await self._household(request.household_id)
        check_region(context, state.village_id)
        return await self.explainer.explain(request, caller(context).language)

    async def CountHouseholds(
        self, request: figures.CountHouseholds, context: Context
    ) -> figures.Figures:
        return await self.figures.count(request, caller(context).language)

    async def GetIncomeDeciles(
        self, request: figures.GetIncomeDeciles, context: Context
    ) -> figures.IncomeDeciles:
        return await self.figures.deciles(request, caller(context).language)

    async def GetFlows(self, request: figures.GetFlows, context: Context) -> figures.Flows:
        return await self.figures.flows(request, caller(context).language)
