"""Editions of the region list, and the three steps of an import."""

from dataclasses import replace

import pytest

from chassis.decider import FactsOutdated
from services.registry.decider.file_import import IMPORT
from services.registry.decider.mapping import MappingFault
from services.registry.decider.region import REGION, RegionFile
from tests.given import Given
from tuopin.registry.v1 import import_pb2 as pb
from tuopin.registry.v1.region_pb2 import AdoptRegions, RegionsAdopted, RegionsMapped
from tuopin.types.v1.types_pb2 import REGION_CHANGE_KIND_MERGED, Edition, RegionChange

OLD = Edition(name="cn-2022", sha256="a" * 64, count=2)
NEW = Edition(name="cn-2023", sha256="b" * 64, count=3)

FILE = RegionFile(found=True, count=3)
AFTER_OLD, AFTER_NEW = replace(FILE, after="cn-2022"), replace(FILE, after="cn-2023")
MERGED = RegionChange(
    old_id="433124110226",
    new_id="433124110230",
    kind=REGION_CHANGE_KIND_MERGED,
    effective_on="2019-07-01",
    default_successor=True,
)
regions = Given(REGION, facts=FILE)
imports = Given(IMPORT)


def adopt(edition: Edition) -> AdoptRegions:
    return AdoptRegions(edition=edition, effective_on="2020-01-01")


def adopted(edition: Edition) -> RegionsAdopted:
    return RegionsAdopted(edition=edition, effective_on="2020-01-01")


def test_an_edition_is_adopted_by_one_event() -> None:
    regions().when(adopt(NEW)).then(adopted(NEW))


def test_a_newer_edition_follows_an_older_one() -> None:
    regions(adopted(OLD)).when(adopt(NEW), facts=AFTER_OLD).then(adopted(NEW))


def test_the_edition_in_force_is_not_adopted_again() -> None:
    regions(adopted(NEW)).when(adopt(NEW)).then_nothing()


def test_an_old_edition_can_come_back_into_force() -> None:
    file = RegionFile(found=True, count=2, after="cn-2023")
    regions(adopted(OLD), adopted(NEW)).when(adopt(OLD), facts=file).then(adopted(OLD))


def test_what_became_of_regions_is_on_record_before_the_edition() -> None:
    file = replace(AFTER_OLD, mapping_sha256="d" * 64, changes=(MERGED,) * 501)
    mapped = [
        RegionsMapped(edition="cn-2023", changes=[MERGED] * count, effective_on="2020-01-01")
        for count in (500, 1)
    ]
    last = RegionsAdopted(
        edition=NEW, effective_on="2020-01-01", mapping_sha256="d" * 64, change_count=501
    )
    regions(adopted(OLD)).when(adopt(NEW), facts=file).then(*mapped, last)


def test_a_mapping_with_a_fault_is_refused_by_its_first() -> None:
    fault = MappingFault(4, "new_code", "mapping-target-not-listed", {"code": "433124110999"})
    (
        regions(adopted(OLD))
        .when(adopt(NEW), facts=replace(AFTER_OLD, faults=(fault,), changes=(MERGED,)))
        .then_rejected("mapping-target-not-listed", line=4, column="new_code", code="433124110999")
    )


def test_the_codes_of_a_newer_edition_rise() -> None:
    file = replace(AFTER_OLD, sorted=False)
    regions(adopted(OLD)).when(adopt(NEW), facts=file).then_rejected("edition-file-not-sorted")


def test_a_newer_edition_is_not_effective_before_the_last() -> None:
    early = AdoptRegions(edition=NEW, effective_on="2019-12-31")
    (
        regions(adopted(OLD))
        .when(early, facts=AFTER_OLD)
        .then_rejected("edition-older-than-last", on="2020-01-01")
    )


def test_an_edition_is_effective_today_at_the_latest() -> None:
    late = AdoptRegions(edition=NEW, effective_on="2020-03-03")
    regions().when(late).then_rejected("effective-date-in-the-future", today="2020-03-02")


def test_a_list_compared_with_other_regions_is_compared_again() -> None:
    with pytest.raises(FactsOutdated):
        regions(adopted(OLD)).when(adopt(NEW), facts=AFTER_NEW).then_nothing()


def test_a_name_stands_for_one_file_for_ever() -> None:
    other = Edition(name="cn-2023", sha256="c" * 64, count=3)
    regions(adopted(NEW)).when(adopt(other)).then_rejected("edition-name-already-used")


def test_the_file_of_an_edition_must_be_at_hand() -> None:
    regions().when(adopt(NEW), facts=RegionFile(False)).then_rejected("edition-file-not-found")


def test_the_count_must_be_that_of_the_file() -> None:
    (
        regions()
        .when(adopt(NEW), facts=RegionFile(True, count=4))
        .then_rejected("edition-count-not-of-file", count=4)
    )


VALIDATED = pb.ImportValidated(import_id="import-1", region_id="433124", households=3)
COMMITTED = pb.ImportCommitted(import_id="import-1", region_id="433124")
COMPLETED = pb.ImportCompleted(
    import_id="import-1", region_id="433124", households=3, registered=2, unchanged=1
)
record = pb.RecordValidation(validated=VALIDATED)
commit = pb.CommitImport(import_id="import-1")
complete = pb.CompleteImport(import_id="import-1", registered=2, unchanged=1)


def test_a_valid_file_is_recorded() -> None:
    imports().when(record).then(VALIDATED)


@pytest.mark.parametrize(
    "before",
    [(VALIDATED,), (VALIDATED, COMMITTED), (VALIDATED, COMMITTED, COMPLETED)],
    ids=["validated", "committed", "completed"],
)
def test_the_same_file_again_changes_nothing(before: tuple[pb.ImportValidated]) -> None:
    imports(*before).when(record).then_nothing()


def test_a_validated_import_is_committed() -> None:
    imports(VALIDATED).when(commit).then(COMMITTED)


def test_an_import_is_validated_before_it_is_committed() -> None:
    imports().when(commit).then_rejected("import-not-validated")


def test_a_commit_again_changes_nothing() -> None:
    imports(VALIDATED, COMMITTED).when(commit).then_nothing()


def test_a_committed_import_is_completed_once() -> None:
    imports(VALIDATED, COMMITTED).when(complete).then(COMPLETED)
    imports(VALIDATED, COMMITTED, COMPLETED).when(complete).then_nothing()


def test_an_import_is_committed_before_it_is_completed() -> None:
    imports(VALIDATED).when(complete).then_rejected("import-not-committed")
