import pytest

from chassis.fields import SEALED, InvalidField, check
from tests.sealing import messages
from tuopin.notifier.v1.assignment_pb2 import OfferAssignment
from tuopin.registry.v1.household_pb2 import (
    CAUSE_ILLNESS,
    GetHousehold,
    RegisterHousehold,
    RegisterHouseholds,
)
from tuopin.registry.v1.region_pb2 import AdoptRegions
from tuopin.types.v1.types_pb2 import Note


def valid() -> RegisterHousehold:
    command = RegisterHousehold(
        command_id="c1",
        source="433124",
        household_number="1",
        village_id="433124100201",
        attribute=1,
        main_cause=CAUSE_ILLNESS,
        effective_on="2020-02-29",
    )
    command.members.add(
        name="阿一",
        identity_number="43312419800101001X",
        relation=1,
        birth_year=1980,
        sex=1,
        health=1,
        labour=1,
    )
    command.income.year = 2019
    return command


def fault(**changes: object) -> tuple[str, str]:
    """Path and slug after changing fields of the command, its first member or its income."""
    command = valid()
    for name, value in changes.items():
        place, _, field = name.rpartition("__")
        target = {"": command, "member": command.members[0], "income": command.income}[place]
        setattr(target, field, value)
    with pytest.raises(InvalidField) as refused:
        check(command)
    return refused.value.field_path, refused.value.slug


def test_a_valid_command_passes() -> None:
    check(valid())


@pytest.mark.parametrize(
    ("changes", "path", "slug"),
    [
        ({"source": ""}, "source", "field-required"),
        ({"source": "  "}, "source", "field-required"),
        ({"source": "x" * 61}, "source", "field-too-long"),
        ({"household_number": "1\x00"}, "household_number", "field-control-character"),
        ({"village_id": "43312410020"}, "village_id", "field-pattern"),
        ({"village_id": "433124100201\n"}, "village_id", "field-pattern"),
        ({"attribute": 0}, "attribute", "field-required"),
        ({"attribute": 99}, "attribute", "field-unknown-value"),
        ({"effective_on": "2019-02-29"}, "effective_on", "field-date"),
        ({"effective_on": "20200229"}, "effective_on", "field-date"),
        ({"effective_on": "2020-W09-6"}, "effective_on", "field-date"),
        ({"import_id": "x" * 2001}, "import_id", "field-too-long"),
        ({"member__name": ""}, "members.0.name", "field-required"),
        ({"member__birth_year": 1899}, "members.0.birth_year", "field-range"),
        ({"member__birth_year": 2101}, "members.0.birth_year", "field-range"),
        ({"member__phone": "tel"}, "members.0.phone", "field-pattern"),
        ({"member__name": f"{SEALED}AAAA"}, "members.0.name", "field-sealed"),
        ({"income__wages_fen": -1}, "income.wages_fen", "field-range"),
    ],
)
def test_a_broken_rule_names_the_field(changes: dict[str, object], path: str, slug: str) -> None:
    assert fault(**changes) == (path, slug)


def test_a_missing_part_is_named() -> None:
    command = valid()
    command.ClearField("income")
    with pytest.raises(InvalidField, match="income: field-required"):
        check(command)


def test_too_many_or_too_few_items_are_refused() -> None:
    command = valid()
    command.other_causes.extend([2, 3, 4])
    with pytest.raises(InvalidField) as refused:
        check(command)
    assert refused.value.details == {"field": "other_causes", "allowed": "0…2"}
    command = valid()
    del command.members[:]
    with pytest.raises(InvalidField, match="members: field-required"):
        check(command)


def test_an_unknown_code_in_a_list_is_named_by_its_place() -> None:
    command = valid()
    command.other_causes.extend([2, 77])
    with pytest.raises(InvalidField, match=r"other_causes\.1: field-unknown-value"):
        check(command)


def test_the_second_command_of_a_batch_is_named() -> None:
    batch = RegisterHouseholds(commands=[valid(), valid()])
    batch.commands[1].members[0].identity_number = "1"
    with pytest.raises(InvalidField) as refused:
        check(batch)
    assert refused.value.field_path == "commands.1.members.0.identity_number"


def test_an_optional_field_may_be_empty_but_not_wrong() -> None:
    check(GetHousehold(household_id="h1"))
    with pytest.raises(InvalidField, match="as_of: field-date"):
        check(GetHousehold(household_id="h1", as_of="yesterday"))


def test_the_values_of_a_map_keep_the_rules_of_every_text() -> None:
    offer = OfferAssignment(
        command_id="c",
        assignment_id="a",
        kind="first-visit",
        household_id="h",
        village_id="v",
        subject="s",
        cadre_id="d",
        facts={"year": "20\x0020"},
    )
    with pytest.raises(InvalidField, match="facts: field-control-character"):
        check(offer)


def test_a_number_with_one_bound_says_which() -> None:
    command = AdoptRegions(command_id="c", effective_on="2020-01-01")
    command.edition.name = "regions"
    command.edition.sha256 = "a" * 64
    with pytest.raises(InvalidField) as refused:
        check(command)
    assert refused.value.details == {"field": "edition.count", "allowed": "≥ 1"}


def test_a_fault_never_repeats_the_value() -> None:
    command = valid()
    command.members[0].identity_number = "canary"
    with pytest.raises(InvalidField) as refused:
        check(command)
    assert "canary" not in f"{refused.value!r} {refused.value.details}"


def test_what_a_reaction_passes_on_sealed_is_longer_than_its_rule() -> None:
    note = Note(household_id="h1", text=SEALED + "A" * 4000)
    check(note, sealed=True)
    with pytest.raises(InvalidField, match="text: field-sealed"):
        check(note)


def test_the_rules_of_every_message_can_be_compiled() -> None:
    for descriptor in messages.descriptors():
        for message, _ in messages.canaries(descriptor):
            try:
                check(message)
            except InvalidField:
                continue
