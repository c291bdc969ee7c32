"""The words in which funding's tests speak: one county, one plan with one measure."""

from typing import Any

from services.funding.decider.book import move
from services.funding.decider.ledger import DECIDER
from services.funding.decider.spending import MeasureFacts, PaymentFacts
from tests.given import Given, new_id
from tuopin.funding.v1.ledger_pb2 import (
    AllocateMoney,
    AllocationReceived,
    AppropriateMoney,
    AssignMoney,
    CommitMoney,
    ConfirmReceipt,
    MoneyAllocated,
    MoneyAppropriated,
    MoneyAssigned,
    MoneyCommitted,
    MoneyPaid,
    PayMoney,
    ReceiveAllocation,
    SettleTransfer,
    Source,
)
from tuopin.types.v1.types_pb2 import Blob, Consent, Paper

PROVINCE, COUNTY, VILLAGE = "43", "433124", "433124100201"
YEAR = 2020
LEDGER = f"{COUNTY}-{YEAR}"
HOUSEHOLD, PLAN, MEASURE = "household-of-arong", "plan-of-arong", "plan-of-arong/1"
PAYMENT = "payment-1"
TODAY = "2020-03-02"
CENTRAL, COUNTY_OWN = Source.SOURCE_CENTRAL, Source.SOURCE_COUNTY

WANTED = MeasureFacts(PLAN, HOUSEHOLD, VILLAGE, in_force=True, amount_fen=300_000)
MEMBERS = PaymentFacts(frozenset({"p-1", "p-2"}))
given = Given(DECIDER, facts=WANTED)

_HERE: dict[str, Any] = {"region_id": COUNTY, "year": YEAR}
_LEDGER: dict[str, Any] = {"ledger_id": LEDGER, **_HERE}


def appropriate(amount_fen: int = 1_000_000, **fields: Any) -> AppropriateMoney:
    return AppropriateMoney(
        **{**_HERE, "source": CENTRAL, "amount_fen": amount_fen, "document": "no. 1", **fields}
    )


def appropriated(
    amount_fen: int = 1_000_000, source: Source.ValueType = CENTRAL, word: str = "central"
) -> MoneyAppropriated:
    return MoneyAppropriated(
        **_LEDGER,
        source=source,
        amount_fen=amount_fen,
        document="no. 1",
        entries=move(amount_fen, out_of=f"appropriated:{word}", to=f"available:{word}"),
        transaction_id=new_id("transaction"),
    )


def allocate(to_region_id: str, amount_fen: int = 400_000, **fields: Any) -> AllocateMoney:
    return AllocateMoney(
        **{
            **_HERE,
            "source": CENTRAL,
            "to_region_id": to_region_id,
            "amount_fen": amount_fen,
            **fields,
        }
    )


def allocated(to_region_id: str = "433124100", amount_fen: int = 400_000) -> MoneyAllocated:
    return MoneyAllocated(
        **_LEDGER,
        source=CENTRAL,
        to_region_id=to_region_id,
        amount_fen=amount_fen,
        entries=move(
            amount_fen, out_of="available:central", to=f"in-transit:{to_region_id}:central"
        ),
        transaction_id=new_id("transaction"),
    )


def receive(**fields: Any) -> ReceiveAllocation:
    return ReceiveAllocation(
        **{
            **_HERE,
            "source": CENTRAL,
            "from_region_id": PROVINCE,
            "amount_fen": 400_000,
            "transfer_id": "transfer-1",
            **fields,
        }
    )


def received() -> AllocationReceived:
    return AllocationReceived(
        **_LEDGER,
        source=CENTRAL,
        from_region_id=PROVINCE,
        amount_fen=400_000,
        transfer_id="transfer-1",
        entries=move(400_000, out_of="received:43:central", to="available:central"),
        transaction_id=new_id("transaction"),
    )


def settle(transfer_id: str = new_id("transaction")) -> SettleTransfer:
    return SettleTransfer(**_HERE, transfer_id=transfer_id)


def assign(amount_fen: int = 300_000, **fields: Any) -> AssignMoney:
    return AssignMoney(
        **{
            **_HERE,
            "source": CENTRAL,
            "measure_id": MEASURE,
            "amount_fen": amount_fen,
            **fields,
        }
    )


def assigned(
    amount_fen: int = 300_000, source: Source.ValueType = CENTRAL, word: str = "central"
) -> MoneyAssigned:
    return MoneyAssigned(
        **_LEDGER,
        source=source,
        measure_id=MEASURE,
        plan_id=PLAN,
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        amount_fen=amount_fen,
        entries=move(amount_fen, out_of=f"available:{word}", to=f"assigned:{MEASURE}:{word}"),
        transaction_id=new_id("transaction"),
    )


def commit(amount_fen: int = 300_000) -> CommitMoney:
    return CommitMoney(**_HERE, measure_id=MEASURE, amount_fen=amount_fen)


def committed(amount_fen: int = 300_000) -> MoneyCommitted:
    return MoneyCommitted(
        **_LEDGER,
        measure_id=MEASURE,
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        amount_fen=amount_fen,
        entries=move(
            amount_fen, out_of=f"assigned:{MEASURE}:central", to=f"committed:{MEASURE}:central"
        ),
        transaction_id=new_id("transaction"),
    )


def pay(amount_fen: int = 300_000) -> PayMoney:
    return PayMoney(**_HERE, measure_id=MEASURE, amount_fen=amount_fen)


def paid(payment_id: str = PAYMENT, amount_fen: int = 300_000) -> MoneyPaid:
    return MoneyPaid(
        **_LEDGER,
        payment_id=payment_id,
        measure_id=MEASURE,
        plan_id=PLAN,
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        amount_fen=amount_fen,
        effective_on=TODAY,
        entries=move(
            amount_fen, out_of=f"committed:{MEASURE}:central", to=f"paid:{payment_id}:central"
        ),
        transaction_id=new_id("transaction"),
    )


def paper(household_id: str = HOUSEHOLD, witness: str = "Shi") -> Paper:
    picture = Blob(sha256="0" * 64, subject_id=household_id)
    return Paper(picture=picture, witness=witness, household_id=household_id)


def confirm(assignment_id: str = "a-1", **word: Any) -> ConfirmReceipt:
    return ConfirmReceipt(
        **_HERE,
        payment_id=PAYMENT,
        assignment_id=assignment_id,
        cadre_id="cadre-wu",
        consent=Consent(**{"given_by": "p-1", "paper": paper(), "given_on": TODAY, **word}),
    )
