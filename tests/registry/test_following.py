"""Households, villages and counties follow a newer edition of the region list."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from google.protobuf.message import Message

from chassis.client import CallFailed, Client
from services.registry import following
from services.registry.decider.household import HOUSEHOLD
from services.registry.decider.region import REGION
from services.registry.views.folding import Version, fold
from services.registry.worker import SERVICE
from tests.given import Given
from tests.registry.editions import mapping, ship, shipped_to, villages
from tests.registry.filing import PARAMETERS, files_after
from tests.registry.stories import (
    HOUSEHOLD_ID,
    child,
    exit_proposed,
    household_registered,
    identity_number,
    member,
    register_household,
)
from tests.registry.subjects import C, V, counties
from tests.registry.subjects import villages as village_rules
from tests.registry.test_village_rules import file as village_file
from tests.services.running import Running, running
from tuopin.funding.v1.ledger_pb2 import ListPayments, PaymentPage
from tuopin.registry.v1 import county_pb2 as county
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1 import village_pb2 as village
from tuopin.registry.v1.figures_pb2 import CountHouseholds
from tuopin.registry.v1.file_pb2 import HouseholdMoved
from tuopin.registry.v1.region_pb2 import (
    AdoptRegions,
    ListRegionChanges,
    PreviewRegions,
    RegionChanges,
    RegionsAdopted,
)
from tuopin.registry.v1.rezoning_pb2 import (
    CompleteFollowing,
    CountyClosed,
    CountySucceeded,
    HouseholdRezoned,
    RegionsFollowed,
    RezoneHousehold,
    SucceedCounty,
    SucceedVillage,
    VillageClosed,
    VillageSucceeded,
)
from tuopin.training.v1.cadre_pb2 import CadrePage, ListCadres
from tuopin.types.v1.types_pb2 import (
    REGION_CHANGE_KIND_MERGED,
    REGION_CHANGE_KIND_MOVED,
    REGION_CHANGE_KIND_SPLIT,
    Edition,
    Position,
)

ROOT = Path(__file__).resolve().parents[2]
A, B = V, "433124110227"
NEW, OTHER = "433124110301", "433124110302"
ON = "2020-02-01"
households = Given(HOUSEHOLD, PARAMETERS)

REZONE = RezoneHousehold(
    household_id=HOUSEHOLD_ID,
    from_village_id=A,
    to_village_id=NEW,
    kind=REGION_CHANGE_KIND_MOVED,
    edition="newer",
    effective_on=ON,
)


def rezoned(now: str = NEW) -> HouseholdRezoned:
    return HouseholdRezoned(
        household_id=HOUSEHOLD_ID,
        village_id=now,
        from_village_id=A,
        to_village_id=NEW,
        kind=REGION_CHANGE_KIND_MOVED,
        edition="newer",
        effective_on=ON,
    )


# Rules


def test_a_household_follows_its_village_even_in_a_procedure() -> None:
    households(household_registered(), exit_proposed()).when(REZONE).then(rezoned())


def test_a_household_that_moved_on_stays_where_it_is_now() -> None:
    moved = HouseholdMoved(
        household_id=HOUSEHOLD_ID, village_id=B, from_village_id=A, effective_on="2020-02-10"
    )
    households(household_registered(), moved).when(REZONE).then(rezoned(now=B))
    told = household_registered(), moved, rezoned(now=B)
    versions = [
        Version(n, each.effective_on, each.DESCRIPTOR.full_name, each.SerializeToString())
        for n, each in enumerate(told, 1)
    ]
    days = ("2020-01-31", ON, "2020-02-10")
    files = [fold(versions, day) for day in days]
    # Between the day of the change and its move it lived in what its village has become.
    assert [each and each.village_id for each in files] == [A, NEW, B]


def test_nobody_follows_that_is_not_there() -> None:
    households().when(REZONE).then_rejected("household-not-known")


def test_a_followed_household_is_the_new_villages() -> None:
    state = households(household_registered(), rezoned()).state()
    assert HOUSEHOLD.region(state) == NEW
    assert files_after(household_registered(), rezoned()).files[HOUSEHOLD_ID].address


SUCCEED = SucceedVillage(
    village_id=B,
    from_village_id=A,
    kind=REGION_CHANGE_KIND_MERGED,
    edition="newer",
    closes=True,
    effective_on=ON,
)
STATED = village.VillageStated(village_id=A, file=village_file(), effective_on="2020-01-10")
POOR = village.VillageDesignated(
    village_id=A, document="2014-1", plan_reference="P-1", effective_on="2020-01-11"
)
EXITED = village.VillageExited(village_id=A, effective_on="2020-01-20")


def succeeded(**changes: object) -> VillageSucceeded:
    told = VillageSucceeded(
        village_id=B,
        from_village_id=A,
        kind=REGION_CHANGE_KIND_MERGED,
        edition="newer",
        status=village.SUBJECT_STATUS_POOR,
        plan_reference="P-1",
        effective_on=ON,
    )
    told.MergeFrom(VillageSucceeded(**changes))  # type: ignore[arg-type]
    return told


CLOSED = VillageClosed(
    village_id=A,
    successor_id=B,
    kind=REGION_CHANGE_KIND_MERGED,
    edition="newer",
    effective_on=ON,
)


def test_a_village_that_others_join_is_as_poor_as_the_poorest() -> None:
    own = village.VillageStated(village_id=B, file=village_file(), effective_on="2020-01-10")
    result = village_rules(own).when(SUCCEED, beside={A: (STATED, POOR)})
    assert result.then(succeeded()).elsewhere == [(A, CLOSED)]


def test_a_moved_village_takes_its_file_along() -> None:
    moved = SucceedVillage()
    moved.CopyFrom(SUCCEED)
    moved.kind = REGION_CHANGE_KIND_MOVED
    closed = VillageClosed()
    closed.CopyFrom(CLOSED)
    closed.kind = REGION_CHANGE_KIND_MOVED
    told = succeeded(file=village_file(), kind=REGION_CHANGE_KIND_MOVED)
    result = village_rules().when(moved, beside={A: (STATED, POOR)})
    assert result.then(told).elsewhere == [(A, closed)]


def test_an_exit_stands_and_one_that_is_under_way_is_proposed_anew() -> None:
    result = village_rules().when(SUCCEED, beside={A: (POOR, EXITED)})
    exited = succeeded(status=village.SUBJECT_STATUS_EXITED, exited_on="2020-01-20")
    assert result.then(exited).elsewhere == [(A, CLOSED)]
    proposed = village.VillageExitProposed(village_id=A, effective_on="2020-01-20")
    result = village_rules().when(SUCCEED, beside={A: (POOR, proposed)})
    assert result.then(succeeded()).elsewhere == [(A, CLOSED)]


def test_a_village_that_stays_is_not_closed_by_what_is_split_from_it() -> None:
    split = SucceedVillage()
    split.CopyFrom(SUCCEED)
    split.kind, split.closes = REGION_CHANGE_KIND_SPLIT, False
    result = village_rules().when(split, beside={A: (POOR,)})
    assert result.then(succeeded(kind=REGION_CHANGE_KIND_SPLIT)).elsewhere == []


def test_a_village_is_succeeded_once_and_only_a_subject_is() -> None:
    village_rules(succeeded()).when(SUCCEED, beside={A: (POOR, CLOSED)}).then_nothing()
    village_rules().when(SUCCEED).then_nothing()


def test_nothing_is_done_in_a_village_that_is_no_more() -> None:
    propose = village.ProposeVillageExit(village_id=A, effective_on=ON)
    village_rules(POOR, CLOSED).when(propose).then_rejected("village-closed", into=B)


def test_a_county_goes_on_under_its_new_code() -> None:
    new_id = "433188"
    command = SucceedCounty(
        county_id=new_id,
        from_county_id=C,
        kind=REGION_CHANGE_KIND_MOVED,
        edition="newer",
        closes=True,
        effective_on=ON,
    )
    designated = county.CountyDesignated(county_id=C, effective_on="2020-01-10")
    told = CountySucceeded(
        county_id=new_id,
        from_county_id=C,
        kind=REGION_CHANGE_KIND_MOVED,
        edition="newer",
        status=village.SUBJECT_STATUS_POOR,
        effective_on=ON,
    )
    closed = CountyClosed(
        county_id=C,
        successor_id=new_id,
        kind=REGION_CHANGE_KIND_MOVED,
        edition="newer",
        effective_on=ON,
    )
    result = counties().when(command, beside={C: (designated,)})
    assert result.then(told).elsewhere == [(C, closed)]
    counties(told).when(command, beside={C: (designated, closed)}).then_nothing()
    apply = county.ApplyForCountyExit(county_id=C, effective_on=ON)
    counties(designated, closed).when(apply).then_rejected("county-closed", into=new_id)


FOLLOWED = RegionsFollowed(edition="newer", households=3)
COMPLETE = CompleteFollowing(edition="newer", households=3)
ADOPTED = RegionsAdopted(
    edition=Edition(name="newer", sha256="a" * 64), effective_on=ON, change_count=1
)


def test_another_edition_waits_until_all_have_followed_the_last() -> None:
    regions = Given(REGION)
    command = AdoptRegions(
        edition=Edition(name="newest", sha256="b" * 64, count=1), effective_on=ON
    )
    regions(ADOPTED).when(command).then_rejected("edition-not-followed-yet", name="newer")
    regions(ADOPTED).when(COMPLETE).then(FOLLOWED)
    regions(ADOPTED, FOLLOWED).when(COMPLETE).then_nothing()


# The service


STAYING = 3
OLD_LIST = [A, B]
ROWS = mapping(
    f"{A},{NEW},moved,{ON},,",
    f"{B},{B},split,{ON},yes,",
    f"{B},{OTHER},split,{ON},,N-8; N-9",
)


def adopt(folder: Path, name: str, codes: list[str], rows: bytes = b"") -> AdoptRegions:
    return AdoptRegions(
        command_id=f"adopt-{name}",
        edition=ship(folder, name, villages(codes)),
        effective_on="2020-01-01" if not rows else "2020-03-01",
        mapping=rows,
    )


def registration(order: int, village_id: str) -> pb.RegisterHousehold:
    people = [
        member(identity_number=identity_number("19700101", 2 * order + 1)),
        child(identity_number=identity_number("20080601", 2 * order + 2)),
    ]
    return register_household(
        command_id=f"r-{order}",
        household_number=f"N-{order}",
        village_id=village_id,
        members=people,
    )


async def settle(here: Running) -> RegionChanges:
    """Everything has followed, and the views know it."""
    await here.until(RegionsFollowed)
    for head in await here.store.heads("region"):
        position = Position(topic="region", partition=head.partition, position=head.position)
        await here.views.wait_for(("following",), position, 10)
    told: RegionChanges = await here.client("operator@").call(ListRegionChanges())
    return told


async def two_of_each(service: str, query: Message, on_behalf_of: str) -> CadrePage | PaymentPage:
    """What training and funding say of each region that changes."""
    assert (service, type(query)) in {("training", ListCadres), ("funding", ListPayments)}
    return (CadrePage if service == "training" else PaymentPage)(total=2)


async def counted(office: Client, region_id: str, as_of: str) -> int:
    request = CountHouseholds(region_id=region_id, as_of=as_of)
    return int((await office.call(request)).households)


@pytest.mark.timeout(60)
async def test_killed_in_the_middle_all_follow_once_and_the_past_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "SETTLED_AFTER_S", 0)
    monkeypatch.setattr("tests.services.running.unasked", two_of_each)
    monkeypatch.setattr(following, "LOOK_EVERY_S", 0.05)
    with shipped_to(tmp_path):
        async with running(SERVICE, tmp_path) as here:
            operator, office = here.client("operator@"), here.client("county-office@433124")
            await operator.call(adopt(tmp_path, "older", OLD_LIST))
            commands = [registration(n, A if n < 7 else B) for n in range(10)]
            outcomes = await office.call(pb.RegisterHouseholds(commands=commands))
            for outcome in outcomes.outcomes:
                await here.seen(outcome.receipt)
            designate = village.DesignateVillage(
                command_id="d", village_id=A, document="2014-1", effective_on="2020-01-11"
            )
            await here.seen(await office.call(designate))
            newer = adopt(tmp_path, "newer", [NEW, B, OTHER], ROWS)
            preview = await operator.call(
                PreviewRegions(edition=newer.edition, effective_on=newer.effective_on, mapping=ROWS)
            )
            assert list(preview.faults) == []
            assert (preview.added, preview.removed, preview.change_count) == (2, 1, 3)
            assert (preview.households, preview.villages) == (9, 1)
            assert (preview.cadres, preview.payments) == (4, 4)
            bad = PreviewRegions(edition=newer.edition, effective_on=newer.effective_on)
            (fault,) = (await operator.call(bad)).faults
            assert (fault.slug, A in fault.sentence) == ("mapping-region-missing", True)
        killed = subprocess.Popen(  # noqa: ASYNC220
            [
                *(sys.executable, "-m", "tests.registry.following_killed", tmp_path),
                newer.SerializeToString().hex(),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert killed.stdout is not None
        assert await asyncio.to_thread(lambda lines: b"some\n" in lines, killed.stdout)
        os.kill(killed.pid, signal.SIGKILL)
        await asyncio.to_thread(killed.wait)
        killed.stdout.close()
        async with running(SERVICE, tmp_path) as here:
            before = Counter(e.household_id for e in await here.events(HouseholdRezoned))
            assert len(before) == STAYING
            told = await settle(here)
            assert (told.followed, told.waiting, told.completed) == (9, 0, True)
            events = await here.events(HouseholdRezoned)
            assert set(Counter(each.household_id for each in events).values()) == {1}
            assert Counter(e.village_id for e in events) == {NEW: 7, OTHER: 2}
            office = here.client("county-office@433124")
            assert [
                [await counted(office, region, day) for region in (A, B, NEW, OTHER)]
                for day in ("2020-01-31", ON, "2020-03-02")
            ] == [[7, 3, 0, 0], [0, 1, 7, 2], [0, 1, 7, 2]]
            (closed,) = await here.events(VillageClosed)
            assert closed.successor_id == NEW
            page = await office.call(village.ListVillages(region_id=NEW))
            assert page.villages[0].status == village.SUBJECT_STATUS_POOR
            with pytest.raises(CallFailed) as refused:
                await office.call(registration(11, A))
            assert refused.value.problem.slug == "village-not-in-regions"
