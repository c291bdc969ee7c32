"""Why a household is on the list: told from the log, the same for everybody."""

from pathlib import Path
from typing import Any

import pytest

from chassis.client import CallFailed
from chassis.fields import personal_of
from chassis.programme import Programme
from services.registry.decider.household import HOUSEHOLD
from tests.registry.serving import registry
from tests.registry.stories import HOUSEHOLD_ID, propose_exit, register_household
from tuopin.registry.v1.explain_pb2 import ExplainHousehold, Explanation

TABLE = Programme.load("programme").table("explain")


def test_every_event_of_a_household_has_a_name_in_both_languages() -> None:
    for event in HOUSEHOLD.events:
        entry = TABLE["events"][event.DESCRIPTOR.name]
        assert entry["zh"], event
        assert entry["en"], event


def test_every_coded_fact_that_is_labelled_exists() -> None:
    known = {field.name for event in HOUSEHOLD.events for field in event.DESCRIPTOR.fields}
    assert set(TABLE["fields"]) <= known


def test_no_label_is_for_a_personal_field() -> None:
    for event in HOUSEHOLD.events:
        for field in event.DESCRIPTOR.fields:
            if personal_of(field):
                assert field.name in {"reason", "note"} or field.name not in TABLE["fields"]


async def test_an_explanation_is_told_from_the_log(tmp_path: Path) -> None:
    async with registry(tmp_path) as here:
        county = here.client("county-office@433124")

        async def explain(**query: Any) -> Explanation:
            request = ExplainHousehold(household_id=HOUSEHOLD_ID, **query)
            found: Explanation = await county.call(request)
            return found

        with pytest.raises(CallFailed, match="household-not-known"):
            await explain()
        await county.call(register_household(command_id="one"))
        await county.call(propose_exit(command_id="two"))
        found = await explain()
        assert [step.type for step in found.steps] == ["HouseholdRegistered", "ExitProposed"]
        assert [step.decisive for step in found.steps] == [True, False]
        assert (found.status_class, found.label) == ("poor", "registered poor")
        assert found.decided_by == f"household-{HOUSEHOLD_ID}@1"
        facts = {fact.label: fact.value for fact in found.steps[0].facts}
        assert facts["income per head (yuan a year)"] == "3000.00"
        assert facts["main cause"] == "illness"
        assert [rule.name for rule in found.steps[0].rules] == ["poverty-line-fen"]
        assert "合成" not in str(found)
        assert (await explain()).digest == found.digest
        earlier = await explain(as_of="2020-01-15")
        assert [step.type for step in earlier.steps] == ["HouseholdRegistered"]
        assert earlier.digest != found.digest
