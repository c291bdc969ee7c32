"""funding's views, facts and reactions: events in, rows and commands out."""

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given as example
from hypothesis import settings
from hypothesis import strategies as st

from chassis.rejection import FactMissing
from chassis.viewstore import ViewStore
from services.funding.decider.book import Layered
from services.funding.decider.ledger import DECIDER
from services.funding.decider.spending import MeasureFacts, PaymentFacts
from services.funding.facts import measure, receiver
from services.funding.reactions import confirm_receipt, receive_allocation, settle_transfer
from services.funding.views import VIEWS, accounts, payments, plans
from tests.funding.vocabulary import (
    CENTRAL,
    COUNTY,
    HOUSEHOLD,
    LEDGER,
    MEASURE,
    MEMBERS,
    PAYMENT,
    PLAN,
    PROVINCE,
    TODAY,
    VILLAGE,
    WANTED,
    YEAR,
    allocated,
    appropriated,
    assign,
    assigned,
    committed,
    confirm,
    paid,
    paper,
    received,
)
from tests.given import Given, new_id
from tests.services.feeds import Log, rows_of
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.funding.v1.ledger_pb2 import ConfirmReceipt, ReceiveAllocation, SettleTransfer
from tuopin.notifier.v1.assignment_pb2 import AssignmentDone
from tuopin.planning.v1.plan_pb2 import Measure, PlanApproved, PlanDrafted
from tuopin.types.v1.types_pb2 import Consent

DRAFTED = PlanDrafted(
    plan_id=PLAN,
    household_id=HOUSEHOLD,
    village_id=VILLAGE,
    measures=[Measure(measure_id=MEASURE, amount_fen=300_000)],
    member_ids=["p-1", "p-2"],
)
SPENT = (appropriated(), allocated(), assigned(), committed(), paid())


@pytest.fixture
def log() -> Log:
    log = Log()
    confirmed = Given(DECIDER, facts=MEMBERS)(*SPENT).when(confirm()).events
    for event in (*SPENT, *confirmed):
        log.append("fund", f"ledger-{LEDGER}", event)
    for event in (DRAFTED, PlanApproved(plan_id=PLAN)):
        log.append("plan", f"plan-{PLAN}", event)
    return log


@pytest.fixture
def store(log: Log) -> Iterator[ViewStore]:
    store = ViewStore("sqlite://", VIEWS)
    store.create()
    for call in log.batches(("fund", "plan")):
        store.apply(call)
    yield store
    store.close()


def test_accounts_say_where_the_money_stands(log: Log) -> None:
    rows = {row["account"]: row["balance_fen"] for row in rows_of(accounts.VIEW, log)["accounts"]}
    assert rows == {
        "appropriated:central": 1_000_000,
        "available:central": 300_000,
        "in-transit:433124100:central": 400_000,
        f"assigned:{MEASURE}:central": 0,
        f"committed:{MEASURE}:central": 0,
        f"paid:{PAYMENT}:central": 0,
        "confirmed:central": 300_000,
    }


def test_a_payment_is_told_with_its_receipt(log: Log) -> None:
    (row,) = rows_of(payments.VIEW, log)["payments"]
    assert row == {
        "payment_id": PAYMENT,
        "ledger_id": LEDGER,
        "measure_id": MEASURE,
        "plan_id": PLAN,
        "household_id": HOUSEHOLD,
        "village_id": VILLAGE,
        "amount_fen": 300_000,
        "paid_on": TODAY,
        "confirmed_on": TODAY,
        "assignment_id": "a-1",
    }


@pytest.mark.parametrize("view", [accounts.VIEW, payments.VIEW, plans.VIEW])
def test_every_interleaving_gives_the_same_rows(log: Log, view: accounts.View) -> None:
    expected = rows_of(view, log)
    for seed in range(10):
        assert rows_of(view, log, Random(seed)) == expected


def test_a_measure_is_judged_by_the_own_copy_of_the_plans(store: ViewStore) -> None:
    assert store.read(lambda connection: measure(connection, assign())) == WANTED
    other = assign(measure_id=f"{PLAN}/9")
    expected = MeasureFacts(PLAN, HOUSEHOLD, VILLAGE, in_force=True, amount_fen=None)
    assert store.read(lambda connection: measure(connection, other)) == expected
    with pytest.raises(FactMissing):
        store.read(lambda connection: measure(connection, assign(measure_id="plan-9/1")))


def test_who_may_confirm_is_a_member_of_the_plan(store: ViewStore) -> None:
    found = store.read(lambda connection: receiver(connection, confirm()))
    assert found == PaymentFacts(frozenset({"p-1", "p-2"}))
    unknown = confirm()
    unknown.payment_id = "payment-9"
    assert store.read(lambda connection: receiver(connection, unknown)) is None


def test_a_plan_is_in_force_once_approved() -> None:
    log = Log()
    log.append("plan", f"plan-{PLAN}", DRAFTED)
    assert [row["in_force"] for row in rows_of(plans.VIEW, log)["plans"]] == [False]
    log.append("plan", f"plan-{PLAN}", PlanApproved(plan_id=PLAN))
    assert [row["in_force"] for row in rows_of(plans.VIEW, log)["plans"]] == [True]


def test_the_two_halves_of_a_transfer_follow_each_other() -> None:
    assert list(receive_allocation(Envelope(), allocated(), None)) == [
        ReceiveAllocation(
            region_id="433124100",
            year=YEAR,
            source=CENTRAL,
            from_region_id=COUNTY,
            amount_fen=400_000,
            transfer_id=new_id("transaction"),
        )
    ]
    assert list(settle_transfer(Envelope(), received(), None)) == [
        SettleTransfer(region_id=PROVINCE, year=YEAR, transfer_id="transfer-1")
    ]


def test_a_finished_receipt_check_confirms_with_the_households_paper() -> None:
    done = AssignmentDone(
        assignment_id="a-1",
        kind="receipt-check",
        household_id=HOUSEHOLD,
        subject=PAYMENT,
        cadre_id="cadre-wu",
        facts={"region_id": COUNTY, "year": str(YEAR), "given_by": "p-1"},
        effective_on=TODAY,
        paper=paper(),
    )
    (command,) = confirm_receipt(Envelope(), done, None)
    assert command == confirm()
    del done.facts["given_by"]
    (command,) = confirm_receipt(Envelope(), done, None)
    assert command.consent.given_by == HOUSEHOLD
    done.kind = "first-visit"
    assert list(confirm_receipt(Envelope(), done, None)) == []


def test_an_answer_without_paper_is_sent_to_be_refused() -> None:
    done = AssignmentDone(kind="receipt-check", household_id=HOUSEHOLD, effective_on=TODAY)
    assert list(confirm_receipt(Envelope(), done, None)) == [
        ConfirmReceipt(consent=Consent(given_by=HOUSEHOLD, given_on=TODAY))
    ]


@settings(deadline=None)
@example(st.lists(st.dictionaries(st.integers(0, 300).map(str), st.integers()), max_size=60))
def test_a_layered_map_is_a_map_that_never_changes(changes: list[dict[str, int]]) -> None:
    layered, plain = Layered[int](), dict[str, int]()
    for change in changes:
        before, copy = layered, dict(layered.items())
        layered = layered.with_all(change)
        plain |= change
        assert dict(before.items()) == copy
        assert dict(layered.items()) == plain
        assert all(layered.get(key) == value for key, value in plain.items())
    assert layered.get("nothing") is None


def test_a_layered_map_merges_its_layers() -> None:
    layered = Layered[int]()
    for number in range(10_000):
        layered = layered.with_all({str(number): number})
    assert len(layered.above) <= 100
    assert dict(layered.items()) == {str(number): number for number in range(10_000)}
