"""How far an import is, told until it is complete."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from services.registry.views.imports import report_of
from services.wiring import ServeParts
from tuopin.registry.v1.import_pb2 import (
    IMPORT_PHASE_COMMITTING,
    IMPORT_PHASE_COMPLETED,
    ImportReport,
)

TOLD_EVERY_S = 0.25


async def watch(parts: ServeParts, import_id: str, language: str) -> AsyncIterator[ImportReport]:
    """Reports while something can still change by itself; the last one is the result."""
    while True:
        moves = parts.views.moves_count
        state, _ = await parts.handler.state("import", import_id)
        report = await parts.views.query(lambda connection: report_of(connection, import_id))
        if report is not None:
            for fault in report.faults:
                fault.sentence = parts.programme.sentence(fault.slug, language)
            yield report
            if report.phase == IMPORT_PHASE_COMPLETED or state.phase < IMPORT_PHASE_COMMITTING:
                return
        await _told_again(parts, import_id, moves)


async def _told_again(parts: ServeParts, import_id: str, moves: int) -> None:
    """A moment later, and as soon as the views hear of the end."""
    with suppress(TimeoutError):
        async with asyncio.timeout(TOLD_EVERY_S):
            while True:
                await parts.views.moved(moves, TOLD_EVERY_S)
                moves = parts.views.moves_count
                state, _ = await parts.handler.state("import", import_id)
                if state.phase == IMPORT_PHASE_COMPLETED:
                    return
