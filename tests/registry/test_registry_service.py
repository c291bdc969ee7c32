"""The registry over gRPC, with a real store, real keys, real views."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from chassis.client import CallFailed, Client
from chassis.decider import PROGRAMME_ZONE
from services.registry.editions import read_edition
from services.registry.worker import SERVICE
from tests.registry.filing import correct_household
from tests.registry.leaving import CADRE, appraise, record
from tests.registry.serving import registry
from tests.registry.stories import (
    HOUSEHOLD_ID,
    VILLAGE,
    child,
    consent,
    exit_household,
    identity_number,
    member,
    note,
    propose_exit,
    register_household,
)
from tests.services.running import Running, running
from tuopin.notifier.v1.assignment_pb2 import AssignmentDone
from tuopin.registry.v1 import exit_pb2 as exits
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1.correction_pb2 import CorrectHouseholds
from tuopin.registry.v1.posting_pb2 import ClosePosting, PostingOpened
from tuopin.registry.v1.region_pb2 import AdoptRegions, FindRegions
from tuopin.training.v1.cadre_pb2 import POST_RESIDENT_TEAM, CadrePosted
from tuopin.types.v1.types_pb2 import Edition, Receipt

JPEG = b"\xff\xd8\xff" + b"synthetic picture"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Running]:
    async with registry(tmp_path) as running_here:
        yield running_here


@pytest.fixture
def county(here: Running) -> Client:
    return here.client("county-office@433124")


async def register(county: Client, command_id: str = "register-1", **changes: Any) -> Receipt:
    receipt: Receipt = await county.call(register_household(command_id=command_id, **changes))
    return receipt


async def household(county: Client, receipt: Receipt, **changes: Any) -> pb.Household:
    request = pb.GetHousehold(
        household_id=HOUSEHOLD_ID,
        at_least=receipt.position if receipt.HasField("position") else None,
        **changes,
    )
    found: pb.Household = await county.call(request)
    return found


async def test_a_household_is_registered_found_and_shown(here: Running, county: Client) -> None:
    receipt = await register(county)
    shown = await household(county, receipt)
    assert [each.name for each in shown.members] == ["合成阿布", "合成禾米"]
    assert (shown.address, shown.village_name) == ("合成地址1组1号", "合成村")
    assert [entry.type for entry in shown.file] == ["HouseholdRegistered"]
    assert shown.file[0].actor == "li-office"
    found = await county.call(pb.FindPerson(identity_number=identity_number()))
    assert (found.found, found.household_id) == (True, HOUSEHOLD_ID)
    assert found.person_id == shown.members[0].person_id
    listed = await county.call(pb.ListHouseholds(region_id="433124"))
    assert [row.household_id for row in listed.households] == [HOUSEHOLD_ID]


async def test_nothing_personal_lies_on_the_disk(here: Running, county: Client) -> None:
    await here.seen(await register(county))
    for name, content in here.files().items():
        for secret in ("合成阿布", "合成地址", identity_number(), "00012345678"):
            assert secret.encode() not in content, name


async def test_the_same_command_again_gets_the_same_receipt(county: Client) -> None:
    assert await register(county) == await register(county)


async def test_the_same_file_by_another_command_changes_nothing(county: Client) -> None:
    await register(county)
    again = await register(county, "register-2")
    assert again.no_effect
    assert again == await register(county, "register-2")


async def test_another_file_under_the_same_number_is_refused(county: Client) -> None:
    await register(county)
    with pytest.raises(CallFailed) as refused:
        await register(county, "register-2", members=[member(phone="00087654321")])
    assert refused.value.problem.slug == "household-already-known"


async def test_a_person_is_in_one_household(county: Client) -> None:
    await register(county)
    with pytest.raises(CallFailed) as refused:
        await register(county, "register-2", household_number="other")
    assert refused.value.problem.slug == "person-already-in-household"
    assert "already a member" in refused.value.problem.sentence


async def test_a_batch_tells_the_new_from_the_known_and_the_wrong(county: Client) -> None:
    await register(county)
    commands = pb.RegisterHouseholds(
        commands=[
            register_household(command_id="again"),
            register_household(command_id="wrong", members=[member(birth_year=1971)]),
            register_household(
                command_id="new",
                household_number="new",
                members=[member(identity_number=identity_number("19700101", 7))],
            ),
            register_household(command_id="lost", village_id="433124999999"),
        ]
    )
    outcomes = (await county.call(commands)).outcomes
    assert outcomes[0].receipt.no_effect
    assert outcomes[1].refusal.slug == "household-already-known"
    assert outcomes[2].receipt.version == 1
    assert outcomes[3].refusal.slug == "household-already-known"


async def test_a_village_out_of_the_list_is_refused(county: Client) -> None:
    with pytest.raises(CallFailed) as refused:
        await register(county, village_id="433124999999")
    assert refused.value.problem.slug == "village-not-in-regions"


async def test_another_countys_office_is_told_what_it_lacks(here: Running) -> None:
    with pytest.raises(CallFailed) as refused:
        await register(here.client("county-office@433125"))
    assert refused.value.code == "PERMISSION_DENIED"


async def test_a_file_is_shown_to_its_own_region_only(here: Running, county: Client) -> None:
    receipt = await register(county)
    own = here.client("village-committee@433124110226")
    assert (await household(own, receipt)).village_id == VILLAGE
    with pytest.raises(CallFailed) as refused:
        await household(here.client("village-committee@433124110227"), receipt)
    assert refused.value.code == "PERMISSION_DENIED"


async def exited(here: Running, county: Client) -> Receipt:
    """The whole way out; the visit on site is heard from the notifier, the cadre from training."""
    shown = await household(county, await register(county))
    village = here.somebody("zhang-village", f"village-committee@{VILLAGE}")
    township = here.somebody("wu-township", "township-office@433124110")
    cadre = here.somebody(CADRE, f"cadre@{VILLAGE}")
    posted = CadrePosted(cadre_id=CADRE, region_id=VILLAGE, post=POST_RESIDENT_TEAM)
    await here.hear("cadre", f"cadre-{CADRE}", posted)
    await village.call(propose_exit(command_id="propose"))
    await village.call(appraise(command_id="appraise"))
    await cadre.call(record(command_id="record"))
    done = AssignmentDone(
        assignment_id="assignment-1",
        kind="verify-exit",
        household_id=HOUSEHOLD_ID,
        cadre_id=CADRE,
        evidence=[note()],
        effective_on="2020-02-10",
    )
    await here.hear("task", "task-assignment-1", done)
    await here.until(pb.ExitVerified)
    blob = await county.call(pb.PutEvidence(household_id=HOUSEHOLD_ID, data=JPEG))
    agreed = consent(given_by=shown.members[0].person_id)
    agreed.paper.picture.CopyFrom(blob)
    agree = pb.AgreeToExit(command_id="agree", household_id=HOUSEHOLD_ID, consent=agreed)
    await village.call(agree)
    await village.call(exits.PostExit(command_id="post", household_id=HOUSEHOLD_ID))
    await here.pass_days(7.001)
    (opened,) = await here.events(PostingOpened)
    await here.client("service@").call(
        ClosePosting(
            command_id="close",
            household_id=HOUSEHOLD_ID,
            posting_id=opened.posting_id,
            closes_at_us=opened.closes_at_us,
        )
    )
    of = {"household_id": HOUSEHOLD_ID, "approved": True, "note": "属实"}
    await township.call(exits.ReviewExitAtTownship(command_id="township", **of))
    await county.call(exits.ReviewExitAtCounty(command_id="county", **of))
    announce = exits.AnnounceExit(
        command_id="announce", household_id=HOUSEHOLD_ID, document="花扶发1号"
    )
    await county.call(announce)
    today = here.parts.clock.now().astimezone(PROGRAMME_ZONE).date().isoformat()
    leave = exit_household(command_id="exit", effective_on=today)
    receipt: Receipt = await county.call(leave)
    return receipt


async def test_a_household_leaves_step_by_step(here: Running, county: Client) -> None:
    shown = await household(county, await exited(here, county))
    assert shown.status == pb.HOUSEHOLD_STATUS_EXITED
    exited_on = date.fromisoformat(shown.exited_on)
    assert date.fromisoformat(shown.support_until) == exited_on + timedelta(days=730)
    assert {entry.type for entry in shown.file} == {
        "HouseholdRegistered",
        "ExitProposed",
        "ExitAppraised",
        "ExitFindingsRecorded",
        "AssignmentDone",
        "ExitVerified",
        "ExitAgreed",
        "PostingOpened",
        "PostingClosed",
        "ExitReviewedAtTownship",
        "ExitReviewedAtCounty",
        "ExitAnnounced",
        "HouseholdExited",
    }
    (agreed,) = [entry for entry in shown.file if entry.type == "ExitAgreed"]
    paper = next(proof for proof in agreed.proofs if proof.startswith("paper:"))
    listed = pb.GetEvidence(household_id=HOUSEHOLD_ID)
    listed.blob.sha256, listed.blob.subject_id = paper.removeprefix("paper:"), HOUSEHOLD_ID
    evidence = await county.call(listed)
    assert (evidence.media_type, evidence.data) == ("image/jpeg", JPEG)


async def test_a_file_is_shown_as_it_stood_and_as_it_was_known(
    here: Running, county: Client
) -> None:
    receipt = await exited(here, county)
    shown = await household(county, receipt)
    recorded = {entry.type: entry.recorded_at_us for entry in shown.file}
    then = await household(county, receipt, as_of="2020-02-05")
    assert then.status == pb.HOUSEHOLD_STATUS_EXIT_APPRAISED
    known = await household(county, receipt, known_at_us=recorded["HouseholdRegistered"])
    assert known.status == pb.HOUSEHOLD_STATUS_REGISTERED
    assert [entry.type for entry in known.file] == ["HouseholdRegistered"]
    with pytest.raises(CallFailed) as refused:
        await household(county, receipt, as_of="2019-12-31")
    assert refused.value.code == "NOT_FOUND"
    with pytest.raises(CallFailed) as refused:
        await household(county, receipt, known_at_us=2**60)
    assert refused.value.problem.slug == "known-at-in-the-future"


async def test_an_erased_person_is_gone_and_the_figures_stay(here: Running, county: Client) -> None:
    receipt = await register(county)
    before = await household(county, receipt)
    erase = pb.ErasePerson(
        command_id="erase",
        household_id=HOUSEHOLD_ID,
        person_id=before.members[0].person_id,
        ground="request",
    )
    receipt = await county.call(erase)
    shown = await household(county, receipt)
    erased = shown.members[0]
    assert (erased.name, erased.identity_number, erased.phone) == ("", "", "")
    assert shown.members[1].name == "合成禾米"
    assert len(shown.members) == 2
    assert shown.income_per_head_fen == before.income_per_head_fen
    earlier = await household(county, receipt, as_of="2020-01-01")
    assert earlier.members[0].name == ""
    found = await county.call(pb.FindPerson(identity_number=identity_number()))
    assert not found.found


async def test_a_worker_destroys_the_key_that_a_killed_server_left(
    here: Running, county: Client
) -> None:
    shown = await household(county, await register(county))
    person_id = shown.members[0].person_id
    command = pb.ErasePerson(
        command_id="erase", household_id=HOUSEHOLD_ID, person_id=person_id, ground="request"
    )
    # The append only, as if the server had been killed right after it.
    actor = here.tokens.verify(here.tokens.issue("li-office", ["county-office@433124"], ttl_s=60))
    await here.parts.handler.handle(command, actor)
    for _ in range(200):
        if not await here.parts.keys.destroy(f"{person_id}-never"):
            await here.parts.keys.fetch([person_id])
            if here.parts.keys.get(person_id) is None:
                break
        await here.parts.clock.sleep(0.05)
    assert here.parts.keys.get(person_id) is None
    assert (await household(county, Receipt())).members[0].name == ""


async def test_with_the_last_person_the_households_own_words_are_gone(
    here: Running, county: Client
) -> None:
    shown = await household(county, await register(county))
    for each in shown.members:
        erase = pb.ErasePerson(
            command_id=f"erase-{each.person_id}",
            household_id=HOUSEHOLD_ID,
            person_id=each.person_id,
            ground="request",
        )
        receipt = await county.call(erase)
    assert (await household(county, receipt)).address == ""
    with pytest.raises(CallFailed) as refused:
        await county.call(pb.PutEvidence(household_id=HOUSEHOLD_ID, data=JPEG))
    assert refused.value.problem.slug == "household-erased"


@pytest.mark.parametrize(
    ("data", "slug"),
    [(b"%PDF-1.7", "picture-not-recognised"), (JPEG + bytes(3 * 1024**2), "picture-too-large")],
    ids=["no-picture", "too-large"],
)
async def test_only_pictures_of_bounded_size_are_kept(
    data: bytes, slug: str, county: Client
) -> None:
    await register(county)
    with pytest.raises(CallFailed) as refused:
        await county.call(pb.PutEvidence(household_id=HOUSEHOLD_ID, data=data))
    assert refused.value.problem.slug == slug


async def test_the_shipped_region_list_is_adopted_by_one_event(tmp_path: Path) -> None:
    shipped = read_edition("regions-cn-2023")
    edition = Edition(name=shipped.name, sha256=shipped.sha256, count=shipped.count)
    adopt = AdoptRegions(command_id="adopt-1", edition=edition, effective_on="2020-01-01")
    async with running(SERVICE, tmp_path) as here:
        operator = here.client("operator@")
        with pytest.raises(CallFailed) as too_early:
            await here.client("county-office@433124").call(
                register_household(command_id="early"), attempts=1
            )
        assert too_early.value.code == "UNAVAILABLE"
        await operator.call(adopt, timeout_s=60)
        found = await operator.call(FindRegions(text="十八洞", ancestor_id="433124"))
        assert [region.region_id for region in found.regions] == [VILLAGE]
        assert await register(here.client("county-office@433124"))
    # Killed between event and rows, they come at the next start; here: nothing comes twice.
    async with running(SERVICE, tmp_path) as here:
        found = await here.client("operator@").call(FindRegions(level=12))
        assert (found.edition, found.total) == ("regions-cn-2023", 620_573)


async def test_a_wrong_file_is_corrected_and_what_was_known_before_stays(county: Client) -> None:
    first = await register(county)
    before = await household(county, first)
    known_at_us = before.file[0].recorded_at_us
    right = identity_number("19700101", 7)
    people = [member(phone="00099999999", identity_number=right), child()]
    command = correct_household(members=people)
    command.command_id = "correct-1"
    corrected = await county.call(command)
    after = await household(county, corrected)
    assert [each.phone for each in after.members] == ["00099999999", ""]
    assert [each.person_id for each in after.members] == [each.person_id for each in before.members]
    assert after.file[-1].reference == f"household-{HOUSEHOLD_ID}@1"
    earlier = await household(county, corrected, known_at_us=known_at_us)
    assert [each.phone for each in earlier.members] == ["00012345678", ""]
    assert not (await county.call(pb.FindPerson(identity_number=identity_number()))).found
    assert (await county.call(pb.FindPerson(identity_number=right))).found
    command.command_id = "correct-2"
    assert (await county.call(command)).no_effect
    assert (await register_again(county, "register-2", members=people)).no_effect
    assert isinstance(await register_again(county, "register-3"), CallFailed)


async def register_again(county: Client, command_id: str, **changes: Any) -> Any:
    try:
        return await register(county, command_id, **changes)
    except CallFailed as failed:
        return failed


async def test_corrections_in_a_batch_answer_one_by_one(county: Client) -> None:
    await register(county)
    right, wrong = correct_household(address="合成地址9号"), correct_household(members=[child()])
    right.command_id, wrong.command_id = "correct-1", "correct-2"
    outcomes = (await county.call(CorrectHouseholds(commands=[right, wrong]))).outcomes
    assert outcomes[0].receipt.version == 2
    assert outcomes[1].refusal.slug == "household-without-head"


async def test_a_file_is_corrected_only_where_both_villages_are_covered(
    here: Running, county: Client
) -> None:
    await register(county)
    command = correct_household(village_id="520102001001")
    command.command_id = "correct-1"
    with pytest.raises(CallFailed) as failed:
        await county.call(command)
    assert failed.value.problem.slug == "region-missing"
