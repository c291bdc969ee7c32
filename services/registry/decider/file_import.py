"""An import: validated as a whole, committed by a person, completed by the server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from chassis.decider import Context, Decider, Decisions
from chassis.rejection import require
from tuopin.registry.v1.import_pb2 import (
    IMPORT_PHASE_COMMITTING,
    IMPORT_PHASE_COMPLETED,
    IMPORT_PHASE_UNSPECIFIED,
    IMPORT_PHASE_VALIDATED,
    CommitImport,
    CompleteImport,
    ImportCommitted,
    ImportCompleted,
    ImportPhase,
    ImportValidated,
    RecordValidation,
)

Command = RecordValidation | CommitImport | CompleteImport
Event = ImportValidated | ImportCommitted | ImportCompleted


@dataclass(frozen=True, slots=True)
class State:
    """How far the import is, and what its file holds."""

    import_id: str = ""
    region_id: str = ""
    phase: ImportPhase.ValueType = IMPORT_PHASE_UNSPECIFIED
    households: int = 0
    left_out: int = 0
    # Whose bytes are kept: of two uploads of one file at once, the other is dropped.
    blob_sha256: str = ""


def decide(state: State, command: Command, context: Context) -> Decisions:
    """Each step once; a step taken again changes nothing."""
    match command:
        case RecordValidation():
            return record_validation(state, command)
        case CommitImport():
            return commit_import(state)
        case CompleteImport():
            return complete_import(state, command)
        case _:
            assert_never(command)


def record_validation(state: State, command: RecordValidation) -> Decisions:
    """Every row is valid; the same file again is known already."""
    if state.phase == IMPORT_PHASE_UNSPECIFIED:
        yield command.validated


def commit_import(state: State) -> Decisions:
    """From here on every household of the file gets in."""
    require(state.phase >= IMPORT_PHASE_VALIDATED, "import-not-validated")
    if state.phase == IMPORT_PHASE_VALIDATED:
        yield ImportCommitted(import_id=state.import_id, region_id=state.region_id)


def complete_import(state: State, command: CompleteImport) -> Decisions:
    """The last household is in, or is named with what kept it out."""
    require(state.phase >= IMPORT_PHASE_COMMITTING, "import-not-committed")
    if state.phase == IMPORT_PHASE_COMMITTING:
        yield ImportCompleted(
            import_id=state.import_id,
            region_id=state.region_id,
            households=state.households,
            registered=command.registered,
            unchanged=command.unchanged,
            corrected=command.corrected,
            left_out=state.left_out,
            faults=command.faults,
        )


def evolve(state: State, event: Event) -> State:
    """What the import is after the event."""
    match event:
        case ImportValidated():
            return State(
                event.import_id,
                event.region_id,
                IMPORT_PHASE_VALIDATED,
                event.households,
                event.left_out,
                event.blob.sha256,
            )
        case ImportCommitted():
            return replace(state, phase=IMPORT_PHASE_COMMITTING)
        case ImportCompleted():
            return replace(state, phase=IMPORT_PHASE_COMPLETED)
        case _:
            assert_never(event)


IMPORT: Decider[State] = Decider(
    noun="import",
    topic="import",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={
        RecordValidation: lambda command: command.validated.import_id,
        CommitImport: lambda command: command.import_id,
        CompleteImport: lambda command: command.import_id,
    },
    events=(ImportValidated, ImportCommitted, ImportCompleted),
    region=lambda state: state.region_id,
)
