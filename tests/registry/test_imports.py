"""An import from upload to completion, over gRPC, killed and started again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.client import CallFailed, Client
from services.registry.importing import running as import_running
from services.registry.synthetic import COLUMNS
from tests.registry.files import changed, table, text_of
from tests.registry.serving import HEADER, commit, finished, registry, validate
from tests.registry.stories import member, register_household
from tests.services.running import Running
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1 import import_pb2 as imports
from tuopin.registry.v1.correction_pb2 import HouseholdCorrected
from tuopin.registry.v1.import_pb2 import ImportHeader

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Running]:
    async with registry(tmp_path) as running_here:
        yield running_here


@pytest.fixture
def county(here: Running) -> Client:
    return here.client("county-office@433124")


def sound(households: int = 5) -> bytes:
    return text_of(table(households)).encode()


def elsewhere(person: pb.Member) -> pb.RegisterHousehold:
    """Another household with this person."""
    return register_household(
        command_id="elsewhere", household_number="elsewhere", members=[person]
    )


async def total(here: Running) -> int:
    """Events on the topic household."""
    return sum(head.position for head in await here.store.heads("household"))


def blobs(here: Running) -> list[str]:
    return [name for name in here.files() if name.startswith("blobs/")]


async def test_a_file_is_validated_first_and_changes_nothing(here: Running, county: Client) -> None:
    report = await validate(county, sound())
    assert report.phase == imports.IMPORT_PHASE_VALIDATED
    assert (report.rows, report.households) == (len(table(5)) - 1, 5)
    assert not report.already_imported
    assert await total(here) == 0


async def test_a_committed_file_enters_household_by_household(
    here: Running, county: Client
) -> None:
    report = await validate(county, sound())
    await commit(county, report.import_id)
    done = await finished(county, report.import_id)
    assert done.phase == imports.IMPORT_PHASE_COMPLETED
    assert (done.households_done, done.households_unchanged, done.fault_count) == (5, 0, 0)
    listed = (await county.call(pb.ListHouseholds(region_id="433124"))).households
    assert len(listed) == await total(here) == 5
    shown = await county.call(pb.GetHousehold(household_id=listed[0].household_id))
    assert shown.members[0].name.startswith("合成")
    assert shown.synthetic
    assert shown.file[0].reference == report.import_id


async def test_at_its_end_nothing_of_the_file_is_left(here: Running, county: Client) -> None:
    report = await validate(county, sound())
    assert len(blobs(here)) == 1
    (event,) = await here.events(imports.ImportValidated)
    await commit(county, report.import_id)
    await finished(county, report.import_id)
    for _ in range(100):
        if not blobs(here):
            break
        await asyncio.sleep(0.05)
    assert blobs(here) == []
    await here.parts.keys.fetch([event.blob.subject_id])
    assert here.parts.keys.get(event.blob.subject_id) is None
    assert [name for name in here.files() if name.startswith("scratch/")] == []


async def test_nothing_personal_of_a_file_lies_on_the_disk(here: Running, county: Client) -> None:
    rows = table()
    cells = dict(zip(COLUMNS, rows[1], strict=True))
    await validate(county, text_of(rows).encode())
    for name, content in here.files().items():
        for column in ("name", "identity_number", "bank_card", "address"):
            assert cells[column].encode() not in content, (name, column)


async def test_a_file_with_a_fault_leaves_nothing(here: Running, county: Client) -> None:
    report = await validate(county, changed(2, "identity_number", "990001197001010019"))
    assert report.phase == imports.IMPORT_PHASE_REJECTED
    assert report.fault_count == 1
    fault = report.faults[0]
    assert (fault.row, fault.column, fault.slug) == (
        2,
        "identity_number",
        "identity-number-not-valid",
    )
    assert fault.sentence.startswith("The identity number does not agree")
    assert blobs(here) == []
    assert await here.store.heads("import") == [
        head for head in await here.store.heads("import") if head.position == 0
    ]


async def test_the_same_file_twice_changes_nothing_and_says_so(
    here: Running, county: Client
) -> None:
    report = await validate(county, sound())
    await commit(county, report.import_id)
    await finished(county, report.import_id)
    again = await validate(county, sound())
    assert again.already_imported
    assert again.import_id == report.import_id
    assert again.households_unchanged == 5
    await commit(county, report.import_id)
    assert await total(here) == 5


async def test_a_file_validated_twice_is_kept_once(here: Running, county: Client) -> None:
    first, second = await asyncio.gather(validate(county, sound()), validate(county, sound()))
    assert first.import_id == second.import_id
    assert len(blobs(here)) == 1
    await commit(county, first.import_id)
    assert (await finished(county, first.import_id)).households_done == 5


async def test_a_longer_file_adds_what_is_new(here: Running, county: Client) -> None:
    first = await validate(county, sound(3))
    await commit(county, first.import_id)
    await finished(county, first.import_id)
    longer = await validate(county, sound(5))
    assert (longer.households, longer.households_unchanged) == (5, 3)
    await commit(county, longer.import_id)
    done = await finished(county, longer.import_id)
    assert (done.households_done, done.households_unchanged) == (2, 3)
    assert await total(here) == 5


async def test_a_household_that_says_something_else_is_corrected(
    here: Running, county: Client
) -> None:
    first = await validate(county, sound())
    await commit(county, first.import_id)
    await finished(county, first.import_id)
    report = await validate(county, changed(2, "name", "合成别名", table(5)))
    assert report.faults == []
    assert (report.households_unchanged, report.households_corrected) == (4, 1)
    await commit(county, report.import_id)
    done = await finished(county, report.import_id)
    assert (done.households_done, done.households_corrected, done.fault_count) == (0, 1, 0)
    (event,) = await here.events(HouseholdCorrected)
    assert (event.corrected, event.import_id) == (["members"], report.import_id)
    shown = await county.call(pb.GetHousehold(household_id=event.household_id))
    assert shown.members[0].name == "合成别名"
    again = await validate(county, changed(2, "name", "合成别名", table(5)))
    assert again.already_imported


async def test_a_person_of_another_household_is_a_fault(here: Running, county: Client) -> None:
    number = table()[1][COLUMNS.index("identity_number")]
    taken = member(identity_number=number, birth_year=int(number[6:10]))
    receipt = await county.call(elsewhere(taken))
    await here.seen(receipt)
    report = await validate(county, sound())
    assert [(each.row, each.column, each.slug) for each in report.faults] == [
        (2, "identity_number", "person-already-in-household")
    ]


async def test_a_village_that_the_list_lacks_is_a_fault(county: Client) -> None:
    rows = table()[:2]
    report = await validate(county, changed(2, "village_id", "433124999999", rows))
    assert [(each.column, each.slug) for each in report.faults] == [
        ("village_id", "village-not-in-regions")
    ]


async def test_a_household_that_lost_its_claim_is_named_and_the_rest_stands(
    here: Running, county: Client
) -> None:
    report = await validate(county, sound())
    number = table()[1][COLUMNS.index("identity_number")]
    taken = member(identity_number=number, birth_year=int(number[6:10]))
    await county.call(elsewhere(taken))
    await commit(county, report.import_id)
    done = await finished(county, report.import_id)
    assert (done.households_done, done.fault_count) == (4, 1)
    assert (done.faults[0].row, done.faults[0].slug) == (2, "person-already-in-household")
    assert done.faults[0].sentence


async def test_an_import_must_be_known_validated_and_ones_own(
    here: Running, county: Client
) -> None:
    with pytest.raises(CallFailed) as refused:
        await commit(county, "nothing")
    assert refused.value.problem.slug == "import-not-validated"
    with pytest.raises(CallFailed) as refused:
        await finished(county, "nothing")
    assert refused.value.problem.slug == "import-not-known"
    report = await validate(county, sound())
    with pytest.raises(CallFailed) as refused:
        await commit(here.client("county-office@433125"), report.import_id)
    assert refused.value.code == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (
            ImportHeader(region_id="433124x", source="x", effective_on="2020-01-01"),
            "INVALID_ARGUMENT",
        ),
        (ImportHeader(region_id="433124", source="", effective_on="2020"), "INVALID_ARGUMENT"),
        (
            ImportHeader(region_id="433124", source="x", effective_on="2999-01-01"),
            "FAILED_PRECONDITION",
        ),
        (
            ImportHeader(region_id="11", source="x", effective_on="2020-01-01"),
            "PERMISSION_DENIED",
        ),
    ],
    ids=["region", "source", "future", "other-region"],
)
async def test_the_header_of_an_upload_is_checked(
    header: ImportHeader, code: str, county: Client
) -> None:
    with pytest.raises(CallFailed) as refused:
        await validate(county, sound(), header)
    assert refused.value.code == code


async def test_a_stopped_import_goes_on_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_running, "BATCH_HOUSEHOLDS", 3)
    async with registry(tmp_path) as here:
        county = here.client("county-office@433124")
        report = await validate(county, sound(40))
        await commit(county, report.import_id)
        await here.until(pb.HouseholdRegistered)
    async with registry(tmp_path) as here:
        done = await finished(here.client("county-office@433124"), report.import_id)
        assert (done.households_done, done.fault_count) == (40, 0)
        assert await total(here) == 40


@pytest.mark.parametrize("wait_s", [0.0, 0.15, 0.4])
async def test_a_killed_import_is_resumed_to_its_end_with_no_household_twice(
    wait_s: float, tmp_path: Path
) -> None:
    households = 400
    async with registry(tmp_path) as here:
        report = await validate(here.client("county-office@433124"), sound(households))
    child = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "tests.registry.committing", tmp_path, report.import_id],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert await asyncio.to_thread(child.stdout.readline) == b"committed\n"
    await asyncio.sleep(wait_s)
    os.kill(child.pid, signal.SIGKILL)
    await asyncio.to_thread(child.wait)
    child.stdout.close()
    async with registry(tmp_path) as here:
        done = await finished(here.client("county-office@433124"), report.import_id)
        assert (done.households_done, done.fault_count) == (households, 0)
        assert await total(here) == households
        numbers = {event.household_number for event in await here.events(pb.HouseholdRegistered)}
        assert len(numbers) == households
        assert blobs(here) == []


async def test_an_upload_that_breaks_off_leaves_nothing(here: Running, county: Client) -> None:
    async def pieces() -> AsyncIterator[imports.UploadImport]:
        yield imports.UploadImport(header=HEADER)
        yield imports.UploadImport(chunk=sound()[:500])
        await asyncio.sleep(30)

    call = asyncio.create_task(county.upload(pieces(), imports.UploadImport))
    await asyncio.sleep(0.3)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    until = time.monotonic() + 10
    while [name for name in here.files() if name.startswith(("blobs/", "scratch/"))]:
        assert time.monotonic() < until
        await asyncio.sleep(0.05)
