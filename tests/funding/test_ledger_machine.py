"""Money under random commands, legal and illegal, late, doubled and interleaved."""

from collections import Counter, defaultdict
from typing import Any

from google.protobuf.message import Message
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chassis.decider import Claim, Context, derived_id
from chassis.rejection import Rejected
from services.funding.decider.book import CREDIT_KINDS
from services.funding.decider.ledger import DECIDER
from services.funding.decider.spending import MeasureFacts, PaymentFacts
from services.funding.decider.state import State
from services.funding.reactions import receive_allocation, settle_transfer
from services.funding.views import accounts
from tests.funding.vocabulary import paper
from tests.given import NOW, SOMEBODY, FixedParameters
from tests.services.memory_rows import MemoryRows
from tuopin.envelope.v1.envelope_pb2 import Envelope
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
    ReceiptConfirmed,
    Source,
    TransferSettled,
)
from tuopin.types.v1.types_pb2 import Consent

REGIONS = ("43", "433124", "433124100", "433125")
YEAR = 2020
# Measure -> its plan as funding knows it.
PLANS = {
    "plan-a/1": MeasureFacts("plan-a", "h-a", "433124100201", True, 700),
    "plan-a/2": MeasureFacts("plan-a", "h-a", "433124100201", True, 300),
    "plan-b/1": MeasureFacts("plan-b", "h-b", "433125100201", True, 500),
    "plan-c/1": MeasureFacts("plan-c", "h-c", "433124100202", False, 500),
    "plan-a/9": MeasureFacts("plan-a", "h-a", "433124100201", True, None),
}
regions = st.sampled_from(REGIONS)
sources = st.sampled_from([Source.SOURCE_CENTRAL, Source.SOURCE_COUNTY])
routes = st.sampled_from(
    [("43", "433124"), ("433124", "433124100"), ("43", "433125"), ("433124", "43"), ("43", "43")]
)
measures = st.sampled_from(sorted(PLANS))
amounts = st.sampled_from([1, 50, 100, 299, 300, 700, 701])


class Ledgers(RuleBasedStateMachine):
    """Several ledgers, a store that proves versions and claims, reactions that come at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, State] = defaultdict(State)
        self.versions: Counter[str] = Counter()
        self.log: list[Any] = []
        self.claims: dict[tuple[str, str], str] = {}
        self.reactions: list[Any] = []
        self.waiting: list[tuple[Any, int, tuple[Any, ...]]] = []
        self.payments: dict[str, tuple[str, str]] = {}
        self.commands = 0

    # What may happen

    @initialize()
    def money_comes_in(self) -> None:
        """Enough that most commands that follow can be legal, in some ledger."""
        self.appropriate("43", Source.SOURCE_CENTRAL, 1_500)
        self.appropriate("433124", Source.SOURCE_CENTRAL, 300)
        self.appropriate("433124", Source.SOURCE_COUNTY, 500)

    @rule(measure=st.sampled_from(["plan-a/1", "plan-a/2"]), source=sources, amount=amounts)
    def go_all_the_way(self, measure: str, source: Source.ValueType, amount: int) -> None:
        """The steps of a measure in their order, each of which may still be refused."""
        self.assign("433124", source, measure, amount, late=False)
        self.commit("433124", measure, amount, late=False)
        self.pay("433124", measure, amount, late=False)

    @rule(region=regions, source=sources, amount=amounts)
    def appropriate(self, region: str, source: Source.ValueType, amount: int) -> None:
        self.do(
            AppropriateMoney(
                region_id=region, year=YEAR, source=source, amount_fen=amount, document="no. 1"
            )
        )

    @rule(route=routes, source=sources, amount=amounts)
    def allocate(self, route: tuple[str, str], source: Source.ValueType, amount: int) -> None:
        region, to = route
        self.do(
            AllocateMoney(
                region_id=region, year=YEAR, source=source, to_region_id=to, amount_fen=amount
            )
        )

    @rule(region=regions, source=sources, measure=measures, amount=amounts, late=st.booleans())
    def assign(
        self, region: str, source: Source.ValueType, measure: str, amount: int, late: bool
    ) -> None:
        self.do(
            AssignMoney(
                region_id=region, year=YEAR, source=source, measure_id=measure, amount_fen=amount
            ),
            late=late,
        )

    @rule(measure=measures, amount=amounts)
    def everybody_assigns(self, measure: str, amount: int) -> None:
        """Every ledger wants to pay for the same measure."""
        for region in REGIONS:
            self.assign(region, Source.SOURCE_CENTRAL, measure, amount, late=False)

    @rule(region=regions, measure=measures, amount=amounts, late=st.booleans())
    def commit(self, region: str, measure: str, amount: int, late: bool) -> None:
        command = CommitMoney(region_id=region, year=YEAR, measure_id=measure, amount_fen=amount)
        self.do(command, late=late)

    @rule(region=regions, measure=measures, amount=amounts, late=st.booleans())
    def pay(self, region: str, measure: str, amount: int, late: bool) -> None:
        command = PayMoney(region_id=region, year=YEAR, measure_id=measure, amount_fen=amount)
        self.do(command, late=late)

    @rule(data=st.data(), assignment=st.sampled_from(["a-1", "a-2"]))
    def confirm(self, data: st.DataObject, assignment: str) -> None:
        if not self.payments:
            return
        payment_id = data.draw(st.sampled_from(sorted(self.payments)))
        region, household_id = self.payments[payment_id]
        self.do(
            ConfirmReceipt(
                region_id=region,
                year=YEAR,
                payment_id=payment_id,
                assignment_id=assignment,
                cadre_id="cadre-wu",
                consent=Consent(
                    given_by=household_id, paper=paper(household_id), given_on="2020-03-02"
                ),
            )
        )

    @rule(picks=st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=6))
    def react(self, picks: list[tuple[int, bool]]) -> None:
        """Commands of reactions arrive, in any order, perhaps not for the last time."""
        for pick, again in picks:
            if self.reactions:
                index = pick % len(self.reactions)
                command = self.reactions[index] if again else self.reactions.pop(index)
                self.do(command)

    @rule(data=st.data())
    def append_late(self, data: st.DataObject) -> None:
        """A command decided earlier reaches the store; has the ledger moved, it starts again."""
        if not self.waiting:
            return
        command, version, decisions = self.waiting.pop(
            data.draw(st.integers(0, len(self.waiting) - 1))
        )
        if self.versions[_ledger(command)] == version:
            self.append(command, decisions)
        else:
            self.do(command)

    # How it happens

    def do(self, command: Any, *, late: bool = False) -> None:
        self.commands += 1
        command.command_id = command.command_id or f"command-{self.commands}"
        ledger = _ledger(command)
        context = Context(NOW, SOMEBODY, command.command_id, FixedParameters(), _facts(command))
        try:
            decisions = tuple(DECIDER.decide(self.states[ledger], command, context))
        except Rejected:
            return
        if late:
            self.waiting.append((command, self.versions[ledger], decisions))
        else:
            self.append(command, decisions)

    def append(self, command: Any, decisions: tuple[Any, ...]) -> None:
        claims = [each for each in decisions if isinstance(each, Claim)]
        if any(self.claims.get((c.kind, c.key), c.owner) != c.owner for c in claims):
            return
        self.claims.update({(c.kind, c.key): c.owner for c in claims})
        ledger = _ledger(command)
        for event in decisions:
            if not isinstance(event, Claim):
                self.states[ledger] = DECIDER.evolve(self.states[ledger], event)
                self.versions[ledger] += 1
                self.heard(event)

    def heard(self, event: Any) -> None:
        self.log.append(event)
        sent: list[Any] = []
        if isinstance(event, MoneyAllocated):
            sent = list(receive_allocation(Envelope(), event, None))
        if isinstance(event, AllocationReceived):
            sent = list(settle_transfer(Envelope(), event, None))
        if isinstance(event, MoneyPaid):
            self.payments[event.payment_id] = (event.region_id, event.household_id)
        for command in sent:
            command.command_id = derived_id(event.transaction_id, type(command).__name__)
        self.reactions.extend(sent)

    # What must hold

    @invariant()
    def every_transaction_balances(self) -> None:
        for event in self.log[-5:]:
            assert sum(entry.amount_fen for entry in event.entries) == 0

    @invariant()
    def no_balance_is_below_zero(self) -> None:
        for state in self.states.values():
            assert all(balance >= 0 for _, balance in state.balances.items())

    @invariant()
    def the_view_equals_an_independent_fold(self) -> None:
        expected = _slow_fold(self.log)
        assert self.view() == {key: fen for key, fen in expected.items() if fen}
        assert self.view() == {
            (ledger, account): fen
            for ledger, state in self.states.items()
            for account, fen in state.balances.items()
            if fen
        }

    @invariant()
    def money_is_neither_made_nor_lost(self) -> None:
        stands: Counter[str] = Counter()
        for (_, account), fen in self.view().items():
            stands[account.partition(":")[0]] += fen
        credit = sum(stands[kind] for kind in CREDIT_KINDS)
        assert credit == sum(stands.values()) - credit
        on_its_way = stands["in-transit"] + stands["transferred"] - stands["received"]
        here = sum(
            stands[kind] for kind in ("available", "assigned", "committed", "paid", "confirmed")
        )
        assert on_its_way >= 0
        assert stands["appropriated"] == here + on_its_way

    @invariant()
    def no_measure_gets_more_than_its_plan_says(self) -> None:
        given_fen: Counter[str] = Counter()
        for event in self.log:
            if isinstance(event, MoneyAssigned):
                given_fen[event.measure_id] += event.amount_fen
        for measure_id, fen in given_fen.items():
            assert PLANS[measure_id].in_force
            assert fen <= (PLANS[measure_id].amount_fen or 0)

    def view(self) -> dict[tuple[str, str], int]:
        rows = MemoryRows()
        for event in self.log:
            accounts.VIEW.project(rows, Envelope(), event)
        table = rows.tables.get("accounts", {})
        return {(k[0], k[1]): row["balance_fen"] for k, row in table.items() if row["balance_fen"]}


def _ledger(command: Any) -> str:
    return f"{command.region_id}-{command.year}"


def _facts(command: Message) -> Any:
    if isinstance(command, AssignMoney):
        return PLANS[command.measure_id]
    return PaymentFacts(frozenset())


def _slow_fold(log: list[Any]) -> Counter[tuple[str, str]]:
    """Balances from what the events say in words, without looking at a single entry."""
    stands: Counter[tuple[str, str]] = Counter()
    for index, event in enumerate(log):
        ledger, fen = event.ledger_id, getattr(event, "amount_fen", 0)
        word = {1: "central", 4: "county"}.get(getattr(event, "source", 0), "")
        match event:
            case MoneyAppropriated():
                stands[ledger, f"appropriated:{word}"] += fen
                stands[ledger, f"available:{word}"] += fen
            case MoneyAllocated():
                stands[ledger, f"available:{word}"] -= fen
                stands[ledger, f"in-transit:{event.to_region_id}:{word}"] += fen
            case AllocationReceived():
                stands[ledger, f"received:{event.from_region_id}:{word}"] += fen
                stands[ledger, f"available:{word}"] += fen
            case TransferSettled():
                (sent,) = [e for e in log[:index] if e.transaction_id == event.transfer_id]
                route = f"{sent.to_region_id}:{'central' if sent.source == 1 else 'county'}"
                stands[ledger, f"in-transit:{route}"] -= sent.amount_fen
                stands[ledger, f"transferred:{route}"] += sent.amount_fen
            case MoneyAssigned():
                stands[ledger, f"available:{word}"] -= fen
                stands[ledger, f"assigned:{event.measure_id}:{word}"] += fen
            case MoneyCommitted():
                _pour(
                    stands,
                    ledger,
                    fen,
                    f"assigned:{event.measure_id}",
                    f"committed:{event.measure_id}",
                )
            case MoneyPaid():
                _pour(
                    stands, ledger, fen, f"committed:{event.measure_id}", f"paid:{event.payment_id}"
                )
            case ReceiptConfirmed():
                _pour(stands, ledger, fen, f"paid:{event.payment_id}", "confirmed")
            case _:
                raise AssertionError(type(event))
    return stands


def _pour(stands: Counter[tuple[str, str]], ledger: str, fen: int, out_of: str, to: str) -> None:
    """Fen by fen, central money before the county's own."""
    for _ in range(fen):
        word = "central" if stands[ledger, f"{out_of}:central"] else "county"
        stands[ledger, f"{out_of}:{word}"] -= 1
        stands[ledger, f"{to}:{word}"] += 1


TestLedgers = Ledgers.TestCase
TestLedgers.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
