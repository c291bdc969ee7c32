"""Blocks find what comparing everybody with everybody would find, and nothing that was decided."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.feeding import Batch
from chassis.keys import SqliteKeys
from chassis.sealing import Sealer
from chassis.viewstore import ViewStore
from services.registry import tokens
from services.registry.decider.duplicate import pair_id_of
from services.registry.decider.likeness import NOBODY, TABLE, Person, likeness
from services.registry.hearing import Ear
from services.registry.resemblance import Found, Resemblance
from services.registry.views import duplicates, households, name_tokens, people_alike
from tests.registry.files import PROGRAMME
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1.duplicates_pb2 import DuplicateDecisionWithdrawn, DuplicateDismissed

MASTER_KEY = bytes(32)
READINGS = PROGRAMME.table(tokens.TABLE)["surname_readings"]
COUNTY = "433124"
VILLAGES = ("433124110226", "433124110227", "433124111201")
# Each character with one of the same sound.
HOMOPHONES = {"石": "时", "小": "晓", "华": "桦", "明": "鸣", "龙": "隆", "英": "樱", "玉": "育"}

NAMES = st.builds("合成{}{}".format, st.sampled_from("石龙麻"), st.sampled_from(
    ("小华", "明", "英玉", "小明", "华英")))  # fmt: skip
MEMBERS = st.builds(
    pb.Member,
    name=NAMES,
    birth_year=st.sampled_from((1956, 1957, 1965, 1990)),
    sex=st.sampled_from((pb.SEX_MALE, pb.SEX_FEMALE)),
)
FILES = st.builds(
    pb.Household, village_id=st.sampled_from(VILLAGES), members=st.lists(MEMBERS, min_size=1,
                                                                        max_size=3)
)  # fmt: skip


class Register:
    """The tables of the registry in memory, with these files in them."""

    def __init__(self, files: Sequence[pb.Household], place: str = ":memory:") -> None:
        self.views = ViewStore(place, [households.VIEW, duplicates.VIEW])
        self.views.create()
        self.sealer = Sealer(SqliteKeys(":memory:", MASTER_KEY, inline=True), MASTER_KEY)
        self.ear = Ear(self.sealer, PROGRAMME.table(TABLE), READINGS)
        name_tokens.create(self.views.engine)
        people_alike.create(self.views.engine, self.ear.edition, name_tokens.forget_all)
        self.resemblance = Resemblance(self.views, self.sealer.keys, self.ear)
        self.files = files
        self.position = 0

    async def fill(self) -> None:
        """Put everybody into blocks, sealed."""
        await self.sealer.prepare(self.files)
        rows = []
        for file in self.files:
            sealed = pb.Household()
            sealed.CopyFrom(file)
            self.sealer.seal(sealed)
            names = {each.person_id: each.name for each in file.members}
            rows += list(self.ear.rows(sealed, names))
        await self.views.change(
            lambda each: people_alike.replace(
                each, [file.household_id for file in self.files], rows
            )
        )

    def tell(self, event: Any) -> None:
        """The office says something about a pair."""
        self.position += 1
        envelope = Envelope(
            id=str(self.position),
            type=event.DESCRIPTOR.full_name,
            stream=f"duplicate-{event.pair_id}",
            topic="household",
            position=self.position,
            data=event.SerializeToString(),
        )
        self.views.apply([Batch("household", 0, [(self.position, envelope, None)])])

    def people(self) -> list[Person]:
        """As rules see them."""
        return [
            Person(
                member.person_id,
                file.household_id,
                file.village_id,
                member.birth_year,
                member.sex,
                self.ear.called(member.name),
                self.ear.called(file.members[0].name) if order else NOBODY,
            )
            for file in self.files
            for order, member in enumerate(file.members)
        ]

    async def swept(self) -> dict[str, int]:
        """Pair -> score of everybody below the county."""
        pieces: list[Found] = [each async for each in self.resemblance.below(COUNTY)]
        found = [each for piece in pieces for each in piece.candidates]
        told = {each.pair_id: each.likeness.score for each in found}
        assert len(told) == len(found), "a pair is told twice"
        return told

    async def of_everybody(self) -> dict[str, int]:
        """The same, asked household by household."""
        told: dict[str, int] = {}
        for file in self.files:
            found = await self.resemblance.of_household(file.household_id)
            for each in found.candidates:
                assert told.setdefault(each.pair_id, each.likeness.score) == each.likeness.score
        return told


def named(files: Sequence[pb.Household]) -> list[pb.Household]:
    """With ids, and the first of each household as its head."""
    for number, file in enumerate(files):
        file.household_id = f"household-{number}"
        for order, member in enumerate(file.members):
            member.person_id = f"person-{number}-{order}"
            member.relation = pb.RELATION_CHILD if order else pb.RELATION_HEAD
    return list(files)


def in_a_register(
    files: Sequence[pb.Household],
    look: Callable[[Register], Awaitable[None]],
    place: str = ":memory:",
) -> None:
    async def run() -> None:
        register = Register(named(files), place)
        try:
            await register.fill()
            await look(register)
        finally:
            await register.sealer.keys.close()
            register.views.close()

    asyncio.run(run())


@given(st.lists(FILES, min_size=2, max_size=8))
@settings(max_examples=30, deadline=None)
def test_blocks_find_what_comparing_everybody_finds(files: list[pb.Household]) -> None:
    async def look(register: Register) -> None:
        rules = register.ear.rules
        compared = {
            pair_id_of(one.person_id, other.person_id): likeness(one, other, rules).score
            for one, other in combinations(register.people(), 2)
        }
        expected = {pair: score for pair, score in compared.items() if score >= rules.threshold}
        assert expected == await register.swept() == await register.of_everybody()

    in_a_register(files, look)


@given(st.lists(FILES, min_size=1, max_size=6), st.data())
@settings(max_examples=30, deadline=None)
def test_one_who_stands_twice_by_a_slip_of_the_pen_is_found(
    files: list[pb.Household], data: st.DataObject
) -> None:
    file = data.draw(st.sampled_from(files))
    again = pb.Member()
    again.CopyFrom(data.draw(st.sampled_from(list(file.members))))
    again.name = "".join(HOMOPHONES.get(each, each) for each in again.name)
    other = pb.Household(village_id=file.village_id, members=[again])

    async def look(register: Register) -> None:
        twice = register.files[-1]
        found = await register.resemblance.of_household(twice.household_id)
        ids = {each.other.household_id for each in found.candidates}
        assert file.household_id in ids
        assert {each.pair_id for each in found.candidates} <= set(await register.swept())

    in_a_register([*files, other], look)


@given(st.lists(FILES, min_size=2, max_size=5), st.data())
@settings(max_examples=20, deadline=None)
def test_what_is_not_the_same_is_asked_again_only_when_that_is_taken_back(
    files: list[pb.Household], data: st.DataObject
) -> None:
    files.append(pb.Household(village_id=files[0].village_id, members=[files[0].members[0]]))

    async def look(register: Register) -> None:
        before = await register.swept()
        dismissed = data.draw(st.sets(st.sampled_from(sorted(before)), min_size=1, max_size=3))
        for pair_id in sorted(dismissed):
            register.tell(DuplicateDismissed(pair_id=pair_id, village_id=VILLAGES[0]))
        left = {pair: score for pair, score in before.items() if pair not in dismissed}
        assert left == await register.swept() == await register.of_everybody()
        # Wherever they live later, and however often they are read.
        for file in register.files:
            file.village_id = VILLAGES[0]
        await register.fill()
        assert not dismissed & (await register.swept()).keys()
        assert not dismissed & (await register.of_everybody()).keys()
        again = data.draw(st.sampled_from(sorted(dismissed)))
        register.tell(DuplicateDecisionWithdrawn(pair_id=again))
        assert dismissed & (await register.swept()).keys() <= {again}

    in_a_register(files, look)


def test_postgresql_finds_the_same(postgres_dsn: str) -> None:
    member = {"birth_year": 1956, "sex": pb.SEX_MALE}
    files = [
        pb.Household(village_id=village_id, members=[pb.Member(name=name, **member)])
        for village_id in VILLAGES
        for name in ("合成石小华", "合成时晓桦", "合成龙明")
    ]
    told: list[dict[str, int]] = []

    async def look(register: Register) -> None:
        told.append(await register.swept())
        assert told[-1] == await register.of_everybody()
        register.tell(DuplicateDismissed(pair_id=min(told[-1]), village_id=VILLAGES[0]))
        await register.fill()
        told.append(await register.swept())
        assert told[-1].keys() == told[-2].keys() - {min(told[-2])}

    for place in (":memory:", postgres_dsn):
        in_a_register(files, look, place)
    assert told[:2] == told[2:]
    assert len(told[0]) > 2


def test_a_block_with_too_many_people_is_left_out_and_said() -> None:
    crowd = PROGRAMME.table(TABLE)["block_most"] + 1
    files = [
        pb.Household(
            village_id=VILLAGES[0],
            members=[pb.Member(name="合成石小华", birth_year=1956, sex=pb.SEX_MALE)],
        )
        for _ in range(crowd)
    ]

    async def look(register: Register) -> None:
        found = await register.resemblance.of_household("household-0")
        assert (found.candidates, len(found.crowded)) == ([], 1)

    in_a_register(files, look)


def test_other_rules_than_before_begin_from_nothing() -> None:
    async def look(register: Register) -> None:
        def count(connection: Any) -> int:
            return people_alike.count_below(connection, COUNTY)

        engine = register.views.engine
        people_alike.create(engine, register.ear.edition, name_tokens.forget_all)
        assert await register.views.query(count) == 1
        people_alike.create(engine, "others", name_tokens.forget_all)
        assert await register.views.query(count) == 0

    in_a_register([pb.Household(village_id=VILLAGES[0], members=[pb.Member(name="合成石")])], look)
