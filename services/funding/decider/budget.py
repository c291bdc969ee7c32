"""Money comes in and goes down the levels: appropriated, allocated, received, settled."""

from chassis.decider import Context
from chassis.rejection import reject, require
from services.funding.decider.book import account, move, word
from services.funding.decider.state import Events, State
from tuopin.funding.v1.ledger_pb2 import (
    AllocateMoney,
    AllocationReceived,
    AppropriateMoney,
    MoneyAllocated,
    MoneyAppropriated,
    ReceiveAllocation,
    SettleTransfer,
    TransferSettled,
)

# Digits of a region code: province, prefecture, county, township, village.
REGION_DIGITS = frozenset({2, 4, 6, 9, 12})
# So that no sum ever leaves 64 bits: 10 trillion yuan of one source in one ledger.
MOST_FEN = 10**15


def ledger_id_of(region_id: str, year: int) -> str:
    """One ledger per region and year."""
    return f"{region_id}-{year}"


def yuan(amount_fen: int) -> str:
    """An amount as a person reads it."""
    return f"{amount_fen // 100}.{amount_fen % 100:02d}"


def appropriate(state: State, command: AppropriateMoney, context: Context) -> Events:
    """Money enters: out of the budget, into what is available."""
    require(len(command.region_id) in REGION_DIGITS, "region-of-no-level", region=command.region_id)
    source = word(command.source)
    before = state.balance("appropriated", source)
    require(
        before + command.amount_fen <= MOST_FEN,
        "appropriation-too-large",
        field="amount_fen",
        most=yuan(MOST_FEN),
    )
    yield MoneyAppropriated(
        ledger_id=ledger_id_of(command.region_id, command.year),
        region_id=command.region_id,
        year=command.year,
        source=command.source,
        amount_fen=command.amount_fen,
        document=command.document,
        entries=move(
            command.amount_fen,
            out_of=account("appropriated", source),
            to=account("available", source),
        ),
        transaction_id=context.new_id("transaction"),
    )


def allocate(state: State, command: AllocateMoney, context: Context) -> Events:
    """To a region below: in transit until the other ledger has it."""
    require(
        command.to_region_id.startswith(command.region_id)
        and len(command.to_region_id) > len(command.region_id)
        and len(command.to_region_id) in REGION_DIGITS,
        "region-not-below",
        field="to_region_id",
        region=command.region_id,
    )
    require_available(state, word(command.source), command.amount_fen)
    yield MoneyAllocated(
        ledger_id=ledger_id_of(command.region_id, command.year),
        region_id=command.region_id,
        year=command.year,
        source=command.source,
        to_region_id=command.to_region_id,
        amount_fen=command.amount_fen,
        entries=move(
            command.amount_fen,
            out_of=account("available", word(command.source)),
            to=account("in-transit", command.to_region_id, word(command.source)),
        ),
        transaction_id=context.new_id("transaction"),
    )


def receive(state: State, command: ReceiveAllocation, context: Context) -> Events:
    """The other half of a transfer, taken in once."""
    if state.received.get(command.transfer_id):
        return
    yield AllocationReceived(
        ledger_id=ledger_id_of(command.region_id, command.year),
        region_id=command.region_id,
        year=command.year,
        source=command.source,
        from_region_id=command.from_region_id,
        amount_fen=command.amount_fen,
        transfer_id=command.transfer_id,
        entries=move(
            command.amount_fen,
            out_of=account("received", command.from_region_id, word(command.source)),
            to=account("available", word(command.source)),
        ),
        transaction_id=context.new_id("transaction"),
    )


def settle(state: State, command: SettleTransfer, context: Context) -> Events:
    """The money has arrived below and is no longer in transit."""
    transfer = state.transfers.get(command.transfer_id)
    if transfer is None:
        reject("transfer-not-known", transfer=command.transfer_id)
    if transfer.settled:
        return
    route = (transfer.to_region_id, word(transfer.source))
    yield TransferSettled(
        ledger_id=ledger_id_of(command.region_id, command.year),
        region_id=command.region_id,
        year=command.year,
        transfer_id=command.transfer_id,
        entries=move(
            transfer.amount_fen,
            out_of=account("in-transit", *route),
            to=account("transferred", *route),
        ),
        transaction_id=context.new_id("transaction"),
    )


def require_available(state: State, source: str, amount_fen: int) -> None:
    """Nobody passes on more than there is."""
    available_fen = state.balance("available", source)
    require(
        amount_fen <= available_fen,
        "money-not-available",
        field="amount_fen",
        source=source,
        available=yuan(available_fen),
    )
