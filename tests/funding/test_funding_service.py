"""funding as its callers meet it: real gRPC, real store; and two hundred callers at once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chassis.client import CallFailed
from services.funding.worker import SERVICE
from tests.services.running import Running, running
from tuopin.funding.v1.ledger_pb2 import (
    AllocateMoney,
    AppropriateMoney,
    AssignMoney,
    CommitMoney,
    ConfirmReceipt,
    ListAccounts,
    ListPayments,
    MoneyPaid,
    PayMoney,
    ReceiptConfirmed,
    Source,
    TransferSettled,
)
from tuopin.notifier.v1.assignment_pb2 import AssignmentDone
from tuopin.planning.v1.plan_pb2 import Measure, PlanApproved, PlanDrafted
from tuopin.types.v1.types_pb2 import Blob, Paper, ReactionRefused

PROVINCE, COUNTY, VILLAGE = "43", "433124", "433124100201"
YEAR = 2020
CENTRAL = Source.SOURCE_CENTRAL
TODAY = (datetime.now(UTC) + timedelta(hours=8)).date().isoformat()


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(SERVICE, tmp_path) as found:
        yield found


class Office:
    """A finance office that numbers its commands."""

    def __init__(self, here: Running, role: str = f"finance-office@{COUNTY}") -> None:
        self.client = here.client(role)
        self.sent = 0

    async def send(self, command: Any) -> Any:
        self.sent += 1
        if not command.command_id:
            command.command_id = f"{type(command).__name__}-{self.sent}"
        return await self.client.call(command)

    async def appropriate(self, amount_fen: int, region_id: str = COUNTY) -> Any:
        return await self.send(
            AppropriateMoney(
                region_id=region_id,
                year=YEAR,
                source=CENTRAL,
                amount_fen=amount_fen,
                document="no. 1",
            )
        )

    async def assign(self, amount_fen: int, measure: str = "plan-1/1") -> Any:
        return await self.send(
            AssignMoney(
                region_id=COUNTY,
                year=YEAR,
                source=CENTRAL,
                measure_id=measure,
                amount_fen=amount_fen,
            )
        )

    async def commit(self, amount_fen: int, measure: str = "plan-1/1") -> Any:
        return await self.send(
            CommitMoney(region_id=COUNTY, year=YEAR, measure_id=measure, amount_fen=amount_fen)
        )

    async def pay(self, amount_fen: int, measure: str = "plan-1/1") -> Any:
        return await self.send(
            PayMoney(region_id=COUNTY, year=YEAR, measure_id=measure, amount_fen=amount_fen)
        )

    async def balances(self, receipt: Any, region_id: str = COUNTY) -> dict[str, int]:
        query = ListAccounts(region_id=region_id, year=YEAR, at_least=receipt.position)
        accounts = (await self.client.call(query)).accounts
        return {each.account: each.balance_fen for each in accounts}


async def a_plan_in_force(here: Running, number: int = 1, amount_fen: int = 300_000) -> None:
    plan_id = f"plan-{number}"
    drafted = PlanDrafted(
        plan_id=plan_id,
        household_id=f"h-{number}",
        village_id=VILLAGE,
        measures=[Measure(measure_id=f"{plan_id}/1", amount_fen=amount_fen)],
        member_ids=[f"p-{number}"],
    )
    await here.hear("plan", f"plan-{plan_id}", drafted)
    await here.hear("plan", f"plan-{plan_id}", PlanApproved(plan_id=plan_id))


def receipt_checked(payment_id: str, **fields: Any) -> AssignmentDone:
    picture = Blob(sha256="0" * 64, subject_id="h-1")
    return AssignmentDone(
        **{
            "assignment_id": "a-1",
            "kind": "receipt-check",
            "household_id": "h-1",
            "village_id": VILLAGE,
            "subject": payment_id,
            "cadre_id": "cadre-wu",
            "facts": {"region_id": COUNTY, "year": str(YEAR)},
            "effective_on": TODAY,
            "paper": Paper(picture=picture, witness="CANARY-WITNESS", household_id="h-1"),
            **fields,
        }
    )


async def paid(here: Running) -> tuple[Office, MoneyPaid]:
    await a_plan_in_force(here)
    office = Office(here)
    await office.appropriate(1_000_000)
    await office.assign(300_000)
    await office.commit(300_000)
    await here.seen(await office.pay(300_000))
    (payment,) = await here.events(MoneyPaid)
    return office, payment


async def test_money_goes_down_the_levels_by_itself_once_allocated(here: Running) -> None:
    office = Office(here, f"finance-office@{PROVINCE}")
    await office.appropriate(1_000_000, PROVINCE)
    await office.send(
        AllocateMoney(
            region_id=PROVINCE,
            year=YEAR,
            source=CENTRAL,
            to_region_id=COUNTY,
            amount_fen=400_000,
        )
    )
    await here.until(TransferSettled)
    records = await here.store.load(f"ledger-{PROVINCE}-{YEAR}")
    settled = ListAccounts(region_id=PROVINCE, year=YEAR)
    settled.at_least.topic = records[-1].topic
    settled.at_least.partition = records[-1].partition
    settled.at_least.position = records[-1].position
    accounts = (await office.client.call(settled)).accounts
    assert {each.account: each.balance_fen for each in accounts} == {
        "appropriated:central": 1_000_000,
        "available:central": 600_000,
        f"transferred:{COUNTY}:central": 400_000,
    }
    county = (await office.client.call(ListAccounts(region_id=COUNTY))).accounts
    assert {each.account: each.balance_fen for each in county} == {
        f"received:{PROVINCE}:central": 400_000,
        "available:central": 400_000,
    }


async def test_money_reaches_the_household_and_its_paper_closes_the_payment(
    here: Running,
) -> None:
    _, payment = await paid(here)
    assert (payment.household_id, payment.amount_fen) == ("h-1", 300_000)
    await here.hear("task", "task-a-1", receipt_checked(payment.payment_id))
    (confirmed,) = await here.until(ReceiptConfirmed)
    assert confirmed.consent.given_by == "h-1"
    records = await here.store.load(f"ledger-{COUNTY}-{YEAR}")
    query = ListPayments(region_id=VILLAGE, household_id="h-1")
    query.at_least.topic = records[-1].topic
    query.at_least.partition = records[-1].partition
    query.at_least.position = records[-1].position
    (shown,) = (await here.client(f"county-office@{COUNTY}").call(query)).payments
    assert (shown.payment_id, shown.paid_on, shown.confirmed_on) == (
        payment.payment_id,
        TODAY,
        TODAY,
    )
    assert shown.assignment_id == "a-1"
    for name, content in here.files().items():
        assert b"CANARY-WITNESS" not in content, name
    await here.sealer.opening([confirmed])
    here.sealer.open(confirmed)
    assert confirmed.consent.paper.witness == "CANARY-WITNESS"


async def test_who_signed_may_be_named_by_the_answer(here: Running) -> None:
    _, payment = await paid(here)
    facts = {"region_id": COUNTY, "year": str(YEAR), "given_by": "p-1"}
    await here.hear("task", "task-a-1", receipt_checked(payment.payment_id, facts=facts))
    (confirmed,) = await here.until(ReceiptConfirmed)
    assert confirmed.consent.given_by == "p-1"


@pytest.mark.parametrize(
    ("fields", "slug"),
    [
        ({"paper": None}, "consent-without-paper"),
        ({"facts": {"region_id": COUNTY, "year": "2019"}}, "payment-not-known"),
        ({"facts": {}}, "field-required"),
        (
            {"facts": {"region_id": COUNTY, "year": str(YEAR), "given_by": "cadre-wu"}},
            "consent-not-by-member",
        ),
    ],
)
async def test_an_answer_that_funding_refuses_is_an_event(
    here: Running, fields: Any, slug: str
) -> None:
    _, payment = await paid(here)
    heard = await here.hear("task", "task-a-1", receipt_checked(payment.payment_id, **fields))
    (refused,) = await here.until(ReactionRefused)
    assert (refused.slug, refused.caused_by) == (slug, heard.id)


async def test_a_measure_is_paid_by_one_ledger_only(here: Running) -> None:
    await a_plan_in_force(here)
    office = Office(here)
    province = Office(here, f"finance-office@{PROVINCE}")
    await office.appropriate(1_000_000)
    await province.send(
        AppropriateMoney(
            command_id="p-1",
            region_id=PROVINCE,
            year=YEAR,
            source=CENTRAL,
            amount_fen=1_000_000,
            document="no. 2",
        )
    )
    await office.assign(100_000)
    with pytest.raises(CallFailed) as failed:
        await province.send(
            AssignMoney(
                command_id="p-2",
                region_id=PROVINCE,
                year=YEAR,
                source=CENTRAL,
                measure_id="plan-1/1",
                amount_fen=1,
            )
        )
    assert failed.value.problem.slug == "measure-paid-by-another-ledger"


async def test_two_hundred_at_once_never_overspend(here: Running) -> None:
    """200 offices assign from one fund that suffices for 50, then 200 pay what suffices for 20."""
    for number in range(1, 11):
        await a_plan_in_force(here, number, amount_fen=100_000)
    office = Office(here)
    await office.appropriate(500_000)
    measures = [f"plan-{1 + number % 10}/1" for number in range(200)]

    async def tried(call: Any) -> str:
        try:
            await call
        except CallFailed as failed:
            return failed.problem.slug
        return "done"

    came = Counter(
        await asyncio.gather(*(tried(office.assign(10_000, measure)) for measure in measures))
    )
    assert came["done"] == 50
    assert set(came) == {"done", "money-not-available"}

    for number in range(1, 11):
        await office.commit(20_000, f"plan-{number}/1")
    came = Counter(
        await asyncio.gather(*(tried(office.pay(10_000, measure)) for measure in measures))
    )
    assert came == {"done": 20, "payment-above-committed": 180}

    payments = await here.events(MoneyPaid)
    assert len({payment.payment_id for payment in payments}) == 20
    records = await here.store.load(f"ledger-{COUNTY}-{YEAR}")
    query = ListAccounts(region_id=COUNTY, year=YEAR)
    query.at_least.topic = records[-1].topic
    query.at_least.partition = records[-1].partition
    query.at_least.position = records[-1].position
    stands: Counter[str] = Counter()
    for each in (await office.client.call(query)).accounts:
        assert each.balance_fen > 0
        stands[each.account.partition(":")[0]] += each.balance_fen
    assert stands == {
        "appropriated": 500_000,
        "assigned": 300_000,
        "paid": 200_000,
    }


@pytest.mark.parametrize(
    ("role", "command", "code"),
    [
        (
            "finance-office@433125",
            CommitMoney(region_id=COUNTY, year=YEAR, measure_id="m", amount_fen=1),
            "PERMISSION_DENIED",
        ),
        (
            "finance-office@433124",
            CommitMoney(region_id=COUNTY, year=YEAR, measure_id="m", amount_fen=0),
            "INVALID_ARGUMENT",
        ),
        (
            "finance-office@433124",
            CommitMoney(region_id=COUNTY, year=YEAR, measure_id="m", amount_fen=1),
            "FAILED_PRECONDITION",
        ),
        (
            "county-office@433124",
            AssignMoney(region_id=COUNTY, year=YEAR, source=CENTRAL, measure_id="m", amount_fen=1),
            "PERMISSION_DENIED",
        ),
        (
            "finance-office@433124",
            ConfirmReceipt(region_id=COUNTY, year=YEAR),
            "PERMISSION_DENIED",
        ),
    ],
)
async def test_each_command_has_its_callers(
    here: Running, role: str, command: Any, code: str
) -> None:
    with pytest.raises(CallFailed) as failed:
        await Office(here, role).send(command)
    assert failed.value.code == code


@pytest.mark.parametrize("query", [ListAccounts(region_id=COUNTY), ListPayments(region_id=COUNTY)])
async def test_each_list_has_its_readers(here: Running, query: Any) -> None:
    assert not (await here.client(f"county-office@{COUNTY}").call(query)).ListFields()
    with pytest.raises(CallFailed) as failed:
        await here.client("county-office@433125").call(query)
    assert failed.value.code == "PERMISSION_DENIED"


async def test_a_plan_not_heard_of_yet_is_waited_for(here: Running) -> None:
    command = AssignMoney(
        command_id="c-1",
        region_id=COUNTY,
        year=YEAR,
        source=CENTRAL,
        measure_id="plan-9/1",
        amount_fen=1,
    )
    with pytest.raises(CallFailed) as failed:
        await here.client(f"finance-office@{COUNTY}").call(command, attempts=1)
    assert (failed.value.code, failed.value.problem.slug) == ("UNAVAILABLE", "fact-missing")
