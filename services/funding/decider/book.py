"""Double entry: the accounts of a ledger and the movements between them.

An entry debits (positive) or credits (negative). Where money is or went stands in debit accounts:
available, in-transit, transferred, assigned, committed, paid, confirmed. Where it came from stands
in credit accounts: appropriated, received. The balance of an account is the amount that stands in
it, on its own side, and is never below zero.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from chassis.enumcodes import code_by_number
from tuopin.funding.v1.ledger_pb2 import Entry, Source

CREDIT_KINDS = frozenset({"appropriated", "received"})

V = TypeVar("V")


def account(kind: str, *reference: str) -> str:
    """The name of an account: its kind and what it is about."""
    return ":".join((kind, *reference))


def word(source: Source.ValueType) -> str:
    """A source as accounts name it: central, provincial, prefectural, county."""
    return code_by_number(Source.DESCRIPTOR)[source]


def balance_change(entry: Entry) -> int:
    """What an entry does to the balance of its account, on the account's own side."""
    credit = entry.account.partition(":")[0] in CREDIT_KINDS
    return -entry.amount_fen if credit else entry.amount_fen


def move(amount_fen: int, *, to: str, out_of: str) -> tuple[Entry, Entry]:
    """Two entries that sum to zero: debit one account, credit another."""
    assert amount_fen > 0
    return Entry(account=to, amount_fen=amount_fen), Entry(account=out_of, amount_fen=-amount_fen)


@dataclass(frozen=True)
class Layered(Generic[V]):
    """A map that never changes and is cheap to turn into another: a small layer above a large one.

    A county's ledger holds ten thousands of accounts, and a state may be thrown away again, so it
    cannot be changed in place; copying it whole for each entry would cost the square.
    """

    below: Mapping[str, V] = field(default_factory=dict)
    above: Mapping[str, V] = field(default_factory=dict)

    def get(self, key: str) -> V | None:
        value = self.above.get(key)
        return self.below.get(key) if value is None else value

    def of(self, key: str) -> V:
        value = self.get(key)
        assert value is not None, f"{key} is not in the ledger"
        return value

    def with_all(self, changes: Mapping[str, V]) -> "Layered[V]":
        above = {**self.above, **changes}
        if len(above) * len(above) <= max(4_096, len(self.below)):
            return Layered(self.below, above)
        return Layered({**self.below, **above})

    def items(self) -> Iterator[tuple[str, V]]:
        return iter({**self.below, **self.above}.items())


def post(balances: Layered[int], entries: Iterable[Entry]) -> Layered[int]:
    """The balances after a transaction, which sums to zero and overdraws nothing."""
    changed: dict[str, int] = {}
    total = 0
    for entry in entries:
        before = changed.get(entry.account, balances.get(entry.account) or 0)
        changed[entry.account] = before + balance_change(entry)
        total += entry.amount_fen
    assert total == 0, "a transaction must balance"
    assert min(changed.values()) >= 0, "no account may stand below zero"
    return balances.with_all(changed)
