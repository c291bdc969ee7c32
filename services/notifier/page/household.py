"""What the page shows of one household, asked of the services that own it."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection, Row

from chassis.client import CallFailed
from chassis.sealing import Sealer
from chassis.store.model import Store
from chassis.viewstore import ViewBehind, ViewStore
from services.notifier.decider.complaint import COMPLAINT, complaint_key
from services.notifier.views.complaints import complaint_row
from services.notifier.views.questions import open_questions
from tuopin.funding.v1.ledger_pb2 import ListPayments, Payment
from tuopin.notifier.v1.complaint_pb2 import Complaint
from tuopin.planning.v1.plan_pb2 import GetPlan, Plan
from tuopin.registry.v1.household_pb2 import GetHousehold, Household
from tuopin.types.v1.types_pb2 import Receipt

PAYMENTS_MAX = 200
COMPLAINTS_MAX = 100
OWN_WRITE_S = 5.0
NOT_THERE = "NOT_FOUND"

# (service, query, on whose behalf) -> answer. For display only.
Ask = Callable[[str, Message, str], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class File:
    """The household as its own page shows it; nothing of it is kept."""

    household: Household
    plan: Plan | None
    payments: Sequence[Payment]
    questions: Sequence[Row[Any]]
    complaints: Sequence[tuple[Row[Any], Complaint]]

    @property
    def next_ordinal(self) -> int:
        """Number of the complaint that would be filed now."""
        return len(self.complaints) + 1


class Households:
    """Reads one household's file for one of its members."""

    def __init__(self, ask: Ask, views: ViewStore, store: Store, sealer: Sealer) -> None:
        self._ask = ask
        self._views = views
        self._store = store
        self._sealer = sealer

    async def file(self, household_id: str, person_id: str) -> File:
        """Everything, as it is now."""
        household: Household = await self._ask(
            "registry", GetHousehold(household_id=household_id), person_id
        )
        payments = await self._ask(
            "funding",
            ListPayments(
                region_id=household.village_id, household_id=household_id, page_size=PAYMENTS_MAX
            ),
            person_id,
        )
        return File(
            household=household,
            plan=await self._plan(household_id, person_id),
            payments=sorted(payments.payments, key=lambda each: each.paid_on, reverse=True),
            questions=await self.questions(household_id),
            complaints=await self.complaints(household_id),
        )

    async def _plan(self, household_id: str, person_id: str) -> Plan | None:
        try:
            plan: Plan = await self._ask("planning", GetPlan(reference=household_id), person_id)
        except CallFailed as failed:
            if failed.code != NOT_THERE:
                raise
            return None
        return plan

    async def questions(self, household_id: str) -> Sequence[Row[Any]]:
        """What waits for the household's own word."""

        def find(connection: Connection) -> Sequence[Row[Any]]:
            return open_questions(connection, household_id)

        return await self._views.query(find)

    async def complaints(self, household_id: str) -> list[tuple[Row[Any], Complaint]]:
        """The household's own, found by keyed digests: no event and no row names it."""
        found: list[tuple[Row[Any], Complaint]] = []
        for ordinal in range(1, COMPLAINTS_MAX + 1):
            key = self._sealer.blind(COMPLAINT, complaint_key(household_id, ordinal))
            complaint_id = await self._store.claim_owner(COMPLAINT, key)
            if not complaint_id:
                break
            row = await self._views.query(lambda c, of=complaint_id: complaint_row(c, of))  # type: ignore[misc]
            if row is not None:
                found.append((row, await self._opened(row)))
        return found

    async def seen(self, receipt: Receipt) -> None:
        """Wait until the lists show what was just done; they may show it later."""
        if receipt.HasField("position"):
            with suppress(ViewBehind):
                await self._views.wait_for(("complaints",), receipt.position, OWN_WRITE_S)

    async def _opened(self, row: Row[Any]) -> Complaint:
        words = Complaint(
            complaint_id=row.complaint_id, text=row.text or "", answer=row.answer or ""
        )
        await self._sealer.opening([words])
        self._sealer.open(words)
        return words
