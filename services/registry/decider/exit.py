"""A household's way out of the register, abridged: proposed, verified on site, agreed, exited."""

from dataclasses import replace
from datetime import date, timedelta
from typing import assert_never

from chassis.decider import Context, Decisions
from chassis.rejection import require
from services.registry.decider.part import (
    Part,
    by_household_id,
    person_of,
    require_known,
    require_own_word,
    require_past,
)
from services.registry.decider.state import State
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_EXIT_AGREED,
    HOUSEHOLD_STATUS_EXIT_PROPOSED,
    HOUSEHOLD_STATUS_EXIT_VERIFIED,
    HOUSEHOLD_STATUS_EXITED,
    HOUSEHOLD_STATUS_REGISTERED,
    PROCEDURE_ABRIDGED,
    AgreeToExit,
    ExitAgreed,
    ExitHousehold,
    ExitProposed,
    ExitVerified,
    HouseholdExited,
    HouseholdStatus,
    ProposeExit,
    VerifyExit,
)
from tuopin.types.v1.types_pb2 import Evidence

Command = ProposeExit | VerifyExit | AgreeToExit | ExitHousehold
Event = ExitProposed | ExitVerified | ExitAgreed | HouseholdExited


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules of the exit."""
    match command:
        case ProposeExit():
            return propose_exit(state, command, context)
        case VerifyExit():
            return verify_exit(state, command, context)
        case AgreeToExit():
            return agree_to_exit(state, command, context)
        case ExitHousehold():
            return exit_household(state, command, context)
        case _:
            assert_never(command)


def propose_exit(state: State, command: ProposeExit, context: Context) -> Decisions:
    """The first step out; the resident cadre is asked to look on site."""
    require_known(state)
    require(state.status == HOUSEHOLD_STATUS_REGISTERED, "exit-already-proposed")
    require_past(command.effective_on, context)
    yield ExitProposed(
        household_id=state.household_id,
        village_id=state.village_id,
        reason=command.reason,
        effective_on=command.effective_on,
        proposed_by=person_of(context),
    )


def verify_exit(state: State, command: VerifyExit, context: Context) -> Decisions:
    """What the cadre found on site, with what they brought back as evidence."""
    require_known(state)
    require(state.status >= HOUSEHOLD_STATUS_EXIT_PROPOSED, "exit-not-proposed")
    require(state.status == HOUSEHOLD_STATUS_EXIT_PROPOSED, "exit-already-verified")
    require(command.evidence, "exit-evidence-missing", field="evidence")
    for subject in map(_subject_of, command.evidence):
        require(subject, "exit-evidence-missing", field="evidence")
        require(subject == state.household_id, "evidence-of-other-household", field="evidence")
    require_past(command.effective_on, context)
    require(command.effective_on >= state.step_on, "verification-before-proposal", on=state.step_on)
    yield ExitVerified(
        household_id=state.household_id,
        village_id=state.village_id,
        assignment_id=command.assignment_id,
        cadre_id=command.cadre_id,
        evidence=command.evidence,
        effective_on=command.effective_on,
    )


def agree_to_exit(state: State, command: AgreeToExit, context: Context) -> Decisions:
    """The household's own word, on paper or from its own chat; a cadre's alone is never one."""
    require_known(state)
    require(state.status >= HOUSEHOLD_STATUS_EXIT_VERIFIED, "exit-not-verified")
    require(state.status == HOUSEHOLD_STATUS_EXIT_VERIFIED, "exit-already-agreed")
    require_own_word(state, command.consent, context)
    require_past(command.consent.given_on, context)
    require(command.consent.given_on >= state.step_on, "consent-before-verification")
    yield ExitAgreed(
        household_id=state.household_id,
        village_id=state.village_id,
        consent=command.consent,
        effective_on=command.consent.given_on,
    )


def exit_household(state: State, command: ExitHousehold, context: Context) -> Decisions:
    """The abridged procedure's last step: out of the register's count, support goes on."""
    require_known(state)
    require(state.status >= HOUSEHOLD_STATUS_EXIT_AGREED, "exit-not-agreed")
    require(state.status == HOUSEHOLD_STATUS_EXIT_AGREED, "household-already-exited")
    require_past(command.effective_on, context)
    require(command.effective_on >= state.step_on, "exit-before-agreement", on=state.step_on)
    exited_on = date.fromisoformat(command.effective_on)
    grace_days = context.parameters.number(
        "support-grace-days", on=exited_on, region=state.village_id
    )
    yield HouseholdExited(
        household_id=state.household_id,
        village_id=state.village_id,
        procedure=PROCEDURE_ABRIDGED,
        effective_on=command.effective_on,
        exited_by=person_of(context),
        support_until=(exited_on + timedelta(days=grace_days)).isoformat(),
        member_count=len(state.person_ids),
    )


def evolve(state: State, event: Event) -> State:
    """What the household is after the event."""
    match event:
        case ExitProposed():
            return _step(state, HOUSEHOLD_STATUS_EXIT_PROPOSED, event)
        case ExitVerified():
            return _step(state, HOUSEHOLD_STATUS_EXIT_VERIFIED, event)
        case ExitAgreed():
            return _step(state, HOUSEHOLD_STATUS_EXIT_AGREED, event)
        case HouseholdExited():
            return _step(state, HOUSEHOLD_STATUS_EXITED, event)
        case _:
            assert_never(event)


def _step(state: State, status: HouseholdStatus.ValueType, event: Event) -> State:
    return replace(state, status=status, step_on=event.effective_on)


def _subject_of(evidence: Evidence) -> str:
    """Whose key seals the evidence; empty when nothing was brought."""
    match evidence.WhichOneof("kind"):
        case "note":
            return evidence.note.household_id
        case "photo":
            return evidence.photo.subject_id
        case "location":
            return evidence.location.household_id
        case _:
            return ""


EXIT = Part(
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys((ProposeExit, VerifyExit, AgreeToExit, ExitHousehold), by_household_id),
    events=(ExitProposed, ExitVerified, ExitAgreed, HouseholdExited),
)
