"""A household's way out of the register, first half: proposed, appraised by the village,
verified on site check by check, agreed by the household itself.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import assert_never

from chassis.decider import Context, Decisions
from chassis.enumcodes import code_by_number
from chassis.rejection import require
from services.registry.decider.duties import (
    VILLAGE,
    having_acted,
    require_no_relative,
    require_one_level,
)
from services.registry.decider.leaving import (
    IN_REGISTER,
    ORDER,
    REGISTERED,
    STEPS,
    UNDERWAY,
    Leaving,
)
from services.registry.decider.part import (
    Part,
    by_household_id,
    person_of,
    require_known,
    require_own_paper,
    require_past,
)
from services.registry.decider.posting import require_no_objection
from services.registry.decider.state import Posting, State
from tuopin.registry.v1.exit_pb2 import (
    EXIT_CHECK_INCOME,
    EXIT_STOP_APPRAISAL_AGAINST,
    EXIT_STOP_CHECK_FAILED,
    AppraiseExit,
    ExitAppraised,
    ExitCheck,
    ExitFinding,
    ExitFindingsRecorded,
    ExitStop,
    ExitStopped,
    ExitWithdrawn,
    RecordExitFindings,
    WithdrawExit,
)
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_EXIT_AGREED,
    HOUSEHOLD_STATUS_EXIT_APPRAISED,
    HOUSEHOLD_STATUS_EXIT_PROPOSED,
    HOUSEHOLD_STATUS_EXIT_VERIFIED,
    HOUSEHOLD_STATUS_EXITED,
    HOUSEHOLD_STATUS_REGISTERED,
    PROCEDURE_FULL,
    AgreeToExit,
    ExitAgreed,
    ExitProposed,
    ExitVerified,
    HouseholdStatus,
    ProposeExit,
    VerifyExit,
)
from tuopin.types.v1.types_pb2 import Consent, Evidence

Command = ProposeExit | AppraiseExit | RecordExitFindings | VerifyExit | AgreeToExit | WithdrawExit
Event = (
    ExitProposed
    | ExitAppraised
    | ExitFindingsRecorded
    | ExitVerified
    | ExitAgreed
    | ExitStopped
    | ExitWithdrawn
)
CHECKS: tuple[ExitCheck.ValueType, ...] = tuple(ExitCheck.values())[1:]


def place_of(state: State) -> int:
    """How many steps of the whole procedure are taken."""
    if state.status == HOUSEHOLD_STATUS_EXITED:
        return len(ORDER)
    if state.status not in UNDERWAY or not state.leaving.full:
        return 0
    return ORDER.index(state.status) + 1


def require_after(state: State, step: HouseholdStatus.ValueType) -> None:
    """The step before is the last one taken; whoever is early or late hears which step it is at."""
    taken, wanted = place_of(state), ORDER.index(step) + 1
    if taken < wanted:
        require(False, STEPS[ORDER[taken]][0])
    require(taken == wanted, STEPS[ORDER[min(wanted, len(ORDER) - 1)]][1])


def require_not_before(state: State, day: str) -> None:
    """The steps keep their order in dates too."""
    require(
        day >= state.step_on, "exit-step-before-the-last", field="effective_on", on=state.step_on
    )


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules up to the household's own word."""
    match command:
        case ProposeExit():
            return propose_exit(state, command, context)
        case AppraiseExit():
            return appraise_exit(state, command, context)
        case RecordExitFindings():
            return record_findings(state, command, context)
        case VerifyExit():
            return verify_exit(state, command, context)
        case AgreeToExit():
            return agree_to_exit(state, command, context)
        case WithdrawExit():
            return withdraw_exit(state, command, context)
        case _:
            assert_never(command)


def propose_exit(state: State, command: ProposeExit, context: Context) -> Decisions:
    """The first step out; what the abridged procedure left half done starts over."""
    require_known(state)
    require(not place_of(state), "exit-already-proposed")
    require(state.status in IN_REGISTER, "household-not-in-register")
    require_no_relative(state, context)
    require_past(command.effective_on, context)
    yield ExitProposed(
        household_id=state.household_id,
        village_id=state.village_id,
        reason=command.reason,
        effective_on=command.effective_on,
        proposed_by=person_of(context),
        procedure=PROCEDURE_FULL,
    )


def appraise_exit(state: State, command: AppraiseExit, context: Context) -> Decisions:
    """The village's meeting: more than half of those present, or the exit stops."""
    require_known(state)
    require_after(state, HOUSEHOLD_STATUS_EXIT_PROPOSED)
    require_past(command.effective_on, context)
    require_not_before(state, command.effective_on)
    require_one_level(state, context, VILLAGE)
    present = require_meeting(state, command, context)
    if 2 * command.votes_for <= present:
        yield stopped(
            state,
            context,
            EXIT_STOP_APPRAISAL_AGAINST,
            on=command.effective_on,
            note=command.minutes,
            votes=command,
        )
        return
    yield ExitAppraised(
        household_id=state.household_id,
        village_id=state.village_id,
        minutes=command.minutes,
        votes_for=command.votes_for,
        votes_against=command.votes_against,
        abstentions=command.abstentions,
        effective_on=command.effective_on,
        appraised_by=person_of(context),
    )


def require_meeting(state: State, command: AppraiseExit, context: Context) -> int:
    """Enough people came; how many."""
    present = command.votes_for + command.votes_against + command.abstentions
    on = date.fromisoformat(command.effective_on)
    least = context.parameters.number("exit-appraisal-quorum", on=on, region=state.village_id)
    require(present >= least, "exit-appraisal-below-quorum", field="votes_for", least=least)
    return present


def record_findings(state: State, command: RecordExitFindings, context: Context) -> Decisions:
    """What a cadre of the village's own team saw; looked at again, the later finding counts."""
    require_known(state)
    require_after(state, HOUSEHOLD_STATUS_EXIT_APPRAISED)
    require_past(command.effective_on, context)
    require_not_before(state, command.effective_on)
    require(command.cadre_id == person_of(context), "findings-not-ones-own", field="cadre_id")
    villages: frozenset[str] = context.facts
    require(state.village_id in villages, "cadre-not-resident", field="cadre_id")
    require_no_relative(state, context)
    on = date.fromisoformat(command.effective_on)
    line = context.parameters.number("poverty-line-fen", on=on, region=state.village_id)
    seen: set[ExitCheck.ValueType] = set()
    for ordinal, finding in enumerate(command.findings):
        require(finding.check not in seen, "check-found-twice", field=f"findings.{ordinal}")
        seen.add(finding.check)
        _require_sound(state, finding, line, f"findings.{ordinal}")
    yield ExitFindingsRecorded(
        household_id=state.household_id,
        village_id=state.village_id,
        cadre_id=command.cadre_id,
        findings=command.findings,
        effective_on=command.effective_on,
        poverty_line_fen=line,
    )


def _require_sound(state: State, finding: ExitFinding, line: int, field: str) -> None:
    require_evidence(state, finding.evidence, f"{field}.evidence")
    if finding.check == EXIT_CHECK_INCOME and finding.passed:
        over = finding.income_per_head_fen > line
        require(over, "exit-income-not-over-line", field=f"{field}.income_per_head_fen", line=line)
        require(finding.steady, "exit-income-not-steady", field=f"{field}.steady")


def verify_exit(state: State, command: VerifyExit, context: Context) -> Decisions:
    """The finished assignment proves the findings; a failed check stops the exit."""
    require_known(state)
    require_after(state, HOUSEHOLD_STATUS_EXIT_APPRAISED)
    require_evidence(state, command.evidence, "evidence")
    require_past(command.effective_on, context)
    require_not_before(state, command.effective_on)
    leaving = state.leaving
    missing = [check for check in CHECKS if check not in leaving.checks]
    require(not missing, "exit-findings-missing", checks=named(missing))
    require(command.cadre_id in leaving.found_by, "exit-findings-of-another", field="cadre_id")
    yield ExitVerified(
        household_id=state.household_id,
        village_id=state.village_id,
        assignment_id=command.assignment_id,
        cadre_id=command.cadre_id,
        evidence=command.evidence,
        effective_on=command.effective_on,
    )
    failed = [check for check in CHECKS if not leaving.checks[check]]
    if failed:
        on = command.effective_on
        yield stopped(state, context, EXIT_STOP_CHECK_FAILED, on=on, failed=failed)


def named(checks: Iterable[ExitCheck.ValueType]) -> str:
    """The checks as codes."""
    return ", ".join(code_by_number(ExitCheck.DESCRIPTOR)[check] for check in checks)


def agree_to_exit(state: State, command: AgreeToExit, context: Context) -> Decisions:
    """The household's own word, on paper or from its own chat; a cadre's is never one."""
    require_known(state)
    require_after(state, HOUSEHOLD_STATUS_EXIT_VERIFIED)
    require_own_word(state, command.consent, context)
    require_past(command.consent.given_on, context)
    require_not_before(state, command.consent.given_on)
    yield ExitAgreed(
        household_id=state.household_id,
        village_id=state.village_id,
        consent=command.consent,
        effective_on=command.consent.given_on,
    )


def require_own_word(state: State, consent: Consent, context: Context) -> None:
    """A signed paper, or the member's own linked chat: only the service that saw it says so."""
    if not consent.HasField("chat"):
        require_own_paper(state, consent)
        return
    require(consent.given_by in state.living, "consent-not-by-member", field="consent.given_by")
    seen = consent.chat.link_id and "service" in context.actor.roles
    require(seen, "consent-not-from-own-chat", field="consent.chat")


def withdraw_exit(state: State, command: WithdrawExit, context: Context) -> Decisions:
    """Until it is out the exit can be taken back, with the reason; not past an open objection."""
    require_known(state)
    require(state.status in UNDERWAY, "exit-not-under-way")
    require_no_objection(state)
    require_past(command.effective_on, context)
    require_not_before(state, command.effective_on)
    yield ExitWithdrawn(
        household_id=state.household_id,
        village_id=state.village_id,
        reason=command.reason,
        note=command.note,
        effective_on=command.effective_on,
        status=state.leaving.returns_to,
        withdrawn_by=person_of(context),
    )


def stopped(
    state: State,
    context: Context,
    reason: ExitStop.ValueType,
    *,
    on: str,
    note: str = "",
    failed: Iterable[ExitCheck.ValueType] = (),
    votes: AppraiseExit | None = None,
) -> ExitStopped:
    """The exit ends here: the household is what it was before."""
    votes = votes or AppraiseExit()
    return ExitStopped(
        household_id=state.household_id,
        village_id=state.village_id,
        reason=reason,
        failed=failed,
        note=note,
        votes_for=votes.votes_for,
        votes_against=votes.votes_against,
        abstentions=votes.abstentions,
        effective_on=on,
        status=state.leaving.returns_to,
        stopped_by=person_of(context),
    )


def require_evidence(state: State, evidence: Iterable[Evidence], field: str) -> None:
    """Something was brought, and it is about this household."""
    subjects = [_subject_of(each) for each in evidence]
    require(subjects and all(subjects), "exit-evidence-missing", field=field)
    own = all(subject == state.household_id for subject in subjects)
    require(own, "evidence-of-other-household", field=field)


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


def evolve(state: State, event: Event) -> State:
    """What the household is after the event."""
    match event:
        case ExitProposed():
            before = state.status if state.status in REGISTERED else HOUSEHOLD_STATUS_REGISTERED
            full = event.procedure == PROCEDURE_FULL
            acted = having_acted(replace(state, acted={}), event.proposed_by, VILLAGE)
            fresh = Leaving(full=full, returns_to=before)
            state = replace(state, leaving=fresh, acted=acted, posting=Posting())
            return step(state, HOUSEHOLD_STATUS_EXIT_PROPOSED, event.effective_on)
        case ExitAppraised():
            acted = having_acted(state, event.appraised_by, VILLAGE)
            state = replace(state, acted=acted)
            return step(state, HOUSEHOLD_STATUS_EXIT_APPRAISED, event.effective_on)
        case ExitFindingsRecorded():
            found = {finding.check: finding.passed for finding in event.findings}
            leaving = replace(
                state.leaving,
                checks={**state.leaving.checks, **found},
                found_by=state.leaving.found_by | {event.cadre_id},
            )
            acted = having_acted(state, event.cadre_id, VILLAGE)
            return replace(state, leaving=leaving, acted=acted, step_on=event.effective_on)
        case ExitVerified():
            return step(state, HOUSEHOLD_STATUS_EXIT_VERIFIED, event.effective_on)
        case ExitAgreed():
            return step(state, HOUSEHOLD_STATUS_EXIT_AGREED, event.effective_on)
        case ExitStopped() | ExitWithdrawn():
            return step(replace(state, posting=Posting()), event.status, event.effective_on)
        case _:
            assert_never(event)


def step(state: State, status: HouseholdStatus.ValueType, on: str) -> State:
    """The household is one step on since that day."""
    return replace(state, status=status, step_on=on)


EXIT = Part(
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys(
        (
            ProposeExit,
            AppraiseExit,
            RecordExitFindings,
            VerifyExit,
            AgreeToExit,
            WithdrawExit,
        ),
        by_household_id,
    ),
    events=(
        ExitProposed,
        ExitAppraised,
        ExitFindingsRecorded,
        ExitVerified,
        ExitAgreed,
        ExitStopped,
        ExitWithdrawn,
    ),
)
