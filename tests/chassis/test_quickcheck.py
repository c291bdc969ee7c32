"""The quick yes to a request is never more generous than its rules."""

import importlib
from collections.abc import Iterator

import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor
from hypothesis import given
from hypothesis import strategies as st

from chassis import fields
from chassis.quickcheck import all_kept
from tests.handle.households import propose, register
from tuopin.registry.v1.household_pb2 import RegisterHousehold

SERVICES = ("registry", "planning", "funding", "training", "notifier")
ODD = st.sampled_from(
    ["", " ", "\x00", "sealed:1:x", "x" * 3000, "2020-02-30", "2020-01-01", "é\u200b"]
)


def inputs() -> Iterator[Descriptor]:
    for service in SERVICES:
        module = importlib.import_module(f"tuopin.{service}.v1.service_pb2")
        for each in module.DESCRIPTOR.services_by_name.values():
            yield from (method.input_type for method in each.methods)


@pytest.mark.parametrize("descriptor", list(inputs()), ids=lambda each: each.name)
def test_an_empty_request_is_judged_alike(descriptor: Descriptor) -> None:
    empty = message_factory.GetMessageClass(descriptor)()
    slow = fields._checks(descriptor)(empty, False)
    assert all_kept(descriptor)(empty) <= (slow is None)


def test_a_sound_command_needs_the_quick_way_only() -> None:
    for command in (register(), propose()):
        assert all_kept(command.DESCRIPTOR)(command)


@given(
    st.sampled_from([each.name for each in RegisterHousehold.DESCRIPTOR.fields if each.type == 9]),
    st.one_of(ODD, st.text(max_size=30)),
    st.sampled_from(["name", "identity_number", "phone", "bank_card", "ethnicity"]),
    st.one_of(ODD, st.text(max_size=30)),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-1, 20),
)
def test_what_the_quick_way_passes_the_rules_pass(
    field: str, text: str, member_field: str, member_text: str, year: int, code: int
) -> None:
    command = register()
    setattr(command, field, text)
    setattr(command.members[0], member_field, member_text)
    command.members[0].birth_year = year
    command.members[0].health = code
    command.other_causes.append(code)
    slow = fields._checks(command.DESCRIPTOR)(command, False)
    assert all_kept(command.DESCRIPTOR)(command) <= (slow is None)


@given(st.text(max_size=30), st.integers(0, 4))
def test_one_odd_field_is_judged_alike(text: str, which: int) -> None:
    command = register()
    target = [command, command.members[0], command.members[0], command, command][which]
    name = ["source", "name", "phone", "address", "effective_on"][which]
    setattr(target, name, text)
    slow = fields._checks(command.DESCRIPTOR)(command, False)
    # Texts that are sound but not printable (a soft hyphen) take the slow way.
    assert all_kept(command.DESCRIPTOR)(command) == (slow is None and text.isprintable())
