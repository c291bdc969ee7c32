import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from chassis.access import (
    Forbidden,
    Rule,
    RuleMissing,
    all_rules,
    allowed,
    allowed_request,
    covers,
    region_check,
    regions_of,
    rules,
)
from chassis.decider import Actor
from tests.sealing import messages
from tuopin.options.v1 import options_pb2 as options
from tuopin.registry.v1.household_pb2 import ListHouseholds, RegisterHousehold, RegisterHouseholds
from tuopin.registry.v1.import_pb2 import UploadImport
from tuopin.registry.v1.service_pb2 import DESCRIPTOR as REGISTRY

SERVICE = REGISTRY.services_by_name["RegistryService"]
VILLAGE = "433124100201"


def rule_of(method: str) -> Rule:
    return rules(SERVICE)[f"/tuopin.registry.v1.RegistryService/{method}"]


def actor(*roles: tuple[str, str]) -> Actor:
    held: dict[str, tuple[str, ...]] = {}
    for role, region in roles:
        held[role] = (*held.get(role, ()), region)
    return Actor("li", held)


def every_service() -> list[ServiceDescriptor]:
    found = {
        service.full_name: service
        for descriptor in messages.descriptors()
        for service in descriptor.file.services_by_name.values()
    }
    for module in messages.modules():
        for service in module.DESCRIPTOR.services_by_name.values():  # type: ignore[attr-defined]
            found[service.full_name] = service
    return list(found.values())


def test_every_rpc_of_every_service_states_a_sound_rule() -> None:
    services = every_service()
    assert len(services) == 6
    assert len(all_rules(services)) == sum(len(service.methods) for service in services)


@pytest.mark.parametrize(
    "stated",
    [
        None,
        options.Access(anywhere=True),
        options.Access(roles=["king"], anywhere=True),
        options.Access(roles=["operator"], region="village"),
        options.Access(roles=["operator"], region="members"),
        options.Access(roles=["operator"], region="village_id", anywhere=True),
    ],
    ids=["none", "no role", "unknown role", "no such field", "no text", "two answers"],
)
def test_an_rpc_without_a_sound_rule_does_not_start(
    request: pytest.FixtureRequest, stated: options.Access | None
) -> None:
    number = request.node.callspec.indices["stated"]
    file = descriptor_pb2.FileDescriptorProto(
        name=f"tests/rules{number}.proto",
        package=f"tests.rules{number}",
        syntax="proto3",
        dependency=["tuopin/options/v1/options.proto", "tuopin/registry/v1/household.proto"],
    )
    method = file.service.add(name="Unruly").method.add(
        name="Do",
        input_type=".tuopin.registry.v1.RegisterHousehold",
        output_type=".tuopin.registry.v1.Household",
    )
    if stated is not None:
        method.options.Extensions[options.access].CopyFrom(stated)
    pool = descriptor_pool.Default()
    pool.Add(file)  # type: ignore[no-untyped-call]
    with pytest.raises(RuleMissing, match=r"Unruly\.Do"):
        rules(pool.FindServiceByName(f"tests.rules{number}.Unruly"))


@pytest.mark.parametrize(
    ("held", "region", "expected"),
    [
        ("", "", True),
        ("", VILLAGE, True),
        ("433124", "433124", True),
        ("433124", VILLAGE, True),
        ("433124", "433125100201", False),
        ("433124", "4331", False),
        ("433124", "", False),
        (VILLAGE, "433124100", False),
    ],
)
def test_a_region_covers_itself_and_what_lies_below(held: str, region: str, expected: bool) -> None:
    assert covers(held, region) is expected


def test_a_missing_role_is_named() -> None:
    with pytest.raises(Forbidden) as refused:
        allowed(rule_of("ProposeExit"), actor(("cadre", VILLAGE)), VILLAGE)
    assert refused.value.slug == "role-missing"
    assert refused.value.role == "village-committee|township-office|county-office"


def test_a_role_held_elsewhere_is_refused_for_the_region() -> None:
    with pytest.raises(Forbidden) as refused:
        allowed(rule_of("ProposeExit"), actor(("county-office", "433125")), VILLAGE)
    assert refused.value.details == {"role": "county-office", "region": VILLAGE}
    assert refused.value.slug == "region-missing"


def test_a_role_that_the_rpc_does_not_name_gives_no_region() -> None:
    nosy = actor(("cadre", ""), ("county-office", "433125"))
    with pytest.raises(Forbidden):
        allowed(rule_of("ProposeExit"), nosy, VILLAGE)


def test_a_service_may_everywhere() -> None:
    allowed(rule_of("VerifyExit"), actor(("service", "")), VILLAGE)


def test_any_region_of_a_role_is_enough() -> None:
    allowed(
        rule_of("ProposeExit"),
        actor(("county-office", "433125"), ("county-office", "433124")),
        VILLAGE,
    )


def test_the_region_of_a_request_is_checked_before_anything_else() -> None:
    request = RegisterHousehold(village_id=VILLAGE)
    allowed_request(rule_of("RegisterHousehold"), actor(("county-office", "433124")), request)
    with pytest.raises(Forbidden):
        allowed_request(
            rule_of("RegisterHousehold"), actor(("county-office", "43312")), RegisterHousehold()
        )


def test_every_command_of_a_batch_is_checked() -> None:
    batch = RegisterHouseholds()
    batch.commands.add(village_id=VILLAGE)
    batch.commands.add(village_id="433125100201")
    rule = rule_of("RegisterHouseholds")
    assert regions_of(rule, batch) == {VILLAGE, "433125100201"}
    with pytest.raises(Forbidden) as refused:
        allowed_request(rule, actor(("county-office", "433124")), batch)
    assert refused.value.region == "433125100201"
    allowed_request(rule, actor(("county-office", "4331")), batch)


def test_a_role_is_needed_even_for_an_empty_batch() -> None:
    rule = rule_of("RegisterHouseholds")
    allowed_request(rule, actor(("county-office", "433124")), RegisterHouseholds())
    with pytest.raises(Forbidden):
        allowed_request(rule, actor(("cadre", "")), RegisterHouseholds())


def test_the_first_message_of_a_stream_names_the_region() -> None:
    upload = UploadImport()
    upload.header.region_id = "433124"
    assert regions_of(rule_of("ValidateImport"), upload) == {"433124"}


def test_a_list_without_region_is_the_whole_country() -> None:
    rule = rule_of("ListHouseholds")
    allowed_request(rule, actor(("county-office", "")), ListHouseholds())
    with pytest.raises(Forbidden):
        allowed_request(rule, actor(("county-office", "433124")), ListHouseholds())


def test_where_the_stream_tells_the_region_it_is_checked_later() -> None:
    caller = actor(("county-office", "433124"))
    check = region_check(rule_of("ExitHousehold"), caller)
    assert check is not None
    check(VILLAGE)
    with pytest.raises(Forbidden):
        check("433125100201")
    assert region_check(rule_of("RegisterHousehold"), caller) is None
    assert region_check(rule_of("FindPerson"), caller) is None


def test_reference_data_is_open_to_a_role_anywhere() -> None:
    allowed_request(rule_of("FindRegions"), actor(("cadre", VILLAGE)), RegisterHousehold())
