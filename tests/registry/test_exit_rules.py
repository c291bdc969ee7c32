"""The exit of a household by the whole procedure, rule by rule, and what may follow it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.decider import Actor
from services.registry.decider.household import HOUSEHOLD
from tests.given import NOW, FixedParameters, Given, Story
from tests.registry.leaving import (
    AGREED,
    ANNOUNCED,
    APPRAISED,
    AT_COUNTY,
    CADRE,
    COMMITTEE,
    COUNTY,
    EXITED,
    FOUND,
    IN_THE_VILLAGE,
    OF,
    OTHER_COUNTY,
    POSTED,
    PROPOSED,
    REGISTERED,
    RESIDENT,
    REVIEWED,
    SHOWN,
    TOWNSHIP,
    VERIFIED,
    WHERE,
    announced,
    appraise,
    appraised,
    declare_wrong,
    exited,
    findings,
    posting_opened,
    proposed,
    record,
    recorded,
    reviewed_at_county,
    reviewed_at_township,
)
from tests.registry.stories import (
    HEAD_ID,
    HOUSEHOLD_ID,
    VILLAGE,
    agree_to_exit,
    consent,
    exit_agreed,
    exit_household,
    exit_proposed,
    exit_verified,
    household_exited,
    household_registered,
    location,
    note,
    person_erased,
    picture,
    propose_exit,
    verify_exit,
)
from tuopin.registry.v1 import exit_pb2 as exits
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1 import posting_pb2 as posting
from tuopin.types.v1.types_pb2 import ChatProof, Consent, Evidence, Note

given = Given(
    HOUSEHOLD,
    FixedParameters(
        {
            "poverty-line-fen": 400_000,
            "support-grace-days": 30,
            "exit-appraisal-quorum": 5,
            "exit-posting-days": 7,
        },
    ),
    frozenset({VILLAGE}),
)
REVIEW_ON = datetime(2020, 2, 21, 1, tzinfo=UTC)
ABRIDGED = (
    household_registered(),
    exit_proposed(),
    exit_verified(),
    exit_agreed(),
    household_exited(),
)


def review_at_township(approved: bool = True) -> exits.ReviewExitAtTownship:
    return exits.ReviewExitAtTownship(**OF, approved=approved, note="属实")


def review_at_county(approved: bool = True) -> exits.ReviewExitAtCounty:
    return exits.ReviewExitAtCounty(**OF, approved=approved, note="属实")


def announce() -> exits.AnnounceExit:
    return exits.AnnounceExit(**OF, document="花扶发1号")


def leave(**changes: Any) -> pb.ExitHousehold:
    return exit_household(**{"effective_on": "2020-02-27", **changes})


def withdraw(**changes: Any) -> exits.WithdrawExit:
    fields = {
        "reason": exits.EXIT_WITHDRAWAL_HOUSEHOLD_DECLINES,
        "note": "本户不认可",
        "effective_on": "2020-03-01",
    }
    return exits.WithdrawExit(**OF, **{**fields, **changes})


def raise_objection() -> posting.RaiseObjection:
    return posting.RaiseObjection(
        **OF,
        channel=posting.OBJECTION_CHANNEL_IN_PERSON,
        statement=Note(text="收入不实", household_id=HOUSEHOLD_ID),
        anonymous=True,
    )


def objected(story: tuple[Message, ...] = IN_THE_VILLAGE) -> tuple[Message, ...]:
    raised = given(*story).when(raise_objection(), at=POSTED + timedelta(days=1), by=COMMITTEE)
    return (*story, *raised.events)


def judged(upheld: bool) -> tuple[Message, ...]:
    story = objected()
    kind = posting.UpholdObjection if upheld else posting.DismissObjection
    objection_id = story[-1].objection_id  # type: ignore[attr-defined]
    finding = Note(text="已查明", household_id=HOUSEHOLD_ID)
    command = kind(**OF, objection_id=objection_id, finding=finding)
    at = POSTED + timedelta(days=2)
    return (*story, *given(*story).when(command, at=at, by=OTHER_COUNTY).events)


# Proposed


def test_an_exit_is_proposed_for_a_registered_household() -> None:
    given(*REGISTERED).when(propose_exit(), by=COMMITTEE).then(proposed())


def test_the_person_behind_a_service_is_named() -> None:
    (
        given(*REGISTERED)
        .when(propose_exit(), by=Actor("notifier", on_behalf_of="wang-cadre"))
        .then_event(pb.ExitProposed, proposed_by="wang-cadre")
    )


@pytest.mark.parametrize("story", [PROPOSED, VERIFIED, ANNOUNCED, EXITED, ABRIDGED])
def test_an_exit_is_proposed_once(story: tuple[Message, ...]) -> None:
    given(*story).when(propose_exit()).then_rejected("exit-already-proposed")


def test_an_exit_is_not_proposed_ahead_of_its_day() -> None:
    (
        given(*REGISTERED)
        .when(propose_exit(effective_on="2020-03-03"))
        .then_rejected("effective-date-in-the-future")
    )


def test_only_a_household_of_the_register_can_be_proposed() -> None:
    removed = posting_opened(status=pb.HOUSEHOLD_STATUS_REMOVED)
    given(*REGISTERED, removed).when(propose_exit()).then_rejected("household-not-in-register")


def test_what_the_abridged_procedure_left_half_done_starts_over() -> None:
    given(*ABRIDGED[:3]).when(propose_exit(), by=COMMITTEE).then(proposed())


@pytest.mark.parametrize("command", [verify_exit(), agree_to_exit(), leave()])
def test_the_abridged_procedure_is_closed(command: Message) -> None:
    given(*ABRIDGED[:-1]).when(command).then_rejected("exit-not-proposed")


def test_an_exit_by_the_abridged_procedure_stays_one() -> None:
    given(*ABRIDGED).when(leave()).then_rejected("household-already-exited")


# The order of the steps

STEPS: list[tuple[Message, Actor]] = [
    (propose_exit(), COMMITTEE),
    (appraise(), COMMITTEE),
    (verify_exit(), RESIDENT),
    (agree_to_exit(), COMMITTEE),
    (exits.PostExit(**OF), COMMITTEE),
    (review_at_township(), TOWNSHIP),
    (review_at_county(), COUNTY),
    (announce(), COUNTY),
    (leave(), COUNTY),
]
STORIES = [REGISTERED, PROPOSED, FOUND, VERIFIED, AGREED, SHOWN, AT_COUNTY, REVIEWED, ANNOUNCED]
MISSING = [
    "exit-not-proposed",
    "exit-not-appraised",
    "exit-not-verified",
    "exit-not-agreed",
    "exit-not-posted",
    "exit-not-reviewed-by-township",
    "exit-not-reviewed-by-county",
    "exit-not-announced",
]
ALREADY = [
    "exit-already-proposed",
    "exit-already-appraised",
    "exit-already-verified",
    "exit-already-agreed",
    "exit-already-posted",
    "exit-already-reviewed-by-township",
    "exit-already-reviewed-by-county",
    "exit-already-announced",
    "household-already-exited",
]


@pytest.mark.parametrize("taken", range(9))
def test_each_step_waits_for_the_one_before(taken: int) -> None:
    for command, actor in STEPS[taken + 1 :]:
        result = given(*STORIES[taken]).when(command, by=actor, at=REVIEW_ON)
        result.then_rejected(MISSING[taken])


@pytest.mark.parametrize("taken", range(1, 10))
def test_each_step_is_taken_once(taken: int) -> None:
    story = [*STORIES, EXITED][taken]
    for (command, actor), slug in list(zip(STEPS, ALREADY, strict=True))[:taken]:
        given(*story).when(command, by=actor).then_rejected(slug)


@pytest.mark.parametrize(
    ("story", "command", "on"),
    [
        (PROPOSED, appraise(effective_on="2020-01-31"), "2020-02-01"),
        (APPRAISED, record(effective_on="2020-02-02"), "2020-02-03"),
        (FOUND, verify_exit(effective_on="2020-02-08"), "2020-02-09"),
        (VERIFIED, agree_to_exit(given_on="2020-02-09"), "2020-02-10"),
        (ANNOUNCED, leave(effective_on="2020-02-25"), "2020-02-26"),
        (AGREED, withdraw(effective_on="2020-02-11"), "2020-02-12"),
        (EXITED, declare_wrong(effective_on="2020-02-26"), "2020-02-27"),
    ],
)
def test_the_steps_keep_their_order_in_dates_too(
    story: tuple[Message, ...], command: Message, on: str
) -> None:
    actor = RESIDENT if isinstance(command, exits.RecordExitFindings) else OTHER_COUNTY
    given(*story).when(command, by=actor).then_rejected("exit-step-before-the-last", on=on)


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


# Posted, reviewed, announced


def test_the_exit_is_posted_for_its_whole_time() -> None:
    given(*AGREED).when(exits.PostExit(**OF), at=POSTED, by=COMMITTEE).then(posting_opened())


def test_the_township_waits_for_the_end_of_the_posting() -> None:
    (
        given(*IN_THE_VILLAGE)
        .when(review_at_township(), by=TOWNSHIP, at=POSTED + timedelta(days=6))
        .then_rejected("posting-not-over", until="2020-02-20")
    )


@pytest.mark.parametrize("command", [review_at_township(), withdraw()])
def test_an_open_objection_stops_every_step(command: Message) -> None:
    given(*objected()).when(command, by=TOWNSHIP).then_rejected("objection-open")


def test_a_dismissed_objection_starts_the_clock_again() -> None:
    (
        given(*judged(upheld=False))
        .when(review_at_township(), by=TOWNSHIP, at=POSTED + timedelta(days=8))
        .then_rejected("posting-not-over", until="2020-02-22")
    )


def test_an_upheld_objection_ends_the_exit() -> None:
    story = judged(upheld=True)
    assert Story(given, story).state().status == pb.HOUSEHOLD_STATUS_REGISTERED
    given(*story).when(review_at_township(), by=TOWNSHIP).then_rejected("exit-not-proposed")
    given(*story).when(propose_exit(), by=COMMITTEE).then(proposed())


def test_township_and_county_review() -> None:
    (
        given(*SHOWN)
        .when(review_at_township(), by=TOWNSHIP, at=REVIEW_ON)
        .then(reviewed_at_township())
    )
    at = datetime(2020, 2, 24, 1, tzinfo=UTC)
    given(*AT_COUNTY).when(review_at_county(), by=COUNTY, at=at).then(reviewed_at_county())


@pytest.mark.parametrize(
    ("story", "command", "actor", "reason"),
    [
        (SHOWN, review_at_township(False), TOWNSHIP, exits.EXIT_STOP_TOWNSHIP_REFUSED),
        (AT_COUNTY, review_at_county(False), COUNTY, exits.EXIT_STOP_COUNTY_REFUSED),
    ],
)
def test_a_refused_review_stops_the_exit(
    story: tuple[Message, ...], command: Message, actor: Actor, reason: int
) -> None:
    given(*story).when(command, by=actor).then_event(
        exits.ExitStopped,
        reason=reason,
        status=pb.HOUSEHOLD_STATUS_REGISTERED,
        stopped_by=actor.subject,
    )


@pytest.mark.parametrize("actor", [COMMITTEE, RESIDENT])
def test_who_acted_in_the_village_does_not_review(actor: Actor) -> None:
    given(*SHOWN).when(review_at_township(), by=actor).then_rejected("reviewer-at-two-levels")


@pytest.mark.parametrize(
    ("story", "command"),
    [(AT_COUNTY, review_at_county()), (REVIEWED, announce()), (ANNOUNCED, leave())],
)
def test_who_reviewed_at_the_township_does_nothing_at_the_county(
    story: tuple[Message, ...], command: Message
) -> None:
    given(*story).when(command, by=TOWNSHIP).then_rejected("reviewer-at-two-levels")


def test_a_relative_takes_no_step() -> None:
    relative = posting.RelativeDeclared(**WHERE, official=COUNTY.subject)
    (
        given(*AT_COUNTY, relative)
        .when(review_at_county(), by=COUNTY)
        .then_rejected("reviewer-is-a-relative")
    )


def test_the_county_announces_under_its_document() -> None:
    at = datetime(2020, 2, 26, 1, tzinfo=UTC)
    given(*REVIEWED).when(announce(), by=COUNTY, at=at).then(announced())


def test_a_household_leaves_and_support_goes_on() -> None:
    given(*ANNOUNCED).when(leave(), by=COUNTY).then(exited())


# Withdrawn


@pytest.mark.parametrize("story", [PROPOSED, VERIFIED, AGREED, SHOWN, ANNOUNCED, ABRIDGED[:3]])
def test_an_exit_can_be_taken_back_until_it_is_done(story: tuple[Message, ...]) -> None:
    withdrawn = given(*story).when(withdraw(), by=COMMITTEE)
    withdrawn.then_event(exits.ExitWithdrawn, status=pb.HOUSEHOLD_STATUS_REGISTERED)
    given(*story, *withdrawn.events).when(propose_exit(), by=COMMITTEE).then(proposed())


@pytest.mark.parametrize("story", [REGISTERED, EXITED])
def test_there_must_be_an_exit_to_take_back(story: tuple[Message, ...]) -> None:
    given(*story).when(withdraw()).then_rejected("exit-not-under-way")


# After the exit

END = exits.EndSupport(**OF, support_until="2020-03-28")


def test_support_ends_when_its_day_is_over() -> None:
    at = datetime(2020, 3, 28, 16, 0, 3, tzinfo=UTC)
    ended = given(*EXITED).when(END, at=at)
    ended.then(exits.SupportEnded(**WHERE, support_until="2020-03-28"))
    given(*EXITED, *ended.events).when(END, at=at).then_nothing()


def test_support_does_not_end_before() -> None:
    at = datetime(2020, 3, 28, 15, 59, tzinfo=UTC)
    given(*EXITED).when(END, at=at).then_rejected("support-not-over", until="2020-03-28")


def test_a_clock_of_another_exit_ends_nothing() -> None:
    at = datetime(2021, 1, 1, tzinfo=UTC)
    stale = exits.EndSupport(**OF, support_until="2020-03-01")
    given(*EXITED).when(stale, at=at).then_nothing()
    given(*EXITED, *wrong()).when(END, at=at).then_nothing()


def wrong() -> list[Message]:
    return given(*EXITED).when(declare_wrong(), by=OTHER_COUNTY).events


def test_a_wrong_exit_brings_the_household_back() -> None:
    first, second = wrong()
    assert isinstance(first, exits.ExitDeclaredWrong)
    assert (first.exited_by, first.exited_on) == (COUNTY.subject, "2020-02-27")
    assert isinstance(second, exits.HouseholdReinstated)
    assert second.reason == exits.REINSTATEMENT_WRONG_EXIT
    state = given(*EXITED, first, second).state()
    assert state.status == pb.HOUSEHOLD_STATUS_RELAPSED


def test_an_exit_of_the_abridged_procedure_can_be_wrong_too() -> None:
    result = given(*ABRIDGED).when(declare_wrong(), by=OTHER_COUNTY)
    result.then_event(exits.ExitDeclaredWrong, exited_on="2020-02-15")


def test_nobody_judges_the_exit_they_carried_out() -> None:
    given(*EXITED).when(declare_wrong(), by=COUNTY).then_rejected("exit-judged-by-its-own")


@pytest.mark.parametrize("story", [REGISTERED, ANNOUNCED])
def test_only_an_exit_can_be_wrong(story: tuple[Message, ...]) -> None:
    given(*story).when(declare_wrong(), by=OTHER_COUNTY).then_rejected("household-not-exited")


def test_a_relapsed_household_can_leave_again_and_stays_relapsed_when_it_does_not() -> None:
    again = (*EXITED, *wrong(), proposed(effective_on="2020-03-02"))
    stopped = given(*again).when(
        appraise(votes_for=0, votes_against=9, effective_on="2020-03-02"), by=COMMITTEE, at=NOW
    )
    stopped.then_event(exits.ExitStopped, status=pb.HOUSEHOLD_STATUS_RELAPSED)


def test_a_household_falls_back_only_out_of_monitoring() -> None:
    command = exits.ReinstateHousehold(**OF, finding="返贫", effective_on="2020-03-01")
    given(*EXITED).when(command, by=OTHER_COUNTY).then_rejected("household-not-monitored")
