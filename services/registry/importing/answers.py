"""What is told about a file: faults and notes as they are found, the report at last."""

from collections.abc import Iterable, Iterator, Sequence

from chassis.programme import Programme
from services.registry.importing.households import RowFault
from services.registry.importing.matching import Matching
from services.registry.importing.validation import Validation
from tuopin.registry.v1.import_pb2 import (
    IMPORT_PHASE_REJECTED,
    IMPORT_PHASE_VALIDATED,
    ImportFault,
    ImportReport,
)

FAULTS_A_MESSAGE = 500


class Answers:
    """To one caller, in their language."""

    def __init__(self, programme: Programme, language: str) -> None:
        self._programme = programme
        self._language = language

    def told(self, validation: Validation) -> Iterator[list[ImportFault]]:
        """What was found since the last time."""
        found = validation.faults.take()
        for start in range(0, len(found), FAULTS_A_MESSAGE):
            yield self._said(found[start : start + FAULTS_A_MESSAGE], validation)

    def rejected(self, validation: Validation, matching: Matching) -> ImportReport:
        """Nothing gets in."""
        return self._report(IMPORT_PHASE_REJECTED, validation, matching)

    def validated(self, validation: Validation, matching: Matching) -> ImportReport:
        """What is sound can be committed."""
        return self._report(IMPORT_PHASE_VALIDATED, validation, matching)

    def _report(self, phase: int, validation: Validation, matching: Matching) -> ImportReport:
        faults = validation.faults
        return ImportReport(
            phase=phase,  # type: ignore[arg-type]
            rows=validation.rows,
            households=validation.households,
            households_unchanged=matching.unchanged,
            households_corrected=matching.differing,
            fault_count=faults.count,
            faults=self._said(_by_row(faults.shown), validation),
            note_count=faults.note_count,
            notes=self._said(_by_row(faults.notes), validation),
        )

    def _said(self, found: Iterable[RowFault], validation: Validation) -> list[ImportFault]:
        return [
            ImportFault(
                row=fault.row,
                column=validation.column(fault.column),
                slug=fault.slug,
                sentence=self._programme.sentence(fault.slug, self._language, fault.details),
                note=fault.note,
            )
            for fault in found
        ]


def _by_row(faults: Sequence[RowFault]) -> list[RowFault]:
    return sorted(faults, key=lambda fault: fault.row)
