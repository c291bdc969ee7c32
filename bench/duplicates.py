"""Who may be one person twice: candidates for one person, and a sweep over everybody of a county.

Invented people in villages of one size, so that a county of ten times the people has ten times the
villages; one in a hundred stands there twice under a name of the same sound, and must be found.
Keys, sealed names, blocks and scores are the server's own; there is no gRPC in it.
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select

from chassis.keys import SqliteKeys
from chassis.programme import Programme
from chassis.sealing import Sealer
from chassis.viewstore import ViewStore
from services.registry import tokens
from services.registry.decider.likeness import TABLE
from services.registry.hearing import Ear
from services.registry.resemblance import Resemblance
from services.registry.views import duplicates, households, people_alike
from services.registry.views.name_tokens import METADATA as TOKENS
from services.registry.views.name_tokens import forget_all
from services.registry.views.people_alike import PEOPLE
from tuopin.registry.v1 import household_pb2 as pb

PROGRAMME = Path(__file__).resolve().parent.parent / "programme"
MASTER_KEY = bytes(range(32))
COUNTY = "433124"
VILLAGE_HOUSEHOLDS = 300
TOWNSHIP_VILLAGES = 12
TWICE_SHARE = 0.01
BATCH_HOUSEHOLDS = 1_000
ASKED_PEOPLE = 1_000
# What one household has on average.
HOUSEHOLD_PEOPLE = 3.5
TARGET_MS = 20.0
LINEAR = 0.8
TENTH = 20_000
# Characters drawn like those of real names: few are common, many are rare.
SURNAMES = (
    "李王张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕石龙田麻向"
)
GIVEN = (
    "英华玉秀文明金红兰春志国建小海军平丽云梅珍贵林成生德清福辉荣永光宝凤美桂霞芳强飞桃香莲花艳娟"
    "燕龙波勇刚涛斌超鹏杰磊洋浩宇轩晨阳欣怡佳琪雨婷静雪慧敏洁莹颖琳瑶月星心思梦可若依诗涵子睿泽俊"
)
# The same sound, written otherwise.
HOMOPHONES = {
    "英": "樱",
    "华": "桦",
    "玉": "育",
    "文": "闻",
    "明": "鸣",
    "金": "今",
    "兰": "蓝",
    "志": "智",
}


def rows(quick: bool) -> list[dict[str, Any]]:
    """Latency and rate, and the rate with a tenth of the people."""
    return compared(2_000 if quick else TENTH)


def compared(people: int) -> list[dict[str, Any]]:
    """So many people in a county, and ten times as many."""
    few, many = (asyncio.run(_measured(count)) for count in (people, 10 * people))
    size = f"{many['people']:,.0f} people"
    return [
        {
            "name": "duplicates, candidates for one person, p99",
            "value": round(many["p99_ms"], 2),
            "unit": "ms",
            "against": f"target, {size}",
            "against_value": TARGET_MS,
            "ratio": round(many["p99_ms"] / TARGET_MS, 4),
            "target": "<= 1",
        },
        {
            "name": "duplicates, sweep of a county",
            "value": round(many["swept"]),
            "unit": "people/s",
            "against": f"a tenth of {size}",
            "against_value": round(few["swept"]),
            "ratio": round(many["swept"] / few["swept"], 3),
            "target": LINEAR,
        },
        {
            "name": "duplicates, people put into blocks",
            "value": round(many["filled"]),
            "unit": "people/s",
            "against": f"a tenth of {size}",
            "against_value": round(few["filled"]),
            "ratio": round(many["filled"] / few["filled"], 3),
            "target": "",
        },
    ]


async def _measured(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bench-duplicates-") as folder:
        views = ViewStore(str(Path(folder, "views.db")), [households.VIEW, duplicates.VIEW])
        views.create()
        keys = SqliteKeys(Path(folder, "keys.db"), MASTER_KEY)
        sealer = Sealer(keys, MASTER_KEY)
        programme = Programme.load(PROGRAMME)
        readings = programme.table(tokens.TABLE)["surname_readings"]
        ear = Ear(sealer, programme.table(TABLE), readings)
        TOKENS.create_all(views.engine)
        people_alike.create(views.engine, ear.edition, forget_all)
        try:
            return await _in(views, sealer, ear, count)
        finally:
            await keys.close()
            views.close()


async def _in(views: ViewStore, sealer: Sealer, ear: Ear, count: int) -> dict[str, float]:
    started = time.perf_counter()
    twice = await _fill(views, sealer, ear, count)
    total = await views.query(lambda each: people_alike.count_below(each, COUNTY))
    filled = total / (time.perf_counter() - started)
    resemblance = Resemblance(views, sealer.keys, ear)
    # The tables of sounds are read at the first name.
    took = await _asked(views, resemblance)
    started = time.perf_counter()
    pairs = set()
    async for found in resemblance.below(COUNTY):
        pairs |= {
            frozenset((each.person.person_id, each.other.person_id)) for each in found.candidates
        }
        assert not found.crowded
    swept = total / (time.perf_counter() - started)
    assert twice <= pairs, f"{len(twice - pairs)} of {len(twice)} are missing"
    return {
        "people": float(total),
        "filled": filled,
        "swept": swept,
        "p99_ms": statistics.quantiles(took, n=100)[98],
    }


async def _asked(views: ViewStore, resemblance: Resemblance) -> list[float]:
    def everybody(connection: Connection) -> list[Any]:
        return list(connection.execute(select(PEOPLE.c.household_id, PEOPLE.c.person_id)))

    people = await views.query(everybody)
    took = []
    for household_id, person_id in random.Random(11).choices(people, k=ASKED_PEOPLE):
        started = time.perf_counter()
        await resemblance.of_household(household_id, person_id)
        took.append((time.perf_counter() - started) * 1_000)
    return took


async def _fill(views: ViewStore, sealer: Sealer, ear: Ear, count: int) -> set[frozenset[str]]:
    """The pairs that stand there twice."""
    twice: set[frozenset[str]] = set()
    files = _files(round(count / HOUSEHOLD_PEOPLE), twice)
    while batch := list(islice(files, BATCH_HOUSEHOLDS)):
        await sealer.prepare(batch)
        alike: list[people_alike.AlikeRow] = []
        for file in batch:
            names = {each.person_id: each.name for each in file.members}
            sealer.seal(file)
            alike += ear.rows(file, names)
        stored = [
            {
                "household_id": file.household_id,
                "household_number": file.household_number,
                "village_id": file.village_id,
                "status": pb.HOUSEHOLD_STATUS_REGISTERED,
            }
            for file in batch
        ]

        def write(
            connection: Connection, batch: Any = batch, alike: Any = alike, stored: Any = stored
        ) -> None:
            connection.execute(insert(households.HOUSEHOLDS), stored)
            people_alike.replace(connection, [file.household_id for file in batch], alike)

        await views.change(write)
    return twice


def _files(count: int, twice: set[frozenset[str]]) -> Iterator[pb.Household]:
    drawn = random.Random(count)
    shown: pb.Member | None = None
    for number in range(count):
        township, village = divmod(number // VILLAGE_HOUSEHOLDS, TOWNSHIP_VILLAGES)
        file = pb.Household(
            household_id=f"household-{number}",
            household_number=str(number),
            village_id=f"{COUNTY}{100 + township:03}{200 + village:03}",
        )
        surname = _drawn(drawn, SURNAMES)
        for order in range(drawn.choice((2, 3, 4, 5))):
            head = order == 0
            file.members.add(
                person_id=f"{number}-{order}",
                name="合成"
                + (surname if head or drawn.random() < 0.6 else _drawn(drawn, SURNAMES))
                + "".join(_drawn(drawn, GIVEN) for _ in range(drawn.choice((1, 2, 2, 2)))),
                relation=pb.RELATION_HEAD if head else pb.RELATION_CHILD,
                birth_year=drawn.randrange(1935, 2019),
                sex=drawn.choice((pb.SEX_MALE, pb.SEX_FEMALE)),
            )
        if shown is not None and number % VILLAGE_HOUSEHOLDS:
            member = file.members[-1]
            member.name = "".join(HOMOPHONES.get(each, each) for each in shown.name)
            member.birth_year, member.sex = shown.birth_year, shown.sex
            twice.add(frozenset((shown.person_id, member.person_id)))
        shown = None
        if drawn.random() < TWICE_SHARE * HOUSEHOLD_PEOPLE:
            shown = pb.Member()
            shown.CopyFrom(file.members[-1])
        yield file


def _drawn(drawn: random.Random, characters: str) -> str:
    """The first ones most often."""
    return characters[int(len(characters) * drawn.random() ** 2)]


if __name__ == "__main__":
    # A tenth of the million: python -m bench.duplicates 100000
    for row in compared(int(sys.argv[1])):
        print(row)
