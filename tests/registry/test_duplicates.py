"""Who may stand in the register twice: found, decided about, merged, parted, erased."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from chassis.client import CallFailed, Client
from services.registry.views import name_tokens, people_alike
from services.registry.views.people_alike import KEYS, PEOPLE
from tests.registry.serving import registry
from tests.registry.stories import (
    HOUSEHOLD_ID,
    child,
    erase_person,
    identity_number,
    member,
    register_household,
)
from tests.services.running import Running
from tuopin.registry.v1 import composition_pb2 as composition
from tuopin.registry.v1 import duplicates_pb2 as pb
from tuopin.registry.v1.household_pb2 import GetHousehold
from tuopin.types.v1.types_pb2 import Position, Receipt

NEXT_VILLAGE = "433124110227"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Running]:
    async with registry(tmp_path) as running_here:
        yield running_here


@pytest.fixture
def county(here: Running) -> Client:
    return here.client("county-office@433124")


async def twice(county: Client, village_id: str = NEXT_VILLAGE) -> Receipt:
    """A household, and once more with the head's name spelled otherwise and another number."""
    await county.call(register_household(command_id="one"))
    again = [
        member(name="合成阿步", identity_number=identity_number("19700202", 7)),
        child(name="合成奇塔", identity_number=identity_number("20100601", 8), birth_year=2010),
    ]
    receipt: Receipt = await county.call(
        register_household(
            command_id="two", household_number="two", village_id=village_id, members=again
        )
    )
    return receipt


async def find(client: Client, receipt: Receipt, **changes: Any) -> list[pb.DuplicateCandidate]:
    query = pb.FindDuplicates(
        **{"household_id": HOUSEHOLD_ID, "at_least": receipt.position, **changes}
    )
    found: pb.Duplicates = await client.call(query)
    assert (found.threshold, found.crowded_blocks, found.events_behind) == (78, 0, 0)
    return list(found.candidates)


async def sweep(client: Client, receipt: Receipt, region: str) -> list[pb.DuplicateCandidate]:
    query = pb.SweepDuplicates(region_id=region, at_least=receipt.position)
    swept = [each async for each in client.stream(query)]
    assert all(each.people_done <= each.people_total for each in swept)
    return [candidate for each in swept for candidate in each.candidates]


def about(found: pb.DuplicateCandidate, **more: Any) -> dict[str, Any]:
    return {
        "person_id": found.person.person_id,
        "household_id": found.person.household_id,
        "other_person_id": found.other.person_id,
        "other_household_id": found.other.household_id,
        "reason": "入户核实",
        **more,
    }


async def test_a_person_twice_is_found_with_the_reasons(county: Client) -> None:
    receipt = await twice(county)
    (found,) = await find(county, receipt)
    assert (found.person.name, found.other.name) == ("合成阿布", "合成阿步")
    assert found.other.household_number == "two"
    assert [each.code for each in found.reasons] == [
        "name-homophone", "birth-same", "sex-same", "place-township",
    ]  # fmt: skip
    assert found.reasons[0].label == "name sounds the same"
    assert found.score == sum(each.points for each in found.reasons) == 81
    (back,) = await find(county, receipt, household_id=found.other.household_id)
    assert (back.pair_id, back.score) == (found.pair_id, found.score)
    assert back.person == found.other
    assert not await find(county, receipt, person_id="person-of-nobody")


async def test_a_sweep_tells_each_pair_once(here: Running, county: Client) -> None:
    receipt = await twice(county)
    (found,) = await sweep(county, receipt, "433124")
    assert {found.person.name, found.other.name} == {"合成阿布", "合成阿步"}
    for village_id in ("433124110226", NEXT_VILLAGE):
        (seen,) = await sweep(county, receipt, village_id)
        assert (seen.pair_id, seen.score) == (found.pair_id, found.score)
    assert not await sweep(here.client("county-office@433125"), receipt, "433125")


async def test_who_may_not_open_a_file_sees_the_surname_only(here: Running, county: Client) -> None:
    receipt = await twice(county)
    village = here.client("village-committee@433124110226", language="zh")
    (found,) = await find(village, receipt)
    assert (found.person.name, found.person.masked) == ("合成阿布", False)
    assert (found.other.name, found.other.masked) == ("合**", True)
    assert found.reasons[0].label == "姓名同音"
    (unsaid,) = await find(here.client("county-office@433124", purpose=""), receipt)
    assert (unsaid.person.name, unsaid.person.masked) == ("合**", True)
    for refused in (
        find(village, receipt, household_id=found.other.household_id),
        village.call(pb.DismissDuplicate(command_id="no", **about(found))),
        sweep(here.client("village-committee@433124110226"), receipt, "433124"),
    ):
        with pytest.raises(CallFailed) as failed:
            await refused
        assert failed.value.code == "PERMISSION_DENIED"


async def test_not_the_same_is_never_asked_again_until_it_is_taken_back(county: Client) -> None:
    receipt = await twice(county)
    (found,) = await find(county, receipt)
    receipt = await county.call(pb.DismissDuplicate(command_id="no", **about(found)))
    assert not await find(county, receipt)
    assert not await sweep(county, receipt, "433124")
    move = composition.MoveMember(
        command_id="move",
        household_id=found.other.household_id,
        person_id=found.other.person_id,
        to_household_id=HOUSEHOLD_ID,
        relation=9,  # type: ignore[arg-type]
        new_head_id=(await county.call(
            GetHousehold(household_id=found.other.household_id)
        )).members[1].person_id,
        effective_on="2020-02-01",
    )  # fmt: skip
    receipt = await county.call(move)
    assert not await find(county, receipt)
    query = pb.ListDuplicateDecisions(region_id="433124", at_least=receipt.position)
    (decided,) = (await county.call(query)).decisions
    assert (decided.decision, decided.next_step) == (pb.DUPLICATE_DECISION_NOT_SAME, 0)
    assert (decided.score, decided.decided_by) == (81, "li-office")
    undo = pb.WithdrawDuplicateDecision(
        command_id="undo",
        person_id=found.other.person_id,
        other_person_id=found.person.person_id,
    )
    receipt = await county.call(undo)
    assert [each.pair_id for each in await find(county, receipt)] == [found.pair_id]
    assert not (await county.call(query)).decisions


async def test_the_same_leads_to_a_merger_and_back(county: Client) -> None:
    receipt = await twice(county)
    (found,) = await find(county, receipt)
    receipt = await county.call(pb.ConfirmDuplicate(command_id="yes", **about(found)))

    async def step(receipt: Receipt) -> Any:
        query = pb.ListDuplicateDecisions(region_id="433124", at_least=receipt.position)
        await find(county, receipt, household_id=found.other.household_id)
        (decided,) = (await county.call(query)).decisions
        return decided.next_step

    assert await step(receipt) == pb.DUPLICATE_STEP_MERGE_HOUSEHOLDS
    pair = {"household_id": HOUSEHOLD_ID, "merged_household_id": found.other.household_id}
    merge = composition.MergeHouseholds(
        command_id="merge",
        **pair,
        same_people=[
            composition.SamePerson(
                person_id=found.other.person_id, kept_person_id=found.person.person_id
            )
        ],
        reason="同一户",
        effective_on="2020-02-01",
    )
    receipt = await county.call(merge)
    assert await step(receipt) == pb.DUPLICATE_STEP_DONE
    undo = pb.WithdrawDuplicateDecision(
        command_id="undo",
        person_id=found.person.person_id,
        other_person_id=found.other.person_id,
    )
    with pytest.raises(CallFailed, match="duplicate-households-merged"):
        await county.call(undo)
    apart = composition.UnmergeHouseholds(
        command_id="apart", **pair, reason="并错了", effective_on="2020-02-02"
    )
    receipt = await county.call(apart)
    assert await step(receipt) == pb.DUPLICATE_STEP_MERGE_HOUSEHOLDS
    receipt = await county.call(undo)
    assert [each.pair_id for each in await find(county, receipt)] == [found.pair_id]


async def test_who_is_erased_leaves_no_key_and_is_nobodys_double(
    here: Running, county: Client
) -> None:
    receipt = await twice(county)
    (found,) = await find(county, receipt)

    def rows(connection: Any) -> tuple[set[str], int]:
        people = set(connection.scalars(select(PEOPLE.c.person_id)))
        return people, connection.scalar(select(func.count()).select_from(KEYS))

    people, keys = await here.views.query(rows)
    # A child has a key of its own, one with its head's sound, and one with the head's alone.
    assert (len(people), keys) == (4, 2 + 2 * 3)
    command = erase_person(found.person.person_id)
    command.command_id = "erase"
    receipt = await county.call(command)
    assert not await find(county, receipt)
    people, keys = await here.views.query(rows)
    assert found.person.person_id not in people
    # What was made with the head's name is gone from the child too.
    assert (len(people), keys) == (3, 1 + 1 + 3)


async def test_who_is_erased_is_forgotten_at_once_where_the_event_is_not_read_yet(
    here: Running, county: Client
) -> None:
    receipt = await twice(county)
    await find(county, receipt)

    def forgotten(connection: Any, ahead: int) -> int:
        read = name_tokens.read_so_far(connection)[receipt.position.partition]
        at = Position(partition=receipt.position.partition, position=read + ahead)
        people_alike.forget(connection, HOUSEHOLD_ID, at)
        return len(people_alike.of_household(connection, HOUSEHOLD_ID))

    assert await here.views.change(lambda each: forgotten(each, 0)) == 2
    assert await here.views.change(lambda each: forgotten(each, 1)) == 0
