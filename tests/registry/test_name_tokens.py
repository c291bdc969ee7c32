"""What people are found by: the tokens, and the table that follows the log."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from chassis.client import Client
from chassis.keys import SqliteKeys
from chassis.sealing import Sealer
from services.registry.decider.file_content import CHANGES
from services.registry.tokening import NAMING, SILENT, TokenKeeper, tokens_passed
from services.registry.tokens import TABLE, Kind, Tokens, tokens_of
from services.registry.views import name_tokens
from services.registry.views.name_tokens import NAME_TOKENS
from tests.registry.files import PROGRAMME
from tests.registry.serving import registry
from tests.registry.stories import HOUSEHOLD_ID, VILLAGE, child, member, register_household
from tests.services.running import Running
from tuopin.registry.v1 import file_pb2 as file
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.types.v1.types_pb2 import Receipt

Row = tuple[int, bytes, str]


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    master_key = bytes(32)
    return Tokens(Sealer(SqliteKeys(":memory:", master_key), master_key), PROGRAMME.table(TABLE))


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Running]:
    async with registry(tmp_path) as running_here:
        yield running_here


@pytest.fixture
def county(here: Running) -> Client:
    return here.client("county-office@433124")


async def found(here: Running, kind: Kind, text: str) -> list[str]:
    """Whom a token finds."""
    token = tokens_of(here.parts).one(kind, text)
    rows = select(NAME_TOKENS.c.person_id).where(
        NAME_TOKENS.c.kind == kind, NAME_TOKENS.c.token == token
    )
    return await here.views.query(lambda each: list(each.scalars(rows)))


async def all_rows(here: Running) -> list[Any]:
    return await here.views.query(
        lambda each: [tuple(r) for r in each.execute(select(NAME_TOKENS))]
    )


async def register(here: Running, county: Client) -> list[pb.Member]:
    """The household of two, once it can be found."""
    receipt: Receipt = await county.call(register_household(command_id="register-1"))
    await tokens_passed(here.parts, receipt.position)
    shown = await county.call(pb.GetHousehold(household_id=HOUSEHOLD_ID, at_least=receipt.position))
    return list(shown.members)


@pytest.mark.parametrize(
    ("name", "kind", "typed"),
    [
        ("张伟", Kind.NAME, " 张　伟 "),
        ("张伟", Kind.SOUND, "ZhangWei"),
        ("张伟", Kind.INITIALS, "zw"),
        ("张小明", Kind.PART, "小明"),
        ("欧阳小明", Kind.PART, "小明"),
        ("单小明", Kind.SOUND, "shanxiaoming"),
        ("单小明", Kind.SOUND, "danxiaoming"),
        ("艾力·买买提", Kind.PART, "买买提"),
        ("艾力·买买提", Kind.NAME, "艾力买买提"),
    ],
)
def test_a_name_is_found_as_people_type_it(
    tokens: Tokens, name: str, kind: Kind, typed: str
) -> None:
    assert (kind, tokens.one(kind, typed)) in tokens.of(name, "")


def test_a_phone_number_is_one_with_and_without_the_country(tokens: Tokens) -> None:
    assert tokens.one(Kind.PHONE, "+8613800000000") == tokens.one(Kind.PHONE, "13800000000")


def test_equal_texts_of_two_kinds_do_not_show_as_equal(tokens: Tokens) -> None:
    assert tokens.one(Kind.NAME, "ma") != tokens.one(Kind.SOUND, "ma")


def test_every_event_of_the_file_is_read_for_names_or_says_nothing_of_them() -> None:
    assert set(NAMING) | set(SILENT) == set(CHANGES)
    assert not set(NAMING) & set(SILENT)


async def test_a_change_of_name_replaces_what_the_person_is_found_by(
    here: Running, county: Client
) -> None:
    head, other = await register(here, county)
    assert await found(here, Kind.NAME, head.name) == [head.person_id]
    assert sorted(await found(here, Kind.ANYONE, "")) == sorted([head.person_id, other.person_id])
    change = file.ChangeMember(
        command_id="change-1",
        household_id=HOUSEHOLD_ID,
        attributes=file.MemberAttributes(
            person_id=head.person_id, name="合成阿木", changed=["name"]
        ),
        effective_on="2020-02-01",
    )
    receipt = await county.call(change)
    await tokens_passed(here.parts, receipt.position)
    assert await found(here, Kind.NAME, head.name) == []
    assert await found(here, Kind.PART, "阿木") == [head.person_id]
    assert await found(here, Kind.PHONE, head.phone) == [head.person_id]


async def test_an_erased_person_is_found_by_nothing(here: Running, county: Client) -> None:
    head, other = await register(here, county)
    receipt = await county.call(
        pb.ErasePerson(
            command_id="erase-1",
            household_id=HOUSEHOLD_ID,
            person_id=head.person_id,
            ground="request",
        )
    )
    assert head.person_id not in {row[4] for row in await all_rows(here)}
    await tokens_passed(here.parts, receipt.position)
    assert {row[4] for row in await all_rows(here)} == {other.person_id}


async def test_the_table_made_anew_is_the_same(here: Running, county: Client) -> None:
    await register(here, county)
    before = await all_rows(here)
    await here.views.change(name_tokens.forget_all)
    keeper = TokenKeeper(here.parts)
    while await keeper.step():
        pass
    assert await all_rows(here) == before
    assert {row[2] for row in before} == {VILLAGE}
    assert {(row[5], row[6]) for row in before} == {
        (member().birth_year, True),
        (child().birth_year, False),
    }
    assert all(len(row[1]) == 16 for row in before if row[0] != Kind.ANYONE)


async def test_of_two_servers_at_once_one_writes(here: Running, county: Client) -> None:
    await register(here, county)
    so_far = await here.views.query(name_tokens.read_so_far)
    beyond = {partition: position + 1 for partition, position in so_far.items()}
    late = dict.fromkeys(so_far, 10_000)
    with pytest.raises(name_tokens.ReadElsewhere):
        await here.views.change(lambda each: name_tokens.move(each, late, beyond))
    assert await here.views.query(name_tokens.read_so_far) == so_far
