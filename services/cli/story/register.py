"""First part: the region list, the county's file, the people in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.cli.story.play import COUNTY, VILLAGE, Stage, Step, command_id, expect, place
from services.registry.editions import read_edition
from services.registry.synthetic import write_csv
from tuopin.registry.v1.household_pb2 import FindPerson, GetHousehold, ListHouseholds
from tuopin.registry.v1.import_pb2 import (
    CommitImport,
    ImportHeader,
    ImportPhase,
    ImportReport,
    UploadImport,
    WatchImport,
)
from tuopin.registry.v1.region_pb2 import AdoptRegions, FindRegions
from tuopin.types.v1.types_pb2 import Edition

HOUSEHOLDS = 12
EFFECTIVE_ON = "2026-01-01"


def adopt_regions(stage: Stage) -> str:
    """One event; the rows are there and can be searched."""
    shipped = read_edition("regions-cn-2023")
    edition = Edition(name=shipped.name, sha256=shipped.sha256, count=shipped.count)
    adopt = AdoptRegions(command_id=command_id(), edition=edition, effective_on=EFFECTIVE_ON)
    receipt = stage.ask("operator", "registry", "AdoptRegions", adopt)
    find = FindRegions(text="十八洞", ancestor_id=COUNTY, page_size=5)
    found = stage.until(
        "the village is found by name",
        lambda: stage.ask("county", "registry", "FindRegions", find).regions,
    )
    expect(found[0].region_id == VILLAGE, f"found {found[0].region_id}")
    return (
        f"{receipt.event_ids[0] if receipt.event_ids else 'already adopted'}: {shipped.count} "
        f"regions, sha256 {shipped.sha256[:12]}…; {found[0].region_id} {' '.join(found[0].path)}"
    )


def refuse_a_bad_file(stage: Stage) -> str:
    """Validate-only: every fault names row, column and reason; nothing is written."""
    good = _file(stage)
    lines = good.read_text(encoding="utf-8-sig").splitlines()
    cells = lines[1].split(",")
    stage.facts["identity_number"] = next(cell for cell in cells if _is_identity(cell))
    broken = lines[1].replace(stage.facts["identity_number"], "433124199001010019")
    bad = stage.folder / "bad.csv"
    bad.write_text("\n".join([lines[0], broken, *lines[2:]]) + "\n", encoding="utf-8")
    report = _validate(stage, bad)
    expect(report.fault_count > 0, "a wrong check digit passed")
    fault = report.faults[0]
    listed = stage.ask("county", "registry", "ListHouseholds", ListHouseholds(region_id=VILLAGE))
    stage.facts["before"] = listed.total
    return f"row {fault.row}, column {fault.column}: {fault.sentence} Households: {listed.total}."


def import_file(stage: Stage) -> str:
    """The same file without the fault: validated, then committed to its end."""
    report = _validate(stage, _file(stage))
    expect(report.fault_count == 0, f"{report.faults}")
    commit = CommitImport(command_id=command_id(), import_id=report.import_id)
    receipt = stage.ask("county", "registry", "CommitImport", commit)

    def finished() -> ImportReport | None:
        watch = WatchImport(import_id=report.import_id)
        for latest in stage.callers["county"].stream("registry", "WatchImport", watch):
            if latest.phase == ImportPhase.IMPORT_PHASE_COMPLETED:
                return ImportReport.FromString(latest.SerializeToString())
        return None

    done = stage.until("the import is complete", finished)
    expect(done.households_done == HOUSEHOLDS, f"{done.households_done} households")
    return f"{place(receipt)}: {report.rows} rows, {done.households_done} households"


def import_again(stage: Stage) -> str:
    """The same file twice changes nothing and says so."""

    def known() -> ImportReport | None:
        # The answer rests on a view: it may take a moment to hear that the import is complete.
        report = _validate(stage, _file(stage))
        return report if report.already_imported else None

    report = stage.until("the same file is known", known)
    return f"import {report.import_id}: already imported, nothing changed"


def find_person(stage: Stage) -> str:
    """By identity number, through the blind index; then open the file."""
    find = FindPerson(identity_number=stage.facts["identity_number"])
    found = stage.ask("county", "registry", "FindPerson", find)
    expect(found.found, "nobody has that identity number")
    household = stage.until(
        "the household's file is there",
        lambda: _household(stage, found.household_id),
    )
    stage.facts["household_id"] = found.household_id
    stage.facts["person_id"] = found.person_id
    listed = stage.ask(
        "county", "registry", "ListHouseholds", ListHouseholds(region_id=VILLAGE, page_size=100)
    )
    others = [h.household_id for h in listed.households if h.household_id != found.household_id]
    stage.facts["other_household_id"] = others[0]
    return (
        f"household {household.household_number} ({found.household_id}), "
        f"{len(household.members)} members, income per head {household.income_per_head_fen} fen, "
        f"line {household.poverty_line_fen} fen, synthetic={household.synthetic}"
    )


def _household(stage: Stage, household_id: str) -> Any:
    request = GetHousehold(household_id=household_id)
    return stage.ask("county", "registry", "GetHousehold", request)


def _file(stage: Stage) -> Path:
    path = stage.folder / "households.csv"
    if not path.exists():
        write_csv(path, HOUSEHOLDS, seed=7, villages=[VILLAGE])
    return path


def _validate(stage: Stage, path: Path) -> ImportReport:
    def pieces() -> Iterator[UploadImport]:
        yield UploadImport(
            header=ImportHeader(
                region_id=COUNTY, source=COUNTY, effective_on=EFFECTIVE_ON, synthetic=True
            )
        )
        yield UploadImport(chunk=path.read_bytes())

    report: ImportReport = stage.callers["county"].upload("registry", "ValidateImport", pieces())
    return report


def _is_identity(cell: str) -> bool:
    return len(cell) == 18 and cell[:17].isdigit()


STEPS = [
    Step("the real region list is adopted and searched", adopt_regions),
    Step("a file with a fault is refused, row by row, and nothing is written", refuse_a_bad_file),
    Step("the corrected file is imported to its end", import_file),
    Step("the same file again changes nothing", import_again),
    Step("a person is found by identity number, sealed all the while", find_person),
]
