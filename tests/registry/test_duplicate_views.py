"""Decisions as rows, in any interleaving of the lanes."""

from itertools import permutations

from services.registry.views.duplicates import VIEW
from tests.registry.test_duplicate_rules import CONFIRMED, DISMISSED, PAIR_ID
from tests.services.memory_rows import projected
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import duplicates_pb2 as pb

WITHDRAWN = pb.DuplicateDecisionWithdrawn(
    pair_id=PAIR_ID,
    decision=pb.DUPLICATE_DECISION_NOT_SAME,
    withdrawn_by="wang-office",
    effective_on="2020-03-05",
)


def test_a_pair_is_one_row_and_its_last_word_counts() -> None:
    told = projected(VIEW, [(Envelope(), DISMISSED)])["duplicate_decisions"]
    assert list(told) == [(PAIR_ID,)]
    row = told[(PAIR_ID,)]
    assert (row["decision"], row["score"]) == (pb.DUPLICATE_DECISION_NOT_SAME, 80)
    assert row["alike"] == "name-same,birth-same"
    events = [(Envelope(), DISMISSED), (Envelope(), WITHDRAWN)]
    (withdrawn,) = projected(VIEW, events)["duplicate_decisions"].values()
    assert withdrawn == {
        **row,
        "decision": pb.DUPLICATE_DECISION_WITHDRAWN,
        "decided_by": "wang-office",
        "decided_on": "2020-03-05",
    }


def test_pairs_do_not_touch_each_other() -> None:
    other = pb.DuplicateConfirmed()
    other.CopyFrom(CONFIRMED)
    other.pair_id = "pair-2"
    told = [
        projected(VIEW, order)
        for order in permutations([(Envelope(), DISMISSED), (Envelope(), other)])
    ]
    assert told[0] == told[1]
    assert "入户核实" not in str(told[0])
