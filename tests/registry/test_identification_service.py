"""Identification over gRPC: each step at its level, what the public sees, and what a look-back
does.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chassis.client import CallFailed, Client
from chassis.decider import PROGRAMME_ZONE
from tests.registry import applying as a
from tests.registry.serving import registry
from tests.registry.stories import HOUSEHOLD_ID, register_household
from tests.services.running import Running
from tuopin.registry.v1 import household_pb2 as household
from tuopin.registry.v1 import lookback_pb2 as lookback
from tuopin.registry.v1 import posting_pb2 as posting
from tuopin.registry.v1 import round_pb2 as rounds
from tuopin.types.v1.types_pb2 import Note


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Running]:
    async with registry(tmp_path) as running_here:
        yield running_here


class Offices:
    """Everybody of the procedure; commands get ids of their own."""

    def __init__(self, here: Running) -> None:
        self.here = here
        # Three people: the helper of tests names all of them li-office, which duties forbid.
        self.village = self._as("zhou-village", "village-committee@433124110226")
        self.township = self._as("tang-township", "township-office@433124110")
        self.county = self._as("li-county", "county-office@433124")
        self.sent = 0

    def _as(self, subject: str, role: str) -> Client:
        return self.here.somebody(subject, role)

    async def do(self, client: Client, command: Any) -> Any:
        self.sent += 1
        command.command_id = f"command-{self.sent}"
        if hasattr(command, "file"):
            command.file.command_id = command.command_id
        receipt = await client.call(command)
        await self.here.seen(receipt)
        return receipt


@pytest.fixture
def offices(here: Running) -> Offices:
    return Offices(here)


async def post(offices: Offices) -> posting.Posting:
    today = offices.here.parts.clock.now().astimezone(PROGRAMME_ZONE).date().isoformat()
    await offices.do(offices.village, a.apply_household())
    await offices.do(offices.village, a.prove_income())
    await offices.do(offices.village, a.appraise(held_on=today))
    await offices.do(offices.village, a.post_in_village())
    page = await offices.village.call(posting.ListPostings(region_id="433124"))
    (shown,) = page.postings
    return shown  # type: ignore[no-any-return]


async def test_the_public_sees_the_notice_and_no_more(here: Running, offices: Offices) -> None:
    shown = await post(offices)
    assert {field.name for field, _ in shown.ListFields()} == {
        "posting_id", "purpose", "household_number", "village_id", "village_name", "main_cause",
        "opened_on", "closes_on", "days_left", "object_at",
    }  # fmt: skip
    assert (shown.household_number, shown.village_name) == ("S1-0000001", "合成村")
    assert shown.days_left == 7
    assert list(shown.object_at) == [
        "433124110226 合成村", "433124110 双龙镇", "433124 花垣县",
    ]  # fmt: skip
    await offices.do(offices.village, a.raise_objection())
    again = await offices.village.call(posting.GetPosting(posting_id=shown.posting_id))
    assert (again.stopped, again.days_left, again.over) == (True, 0, False)
    secret = register_household()
    told = [shown.SerializeToString(), again.SerializeToString()]
    hidden = [
        *(each.name for each in secret.members),
        *(each.identity_number for each in secret.members),
        secret.address,
        HOUSEHOLD_ID,
        "合成村民",
        "小汽车",
        "zhou-village",
    ]
    for text in hidden:
        assert all(text.encode() not in each for each in told), text


def test_a_notice_has_no_field_in_which_more_could_get_out() -> None:
    assert set(posting.Posting.DESCRIPTOR.fields_by_name) == {
        "posting_id", "purpose", "household_number", "village_id", "village_name", "main_cause",
        "opened_on", "closes_on", "days_left", "stopped", "over", "object_at",
    }  # fmt: skip


async def test_each_step_belongs_to_its_level(offices: Offices) -> None:
    await post(offices)
    for client, command in (
        (offices.county, a.post_in_village()),
        (offices.village, a.review_at_township()),
        (offices.county, a.post_by_township()),
        (offices.township, a.review_at_county()),
        (offices.township, a.override_fact()),
        (offices.township, a.announce()),
        (offices.village, a.register_applicant()),
        (offices.county, a.close_posting(1)),
        (offices.village, a.dismiss()),
    ):
        with pytest.raises(CallFailed) as refused:
            await offices.do(client, command)
        assert refused.value.problem.slug == "role-missing", type(command).__name__


async def test_a_review_over_the_wire_waits_for_the_posting(offices: Offices) -> None:
    shown = await post(offices)
    with pytest.raises(CallFailed) as early:
        await offices.do(offices.township, a.review_at_township())
    assert early.value.problem.slug == "posting-not-over"
    assert shown.closes_on in early.value.problem.sentence


async def test_a_registered_person_does_not_apply_elsewhere(offices: Offices) -> None:
    await offices.do(offices.county, register_household(household_number="other"))
    with pytest.raises(CallFailed) as refused:
        await offices.do(offices.village, a.apply_household())
    assert refused.value.problem.slug == "person-already-in-household"
    assert refused.value.problem.field == "file.members.0"


async def test_a_finding_has_its_effect(here: Running, offices: Offices) -> None:
    await offices.do(offices.county, register_household())
    today = here.parts.clock.now().astimezone(PROGRAMME_ZONE).date()
    await offices.do(offices.county, rounds.OpenRound(county_id="433124", year=today.year))
    draw = lookback.OpenLookback(
        region_id="433124",
        seed="dice 4261",
        registered=1,
        unregistered=1,
        rosters=[lookback.Roster(village_id="433124110226", lines=9)],
    )
    drawn = await offices.do(offices.county, draw)
    lookback_id = drawn.stream.removeprefix("lookback-")
    ask = lookback.GetLookback(lookback_id=lookback_id)
    report = await offices.county.call(ask)
    assert [subject.stratum for subject in report.open] == [1, 2]
    for subject in report.open:
        about = lookback_id if subject.stratum == 2 else HOUSEHOLD_ID
        finding = lookback.RecordFinding(
            lookback_id=lookback_id,
            subject_id=subject.subject_id,
            verdict=lookback.VERDICT_WRONG,
            reason="false-file" if subject.stratum == 1 else "",
            note=Note(text="查无此情", household_id=about),
            effective_on=today.isoformat(),
        )
        await offices.do(offices.county, finding)
    (proposed,) = await here.until(rounds.RemovalProposed)
    assert (proposed.household_id, proposed.lookback_id) == (HOUSEHOLD_ID, lookback_id)
    await offices.do(offices.county, lookback.CloseLookback(lookback_id=lookback_id))
    closed = await offices.county.call(ask)
    assert closed.closed_on == today.isoformat()
    assert {(rate.wrong, rate.reached) for rate in closed.rates} == {(1, 1)}
    (row,) = (await offices.county.call(lookback.ListLookbacks(region_id="433124"))).lookbacks
    assert (row.sampled, row.found, row.wrong) == (2, 2, 2)
    (shown,) = (await offices.county.call(rounds.ListRounds(region_id="433124"))).rounds
    assert (shown.removals_proposed, shown.supplements_proposed) == (1, 1)
    for content in here.files().values():
        assert "查无此情".encode() not in content
    request = household.GetHousehold(household_id=HOUSEHOLD_ID)
    status = (await offices.county.call(request)).status
    assert status == household.HOUSEHOLD_STATUS_REMOVAL_PROPOSED


async def test_who_looks_into_objections_reads_them(offices: Offices) -> None:
    await post(offices)
    raised = await offices.do(offices.village, a.raise_objection())
    again = await offices.do(offices.village, a.raise_objection(anonymous=True, objector_name=""))
    ask = posting.ListObjections(household_id=HOUSEHOLD_ID, at_least=again.position)
    first, second = (await offices.township.call(ask)).objections
    assert (first.statement.text, first.objector_name) == ("该户有小汽车", "合成村民")
    assert (second.anonymous, second.objector_name) == (True, "")
    assert first.outcome == second.outcome == posting.OBJECTION_OUTCOME_OPEN
    dismissed = await offices.do(offices.township, a.dismiss(first.objection_id))
    await offices.do(offices.village, a.raise_objection())
    upheld = await offices.do(offices.township, a.uphold(second.objection_id))
    ask = posting.ListObjections(household_id=HOUSEHOLD_ID, at_least=upheld.position)
    first, second, third = (await offices.township.call(ask)).objections
    assert third.outcome == posting.OBJECTION_OUTCOME_ENDED
    assert (first.outcome, first.finding.text) == (posting.OBJECTION_OUTCOME_DISMISSED, "不属实")
    assert (second.outcome, second.judged_by) == (
        posting.OBJECTION_OUTCOME_UPHELD,
        "tang-township",
    )
    assert raised.version < dismissed.version
    with pytest.raises(CallFailed) as refused:
        await offices.village.call(ask)
    assert refused.value.problem.slug == "role-missing"
