"""What a caller meets at the door: token, role, region, fields, language; and what comes back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from chassis.access import RuleMissing, Tokens
from chassis.client import CallFailed, Client, connect
from chassis.clock import SystemClock
from chassis.handle import Handler
from chassis.programme import Programme
from chassis.reads import AccessLog, Reads
from chassis.rejection import reject
from chassis.server import CommandServicer, ServiceWiring, build_server, check_region
from chassis.settings import PROGRAMME_FOLDER
from chassis.store import Store
from tests.handle.households import VILLAGE, identity, leave, propose, register
from tuopin.registry.v1 import service_pb2
from tuopin.registry.v1.household_pb2 import (
    FindPerson,
    GetHousehold,
    Household,
    PersonFound,
    RegisterHouseholds,
)
from tuopin.registry.v1.import_pb2 import (
    ImportHeader,
    ImportReport,
    UploadImport,
    WatchImport,
)
from tuopin.registry.v1.service_pb2_grpc import (
    RegistryServiceServicer,
    add_RegistryServiceServicer_to_server,
)

SECRET = "a secret of more than thirty-two bytes"
COUNTY = "county-office@433124"


class Registry(CommandServicer, RegistryServiceServicer):
    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    async def RegisterHousehold(self, request: Any, context: Any) -> Any:
        return await self.handle(request, context)

    async def RegisterHouseholds(self, request: Any, context: Any) -> Any:
        return await self.handle_many(request.commands, context)

    async def ProposeExit(self, request: Any, context: Any) -> Any:
        return await self.handle(request, context)

    async def ExitHousehold(self, request: Any, context: Any) -> Any:
        return await self.handle(request, context)

    async def GetHousehold(self, request: Any, context: Any) -> Any:
        if request.household_id == "unknown":
            reject("household-not-known")
        if request.household_id != "forgetful":
            check_region(context, VILLAGE)
        return Household(household_id=request.household_id)

    async def FindPerson(self, request: Any, context: Any) -> Any:
        if request.identity_number == identity(13):
            raise ValueError(f"cannot find {request.identity_number}")
        return PersonFound(found=False)

    async def ValidateImport(self, requests: Any, context: Any) -> Any:
        return ImportReport(rows=len([each async for each in requests]))

    async def WatchImport(self, request: Any, context: Any) -> AsyncIterator[Any]:
        if request.import_id == "unknown":
            reject("import-not-known")
        check_region(context, VILLAGE)
        for rows in range(3):
            yield ImportReport(rows=rows)


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(SECRET)


@pytest.fixture
async def address(handler: Handler, tokens: Tokens, store: Store) -> AsyncIterator[str]:
    programme = Programme.load(PROGRAMME_FOLDER)
    handler.programme = programme
    wiring = ServiceWiring(
        "registry",
        Registry(handler),
        add_RegistryServiceServicer_to_server,
        service_pb2.DESCRIPTOR.services_by_name["RegistryService"],
        Reads(AccessLog(store, "region", programme, SystemClock()), programme, SystemClock()),
    )
    server = build_server([wiring], tokens=tokens, programme=programme)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture
async def client(address: str, tokens: Tokens) -> AsyncIterator[Client]:
    async with connect(address, tokens.issue("li-office", [COUNTY], 3600), "en") as client:
        yield client


async def refused(call: Any) -> CallFailed:
    with pytest.raises(CallFailed) as failed:
        await call
    return failed.value


async def test_a_command_gets_its_receipt(client: Client) -> None:
    receipt = await client.call(register())
    assert receipt.version == 1
    assert receipt.position.position == 1


async def test_without_a_token_nobody_gets_in(address: str) -> None:
    async with connect(address, "") as client:
        failed = await refused(client.call(register()))
    assert (failed.code, failed.problem.slug) == ("UNAUTHENTICATED", "token-invalid")


async def test_a_forbidden_command_says_which_role_is_missing(address: str, tokens: Tokens) -> None:
    token = tokens.issue("zhao", ["cadre@433124"], 3600)
    async with connect(address, token, "en") as client:
        failed = await refused(client.call(register()))
    assert (failed.code, failed.problem.slug) == ("PERMISSION_DENIED", "role-missing")
    assert "county-office" in failed.problem.sentence


async def test_a_forbidden_command_says_which_region_is_missing(client: Client) -> None:
    failed = await refused(client.call(register(village_id="110000000001")))
    assert (failed.code, failed.problem.slug) == ("PERMISSION_DENIED", "region-missing")
    assert failed.problem.details["region"] == "110000000001"


async def test_the_region_of_the_stream_counts_where_the_request_names_none(
    client: Client, address: str, tokens: Tokens
) -> None:
    await client.call(register())
    async with connect(address, tokens.issue("wu", ["county-office@1101"], 60), "en") as other:
        failed = await refused(other.call(leave()))
    assert (failed.code, failed.problem.slug) == ("PERMISSION_DENIED", "region-missing")


async def test_every_village_of_a_batch_is_checked(client: Client) -> None:
    batch = RegisterHouseholds(commands=[register("h1"), register("h2", village_id="110000000001")])
    assert (await refused(client.call(batch))).problem.slug == "region-missing"


async def test_a_malformed_command_names_the_field(client: Client) -> None:
    command = register()
    command.members[0].identity_number = "12"
    failed = await refused(client.call(command))
    assert failed.code == "INVALID_ARGUMENT"
    assert failed.problem.field.endswith("identity_number")
    assert "12" not in failed.problem.sentence.split()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_rejection_speaks_the_callers_language(
    address: str, tokens: Tokens, language: str
) -> None:
    token = tokens.issue("li-office", [COUNTY], 3600)
    async with connect(address, token, language) as client:
        failed = await refused(client.call(propose("nobody")))
    assert (failed.code, failed.problem.slug) == ("NOT_FOUND", "household-not-known")
    assert failed.problem.sentence.isascii() == (language == "en")


async def test_a_rule_that_says_no_is_a_failed_precondition(client: Client) -> None:
    await client.call(register())
    failed = await refused(client.call(leave()))
    assert (failed.code, failed.problem.slug) == ("FAILED_PRECONDITION", "exit-not-proposed")


async def test_the_same_id_with_another_request_already_exists(client: Client) -> None:
    await client.call(register(command_id="c1"))
    again = register("h2", command_id="c1", identities=(identity(2),))
    assert (await refused(client.call(again))).code == "ALREADY_EXISTS"


async def test_a_batch_answers_one_by_one(client: Client) -> None:
    commands = [register("h1"), register("h2")]
    outcomes = (await client.call(RegisterHouseholds(commands=commands))).outcomes
    assert outcomes[0].receipt.version == 1
    assert outcomes[1].refusal.slug == "person-already-registered"
    assert outcomes[1].refusal.code == "FAILED_PRECONDITION"


async def test_only_a_service_may_say_why_it_acts(client: Client) -> None:
    because = {"tuopin-caused-by": "plan-1@3"}
    failed = await refused(client.call(register(), because))
    assert (failed.code, failed.problem.slug) == ("PERMISSION_DENIED", "role-missing")


async def test_a_refused_reaction_gets_a_receipt_that_says_so(
    address: str, tokens: Tokens, store: Store
) -> None:
    token = tokens.issue("registry", ["service@", "county-office@"], 3600)
    async with connect(address, token) as reaction:
        receipt = await reaction.send(propose("h9"), {"tuopin-caused-by": "plan-1@3"})
    assert receipt.refused == "household-not-known"
    assert len(await store.load(receipt.stream)) == 1


async def test_a_fault_of_ours_shows_a_trace_id_and_nothing_else(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    failed = await refused(client.call(FindPerson(identity_number=identity(13))))
    assert (failed.code, failed.problem.slug) == ("INTERNAL", "unexpected-fault")
    assert identity(13) not in failed.problem.sentence
    (record,) = [each for each in caplog.records if each.name == "chassis.server"]
    assert record.error == "ValueError"
    assert identity(13) not in repr(record.__dict__)


async def test_a_query_whose_region_nobody_checked_is_not_answered(client: Client) -> None:
    assert (await client.call(GetHousehold(household_id="h1"))).household_id == "h1"
    assert (await refused(client.call(GetHousehold(household_id="unknown")))).code == "NOT_FOUND"
    assert (await refused(client.call(GetHousehold(household_id="forgetful")))).code == "INTERNAL"


async def upload(region_id: str) -> AsyncIterator[UploadImport]:
    yield UploadImport(
        header=ImportHeader(region_id=region_id, source="test", effective_on="2020-01-01")
    )
    yield UploadImport(chunk=b"data")


async def test_an_upload_is_judged_by_its_first_message(client: Client) -> None:
    assert (await client.upload(upload("433124"), UploadImport)).rows == 2
    failed = await refused(client.upload(upload("1101"), UploadImport))
    assert failed.problem.slug == "region-missing"


async def test_a_stream_of_answers_is_guarded_too(client: Client) -> None:
    assert len([each async for each in client.stream(WatchImport(import_id="i1"))]) == 3
    with pytest.raises(CallFailed) as failed:
        [each async for each in client.stream(WatchImport(import_id="unknown"))]
    assert failed.value.code == "NOT_FOUND"


async def test_a_method_without_a_rule_does_not_start(tokens: Tokens) -> None:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.descriptor_pool import DescriptorPool

    file = FileDescriptorProto(name="x.proto", package="x")
    file.message_type.add(name="Nothing")
    method = file.service.add(name="Open").method.add(name="Do")
    method.input_type = method.output_type = ".x.Nothing"
    pool = DescriptorPool()
    pool.Add(file)
    wiring = ServiceWiring(
        "open", object(), lambda servicer, server: None, pool.FindServiceByName("x.Open")
    )
    with pytest.raises(RuleMissing):
        build_server([wiring], tokens=tokens, programme=Programme.load(PROGRAMME_FOLDER))


async def test_a_client_tries_again_while_the_server_is_away(tokens: Tokens) -> None:
    calls = 0

    async def contended(request: bytes, context: Any) -> bytes:
        nonlocal calls
        calls += 1
        if calls < 3:
            await context.abort(grpc.StatusCode.ABORTED, "come again")
        return b""

    server = grpc.aio.server()
    name = "tuopin.registry.v1.RegistryService"
    handlers = {"RegisterHousehold": grpc.unary_unary_rpc_method_handler(contended)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with connect(f"127.0.0.1:{port}", "token") as client:
        await asyncio.wait_for(client.call(register()), 20)
    assert calls == 3
    await server.stop(None)
