"""What is exported imports again without change; who takes it has the right, and is on record."""

import tempfile
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.client import CallFailed, Client
from services.registry.exporting.rows import ExportRows
from services.registry.importing.cells import BLANKS, plain
from services.registry.importing.comparing import complete, says_the_same
from services.registry.importing.writing import writing
from tests.registry.files import CODES, HEADER, PROGRAMME, members_of_first, table, text_of
from tests.registry.files import validated as validated_file
from tests.registry.serving import commit, finished, registry, validate
from tests.services.running import Running
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1.export_pb2 import ExportHouseholds, HouseholdsExported

EXPORT = ExportHouseholds(command_id="export-1", region_id="433124", purpose="audit")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Running]:
    async with registry(tmp_path) as running_here:
        yield running_here


@pytest.fixture
def county(here: Running) -> Client:
    return here.client("county-office@433124")


@pytest.fixture
def exporter(here: Running) -> Client:
    return here.client("data-exporter@433124")


async def imported(county: Client, households: int) -> None:
    report = await validate(county, text_of(table(households)).encode())
    await commit(county, report.import_id)
    await finished(county, report.import_id)


async def exported(exporter: Client, command: ExportHouseholds = EXPORT) -> list[pb.Household]:
    return [each async for page in exporter.stream(command) for each in page.households]


def written(households: list[pb.Household], path: Path, language: str) -> bytes:
    rows = ExportRows(CODES, PROGRAMME.table("codes"), language)
    file = writing(path, len(rows.columns))
    file.row(rows.header())
    for household in households:
        for cells in rows.of(household):
            file.row(cells)
    file.close()
    return path.read_bytes()


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_what_is_exported_imports_again_without_change(
    ending: str, language: str, county: Client, exporter: Client, tmp_path: Path
) -> None:
    await imported(county, 20)
    households = await exported(exporter)
    assert len(households) == 20
    data = written(households, tmp_path / f"out.{ending}", language)
    report = await validate(county, data)
    assert report.faults == []
    assert (report.households, report.households_unchanged) == (20, 20)


async def test_an_export_is_on_record_before_anything_leaves(
    here: Running, county: Client, exporter: Client
) -> None:
    await imported(county, 3)
    await exported(exporter)
    await exported(exporter)
    (event,) = await here.events(HouseholdsExported)
    assert (event.region_id, event.purpose, event.exported_by) == ("433124", "audit", "li-office")


async def test_personal_data_leave_only_with_the_right_to_it(
    here: Running, county: Client, exporter: Client
) -> None:
    with pytest.raises(CallFailed) as refused:
        await exported(county)
    assert refused.value.problem.slug == "role-missing"
    elsewhere = ExportHouseholds(command_id="2", region_id="4331", purpose="audit")
    with pytest.raises(CallFailed) as refused:
        await exported(exporter, elsewhere)
    assert refused.value.problem.slug == "region-missing"
    curious = ExportHouseholds(command_id="3", region_id="433124", purpose="curiosity")
    with pytest.raises(CallFailed) as refused:
        await exported(exporter, curious)
    assert refused.value.problem.slug == "export-purpose-not-listed"
    assert await here.events(HouseholdsExported) == []


async def test_an_export_is_of_a_day_and_of_what_was_known(
    county: Client, exporter: Client
) -> None:
    await imported(county, 3)
    before = ExportHouseholds(
        command_id="4", region_id="433124", purpose="audit", as_of="2019-12-31"
    )
    assert await exported(exporter, before) == []
    before.command_id, before.as_of = "5", "2020-01-01"
    assert len(await exported(exporter, before)) == 3
    before.command_id, before.known_at_us = "6", 1
    assert await exported(exporter, before) == []


async def test_erased_people_are_in_no_export_and_their_household_stays_as_it_is(
    here: Running, county: Client, exporter: Client, tmp_path: Path
) -> None:
    await imported(county, 20)
    household = next(each for each in await exported(exporter) if len(each.members) > 1)
    gone = household.members[-1]
    erase = pb.ErasePerson(
        command_id="erase",
        household_id=household.household_id,
        person_id=gone.person_id,
        ground="request",
    )
    await here.seen(await county.call(erase))
    again = ExportHouseholds(command_id="7", region_id="433124", purpose="audit")
    data = written(await exported(exporter, again), tmp_path / "out.csv", "zh")
    assert gone.identity_number.encode() not in data
    report = await validate(county, data)
    assert report.faults == []
    assert report.households_unchanged == 20


# Any file


def _one_of(enum: str) -> st.SearchStrategy[int]:
    values = pb.DESCRIPTOR.enum_types_by_name[enum].values[1:]
    return st.sampled_from([value.number for value in values])


TEXT = (
    st.text(
        st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cf", "Zs", "Zl", "Zp")),
        min_size=1,
        max_size=20,
    )
    | st.sampled_from(['合成,"阿布"\n禾米', "a;b", "1E5", "00012", "=1+1", "'x"])
).filter(lambda text: text.strip() == text and text not in BLANKS)
AMOUNT = st.integers(0, 10**9)


@st.composite
def files(draw: st.DrawFn) -> pb.Household:
    """A household's file with anything in it that a file may hold."""
    rows = table(1, draw(st.integers(1, 50)))
    with tempfile.TemporaryDirectory() as folder:
        command = validated_file(text_of(rows).encode(), Path(folder))[1][0].command
    causes = draw(st.lists(_one_of("Cause"), min_size=1, max_size=3, unique=True))
    file = pb.Household(
        source=draw(st.sampled_from(["433124", "elsewhere"])),
        # Every number that an import has read is plain.
        household_number=draw(TEXT.map(plain).filter(bool)),
        village_id=command.village_id,
        attribute=draw(_one_of("Attribute")),  # type: ignore[arg-type]
        main_cause=causes[0],  # type: ignore[arg-type]
        other_causes=causes[1:],  # type: ignore[arg-type]
        members=command.members,
        address=draw(TEXT),
        needs=draw(st.lists(_one_of("Need"), max_size=3, unique=True)),  # type: ignore[arg-type]
        registered_on=draw(st.dates(date(2010, 1, 1), date(2019, 12, 31))).isoformat(),
        living_conditions=pb.LivingConditions(
            housing_safety=draw(_one_of("HousingSafety")),  # type: ignore[arg-type]
            housing_area_m2=draw(st.integers(0, 10_000)),
            power=draw(st.booleans()),
            fuel=draw(TEXT | st.just("")),
            farmland_mu_e2=draw(st.integers(0, 10**6)),
            forest_mu_e2=draw(st.integers(0, 10**6)),
            main_fuel=draw(_one_of("Fuel")),  # type: ignore[arg-type]
        ),
        income=pb.Income(
            year=draw(st.integers(2016, 2019)),
            wages_fen=draw(AMOUNT),
            one_off_relief_fen=draw(AMOUNT),
        ),
    )
    for member in file.members:
        member.name = draw(TEXT)
        member.health = draw(_one_of("Health"))  # type: ignore[assignment]
        member.at_school = draw(st.booleans())
        member.employment = draw(_one_of("Employment"))  # type: ignore[assignment]
        if member.employment != pb.EMPLOYMENT_NONE:
            member.work_months = draw(st.integers(0, 12))
    return file


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(files(), st.sampled_from(["zh", "en"]), st.sampled_from(["csv", "xlsx"]))
def test_any_file_comes_back_as_it_went(file: pb.Household, language: str, ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = written([file], Path(folder) / f"out.{ending}", language)
        validation, households = validated_file(data, Path(folder), 10**6)
    assert validation.faults.shown == []
    (household,) = households
    command = household.command
    assert (command.source, command.household_number) == (file.source, file.household_number)
    assert command.effective_on == file.registered_on
    complete(command, file, validation.columns)
    assert says_the_same(command, file)


def test_a_file_of_another_household_is_no_repetition() -> None:
    rows = table(1)
    with tempfile.TemporaryDirectory() as folder:
        validation, (household,) = validated_file(text_of(rows).encode(), Path(folder))
    file = pb.Household(source=HEADER.source, members=household.command.members[1:])
    complete(household.command, file, validation.columns)
    assert not says_the_same(household.command, file)
    assert members_of_first(rows) == len(household.command.members)
