"""The ledger as the handler knows it: which rule each command meets, and the stream it is for."""

from typing import Any

from chassis.decider import Context, Decider
from services.funding.decider import budget, spending
from services.funding.decider.budget import ledger_id_of
from services.funding.decider.state import EVENTS, Events, State, evolve
from tuopin.funding.v1.ledger_pb2 import (
    AllocateMoney,
    AppropriateMoney,
    AssignMoney,
    CommitMoney,
    ConfirmReceipt,
    PayMoney,
    ReceiveAllocation,
    SettleTransfer,
)

COMMANDS = (
    AppropriateMoney,
    AllocateMoney,
    ReceiveAllocation,
    SettleTransfer,
    AssignMoney,
    CommitMoney,
    PayMoney,
    ConfirmReceipt,
)
Command = (
    AppropriateMoney
    | AllocateMoney
    | ReceiveAllocation
    | SettleTransfer
    | AssignMoney
    | CommitMoney
    | PayMoney
    | ConfirmReceipt
)


def decide(state: State, command: Command, context: Context) -> Events:
    """Which rule a command is for."""
    match command:
        case AppropriateMoney():
            return budget.appropriate(state, command, context)
        case AllocateMoney():
            return budget.allocate(state, command, context)
        case ReceiveAllocation():
            return budget.receive(state, command, context)
        case SettleTransfer():
            return budget.settle(state, command, context)
        case AssignMoney():
            return spending.assign(state, command, context)
        case CommitMoney():
            return spending.bind(state, command, context)
        case PayMoney():
            return spending.pay(state, command, context)
        case ConfirmReceipt():
            return spending.confirm(state, command, context)


def _ledger_id(command: Any) -> str:
    return ledger_id_of(command.region_id, command.year)


DECIDER: Decider[State] = Decider(
    noun="ledger",
    topic="fund",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys(COMMANDS, _ledger_id),
    events=EVENTS,
    region=lambda state: state.region_id,
)
