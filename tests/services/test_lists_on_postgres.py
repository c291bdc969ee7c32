"""The lists of planning, funding and training give the same pages on PostgreSQL as on SQLite."""

from collections.abc import Iterator
from typing import Any

import pytest

from chassis.viewstore import ViewStore
from services.funding.views import VIEWS as FUNDING
from services.funding.views.accounts import list_accounts
from services.funding.views.payments import list_payments
from services.planning.views import VIEWS as PLANNING
from services.planning.views.plans import get_plan, list_plans
from services.training.views import VIEWS as TRAINING
from services.training.views.cadre_queries import get_cadre, list_cadres
from tests.services.feeds import Log
from tuopin.funding.v1.ledger_pb2 import (
    Entry,
    ListAccounts,
    ListPayments,
    MoneyAppropriated,
    MoneyPaid,
    ReceiptConfirmed,
)
from tuopin.planning.v1.plan_pb2 import (
    ListPlans,
    Measure,
    PlanApproved,
    PlanDrafted,
    PlanStatus,
    VisitRecorded,
)
from tuopin.training.v1.cadre_pb2 import (
    CadreAppointed,
    CadrePosted,
    ListCadres,
    Post,
    TrainingCompleted,
)

VILLAGES = ("433124100201", "433124200201", "433125100201")


def everything() -> Log:
    log = Log()
    for number in range(30):
        village_id, plan_id = VILLAGES[number % 3], f"plan-{number:02}"
        drafted = PlanDrafted(
            plan_id=plan_id,
            household_id=f"h-{number}",
            village_id=village_id,
            measures=[Measure(measure_id=f"{plan_id}/1", amount_fen=100)],
            member_ids=["p-1"],
        )
        log.append("plan", f"plan-{plan_id}", drafted)
        approved = PlanApproved(plan_id=plan_id, helper_id="cadre-1")
        log.append("plan", f"plan-{plan_id}", approved)
        visit = VisitRecorded(plan_id=plan_id, assignment_id=f"a-{number}", cadre_id="cadre-1")
        log.append("plan", f"plan-{plan_id}", visit)
        paid = MoneyPaid(
            ledger_id="433124-2020",
            region_id="433124",
            year=2020,
            payment_id=f"payment-{number:02}",
            household_id=f"h-{number}",
            village_id=village_id,
            amount_fen=10**14,
            effective_on="2020-03-02",
            entries=[Entry(account=f"paid:{number:02}:central", amount_fen=10**14)],
        )
        log.append("fund", "ledger-433124-2020", paid)
        confirmed = ReceiptConfirmed(payment_id=paid.payment_id, effective_on="2020-03-03")
        log.append("fund", "ledger-433124-2020", confirmed)
        appointed = CadreAppointed(cadre_id=f"cadre-{number}", region_id="433124", name="Wu")
        log.append("cadre", f"cadre-cadre-{number}", appointed)
        posted = CadrePosted(
            cadre_id=f"cadre-{number}", region_id=village_id, post=Post.POST_HELPER
        )
        log.append("cadre", f"cadre-cadre-{number}", posted)
        completed = TrainingCompleted(
            cadre_id=f"cadre-{number}", certificate_id=f"certificate-{number}", hours=8
        )
        log.append("training", f"session-{number}", completed)
    appropriated = MoneyAppropriated(
        ledger_id="433124-2020",
        region_id="433124",
        year=2020,
        entries=[Entry(account="appropriated:central", amount_fen=-(10**15))],
    )
    log.append("fund", "ledger-433124-2020", appropriated)
    return log


@pytest.fixture(params=["sqlite", "postgresql"])
def stores(request: pytest.FixtureRequest) -> Iterator[dict[str, ViewStore]]:
    log = everything()
    stores = {}
    for name, views in (("planning", PLANNING), ("funding", FUNDING), ("training", TRAINING)):
        place = "sqlite://"
        if request.param == "postgresql":
            place = request.getfixturevalue("postgres_database")()
        stores[name] = ViewStore(place, views)
        stores[name].create()
        for call in log.batches(stores[name].topics):
            stores[name].apply(call)
        assert not stores[name].stopped()
    yield stores
    for store in stores.values():
        store.close()


def test_pages_hold_every_row_once_in_order(stores: dict[str, ViewStore]) -> None:
    lists: list[tuple[str, Any, Any, str, str]] = [
        ("planning", list_plans, ListPlans(region_id="433124"), "plans", "plan_id"),
        ("funding", list_payments, ListPayments(region_id="433124"), "payments", "payment_id"),
        ("training", list_cadres, ListCadres(region_id="433124"), "cadres", "cadre_id"),
    ]
    for name, ask, query, field, key in lists:
        query.page_size = 7
        found: list[str] = []
        while True:
            page = stores[name].read(lambda c, ask=ask, query=query: ask(c, query))  # type: ignore[misc]
            found += [getattr(each, key) for each in getattr(page, field)]
            if not page.next_page_token:
                break
            query.page_token = page.next_page_token
        assert len(found) == len(set(found)) == page.total == (30 if name == "training" else 20)


def test_lists_can_be_narrowed(stores: dict[str, ViewStore]) -> None:
    in_force = ListPlans(region_id="433125", status=PlanStatus.PLAN_STATUS_IN_FORCE)
    assert stores["planning"].read(lambda c: list_plans(c, in_force)).total == 10
    of_one = ListPayments(region_id="43", household_id="h-4")
    (payment,) = stores["funding"].read(lambda c: list_payments(c, of_one)).payments
    assert (payment.amount_fen, payment.confirmed_on) == (10**14, "2020-03-03")
    posted = ListCadres(region_id="433125")
    assert stores["training"].read(lambda c: list_cadres(c, posted)).total == 10


def test_single_answers_are_complete(stores: dict[str, ViewStore]) -> None:
    plan = stores["planning"].read(lambda c: get_plan(c, "h-4"))
    assert plan is not None
    assert (plan.plan_id, len(plan.measures), len(plan.visits)) == ("plan-04", 1, 1)
    cadre = stores["training"].read(lambda c: get_cadre(c, "cadre-1"))
    assert cadre is not None
    assert (cadre.households_helped, cadre.visits, cadre.hours) == (30, 30, 8)
    query = ListAccounts(region_id="433124", year=2020)
    accounts = stores["funding"].read(lambda c: list_accounts(c, query)).accounts
    assert sum(each.balance_fen for each in accounts) == 40 * 10**14
