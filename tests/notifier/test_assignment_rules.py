"""The rules of an assignment as sentences."""

import pytest

from chassis.times import micros, minute_of
from services.notifier.decider import assignment
from services.notifier.decider.policy import Posted, World
from tests.given import NOW, Given
from tests.notifier.policies import PARAMETERS
from tests.notifier.tasks import (
    BOTH,
    COUNTY,
    HELPER,
    HOUSEHOLD,
    ID,
    LEADER,
    RESIDENT,
    SPECIALIST,
    SPECIALIST_POSTED,
    VILLAGE,
    acknowledged,
    add,
    added,
    done,
    escalated,
    finish,
    note,
    offer,
    offered,
    photo,
    place,
    returned,
    take,
)
from tuopin.notifier.v1.assignment_pb2 import (
    AssignmentAcknowledged,
    AssignmentDone,
    AssignmentEscalated,
    AssignmentOffered,
    AssignmentVerified,
    EscalateAssignment,
    ReturnAssignment,
    VerifyAssignment,
)
from tuopin.types.v1.types_pb2 import Evidence, Paper

given = Given(assignment.DECIDER, PARAMETERS, facts=World())


def test_a_first_visit_goes_to_the_helper_with_the_policy_s_deadlines() -> None:
    given().when(offer()).then(offered())


def test_an_exit_is_verified_by_the_resident_team_before_the_helper() -> None:
    (
        given.with_facts(
            World(posted=(Posted(RESIDENT, "RESIDENT_TEAM", VILLAGE), SPECIALIST_POSTED))
        )()
        .when(offer("verify-exit"))
        .then_event(AssignmentOffered, cadre_id=RESIDENT)
    )


def test_a_cadre_of_another_village_gets_nothing() -> None:
    (
        given.with_facts(World(posted=(Posted(RESIDENT, "RESIDENT_TEAM", "433124103999"),)))()
        .when(offer("verify-exit"))
        .then_event(AssignmentOffered, cadre_id=HELPER)
    )


def test_where_nobody_is_the_county_s_list_has_it_at_once() -> None:
    result = given().when(offer("verify-exit", helper=""))
    result.then_event(AssignmentOffered, cadre_id="")
    result.then_event(AssignmentEscalated, cadre_id="", region_id=COUNTY, reason="no-cadre")


def test_an_offer_heard_twice_is_made_once() -> None:
    given(offered()).when(offer()).then_nothing()


def test_a_kind_without_policy_is_refused() -> None:
    given().when(offer("dance")).then_rejected("assignment-kind-not-known", kind="dance")


def test_the_one_who_has_it_takes_it() -> None:
    given(offered()).when(take()).then(acknowledged())


def test_taking_it_twice_changes_nothing() -> None:
    given(offered(), acknowledged()).when(take()).then_nothing()


@pytest.mark.parametrize("command", [take("somebody"), add(note(), "somebody"), finish("somebody")])
def test_somebody_else_is_told_who_has_it(command: object) -> None:
    (
        given(offered(), acknowledged())
        .when(command)  # type: ignore[arg-type]
        .then_rejected("assignment-with-another-cadre", cadre=HELPER)
    )


@pytest.mark.parametrize("command", [take(), add(note()), finish(), take("somebody")])
def test_a_late_tap_is_told_who_did_it_and_when(command: object) -> None:
    (
        given(offered(), acknowledged(), added(note()), done(note()))
        .when(command)  # type: ignore[arg-type]
        .then_rejected("assignment-already-done", cadre=HELPER, at="2020-03-02 09:00")
    )


def test_nothing_is_known_of_an_assignment_that_was_never_offered() -> None:
    given().when(take()).then_rejected("assignment-not-known")


@pytest.mark.parametrize("evidence", [note(), photo(), place()])
def test_what_the_cadre_sends_is_kept(evidence: Evidence) -> None:
    given(offered(), acknowledged()).when(add(evidence)).then(added(evidence))


def test_evidence_waits_for_the_task_to_be_taken() -> None:
    given(offered()).when(add(note())).then_rejected("assignment-not-acknowledged")


def test_evidence_about_another_household_is_refused() -> None:
    (
        given(offered(), acknowledged())
        .when(add(note(household_id="household-2")))
        .then_rejected("evidence-of-another-household")
    )


def test_empty_evidence_is_refused() -> None:
    given(offered(), acknowledged()).when(add(Evidence())).then_rejected("evidence-empty")


def test_evidence_has_an_end() -> None:
    pieces = [added(note())] * 20
    (
        given(offered(), acknowledged(), *pieces)
        .when(add(note()))
        .then_rejected("evidence-too-much", most=20)
    )


def test_done_carries_the_evidence_as_it_was_sealed() -> None:
    (
        given(offered(), acknowledged(), added(note()), added(photo()))
        .when(finish())
        .then(done(note(), photo()))
    )


def test_a_visit_without_evidence_is_not_done() -> None:
    given(offered(), acknowledged()).when(finish()).then_rejected("assignment-without-evidence")


def test_a_task_that_asks_for_no_proof_is_done_without() -> None:
    given(offered(proof="none"), acknowledged()).when(finish()).then(done())


def test_what_was_not_taken_is_not_done() -> None:
    given(offered(proof="none")).when(finish()).then_rejected("assignment-not-acknowledged")


def test_where_paper_is_demanded_a_note_names_the_witness() -> None:
    (
        given(offered(proof="paper"), acknowledged())
        .when(add(note("Witness W")))
        .then(added(note("Witness W"), witness="Witness W"))
    )


def test_a_paper_without_picture_is_no_proof() -> None:
    (
        given(offered(proof="paper"), acknowledged(), added(note(), witness="Witness W"))
        .when(finish())
        .then_rejected("assignment-without-picture-of-paper")
    )


def test_a_paper_without_witness_is_no_proof() -> None:
    (
        given(offered(proof="paper"), acknowledged(), added(photo()))
        .when(finish())
        .then_rejected("assignment-without-witness")
    )


def test_the_paper_is_the_latest_picture_and_the_sealed_witness() -> None:
    paper = Paper(picture=photo().photo, witness="sealed:1:witness", household_id=HOUSEHOLD)
    (
        given(
            offered(proof="paper"),
            acknowledged(),
            added(photo()),
            added(note(), witness="Witness W"),
        )
        .when(finish())
        .then_event(AssignmentDone, paper=paper, cadre_id=HELPER)
    )


def test_from_then_on_the_specialist_has_it() -> None:
    story = given(offered(), escalated())
    story.when(take(SPECIALIST)).then_event(AssignmentAcknowledged, cadre_id=SPECIALIST)
    story.when(take()).then_rejected("assignment-with-another-cadre", cadre=SPECIALIST)


def test_on_the_county_s_list_whoever_had_it_may_still_take_it() -> None:
    given(offered(), escalated(cadre_id="")).when(take()).then(acknowledged())


def test_a_specialist_who_cannot_be_reached_is_passed_over_at_once() -> None:
    command = EscalateAssignment(assignment_id=ID, reason="unreachable", cadre_id=SPECIALIST)
    (
        given.with_facts(BOTH)(offered(), escalated())
        .when(command)
        .then_event(
            AssignmentEscalated,
            cadre_id=LEADER,
            previous_cadre_id=SPECIALIST,
            region_id=COUNTY,
            reason="unreachable",
        )
    )


def test_news_of_one_who_no_longer_has_it_changes_nothing() -> None:
    (
        given(offered(), escalated())
        .when(EscalateAssignment(assignment_id=ID, reason="unreachable", cadre_id=HELPER))
        .then_nothing()
    )


def test_the_owner_s_word_verifies() -> None:
    verified = AssignmentVerified(
        assignment_id=ID,
        cadre_id=HELPER,
        event_id="plan-1@4",
        household_id=HOUSEHOLD,
        village_id=VILLAGE,
        kind="first-visit",
    )
    command = VerifyAssignment(assignment_id=ID, event_id="plan-1@4")
    story = given(offered(), acknowledged(), added(note()), done(note()))
    story.when(command).then(verified)
    (
        given(offered(), acknowledged(), added(note()), done(note()), verified)
        .when(command)
        .then_nothing()
    )


def test_what_is_not_done_cannot_be_verified() -> None:
    (
        given(offered(), acknowledged())
        .when(VerifyAssignment(assignment_id=ID, event_id="plan-1@4"))
        .then_rejected("assignment-not-done")
    )


def test_a_refused_answer_comes_back_and_can_be_given_again() -> None:
    command = ReturnAssignment(assignment_id=ID, slug="plan-not-in-force")
    given(offered(), acknowledged(), added(note()), done(note())).when(command).then(returned())
    again = given(offered(), acknowledged(), added(note()), done(note()), returned())
    again.when(finish()).then(done(note()))
    again.when(command).then_nothing()


def test_times_are_shown_in_the_programme_s_zone() -> None:
    assert minute_of(micros(NOW)) == "2020-03-02 09:00"
