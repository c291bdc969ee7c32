"""What an exit stands on: the meeting, the checks on site, the household's word."""

from typing import Any

import pytest

from chassis.decider import Actor
from tests.registry.exit_steps import given
from tests.registry.leaving import (
    APPRAISED,
    CADRE,
    COMMITTEE,
    COUNTY,
    FOUND,
    OF,
    PROPOSED,
    RESIDENT,
    VERIFIED,
    WHERE,
    appraise,
    appraised,
    findings,
    record,
    recorded,
)
from tests.registry.stories import (
    HEAD_ID,
    HOUSEHOLD_ID,
    agree_to_exit,
    consent,
    exit_agreed,
    exit_verified,
    location,
    note,
    person_erased,
    picture,
    verify_exit,
)
from tuopin.registry.v1 import exit_pb2 as exits
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.types.v1.types_pb2 import ChatProof, Consent, Evidence

# The village's meeting


def test_the_village_appraises_the_exit() -> None:
    given(*PROPOSED).when(appraise(), by=COMMITTEE).then(appraised())


def test_a_meeting_of_too_few_decides_nothing() -> None:
    (
        given(*PROPOSED)
        .when(appraise(votes_for=4, votes_against=0, abstentions=0))
        .then_rejected("exit-appraisal-below-quorum", least=5)
    )


def test_half_of_the_votes_is_not_enough() -> None:
    (
        given(*PROPOSED)
        .when(appraise(votes_for=5, votes_against=4, abstentions=1), by=COMMITTEE)
        .then_event(
            exits.ExitStopped,
            reason=exits.EXIT_STOP_APPRAISAL_AGAINST,
            status=pb.HOUSEHOLD_STATUS_REGISTERED,
            votes_for=5,
        )
    )


# On site


def test_the_resident_cadre_records_each_check() -> None:
    given(*APPRAISED).when(record(), by=RESIDENT).then(recorded())


def test_nobody_records_what_another_saw() -> None:
    given(*APPRAISED).when(record(), by=COMMITTEE).then_rejected("findings-not-ones-own")


def test_a_cadre_of_another_village_verifies_nothing() -> None:
    (
        given(*APPRAISED)
        .when(record(), by=RESIDENT, facts=frozenset({"433124110227"}))
        .then_rejected("cadre-not-resident")
    )


def test_findings_wait_for_the_meeting() -> None:
    given(*PROPOSED).when(record(), by=RESIDENT).then_rejected("exit-not-appraised")


def test_a_check_has_one_finding() -> None:
    twice = [*findings(), findings()[0]]
    (
        given(*APPRAISED)
        .when(record(findings=twice[-2:] + twice[:1]), by=RESIDENT)
        .then_rejected("check-found-twice")
    )


def test_a_finding_has_evidence() -> None:
    bare = exits.ExitFinding(check=exits.EXIT_CHECK_HOUSING, passed=True)
    (
        given(*APPRAISED)
        .when(record(findings=[bare]), by=RESIDENT)
        .then_rejected("exit-evidence-missing")
    )


def test_an_income_at_the_line_has_not_passed() -> None:
    income = findings()[0]
    income.income_per_head_fen = 400_000
    (
        given(*APPRAISED)
        .when(record(findings=[income]), by=RESIDENT)
        .then_rejected("exit-income-not-over-line", line=400_000)
    )


def test_an_income_that_is_not_steady_has_not_passed() -> None:
    income = findings()[0]
    income.steady = False
    (
        given(*APPRAISED)
        .when(record(findings=[income]), by=RESIDENT)
        .then_rejected("exit-income-not-steady")
    )


def test_the_finished_task_verifies_the_findings() -> None:
    given(*FOUND).when(verify_exit()).then(exit_verified())


def test_a_check_that_nobody_made_is_missing() -> None:
    some = exits.ExitFindingsRecorded(**WHERE, cadre_id=CADRE, findings=findings()[:4])
    (
        given(*APPRAISED, some)
        .when(verify_exit())
        .then_rejected("exit-findings-missing", checks="housing, drinking-water")
    )


def test_who_finishes_the_task_is_who_looked() -> None:
    (given(*FOUND).when(verify_exit(cadre_id="cadre-2")).then_rejected("exit-findings-of-another"))


@pytest.mark.parametrize("check", ["income", "housing", "drinking_water"])
def test_a_failed_check_stops_the_exit(check: str) -> None:
    result = given(*APPRAISED, recorded(**{check: False})).when(verify_exit())
    result.then_event(
        exits.ExitStopped,
        reason=exits.EXIT_STOP_CHECK_FAILED,
        status=pb.HOUSEHOLD_STATUS_REGISTERED,
        failed=[exits.ExitCheck.Value(f"EXIT_CHECK_{check.upper()}")],
    )
    story = (*APPRAISED, recorded(**{check: False}), *result.events)
    given(*story).when(agree_to_exit()).then_rejected("exit-not-proposed")


def test_a_check_made_again_counts_as_found_last() -> None:
    given(*APPRAISED, recorded(housing=False), recorded()).when(verify_exit()).then(exit_verified())


@pytest.mark.parametrize("evidence", [[], [Evidence(taken_at_us=1)]])
def test_a_verification_without_evidence_is_refused(evidence: list[Evidence]) -> None:
    given(*FOUND).when(verify_exit(evidence=evidence)).then_rejected("exit-evidence-missing")


@pytest.mark.parametrize(
    "foreign",
    [note("other"), location("other"), Evidence(photo=picture("other"))],
    ids=["note", "location", "photo"],
)
def test_evidence_of_another_household_proves_nothing(foreign: Evidence) -> None:
    (
        given(*FOUND)
        .when(verify_exit(evidence=[note(), foreign]))
        .then_rejected("evidence-of-other-household")
    )


# The household's own word


def test_the_household_agrees_on_paper() -> None:
    given(*VERIFIED).when(agree_to_exit()).then(exit_agreed())


def by_chat(**changes: Any) -> pb.AgreeToExit:
    chat = ChatProof(link_id="link-1", update_id=7)
    fields: dict[str, Any] = {"given_by": HEAD_ID, "given_on": "2020-02-12", "chat": chat}
    return pb.AgreeToExit(**OF, consent=Consent(**{**fields, **changes}))


def test_the_household_agrees_from_its_own_chat() -> None:
    heard = Actor("registry", roles={"service": ("",)})
    given(*VERIFIED).when(by_chat(), by=heard).then_event(pb.ExitAgreed, effective_on="2020-02-12")


@pytest.mark.parametrize("actor", [COMMITTEE, COUNTY, RESIDENT])
def test_the_word_of_a_cadre_is_no_consent(actor: Actor) -> None:
    given(*VERIFIED).when(by_chat(), by=actor).then_rejected("consent-not-from-own-chat")


def test_only_a_member_can_agree() -> None:
    given(*VERIFIED).when(agree_to_exit(given_by=CADRE)).then_rejected("consent-not-by-member")
    heard = Actor("registry", roles={"service": ("",)})
    (
        given(*VERIFIED)
        .when(by_chat(given_by=CADRE), by=heard)
        .then_rejected("consent-not-by-member")
    )


def test_an_erased_member_can_no_longer_agree() -> None:
    given(*VERIFIED, person_erased()).when(agree_to_exit()).then_rejected("consent-not-by-member")


def test_the_paper_is_the_households_own() -> None:
    (
        given(*VERIFIED)
        .when(pb.AgreeToExit(household_id=HOUSEHOLD_ID, consent=consent("other")))
        .then_rejected("paper-of-other-household")
    )
