"""The list of households as it stood on a day, as known at a moment."""

from sqlalchemy import Connection, select

from chassis.paging import page
from services.registry.views.figures import Moment, holding
from services.registry.views.households import HOUSEHOLDS, row_of
from services.registry.views.spans import SPANS
from tuopin.registry.v1.household_pb2 import HouseholdPage, ListHouseholds


def list_as_of(connection: Connection, query: ListHouseholds, at: Moment) -> HouseholdPage:
    """As list_households; what has no history (number, day of registration) as it is now."""
    wanted = (
        select(
            SPANS.c.household_id,
            SPANS.c.village_id,
            SPANS.c.status,
            SPANS.c.attribute,
            SPANS.c.cause.label("main_cause"),
            SPANS.c.people_count.label("member_count"),
            SPANS.c.income_per_head_fen,
            HOUSEHOLDS.c.household_number,
            HOUSEHOLDS.c.registered_on,
            HOUSEHOLDS.c.synthetic,
        )
        .join(HOUSEHOLDS, HOUSEHOLDS.c.household_id == SPANS.c.household_id)
        .where(holding(query.region_id, at))
    )
    if query.status:
        wanted = wanted.where(SPANS.c.status == query.status)
    key = (SPANS.c.village_id, SPANS.c.household_id)
    found = page(connection, wanted, key, query.page_size, query.page_token)
    return HouseholdPage(
        households=map(row_of, found.rows),
        next_page_token=found.next_page_token,
        total=found.total,
    )
