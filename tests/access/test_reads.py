"""Whatever shows people is on record first, or masked: one guard for every rpc of every service."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from chassis.access import ROLES, Tokens
from chassis.client import CallFailed, Client, connect
from chassis.clock import ManualClock
from chassis.decider import Actor
from chassis.envelope import event_of, parse
from chassis.programme import Programme
from chassis.reads import (
    BREAK_GLASS,
    PURPOSE,
    PURPOSES,
    TABLE,
    AccessLog,
    Grant,
    Read,
    Reads,
    ReadsUnrecorded,
    masked,
    showing_of,
)
from chassis.server import ServiceWiring, build_server, check_region
from chassis.settings import PROGRAMME_FOLDER
from chassis.store import SqliteStore
from chassis.store.model import StoreUnavailable
from services.roster import NAMES, service
from tests.access.test_rules import every_service
from tuopin.access.v1.access_pb2 import PersonalDataRead
from tuopin.registry.v1 import export_pb2 as exports
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1 import service_pb2
from tuopin.registry.v1.service_pb2_grpc import (
    RegistryServiceServicer,
    add_RegistryServiceServicer_to_server,
)
from tuopin.types.v1.types_pb2 import Blob

VILLAGE, ELSEWHERE = "433124110226", "433125"
SERVICE = service_pb2.DESCRIPTOR.services_by_name["RegistryService"]
PROGRAMME = Programme.load(PROGRAMME_FOLDER)
NAME, NUMBER = "合成阿布", "990000197001010018"
GRANT = Grant("glass-1", "li-office", ELSEWHERE, "", 2_000_000_000_000_000, True)
OF_ONE = Grant("glass-2", "li-office", ELSEWHERE, "h-2", 2_000_000_000_000_000, True)
BLOB = Blob(sha256="a" * 64, subject_id="h-1")


def household(household_id: str) -> pb.Household:
    member = pb.Member(person_id=f"{household_id}-p", name=NAME, identity_number=NUMBER)
    return pb.Household(household_id=household_id, members=[member])


class Registry(RegistryServiceServicer):
    """h-1 lies in the caller's village, everything else elsewhere."""

    async def GetHousehold(self, request: Any, context: Any) -> Any:
        check_region(context, VILLAGE if request.household_id == "h-1" else ELSEWHERE + "100200")
        return household(request.household_id)

    async def GetEvidence(self, request: Any, context: Any) -> Any:
        check_region(context, VILLAGE)
        return pb.EvidenceBytes(data=b"a picture")

    async def ExportHouseholds(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for number in range(3):
            yield exports.ExportedHouseholds(households=[household(f"h-{number}")])


@dataclass
class Notes:
    """A log that tells what it was given, and may be away."""

    reads: list[Read] = field(default_factory=list)
    away: bool = False

    async def record(self, read: Read) -> None:
        if self.away:
            raise StoreUnavailable
        self.reads.append(read)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def tokens() -> Tokens:
    return Tokens("a secret of more than thirty-two bytes")


async def grants(break_glass_id: str) -> Grant | None:
    return {each.break_glass_id: each for each in (GRANT, OF_ONE)}.get(break_glass_id)


@pytest.fixture
async def address(tokens: Tokens, notes: Notes) -> AsyncIterator[str]:
    reads = Reads(notes, PROGRAMME, ManualClock(), grants)
    registry = Registry()  # type: ignore[abstract]  # three rpcs are enough here
    add = add_RegistryServiceServicer_to_server
    wiring = ServiceWiring("registry", registry, add, SERVICE, reads)
    server = build_server([wiring], tokens=tokens, programme=PROGRAMME)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture
async def office(address: str, tokens: Tokens) -> AsyncIterator[Client]:
    roles = ["county-office@433124", "data-exporter@433124"]
    async with connect(address, tokens.issue("li-office", roles, 3600), "en") as client:
        yield client


def get(household_id: str = "h-1") -> pb.GetHousehold:
    return pb.GetHousehold(household_id=household_id)


async def refused(call: Any) -> str:
    with pytest.raises(CallFailed) as failed:
        await call
    return str(failed.value.problem.slug)


async def test_with_a_purpose_the_read_is_on_record_before_the_answer(
    office: Client, notes: Notes
) -> None:
    shown = await office.call(get(), {PURPOSE: "case-work"})
    assert shown.members[0].name == NAME
    (read,) = notes.reads
    assert (read.purpose, read.actor.subject, read.region) == ("case-work", "li-office", VILLAGE)
    assert read.method == "tuopin.registry.v1.RegistryService.GetHousehold"
    assert set(read.subject_ids) == {"h-1", "h-1-p"}
    assert read.fields == ("identity_number", "name")


async def test_what_cannot_be_recorded_does_not_leave(office: Client, notes: Notes) -> None:
    notes.away = True
    call = office.call(get(), {PURPOSE: "case-work"}, attempts=1)
    assert await refused(call) == "store-unavailable"


async def test_without_a_purpose_the_answer_is_masked_and_nobody_was_read(
    office: Client, notes: Notes
) -> None:
    shown = await office.call(get())
    assert (shown.members[0].name, shown.members[0].identity_number) == ("合**", "**18")
    assert notes.reads == []


@pytest.mark.parametrize(
    ("purpose", "slug"),
    [("curiosity", "purpose-not-listed"), ("own-file", "purpose-not-for-role")],
)
async def test_a_purpose_is_listed_and_the_readers_own(
    office: Client, notes: Notes, purpose: str, slug: str
) -> None:
    assert await refused(office.call(get(), {PURPOSE: purpose})) == slug
    assert notes.reads == []


async def test_a_picture_cannot_be_masked(office: Client, notes: Notes) -> None:
    ask = pb.GetEvidence(household_id="h-1", blob=BLOB)
    assert await refused(office.call(ask)) == "purpose-missing"
    assert (await office.call(ask, {PURPOSE: "verification"})).data
    assert notes.reads[0].subject_ids == ("h-1",)


async def test_every_page_of_an_export_is_on_record(office: Client, notes: Notes) -> None:
    command = exports.ExportHouseholds(command_id="e", region_id="433124", purpose="audit")
    pages = [each async for each in office.stream(command)]
    assert [page.households[0].members[0].name for page in pages] == [NAME] * 3
    assert [read.subject_ids for read in notes.reads] == [(f"h-{n}-p", f"h-{n}") for n in range(3)]
    assert {read.purpose for read in notes.reads} == {"audit"}


async def test_break_glass_reaches_where_the_role_does_not_and_is_named(
    office: Client, notes: Notes
) -> None:
    assert await refused(office.call(get("h-2"))) == "region-missing"
    shown = await office.call(get("h-2"), {BREAK_GLASS: "glass-1"})
    assert shown.members[0].name == NAME
    assert (notes.reads[0].break_glass_id, notes.reads[0].purpose) == ("glass-1", "break-glass")


async def test_break_glass_opens_one_household_and_not_its_neighbour(
    office: Client, notes: Notes
) -> None:
    assert (await office.call(get("h-2"), {BREAK_GLASS: "glass-2"})).members
    assert await refused(office.call(get("h-3"), {BREAK_GLASS: "glass-2"})) == "region-missing"
    assert len(notes.reads) == 1


async def test_a_read_that_the_role_allows_is_not_told_as_broken_glass(
    office: Client, notes: Notes
) -> None:
    await office.call(get(), {BREAK_GLASS: "glass-1", PURPOSE: "case-work"})
    assert notes.reads[0].break_glass_id == ""


@pytest.mark.parametrize("named", ["glass-unknown", "glass-1"])
async def test_break_glass_is_personal(address: str, tokens: Tokens, named: str) -> None:
    token = tokens.issue("wang", ["county-office@433124"], 60)
    async with connect(address, token, "en") as another:
        call = another.call(get("h-2"), {BREAK_GLASS: named})
        assert await refused(call) == "break-glass-not-open"


async def test_no_broken_glass_opens_an_export(office: Client) -> None:
    command = exports.ExportHouseholds(command_id="e", region_id=ELSEWHERE, purpose="audit")
    with pytest.raises(CallFailed) as failed:
        [each async for each in office.stream(command, {BREAK_GLASS: "glass-1"})]
    assert failed.value.problem.slug == "break-glass-not-open"


def test_a_break_glass_access_is_over_at_its_hour_and_with_its_end() -> None:
    assert GRANT.holds("li-office", GRANT.until_us - 1)
    assert not GRANT.holds("li-office", GRANT.until_us)
    ended = Grant("glass-1", "li-office", ELSEWHERE, "", GRANT.until_us, False)
    assert not ended.holds("li-office", 0)


async def test_a_read_is_an_event_in_a_stream_of_its_own() -> None:
    store = SqliteStore(":memory:", ("access",), ManualClock())
    await store.open()
    log = AccessLog(store, "access", PROGRAMME, ManualClock())
    read = Read("m", Actor("li", on_behalf_of="p"), "audit", ("p-1", "h-1"), ("name",), VILLAGE)
    await log.record(read)
    await log.record(read)
    heads = {head.partition: head.position for head in await store.heads("access")}
    assert sum(heads.values()) == 2
    (record, *_) = [r for p in heads for r in await store.read("access", p, 0, 10)]
    envelope = parse(record.envelope)
    event = event_of(envelope)
    assert isinstance(event, PersonalDataRead)
    assert (envelope.stream, envelope.version) == (f"access-{event.read_id}", 1)
    assert (envelope.actor, envelope.on_behalf_of) == ("li", "p")
    assert list(event.subject_ids) == ["p-1", "h-1"]
    await store.close()


async def test_a_service_that_shows_people_and_records_nothing_does_not_start(
    tokens: Tokens,
) -> None:
    add = add_RegistryServiceServicer_to_server
    wiring = ServiceWiring("registry", Registry(), add, SERVICE)  # type: ignore[abstract]
    with pytest.raises(ReadsUnrecorded):
        build_server([wiring], tokens=tokens, programme=PROGRAMME)


# Methods that show people; whoever adds one says here that it was meant.
SHOWING = {
    "registry": {
        "GetHousehold", "GetEvidence", "ExportHouseholds", "ListObjections", "FindPeople",
        "ListBreakGlasses", "FindDuplicates", "SweepDuplicates",
    },
    "training": {"GetCadre", "ListCadres"},
    "notifier": {"GetComplaint", "GetOrder"},
}  # fmt: skip


def test_the_methods_that_show_people_are_these() -> None:
    found: dict[str, set[str]] = {}
    for each in every_service():
        for method in each.methods:
            if showing_of(method) is not None:
                found.setdefault(each.full_name.split(".")[1], set()).add(method.name)
    assert found == SHOWING


@pytest.mark.parametrize("name", NAMES)
def test_a_service_whose_methods_show_people_has_a_place_for_reads(name: str) -> None:
    declared = service(name)
    assert bool(declared.reads_topic) == (name in SHOWING)
    assert not declared.reads_topic or declared.reads_topic in declared.topics


def test_every_purpose_is_told_in_both_languages_and_for_known_roles() -> None:
    purposes = PROGRAMME.table(TABLE)[PURPOSES]
    for code, each in purposes.items():
        assert each["zh"], code
        assert each["en"], code
        assert set(each["roles"]) <= ROLES, code


@pytest.mark.parametrize(
    ("text", "shown"), [("合成阿布", "合**"), ("13800000021", "**21"), ("A", "A**")]
)
def test_a_masked_text_is_recognised_only_by_who_knows_it(text: str, shown: str) -> None:
    assert masked(text) == shown
