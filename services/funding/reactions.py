"""What events make funding do: the two halves of a transfer, and the receipt a household gave."""

from collections.abc import Iterator

from chassis.reactions import Reaction
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.funding.v1.ledger_pb2 import (
    AllocationReceived,
    ConfirmReceipt,
    MoneyAllocated,
    ReceiveAllocation,
    SettleTransfer,
)
from tuopin.notifier.v1.assignment_pb2 import AssignmentDone
from tuopin.notifier.v1.voice_pb2 import PaymentArrivalConfirmed
from tuopin.types.v1.types_pb2 import Consent

RECEIPT_CHECK = "receipt-check"


def receive_allocation(
    envelope: Envelope, event: MoneyAllocated, facts: None
) -> Iterator[ReceiveAllocation]:
    """What one ledger sends, the other takes in."""
    yield ReceiveAllocation(
        region_id=event.to_region_id,
        year=event.year,
        source=event.source,
        from_region_id=event.region_id,
        amount_fen=event.amount_fen,
        transfer_id=event.transaction_id,
    )


def settle_transfer(
    envelope: Envelope, event: AllocationReceived, facts: None
) -> Iterator[SettleTransfer]:
    """What has arrived below is no longer in transit above."""
    yield SettleTransfer(
        region_id=event.from_region_id, year=event.year, transfer_id=event.transfer_id
    )


def confirm_receipt(
    envelope: Envelope, event: AssignmentDone, facts: None
) -> Iterator[ConfirmReceipt]:
    """The paper the cadre brought is the household's word.

    Who signed is named by the answer; where it names nobody, the household as a whole gave it. An
    answer without a paper is sent all the same: the refusal returns the task to the cadre.
    """
    if event.kind != RECEIPT_CHECK:
        return
    yield ConfirmReceipt(
        region_id=event.facts.get("region_id", ""),
        year=int(event.facts.get("year", "0")),
        payment_id=event.subject,
        assignment_id=event.assignment_id,
        cadre_id=event.cadre_id,
        consent=Consent(
            given_by=event.facts.get("given_by") or event.household_id,
            paper=event.paper if event.HasField("paper") else None,
            given_on=event.effective_on,
        ),
    )


def hear_arrival(
    envelope: Envelope, event: PaymentArrivalConfirmed, facts: None
) -> Iterator[ConfirmReceipt]:
    """A member said from their own chat that the money arrived."""
    yield ConfirmReceipt(
        region_id=event.region_id,
        year=event.year,
        payment_id=event.payment_id,
        consent=event.consent,
    )


REACTIONS: tuple[Reaction, ...] = (
    Reaction(name="receive-allocation", event=MoneyAllocated, react=receive_allocation),
    Reaction(name="settle-transfer", event=AllocationReceived, react=settle_transfer),
    Reaction(name="confirm-receipt", event=AssignmentDone, react=confirm_receipt),
    Reaction(name="hear-arrival", event=PaymentArrivalConfirmed, react=hear_arrival),
)
