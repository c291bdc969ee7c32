"""Households on their way out, page by page, as of a day and as known at a moment."""

from collections.abc import AsyncIterator
from functools import partial

from sqlalchemy import Connection, select, tuple_

from services.registry.importing.comparing import files_of
from services.registry.views.figures import Moment, holding
from services.registry.views.spans import SPANS
from services.wiring import ServeParts
from tuopin.registry.v1.export_pb2 import ExportedHouseholds, ExportHouseholds
from tuopin.registry.v1.household_pb2 import Household

PAGE_HOUSEHOLDS = 250


async def exported(
    parts: ServeParts, command: ExportHouseholds, at: Moment
) -> AsyncIterator[ExportedHouseholds]:
    """Village by village, opened; the names of erased people are empty."""
    after = ("", "")
    while True:
        page, files = await parts.views.query(partial(_page, command=command, at=at, after=after))
        if not page:
            return
        await parts.sealer.opening(files.values())
        for file in files.values():
            parts.sealer.open(file)
        yield ExportedHouseholds(households=[files[key] for _, key in page if key in files])
        after = page[-1]


def _page(
    connection: Connection, command: ExportHouseholds, at: Moment, after: tuple[str, str]
) -> tuple[list[tuple[str, str]], dict[str, Household]]:
    key = (SPANS.c.village_id, SPANS.c.household_id)
    wanted = select(*key).where(holding(command.region_id, at), tuple_(*key) > tuple_(*after))
    if command.status:
        wanted = wanted.where(SPANS.c.status == command.status)
    found = connection.execute(wanted.order_by(*key).limit(PAGE_HOUSEHOLDS))
    page = [(row.village_id, row.household_id) for row in found]
    return page, files_of(connection, [household_id for _, household_id in page], at)
