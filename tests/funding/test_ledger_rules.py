"""The rules of a ledger, as sentences."""

from dataclasses import replace

import pytest

from chassis.decider import Actor, Claim
from chassis.rejection import FactMissing
from services.funding.decider.book import move
from services.funding.decider.budget import MOST_FEN
from services.funding.decider.ledger import DECIDER
from tests.funding.vocabulary import (
    COUNTY,
    COUNTY_OWN,
    HOUSEHOLD,
    LEDGER,
    MEASURE,
    MEMBERS,
    PAYMENT,
    TODAY,
    VILLAGE,
    WANTED,
    YEAR,
    allocate,
    allocated,
    appropriate,
    appropriated,
    assign,
    assigned,
    commit,
    committed,
    confirm,
    given,
    paid,
    paper,
    pay,
    receive,
    received,
    settle,
)
from tests.given import Given, new_id
from tuopin.funding.v1.ledger_pb2 import (
    MoneyAllocated,
    MoneyAssigned,
    MoneyCommitted,
    MoneyPaid,
    ReceiptConfirmed,
    Source,
    TransferSettled,
)
from tuopin.types.v1.types_pb2 import ChatProof

REJECTION = "measure-paid-by-another-ledger"
asking_members = Given(DECIDER, facts=MEMBERS)


def test_money_enters_the_ledger() -> None:
    given().when(appropriate()).then(appropriated())


def test_a_region_without_a_level_has_no_ledger() -> None:
    given().when(appropriate(region_id="433")).then_rejected("region-of-no-level", region="433")


def test_no_ledger_takes_more_than_can_be_counted() -> None:
    given(appropriated(MOST_FEN)).when(appropriate(1)).then_rejected("appropriation-too-large")


def test_money_goes_down_through_an_in_transit_account() -> None:
    (
        given(appropriated())
        .when(allocate("433124100"))
        .then(allocated())
        .then_event(MoneyAllocated, transaction_id=new_id("transaction"))
    )


@pytest.mark.parametrize("region", ["43", "433124", "433125", "433125100", "4331241", "522222"])
def test_money_goes_strictly_down(region: str) -> None:
    given(appropriated()).when(allocate(region)).then_rejected("region-not-below", region=COUNTY)


def test_nobody_allocates_more_than_is_available() -> None:
    (
        given(appropriated(399_999))
        .when(allocate("433124100"))
        .then_rejected("money-not-available", source="central", available="3999.99")
    )
    (
        given(appropriated())
        .when(allocate("433124100", source=COUNTY_OWN))
        .then_rejected("money-not-available", source="county", available="0.00")
    )


def test_an_allocation_is_received_once() -> None:
    given().when(receive()).then(received())
    given(received()).when(receive()).then_nothing()


def test_a_settled_transfer_is_no_longer_in_transit() -> None:
    settled = (
        given(appropriated(), allocated())
        .when(settle())
        .then(
            TransferSettled(
                ledger_id=LEDGER,
                region_id=COUNTY,
                year=YEAR,
                transfer_id=new_id("transaction"),
                entries=move(
                    400_000,
                    out_of="in-transit:433124100:central",
                    to="transferred:433124100:central",
                ),
                transaction_id=new_id("transaction"),
            )
        )
        .events
    )
    given(appropriated(), allocated(), *settled).when(settle()).then_nothing()


def test_only_a_known_transfer_is_settled() -> None:
    given(appropriated()).when(settle("t-9")).then_rejected("transfer-not-known", transfer="t-9")


def test_money_is_assigned_to_a_measure_of_a_plan_in_force() -> None:
    (
        given(appropriated())
        .when(assign())
        .then(assigned())
        .then_claims(
            Claim(
                "measure-payer", MEASURE, LEDGER, "measure-paid-by-another-ledger", personal=False
            )
        )
    )


def test_a_second_assignment_claims_nothing_new() -> None:
    (
        given(appropriated(), assigned(100_000))
        .when(assign(200_000))
        .then_claims()
        .then_event(MoneyAssigned, amount_fen=200_000)
    )


def test_no_measure_no_money() -> None:
    facts = replace(WANTED, amount_fen=None)
    given(appropriated()).when(assign(), facts=facts).then_rejected("measure-not-known")


def test_a_plan_not_in_force_gets_no_money() -> None:
    facts = replace(WANTED, in_force=False)
    given(appropriated()).when(assign(), facts=facts).then_rejected("plan-not-in-force")


def test_a_ledger_pays_for_its_own_region_only() -> None:
    facts = replace(WANTED, village_id="433125100201")
    (
        given(appropriated())
        .when(assign(), facts=facts)
        .then_rejected("household-outside-ledger-region", village="433125100201")
    )


def test_a_measure_gets_no_more_than_it_lacks() -> None:
    given(appropriated()).when(assign(300_001)).then_rejected("measure-lacks-less")
    (
        given(appropriated(), assigned(100_000))
        .when(assign(200_001))
        .then_rejected("measure-lacks-less", lacking="2000.00")
    )


def test_what_was_paid_counts_as_assigned() -> None:
    (
        given(appropriated(), assigned(), committed(), paid())
        .when(assign(1))
        .then_rejected("measure-lacks-less", lacking="0.00")
    )


def test_nobody_assigns_more_than_is_available() -> None:
    (
        given(appropriated(299_999))
        .when(assign())
        .then_rejected("money-not-available", available="2999.99")
    )


def test_assigned_money_is_committed() -> None:
    given(appropriated(), assigned()).when(commit()).then(committed())


def test_no_more_is_committed_than_is_assigned() -> None:
    given(appropriated()).when(commit()).then_rejected("measure-without-money")
    (
        given(appropriated(), assigned(200_000))
        .when(commit(200_001))
        .then_rejected("commitment-above-assigned", there="2000.00")
    )
    (
        given(appropriated(), assigned(), committed())
        .when(commit(1))
        .then_rejected("commitment-above-assigned", there="0.00")
    )


def test_money_keeps_its_source_to_the_end() -> None:
    two_sources = (
        appropriated(),
        appropriated(1_000_000, COUNTY_OWN, "county"),
        assigned(100_000, COUNTY_OWN, "county"),
        assigned(200_000),
    )
    (first,) = given(*two_sources).when(commit(250_000)).events
    assert isinstance(first, MoneyCommitted)
    assert list(first.entries) == [
        *move(200_000, out_of=f"assigned:{MEASURE}:central", to=f"committed:{MEASURE}:central"),
        *move(50_000, out_of=f"assigned:{MEASURE}:county", to=f"committed:{MEASURE}:county"),
    ]
    (second,) = given(*two_sources, first).when(pay(240_000)).events
    assert isinstance(second, MoneyPaid)
    payment_id = new_id("payment")
    assert list(second.entries) == [
        *move(200_000, out_of=f"committed:{MEASURE}:central", to=f"paid:{payment_id}:central"),
        *move(40_000, out_of=f"committed:{MEASURE}:county", to=f"paid:{payment_id}:county"),
    ]
    confirmation = confirm()
    confirmation.payment_id = payment_id
    (third,) = asking_members(*two_sources, first, second).when(confirmation).events
    assert isinstance(third, ReceiptConfirmed)
    assert list(third.entries) == [
        *move(200_000, out_of=f"paid:{payment_id}:central", to="confirmed:central"),
        *move(40_000, out_of=f"paid:{payment_id}:county", to="confirmed:county"),
    ]


def test_committed_money_is_paid() -> None:
    (given(appropriated(), assigned(), committed()).when(pay()).then(paid(new_id("payment"))))


def test_no_more_is_paid_than_is_committed() -> None:
    given(appropriated()).when(pay()).then_rejected("measure-without-money")
    (
        given(appropriated(), assigned(), committed(100_000))
        .when(pay(100_001))
        .then_rejected("payment-above-committed", there="1000.00")
    )
    (
        given(appropriated(), assigned(), committed(), paid())
        .when(pay(1))
        .then_rejected("payment-above-committed", there="0.00")
    )


PAID = (appropriated(), assigned(), committed(), paid())


def test_the_household_confirms_that_the_money_arrived() -> None:
    (
        asking_members(*PAID)
        .when(confirm())
        .then(
            ReceiptConfirmed(
                ledger_id=LEDGER,
                region_id=COUNTY,
                year=YEAR,
                payment_id=PAYMENT,
                household_id=HOUSEHOLD,
                village_id=VILLAGE,
                assignment_id="a-1",
                cadre_id="cadre-wu",
                consent=confirm().consent,
                amount_fen=300_000,
                effective_on=TODAY,
                entries=move(300_000, out_of=f"paid:{PAYMENT}:central", to="confirmed:central"),
                transaction_id=new_id("transaction"),
            )
        )
    )


def test_the_household_as_a_whole_may_confirm() -> None:
    asking_members(*PAID).when(confirm(given_by=HOUSEHOLD)).then_event(
        ReceiptConfirmed, payment_id=PAYMENT
    )


def test_a_payment_is_confirmed_once() -> None:
    confirmed = asking_members(*PAID).when(confirm()).events
    asking_members(*PAID, *confirmed).when(confirm("a-1")).then_nothing()
    (
        asking_members(*PAID, *confirmed)
        .when(confirm("a-2"))
        .then_rejected("payment-already-confirmed")
    )


def test_the_household_says_so_itself_from_its_own_chat() -> None:
    chat = ChatProof(link_id="l-1", page_id="page-1")
    said = confirm("", paper=None, chat=chat)
    said.cadre_id = ""
    asking_members(*PAID).when(said).then_rejected("consent-chat-not-heard")
    heard = Actor("funding", {"service": ("",)}, caused_by="voice-h-1@5")
    confirmed = asking_members(*PAID).when(said, by=heard)
    confirmed.then_event(ReceiptConfirmed, assignment_id="", consent=said.consent)
    asking_members(*PAID, *confirmed.events).when(said, by=heard).then_nothing()
    late = asking_members(*PAID, *confirmed.events).when(confirm("a-1"))
    late.then_rejected("payment-already-confirmed")


def test_an_unknown_payment_is_not_confirmed() -> None:
    asking_members(appropriated()).when(confirm()).then_rejected("payment-not-known")


def test_a_cadres_word_alone_confirms_nothing() -> None:
    asking_members(*PAID).when(confirm(paper=None)).then_rejected("consent-without-paper")
    (
        asking_members(*PAID)
        .when(confirm(paper=paper(witness="")))
        .then_rejected("receipt-without-witness")
    )
    (
        asking_members(*PAID)
        .when(confirm(given_by="cadre-wu"))
        .then_rejected("consent-not-by-member")
    )


def test_a_paper_of_another_household_confirms_nothing() -> None:
    (
        asking_members(*PAID)
        .when(confirm(paper=paper("household-of-others")))
        .then_rejected("paper-of-other-household")
    )


def test_a_receipt_is_not_of_tomorrow() -> None:
    (
        asking_members(*PAID)
        .when(confirm(given_on="2020-03-03"))
        .then_rejected("effective-date-in-the-future", today=TODAY)
    )


def test_a_payment_not_yet_in_the_own_view_is_waited_for() -> None:
    with pytest.raises(FactMissing):
        Given(DECIDER, facts=None)(*PAID).when(confirm())


def test_every_source_of_the_contract_has_a_word() -> None:
    for source in Source.values()[1:]:
        given().when(appropriate(source=source)).then_event(type(appropriated()), source=source)
