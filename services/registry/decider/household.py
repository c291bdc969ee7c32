"""The life of a household in the register: registered, on its way out, exited; people erased."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import assert_never

from chassis.decider import Context, Decider, Decisions, Release, derived_id
from chassis.rejection import reject, require
from services.registry.decider.registration import (
    ACTIVE_MEMBER,
    RegistrationFacts,
    faults,
    registered,
)
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_EXIT_AGREED,
    HOUSEHOLD_STATUS_EXIT_PROPOSED,
    HOUSEHOLD_STATUS_EXIT_VERIFIED,
    HOUSEHOLD_STATUS_EXITED,
    HOUSEHOLD_STATUS_REGISTERED,
    HOUSEHOLD_STATUS_UNSPECIFIED,
    PROCEDURE_ABRIDGED,
    AgreeToExit,
    ErasePerson,
    ExitAgreed,
    ExitHousehold,
    ExitProposed,
    ExitVerified,
    HouseholdExited,
    HouseholdRegistered,
    HouseholdStatus,
    PersonErased,
    ProposeExit,
    RegisterHousehold,
    VerifyExit,
)
from tuopin.types.v1.types_pb2 import Consent, Evidence

Command = RegisterHousehold | ProposeExit | VerifyExit | AgreeToExit | ExitHousehold | ErasePerson
Event = (
    HouseholdRegistered | ExitProposed | ExitVerified | ExitAgreed | HouseholdExited | PersonErased
)


@dataclass(frozen=True, slots=True)
class State:
    """What the rules need of a household; nothing personal."""

    household_id: str = ""
    village_id: str = ""
    status: HouseholdStatus.ValueType = HOUSEHOLD_STATUS_UNSPECIFIED
    person_ids: tuple[str, ...] = ()
    erased: frozenset[str] = frozenset()
    # Effective date of the last step of the exit.
    step_on: str = ""

    @property
    def living(self) -> frozenset[str]:
        """Members whose data still exist; only they can give a consent."""
        return frozenset(self.person_ids) - self.erased


def household_id_of(command: RegisterHousehold) -> str:
    """Fixed for ever by where the household comes from and its number there."""
    return derived_id("household", command.source, command.household_number)


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rule book of a household."""
    match command:
        case RegisterHousehold():
            return register(state, command, context)
        case ProposeExit():
            return propose_exit(state, command, context)
        case VerifyExit():
            return verify_exit(state, command, context)
        case AgreeToExit():
            return agree_to_exit(state, command, context)
        case ExitHousehold():
            return exit_household(state, command, context)
        case ErasePerson():
            return erase_person(state, command, context)
        case _:
            assert_never(command)


def register(state: State, command: RegisterHousehold, context: Context) -> Decisions:
    """A household enters once; its file sent again as it stands changes nothing."""
    facts: RegistrationFacts = context.facts
    if state.household_id:
        require(facts.same_content, "household-already-known", household_id=state.household_id)
        return
    for fault in faults(command, facts, context.parameters, context.today):
        reject(fault.slug, field=fault.path, **fault.details)
    yield from registered(command, household_id_of(command), context)


def propose_exit(state: State, command: ProposeExit, context: Context) -> Decisions:
    """The first step out; the resident cadre is asked to look on site."""
    _require_known(state)
    require(state.status == HOUSEHOLD_STATUS_REGISTERED, "exit-already-proposed")
    _require_past(command.effective_on, context)
    yield ExitProposed(
        household_id=state.household_id,
        village_id=state.village_id,
        reason=command.reason,
        effective_on=command.effective_on,
        proposed_by=_person(context),
    )


def verify_exit(state: State, command: VerifyExit, context: Context) -> Decisions:
    """What the cadre found on site, with what they brought back as evidence."""
    _require_known(state)
    require(state.status >= HOUSEHOLD_STATUS_EXIT_PROPOSED, "exit-not-proposed")
    require(state.status == HOUSEHOLD_STATUS_EXIT_PROPOSED, "exit-already-verified")
    require(command.evidence, "exit-evidence-missing", field="evidence")
    for subject in map(_subject_of, command.evidence):
        require(subject, "exit-evidence-missing", field="evidence")
        require(subject == state.household_id, "evidence-of-other-household", field="evidence")
    _require_past(command.effective_on, context)
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
    _require_known(state)
    require(state.status >= HOUSEHOLD_STATUS_EXIT_VERIFIED, "exit-not-verified")
    require(state.status == HOUSEHOLD_STATUS_EXIT_VERIFIED, "exit-already-agreed")
    _require_own_word(state, command.consent, context)
    _require_past(command.consent.given_on, context)
    require(command.consent.given_on >= state.step_on, "consent-before-verification")
    yield ExitAgreed(
        household_id=state.household_id,
        village_id=state.village_id,
        consent=command.consent,
        effective_on=command.consent.given_on,
    )


def exit_household(state: State, command: ExitHousehold, context: Context) -> Decisions:
    """The abridged procedure's last step: out of the register's count, support goes on."""
    _require_known(state)
    require(state.status >= HOUSEHOLD_STATUS_EXIT_AGREED, "exit-not-agreed")
    require(state.status == HOUSEHOLD_STATUS_EXIT_AGREED, "household-already-exited")
    _require_past(command.effective_on, context)
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
        exited_by=_person(context),
        support_until=(exited_on + timedelta(days=grace_days)).isoformat(),
        member_count=len(state.person_ids),
    )


def erase_person(state: State, command: ErasePerson, context: Context) -> Decisions:
    """Once and for good: the claim is given back, the key is destroyed after the append."""
    require(state.household_id, "household-not-known")
    require(command.person_id in state.person_ids, "person-not-in-household", field="person_id")
    grounds = context.parameters.table("codes")["erasure-ground"]
    require(command.ground in grounds, "erasure-ground-not-listed", field="ground")
    if command.person_id in state.erased:
        return
    yield PersonErased(
        household_id=state.household_id,
        person_id=command.person_id,
        village_id=state.village_id,
        ground=command.ground,
    )
    yield Release(ACTIVE_MEMBER, f"{state.household_id}/{command.person_id}")


def evolve(state: State, event: Event) -> State:
    """What the household is after the event."""
    match event:
        case HouseholdRegistered():
            return State(
                household_id=event.household_id,
                village_id=event.village_id,
                status=HOUSEHOLD_STATUS_REGISTERED,
                person_ids=tuple(member.person_id for member in event.members),
            )
        case PersonErased():
            return replace(state, erased=state.erased | {event.person_id})
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


def _step(
    state: State,
    status: HouseholdStatus.ValueType,
    event: ExitProposed | ExitVerified | ExitAgreed | HouseholdExited,
) -> State:
    return replace(state, status=status, step_on=event.effective_on)


def _require_known(state: State) -> None:
    require(state.household_id, "household-not-known")
    require(state.living, "household-erased")


def _require_past(day: str, context: Context) -> None:
    today = context.today.isoformat()
    require(day <= today, "effective-date-in-the-future", field="effective_on", today=today)


def _require_own_word(state: State, consent: Consent, context: Context) -> None:
    """What was said in a chat is heard from the notifier's events only."""
    require(consent.given_by in state.living, "consent-not-by-member", field="consent.given_by")
    require(consent.WhichOneof("proof"), "consent-without-paper", field="consent.paper")
    if consent.HasField("chat"):
        require(context.actor.caused_by, "consent-chat-not-heard", field="consent.chat")
        return
    paper = consent.paper
    for subject in (paper.household_id, paper.picture.subject_id):
        require(subject == state.household_id, "paper-of-other-household", field="consent.paper")


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


def _person(context: Context) -> str:
    """The person behind the command, also when a service acts for them."""
    return context.actor.on_behalf_of or context.actor.subject


def _by_household_id(
    command: ProposeExit | VerifyExit | AgreeToExit | ExitHousehold | ErasePerson,
) -> str:
    return command.household_id


HOUSEHOLD: Decider[State] = Decider(
    noun="household",
    topic="household",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={
        RegisterHousehold: household_id_of,
        ProposeExit: _by_household_id,
        VerifyExit: _by_household_id,
        AgreeToExit: _by_household_id,
        ExitHousehold: _by_household_id,
        ErasePerson: _by_household_id,
    },
    events=(
        HouseholdRegistered,
        ExitProposed,
        ExitVerified,
        ExitAgreed,
        HouseholdExited,
        PersonErased,
    ),
    region=lambda state: state.village_id,
)
