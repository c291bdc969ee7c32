"""No clear personal value passes the store's door, whatever field is added to the contracts."""

import asyncio
import re

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from chassis.fields import personal_of
from chassis.keys import SqliteKeys
from chassis.personal import find_in, personal_values
from chassis.sealing import Sealer
from tests.sealing import messages
from tuopin.options.v1.options_pb2 import rule

MASTER_KEY = bytes(range(32))
# A piece of a clear value this long would be found.
WINDOW = 3
PERSONAL_NAMES = {
    "name",
    "identity_number",
    "phone",
    "bank_card",
    "address",
    "reason",
    "witness",
    "text",
    "chat_id",
}
PERSONAL_BEGINNINGS = ("latitude", "longitude")
# What such a name means elsewhere.
NOT_A_PERSON = {
    "tuopin.types.v1.Edition.name": "name of a data set",
    "tuopin.registry.v1.Region.name": "name of a place in a public list",
    "tuopin.registry.v1.RegionPeriod.name": "name of a place in a public list",
    "tuopin.registry.v1.FindRegions.text": "part of the name of a place",
    "tuopin.notifier.v1.EscalateAssignment.reason": "code: unanswered or unreachable",
    "tuopin.notifier.v1.AssignmentEscalated.reason": "code: unanswered or unreachable",
    "tuopin.notifier.v1.Uncertain.reason": "code of the chat provider's fault",
    "tuopin.notifier.v1.Errored.reason": "code of the chat provider's fault",
    "tuopin.notifier.v1.Unreachable.reason": "code of the chat provider's fault",
    "tuopin.notifier.v1.MessageUncertain.reason": "code of the chat provider's fault",
    "tuopin.notifier.v1.MessageErrored.reason": "code of the chat provider's fault",
    "tuopin.notifier.v1.MessageFailed.reason": "code of the chat provider's fault",
    "tuopin.notifier.v1.MessageRerouted.reason": "code of the chat provider's fault",
    "tuopin.notifier.v1.DeadMessage.reason": "code of the chat provider's fault",
    "tuopin.notifier.v1.ComplaintAssigned.reason": "code: filed or overdue",
    "tuopin.notifier.v1.DeclineAssignment.reason": "code of the list decline_reasons",
    "tuopin.notifier.v1.AssignmentDeclined.reason": "code of the list decline_reasons",
    "tuopin.notifier.v1.AssignmentReassigned.reason": "code: declined, left, office ...",
    "tuopin.notifier.v1.CancelAssignment.reason": "code, by its pattern",
    "tuopin.notifier.v1.AssignmentCancelled.reason": "code of the command",
    "tuopin.notifier.v1.ReviewAssignment.reason": "code of the list return_reasons",
    "tuopin.notifier.v1.RevokeLink.reason": "code, by its pattern",
    "tuopin.notifier.v1.LinkRevoked.reason": "code of the command",
    "tuopin.registry.v1.OpenBreakGlass.reason": "code, by its pattern",
    "tuopin.registry.v1.BreakGlassOpened.reason": "code of the command",
    "tuopin.registry.v1.BreakGlass.reason": "code of the command",
    "tuopin.registry.v1.ExplainedFact.name": "name of a coded fact",
    "tuopin.registry.v1.ExplainedRule.name": "name of a parameter",
    "tuopin.registry.v1.FigureDefinition.name": "name of a figure",
    "tuopin.registry.v1.RecordFinding.reason": "code, by its pattern",
    "tuopin.registry.v1.FindingRecorded.reason": "code of the command",
    "tuopin.registry.v1.ProposeRemoval.reason": "code of the removal table",
    "tuopin.registry.v1.RemovalProposed.reason": "code of the removal table",
    "tuopin.registry.v1.HouseholdRemoved.reason": "code of the removal table",
    "tuopin.training.v1.EndPost.reason": "code, by its pattern",
    "tuopin.training.v1.PostEnded.reason": "code of the command",
    "tuopin.training.v1.RecordDeparture.reason": "code, by its pattern",
    "tuopin.training.v1.CadreDeparted.reason": "code of the command",
}
# A complaint, an order and a break-glass access have keys of their own: their events must not name
# whose they are.
SUBJECTS = {
    "person_id",
    "household_id",
    "cadre_id",
    "complaint_id",
    "order_id",
    "break_glass_id",
}


def _full_name(value: Descriptor | FieldDescriptor) -> str:
    return value.full_name


@pytest.fixture(scope="module")
def sealer() -> Sealer:
    return Sealer(SqliteKeys(":memory:", MASTER_KEY, inline=True), MASTER_KEY)


def _all_fields() -> list[FieldDescriptor]:
    return [field for each in messages.descriptors() for field in each.fields]


def _windows(text: str) -> set[bytes]:
    return {text[start : start + WINDOW].encode() for start in range(len(text) - WINDOW + 1)}


@pytest.mark.parametrize("descriptor", messages.stored(), ids=_full_name)
def test_no_piece_of_a_personal_value_is_left_in_a_sealed_message(
    sealer: Sealer, descriptor: Descriptor
) -> None:
    for message, personal in messages.canaries(descriptor):
        clear = message.SerializeToString()
        assert all(value.encode() in clear for value in personal)

        asyncio.run(sealer.prepare([message]))
        sealer.seal(message)

        sealed = message.SerializeToString()
        assert [w for value in personal for w in _windows(value) if w in sealed] == []

        sealer.open(message)
        assert clear == message.SerializeToString()


def test_the_canaries_reach_every_personal_field_that_is_stored() -> None:
    expected = {
        field.full_name
        for descriptor in messages.stored()
        for field in messages.fields(descriptor)
        if personal_of(field)
    }
    reached = set()
    for descriptor in messages.stored():
        for message, _ in messages.canaries(descriptor):
            reached |= {name for _, name, _ in personal_values(message)}
    assert expected == reached
    assert len(expected) >= 15


def test_a_field_with_the_name_of_something_personal_is_personal() -> None:
    def named_so(name: str) -> bool:
        return name in PERSONAL_NAMES or name.startswith(PERSONAL_BEGINNINGS)

    open_fields = {
        field.full_name
        for field in _all_fields()
        if field.type == FieldDescriptor.TYPE_STRING
        and named_so(field.name)
        and not personal_of(field)
    }
    assert open_fields == NOT_A_PERSON.keys()


def test_what_passes_as_a_code_cannot_be_a_sentence() -> None:
    excused = [
        field
        for field in _all_fields()
        if NOT_A_PERSON.get(field.full_name, "").startswith("code")
        and field.containing_type.full_name in messages.requests()
    ]
    patterns = {each.full_name: each.GetOptions().Extensions[rule].pattern for each in excused}
    assert len(patterns) >= 7
    assert [name for name, pattern in patterns.items() if not pattern] == []
    sentences = ("Wang Xiaohong", "王小红", "13900055599", "is ill, ask her son")
    assert [
        (name, text)
        for name, pattern in patterns.items()
        for text in sentences
        if re.fullmatch(pattern, text)
    ] == []


@pytest.mark.parametrize("descriptor", messages.stored(), ids=_full_name)
def test_a_stored_personal_field_names_a_subject_beside_it(descriptor: Descriptor) -> None:
    find_in(descriptor)
    for field in descriptor.fields:
        subject = personal_of(field)
        if subject:
            assert subject in SUBJECTS
            assert subject in descriptor.fields_by_name
