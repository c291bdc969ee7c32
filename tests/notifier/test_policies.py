"""Which policy counts where and when, and what every policy that is shipped must say."""

from datetime import date
from typing import Any

import pytest

from services.notifier.decider import assignment
from services.notifier.decider.policy import HELPER, PROOFS, entry_of
from tests.given import NOW, FixedParameters, Given
from tests.notifier import tasks as task
from tests.notifier.policies import KINDS, TABLES
from tuopin.notifier.v1.assignment_pb2 import AssignmentOffered
from tuopin.notifier.v1.handling_pb2 import SnoozeAssignment
from tuopin.training.v1.cadre_pb2 import Post

POSTS = {each.name.removeprefix("POST_") for each in Post.DESCRIPTOR.values} | {HELPER}
WORDS = {"draft-plan", "first-visit", "receipt-check", "verify-exit", "session-invitation"}


def parameters(*files: dict[str, Any]) -> FixedParameters:
    """The shipped programme with these policy files beside its own."""
    more = {f"policies-{number}": file for number, file in enumerate(files)}
    head = {**TABLES["policies"], "files": ["policies-cn", *more]}
    return FixedParameters(tables={**TABLES, **more, "policies": head})


def file(region: str, valid_from: str, **changes: Any) -> dict[str, Any]:
    return {
        "region": region,
        "valid_from": date.fromisoformat(valid_from),
        "kinds": {"first-visit": {**KINDS["first-visit"], **changes}},
    }


def due(known: FixedParameters, region_id: str, on: str) -> Any:
    found = entry_of("first-visit", region_id, date.fromisoformat(on), known)
    assert found
    return found[1]["due_after_s"]


def test_the_nearest_region_counts_and_in_it_the_latest_day() -> None:
    known = parameters(
        file("43", "2015-01-01", due_after_s=1),
        file("4331", "2015-01-01", due_after_s=2),
        file("4331", "2018-01-01", due_after_s=3),
        file("", "2019-01-01", due_after_s=4),
    )
    shipped = KINDS["first-visit"]["due_after_s"]
    assert due(known, task.VILLAGE, "2014-12-31") == shipped
    assert due(known, task.VILLAGE, "2015-01-01") == 2
    assert due(known, task.VILLAGE, "2018-01-01") == 3
    # A later file of a wider region does not take it back.
    assert due(known, task.VILLAGE, "2020-01-01") == 3
    assert due(known, "430100000000", "2020-01-01") == 1
    assert due(known, "110101001001", "2020-01-01") == 4


def test_a_change_of_policy_leaves_what_is_running_as_it_was() -> None:
    """The terms are in the offer: decided again under other rules it goes on by its own."""
    stricter = parameters(file("", "2015-01-01", snoozes_max=0, remind_after_s=[1]))
    offered = task.offered()
    assert offered.terms.snoozes_max == 2
    later = Given(assignment.DECIDER, stricter, task.BOTH)
    command = SnoozeAssignment(assignment_id=task.ID, cadre_id=task.HELPER, for_s=3600)
    assert later(offered).when(command).events
    fresh = later().when(task.offer()).events[0]
    assert isinstance(fresh, AssignmentOffered)
    assert (fresh.terms.snoozes_max, list(fresh.terms.remind_after_s)) == (0, [1])
    later(fresh).when(command, at=NOW).then_rejected("assignment-snoozed-too-often")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_policy_is_whole(kind: str) -> None:
    row = KINDS[kind]
    assert row["zh"]
    assert row["en"]
    assert row["proof"] in PROOFS
    assert row["priority"] in ("task", "alert")
    assert row["at_due"] in ("escalate", "expire")
    assert row["verified_by"] in ("owner", "office", "nobody")
    assert {*row["who"], *row["steps"], *row.get("each", ())} <= POSTS
    assert row["who"] or row["each"]
    assert len(row["remind_after_s"]) == len(row["remind_by"]) > 0
    assert set(row["remind_by"]) <= {"message", "digest"}
    assert 0 < row["snooze_max_s"] <= row["due_after_s"]
    if row["at_due"] == "escalate":
        assert row["steps"], "an overdue task needs a level to go to"


def test_the_causes_of_the_programme_have_their_policies() -> None:
    assert set(KINDS) >= WORDS
