"""Tokens and records with old region codes, under newer editions of the list."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.access import Forbidden, allowed, rules
from chassis.clock import SystemClock
from chassis.decider import Actor
from chassis.follow import Follower
from chassis.store import Append, NewEvent, SqliteStore, StreamWrite
from chassis.succession import Succession
from chassis.viewstore import ViewStore
from services.succession import VIEW, Keeper
from tuopin.planning.v1 import service_pb2
from tuopin.registry.v1.region_pb2 import RegionsAdopted, RegionsMapped
from tuopin.types.v1.types_pb2 import Edition, RegionChange

OLD, NEW, NEWER, PART = "433124110226", "433125110226", "433126110226", "433126110227"
SERVICE = service_pb2.DESCRIPTOR.services_by_name["PlanningService"]
METHOD = "/tuopin.planning.v1.PlanningService/ListPlans"


def change(old_id: str, new_id: str, is_default: bool = True) -> RegionChange:
    return RegionChange(old_id=old_id, new_id=new_id, default_successor=is_default)


def chain() -> Succession:
    succession = Succession()
    succession.add([change(OLD, NEW)])
    succession.add([change(NEW, PART, is_default=False), change(NEW, NEWER)])
    return succession


def test_a_code_leads_through_every_edition_to_today() -> None:
    found = chain()
    assert [found.current(each) for each in (OLD, NEW, NEWER, "43")] == [NEWER, NEWER, NEWER, "43"]
    assert found.held(OLD) == (OLD, NEWER, PART)
    assert found.held(PART) == (PART,)


def test_all_of_an_edition_happens_at_once() -> None:
    succession = Succession()
    succession.add([change("11", "12"), change("12", "13")])
    assert (succession.current("11"), succession.current("12")) == ("12", "12")


def test_a_code_that_comes_back_is_itself_again() -> None:
    found = chain()
    found.add([change(NEWER, OLD)])
    assert found.current(OLD) == OLD
    assert found.current(NEWER) == OLD


def test_a_region_that_something_was_split_from_stays_itself() -> None:
    succession = Succession()
    succession.add([change(OLD, OLD), change(OLD, PART, is_default=False)])
    assert succession.current(OLD) == OLD
    assert succession.held(OLD) == (OLD,)


@pytest.mark.parametrize(
    ("office", "region", "may"),
    [
        (OLD, NEWER, True),
        (OLD, OLD, True),
        ("433126", OLD, True),
        ("433124", OLD, False),
        ("433124", "433124110", True),
        ("433126", "433124110", False),
        (PART, OLD, False),
    ],
)
def test_an_old_token_holds_what_came_of_its_region_and_an_old_record_is_the_new_offices(
    office: str, region: str, may: bool
) -> None:
    rule = rules(SERVICE, chain())[METHOD]
    actor = Actor(subject="li", roles={"township-office": (office,)})
    if may:
        allowed(rule, actor, region)
        return
    with pytest.raises(Forbidden):
        allowed(rule, actor, region)


@pytest.fixture
def views(tmp_path: Path) -> Iterator[ViewStore]:
    found = ViewStore(str(tmp_path / "views.db"), (VIEW,), (), clock=SystemClock())
    found.create()
    yield found
    found.close()


async def test_each_service_hears_of_the_changes_and_counts_them_once_adopted(
    views: ViewStore, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "events.db", ("region",), SystemClock())
    await store.open()
    following = asyncio.ensure_future(Follower({"region": store}, views).run())
    succession = Succession()
    keeper = Keeper(views, succession, SystemClock())
    editions = [[change(OLD, NEW)], [change(NEW, NEWER), change(NEW, PART, is_default=False)]]
    meant = []
    for number, changes in enumerate(editions):
        mapped = RegionsMapped(edition=f"e{number}", changes=changes)
        adopted = RegionsAdopted(edition=Edition(name=f"e{number}"))
        for event in (mapped, adopted):
            version = len(await store.load("region-cn"))
            data = event.SerializeToString(deterministic=True)
            new = NewEvent(event.DESCRIPTOR.full_name, data, "2020-01-01")
            write = StreamWrite("region", "region-cn", version, (new,))
            append = Append(command_id=f"c-{version}", digest=b"", writes=(write,))
            receipt = await store.append(append)
            await views.wait_for((VIEW.name,), receipt.position, 10)
            await keeper.look()
            meant.append(succession.current(OLD))
    assert meant == [OLD, NEW, NEW, NEWER]
    assert succession.held(OLD) == (OLD, NEWER, PART)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await store.close()
