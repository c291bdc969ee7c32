"""The way of a command, from the clear request to the receipt."""

import asyncio

import pytest

from chassis.access import Forbidden
from chassis.decider import Actor
from chassis.envelope import event_of, parse
from chassis.fields import InvalidField
from chassis.handle import Handler
from chassis.problems import Contended
from chassis.rejection import FactMissing, Rejected
from chassis.sealing import Sealer
from chassis.store import CommandReused, Store
from tests.handle.conftest import handler_on
from tests.handle.households import (
    IDENTITY,
    OFFICE,
    VILLAGE,
    State,
    identity,
    leave,
    propose,
    register,
)
from tuopin.registry.v1.household_pb2 import ErasePerson

REACTION = Actor("planning", {"service": ("",)}, on_behalf_of="cadre-7", caused_by="plan-1@3")


async def stored(store: Store, stream: str = "household-h1"):
    envelopes = [parse(record.envelope) for record in await store.load(stream)]
    return [(envelope, event_of(envelope)) for envelope in envelopes]


async def test_a_command_becomes_an_event_with_who_when_and_why(
    handler: Handler, store: Store
) -> None:
    receipt = await handler.handle(register(command_id="c1"), OFFICE)
    ((envelope, event),) = await stored(store)
    assert receipt.event_ids == ["household-h1@1"]
    assert envelope.actor == "li-office"
    assert envelope.command_id == "c1"
    assert envelope.effective_on == "2020-03-01"
    assert envelope.programme == "test"
    assert event.village_id == VILLAGE


async def test_personal_fields_are_sealed_before_they_reach_the_store(
    handler: Handler, store: Store, sealer: Sealer
) -> None:
    await handler.handle(register(), OFFICE)
    ((envelope, event),) = await stored(store)
    assert IDENTITY.encode() not in envelope.data
    assert event.members[0].name.startswith("sealed:1:")
    assert event.address.startswith("sealed:1:") or event.household_id == "h1"
    sealer.open(event)
    assert event.members[0].identity_number == IDENTITY


async def test_a_claim_on_a_personal_key_is_kept_as_a_digest(
    handler: Handler, store: Store, sealer: Sealer
) -> None:
    await handler.handle(register(), OFFICE)
    assert await store.claim_owner("person", sealer.blind("person", IDENTITY)) == "h1"
    assert await store.claim_owner("person", IDENTITY.encode()) is None


async def test_the_same_command_again_gets_the_first_receipt(
    handler: Handler, store: Store
) -> None:
    command = register()
    first = await handler.handle(command, OFFICE)
    assert await handler.handle(command, OFFICE) == first
    assert len(await stored(store)) == 1


async def test_a_retry_after_a_restart_gets_the_first_receipt(
    handler: Handler, store: Store, sealer: Sealer
) -> None:
    command = propose()
    await handler.handle(register(), OFFICE)
    first = await handler.handle(command, OFFICE)
    await handler.handle(leave(), OFFICE)
    assert await handler_on(store, sealer).handle(command, OFFICE) == first
    assert len(await stored(store)) == 3


async def test_a_concurrent_retry_is_never_told_already_registered(
    handler: Handler, store: Store
) -> None:
    command = register()
    receipts = await asyncio.gather(*(handler.handle(command, OFFICE) for _ in range(20)))
    assert all(receipt == receipts[0] for receipt in receipts)
    assert len(await stored(store)) == 1


async def test_the_same_id_with_another_request_is_an_error(handler: Handler) -> None:
    await handler.handle(register(command_id="c1"), OFFICE)
    with pytest.raises(CommandReused):
        await handler.handle(register("h2", command_id="c1", identities=("1" * 18,)), OFFICE)
    with pytest.raises(CommandReused):
        await handler.handle(register(command_id="c1", identities=("1" * 18,)), OFFICE)


async def test_hundred_commands_at_once_on_one_stream_all_pass(
    handler: Handler, store: Store
) -> None:
    await handler.handle(register(), OFFICE)
    await asyncio.gather(*(handler.handle(propose(), OFFICE) for _ in range(100)))
    versions = [envelope.version for envelope, _ in await stored(store)]
    assert versions == list(range(1, 102))
    state, version = await handler.state("household", "h1")
    assert (state.proposals, version) == (100, 101)


async def test_a_rejection_names_the_fact_and_writes_nothing(
    handler: Handler, store: Store
) -> None:
    with pytest.raises(Rejected) as rejected:
        await handler.handle(propose(), OFFICE)
    assert rejected.value.slug == "household-not-known"
    assert await stored(store) == []


async def test_a_rejection_does_not_rest_on_what_may_still_fail(
    handler: Handler, store: Store
) -> None:
    await handler.handle(register("h1"), OFFICE)
    await handler.handle(register("h2", identities=(identity(2),)), OFFICE)
    await handler.handle(propose("h2"), OFFICE)
    # h3 claims a person of h1 and fails; the proposal was decided as if it had not.
    outcomes = await asyncio.gather(
        handler.handle(register("h3"), OFFICE),
        handler.handle(propose("h3"), OFFICE),
        handler.handle(leave("h3"), OFFICE),
        return_exceptions=True,
    )
    slugs = [each.slug for each in outcomes if isinstance(each, Rejected)]
    assert slugs == ["person-already-registered", "household-not-known", "exit-not-proposed"]
    assert await stored(store, "household-h3") == []


async def test_a_taken_claim_is_the_rejection_it_names(handler: Handler) -> None:
    await handler.handle(register("h1"), OFFICE)
    with pytest.raises(Rejected, match="person-already-registered"):
        await handler.handle(register("h2"), OFFICE)


async def test_a_released_claim_can_be_taken_again(handler: Handler) -> None:
    await handler.handle(register("h1"), OFFICE)
    await handler.handle(propose("h1"), OFFICE)
    await handler.handle(leave("h1"), OFFICE)
    await handler.handle(register("h2"), OFFICE)


async def test_no_effect_is_remembered_by_its_receipt(handler: Handler, store: Store) -> None:
    await handler.handle(register(), OFFICE)
    command = propose(reason="nothing")
    receipt = await handler.handle(command, OFFICE)
    assert receipt.no_effect
    await handler.handle(leave_after_proposal := propose(), OFFICE)
    assert leave_after_proposal
    assert await handler.handle(command, OFFICE) == receipt
    assert len(await stored(store)) == 2


async def test_a_malformed_command_names_the_field(handler: Handler) -> None:
    command = register()
    command.members[0].identity_number = "12"
    with pytest.raises(InvalidField) as invalid:
        await handler.handle(command, OFFICE)
    assert "identity_number" in invalid.value.field_path


async def test_another_process_is_noticed_by_the_conflict(
    store: Store, sealer: Sealer, handler: Handler
) -> None:
    other = handler_on(store, sealer)
    await handler.handle(register(), OFFICE)
    for _ in range(3):
        await handler.handle(propose(), OFFICE)
        await other.handle(propose(), OFFICE)
    state, version = await handler.state("household", "h1")
    assert (state.proposals, version) == (6, 7)


async def test_after_a_restart_a_command_that_an_unborn_stream_would_take_is_taken(
    store: Store, sealer: Sealer, handler: Handler
) -> None:
    await handler.handle(register(), OFFICE)
    erase = ErasePerson(command_id="erase-1", household_id="h1", person_id="p1", ground="request")
    assert (await handler_on(store, sealer).handle(erase, OFFICE)).version == 2


async def test_a_rejection_sees_what_another_process_wrote(
    store: Store, sealer: Sealer, handler: Handler
) -> None:
    other = handler_on(store, sealer)
    await handler.handle(register(), OFFICE)
    with pytest.raises(Rejected):
        await handler.handle(leave(), OFFICE)
    await other.handle(propose(), OFFICE)
    assert (await handler.handle(leave(), OFFICE)).version == 3


async def test_endless_conflicts_end_as_contended(
    store: Store, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = handler_on(store, sealer)
    await handler.handle(register(), OFFICE)
    loaded = handler._load

    async def stale(decider, stream, slot) -> None:
        await loaded(decider, stream, slot)
        slot.version -= 1

    monkeypatch.setattr(handler, "_load", stale)
    handler._states.slot("household-h1").forget()
    with pytest.raises(Contended):
        await handler.handle(propose(), OFFICE)


async def test_the_region_of_the_stream_is_checked_before_the_rule(handler: Handler) -> None:
    def only_beijing(region: str) -> None:
        if not region.startswith("11"):
            raise Forbidden("region-missing", role="county-office", region=region)

    await handler.handle(register(), OFFICE, only_beijing)
    with pytest.raises(Forbidden):
        await handler.handle(leave(), OFFICE, only_beijing)
    with pytest.raises(Rejected, match="household-not-known"):
        await handler.handle(propose("h9"), OFFICE, only_beijing)


async def test_a_refused_reaction_is_an_event(handler: Handler, store: Store) -> None:
    command = propose("h9", command_id="r1")
    receipt = await handler.handle(command, REACTION)
    assert receipt.refused == "household-not-known"
    ((envelope, event),) = await stored(store, "refusal-r1")
    assert event.slug == "household-not-known"
    assert event.stream == "household-h9"
    assert (envelope.caused_by, envelope.on_behalf_of) == ("plan-1@3", "cadre-7")
    assert await handler.handle(command, REACTION) == receipt
    assert len(await stored(store, "refusal-r1")) == 1


async def test_a_malformed_reaction_is_refused_as_well(handler: Handler) -> None:
    command = propose(command_id="r1")
    command.effective_on = "yesterday"
    assert (await handler.handle(command, REACTION)).refused == "field-date"


async def test_what_a_reaction_passes_on_sealed_is_opened_and_sealed_again(
    handler: Handler, store: Store, sealer: Sealer
) -> None:
    await handler.handle(register(), OFFICE)
    await handler.handle(propose(reason="enough income"), OFFICE)
    (_, (_, proposed)) = await stored(store)
    passed_on = propose(reason=proposed.reason)
    await handler.handle(passed_on, REACTION)
    *_, (_, last) = await stored(store)
    sealer.open(last)
    assert last.reason == "enough income"


async def test_a_missing_fact_is_told_as_such(store: Store, sealer: Sealer) -> None:
    async def not_here(command: object) -> None:
        raise FactMissing("plan", "p1")

    handler = handler_on(store, sealer)
    handler._facts = {type(propose()): not_here}
    with pytest.raises(FactMissing):
        await handler.handle(propose(), REACTION)


async def test_evolve_only_ever_sees_sealed_fields(handler: Handler) -> None:
    await handler.handle(register(), OFFICE)
    await handler.handle(propose(reason="a word"), OFFICE)
    state, _ = await handler.state("household", "h1")
    assert isinstance(state, State)
    assert state.reasons[0].startswith("sealed:1:")


async def test_a_batch_gives_one_outcome_per_command(handler: Handler, store: Store) -> None:
    commands = [
        register("h1", identities=(identity(1),)),
        register("h2", identities=(identity(2),)),
        register("h3", identities=(identity(1),)),
        propose("h1"),
        propose("h9"),
        leave("h1"),
        register("h2", identities=(identity(2),)),
    ]
    outcomes = await handler.handle_many(commands, OFFICE)
    told = [each.refusal.slug or "done" for each in outcomes]
    assert [each.command_id for each in outcomes] == [each.command_id for each in commands]
    assert told == [
        "done",
        "done",
        "person-already-registered",
        "done",
        "household-not-known",
        "done",
        "household-already-registered",
    ]
    assert len(await stored(store, "household-h1")) == 3


async def test_a_batch_sent_again_changes_nothing(handler: Handler, store: Store) -> None:
    commands = [register(f"h{n}", identities=(identity(n),)) for n in range(25)]
    first = await handler.handle_many(commands, OFFICE)
    assert await handler.handle_many(commands, OFFICE) == first
    assert await store.appended(0) == 25


async def test_a_cancelled_caller_does_not_stop_its_append(handler: Handler, store: Store) -> None:
    await handler.handle(register(), OFFICE)
    calls = [asyncio.create_task(handler.handle(propose(), OFFICE)) for _ in range(10)]
    await asyncio.sleep(0)
    calls[3].cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await handler.handle(propose(), OFFICE)
    _, version = await handler.state("household", "h1")
    assert version == len(await stored(store))
