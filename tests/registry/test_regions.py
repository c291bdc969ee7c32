"""The region list: loaded by digest, exact, once, and searched."""

import gzip
import hashlib
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, func, select

from chassis.rejection import FactMissing
from services.registry.editions import WrongDigest, count_of, path_of, read_edition, regions_of
from services.registry.spelling import Spelling
from services.registry.views import region_loading, regions
from tuopin.registry.v1.region_pb2 import FindRegions
from tuopin.types.v1.types_pb2 import Edition

SMALL = (
    "code,name\n43,湖南省\n4331,湘西州\n433124,花垣县\n433124110,双龙镇\n433124110226,十八洞村\n"
)
NEWER = SMALL + "433124110227,双龙村\n"


def ship(folder: Path, name: str, text: str) -> Edition:
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    path_of(sha256, folder).write_bytes(gzip.compress(text.encode()))
    return Edition(name=name, sha256=sha256, count=text.count("\n") - 1)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{tmp_path / 'views.db'}")
    regions.create(engine)
    return engine


def rows(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(regions.REGIONS)) or 0


def test_the_shipped_list_is_the_one_that_its_digest_names() -> None:
    edition = read_edition("regions-cn-2023")
    assert edition.count == count_of(edition.sha256) == 665_276


def test_an_unknown_edition_is_not_shipped() -> None:
    with pytest.raises(FileNotFoundError):
        read_edition("regions-cn-1949")


def test_the_shipped_list_loads_whole_and_is_searched(engine: Engine) -> None:
    shipped = read_edition("regions-cn-2023")
    with engine.begin() as connection:
        assert region_loading.load(connection, 1, Edition(name=shipped.name, sha256=shipped.sha256))
    with engine.begin() as connection:
        assert rows(connection) == 665_276
        found = regions.find_regions(connection, FindRegions(text="十八洞", ancestor_id="433124"))
        assert [region.region_id for region in found.regions] == ["433124110226"]
        for typed in ("shibadong", "SBDC"):
            asked = FindRegions(text=typed, ancestor_id="433124")
            again = regions.find_regions(connection, asked)
            assert "433124110226" in [region.region_id for region in again.regions]
        path = ["湖南省", "湘西土家族苗族自治州", "花垣县", "双龙镇", "十八洞村"]
        assert list(found.regions[0].path) == path
        villages = FindRegions(ancestor_id="433124", level=12, page_size=3)
        found = regions.find_regions(connection, villages)
        assert (len(found.regions), found.total) == (3, 228)
        assert regions.find_regions(connection, FindRegions(level=2)).total == 31


def test_an_edition_is_loaded_once(engine: Engine, tmp_path: Path) -> None:
    edition = ship(tmp_path, "old", SMALL)
    with engine.begin() as connection:
        assert region_loading.load(connection, 1, edition, tmp_path)
    with engine.begin() as connection:
        assert not region_loading.load(connection, 1, edition, tmp_path)
        assert rows(connection) == 5


def test_a_changed_file_leaves_no_row(engine: Engine, tmp_path: Path) -> None:
    edition = ship(tmp_path, "old", SMALL)
    path_of(edition.sha256, tmp_path).write_bytes(gzip.compress(NEWER.encode()))
    with pytest.raises(WrongDigest), engine.begin() as connection:
        region_loading.load(connection, 1, edition, tmp_path)
    with engine.begin() as connection:
        assert rows(connection) == 0
        assert region_loading.loaded(connection) == set()


def test_the_edition_adopted_last_is_in_force_and_only_its_changes_are_new_rows(
    engine: Engine, tmp_path: Path
) -> None:
    old, newer = ship(tmp_path, "old", SMALL), ship(tmp_path, "newer", NEWER)
    days = {1: "2020-01-01", 2: "2024-01-01", 3: "2025-01-01"}
    with engine.begin() as connection:
        for version, edition in enumerate((old, newer), 1):
            region_loading.load(connection, version, edition, tmp_path, effective_on=days[version])
        _, name = regions.edition_in_force(connection)
        assert (name, rows(connection)) == ("newer", 6)
        assert regions.is_known(connection, "433124110227")
        assert not regions.is_known(connection, "433124110227", "2023-12-31")
        # Back into force: the same rows again, none doubled.
        region_loading.load(connection, 3, old, tmp_path, effective_on=days[3])
        _, name = regions.edition_in_force(connection)
        assert (name, rows(connection)) == ("old", 6)
        assert not regions.is_known(connection, "433124110227")
        assert regions.is_known(connection, "433124110227", "2024-06-01")


def test_before_the_first_adoption_a_village_is_a_missing_fact(engine: Engine) -> None:
    with engine.begin() as connection, pytest.raises(FactMissing):
        regions.edition_in_force(connection)


def test_names_and_codes_are_searched_literally(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        region_loading.load(connection, 1, ship(tmp_path, "old", SMALL), tmp_path)
        totals = {
            text: regions.find_regions(connection, FindRegions(text=text)).total
            for text in ("", "4331", "村", "%", "99")
        }
    assert totals == {"": 5, "4331": 4, "村": 1, "%": 0, "99": 0}


def test_a_file_is_read_row_by_row(tmp_path: Path) -> None:
    edition = ship(tmp_path, "old", SMALL)
    assert next(regions_of(edition.sha256, tmp_path)) == ("43", "湖南省")


def test_names_are_typed_without_tones() -> None:
    spoken = Spelling()
    assert spoken("十八洞村") == ("shibadongcun", "sbdc")
    assert spoken("吕梁市") == ("lvliangshi", "lls")
    assert spoken("A区1号") == ("aqu1hao", "aq1h")
