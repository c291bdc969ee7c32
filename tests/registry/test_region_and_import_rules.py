"""Editions of the region list, and the three steps of an import."""

import pytest

from services.registry.decider.file_import import IMPORT
from services.registry.decider.region import REGION, RegionFile
from tests.given import Given
from tuopin.registry.v1 import import_pb2 as pb
from tuopin.registry.v1.region_pb2 import AdoptRegions, RegionsAdopted
from tuopin.types.v1.types_pb2 import Edition

OLD = Edition(name="cn-2022", sha256="a" * 64, count=2)
NEW = Edition(name="cn-2023", sha256="b" * 64, count=3)

regions = Given(REGION, facts=RegionFile(found=True, count=3))
imports = Given(IMPORT)


def adopt(edition: Edition) -> AdoptRegions:
    return AdoptRegions(edition=edition, effective_on="2020-01-01")


def adopted(edition: Edition) -> RegionsAdopted:
    return RegionsAdopted(edition=edition, effective_on="2020-01-01")


def test_an_edition_is_adopted_by_one_event() -> None:
    regions().when(adopt(NEW)).then(adopted(NEW))


def test_a_newer_edition_follows_an_older_one() -> None:
    regions(adopted(OLD)).when(adopt(NEW)).then(adopted(NEW))


def test_the_edition_in_force_is_not_adopted_again() -> None:
    regions(adopted(NEW)).when(adopt(NEW)).then_nothing()


def test_an_old_edition_can_come_back_into_force() -> None:
    file = RegionFile(found=True, count=2)
    regions(adopted(OLD), adopted(NEW)).when(adopt(OLD), facts=file).then(adopted(OLD))


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
