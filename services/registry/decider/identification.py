"""Identification: application, village meeting, two postings, two reviews, one announcement, and
only then the register. Every step has its level, its order and its person.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, assert_never

from chassis.decider import Claim, Context, Decisions, derived_id
from chassis.rejection import reject, require
from services.registry.decider import disqualification, filing, meeting, posting, proof
from services.registry.decider.current import CurrentFiles
from services.registry.decider.duties import (
    COUNTY,
    TOWNSHIP,
    VILLAGE,
    having_acted,
    require_one_level,
)
from services.registry.decider.part import Part, by_household_id, person_of
from services.registry.decider.proof import require_at
from services.registry.decider.registration import (
    ACTIVE_MEMBER,
    PERSON_ALREADY_IN_HOUSEHOLD,
    RegistrationFacts,
    faults,
    registered,
    registration_of,
)
from services.registry.decider.state import Application, Posting, State
from tuopin.registry.v1.household_pb2 import (
    ATTRIBUTE_SPECIAL_HARDSHIP,
    ATTRIBUTE_SUBSISTENCE_ALLOWANCE,
    HOUSEHOLD_STATUS_ANNOUNCED,
    HOUSEHOLD_STATUS_APPLIED,
    HOUSEHOLD_STATUS_COUNTY_REVIEWED,
    HOUSEHOLD_STATUS_POSTED_BY_TOWNSHIP,
    HOUSEHOLD_STATUS_POSTED_IN_VILLAGE,
    HOUSEHOLD_STATUS_REJECTED,
    HOUSEHOLD_STATUS_REMOVED,
    HOUSEHOLD_STATUS_TOWNSHIP_REVIEWED,
    HOUSEHOLD_STATUS_VILLAGE_APPRAISED,
    HouseholdRegistered,
    HouseholdStatus,
)
from tuopin.registry.v1.identification_pb2 import (
    AnnounceHousehold,
    ApplyHousehold,
    AppraiseHousehold,
    CountyReviewed,
    HouseholdAnnounced,
    HouseholdApplied,
    HouseholdSupplemented,
    IncomeProved,
    PostByTownship,
    PostInVillage,
    ProveIncome,
    RegisterApplicant,
    ReviewAtCounty,
    ReviewAtTownship,
    TownshipReviewed,
    VillageAppraised,
)
from tuopin.registry.v1.posting_pb2 import (
    POSTING_PURPOSE_IDENTIFICATION_TOWNSHIP,
    POSTING_PURPOSE_IDENTIFICATION_VILLAGE,
)

Command = (
    ApplyHousehold
    | ProveIncome
    | AppraiseHousehold
    | PostInVillage
    | ReviewAtTownship
    | PostByTownship
    | ReviewAtCounty
    | AnnounceHousehold
    | RegisterApplicant
)
Event = (
    HouseholdApplied
    | IncomeProved
    | VillageAppraised
    | TownshipReviewed
    | CountyReviewed
    | HouseholdAnnounced
    | HouseholdSupplemented
)
Status: TypeAlias = HouseholdStatus.ValueType

ON_ALLOWANCE = frozenset({ATTRIBUTE_SUBSISTENCE_ALLOWANCE, ATTRIBUTE_SPECIAL_HARDSHIP})
# From these a household applies (again).
OUTSIDE = frozenset({HOUSEHOLD_STATUS_REJECTED, HOUSEHOLD_STATUS_REMOVED})


@dataclass(frozen=True, slots=True)
class ApplicationFacts:
    """What an application needs to know: the village, the round it names, and the households that
    its people are registered in already, by the ordinal of the member.
    """

    village_known: bool = True
    round_open: bool = True
    active_in: Mapping[int, str] | None = None


def household_id_of(command: ApplyHousehold) -> str:
    """The id that RegisterHousehold gives to the same source and number."""
    return derived_id("household", command.file.source, command.file.household_number)


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules of each step."""
    match command:
        case ApplyHousehold():
            return apply(state, command, context)
        case ProveIncome():
            return proof.prove_income(state, command, context)
        case AppraiseHousehold():
            return appraise(state, command, context)
        case PostInVillage():
            return post_in_village(state, context)
        case ReviewAtTownship():
            return review_at_township(state, command, context)
        case PostByTownship():
            return post_by_township(state, context)
        case ReviewAtCounty():
            return review_at_county(state, command, context)
        case AnnounceHousehold():
            return announce(state, command, context)
        case RegisterApplicant():
            return register_applicant(state, context)
        case _:
            assert_never(command)


def apply(state: State, command: ApplyHousehold, context: Context) -> Decisions:
    """A household outside the register asks to get in, with the file that it will have there."""
    facts: ApplicationFacts = context.facts
    household_id = household_id_of(command)
    require(
        not state.household_id or state.status in OUTSIDE,
        "household-already-known",
        household_id=household_id,
    )
    file = command.file
    village = RegistrationFacts(village_known=facts.village_known)
    for fault in faults(file, village, context.parameters, context.today):
        reject(fault.slug, field=f"file.{fault.path}", **fault.details)
    for ordinal, other in (facts.active_in or {}).items():
        elsewhere = other != household_id
        require(not elsewhere, PERSON_ALREADY_IN_HOUSEHOLD, field=f"file.members.{ordinal}")
    on_list = not command.allowance_reference or file.attribute in ON_ALLOWANCE
    require(on_list, "allowance-reference-without-allowance", field="allowance_reference")
    require(not command.round_id or facts.round_open, "round-not-open", field="round_id")
    for fact in command.disqualifying_facts:
        disqualification.require_listed(fact, file.village_id, context)
    future = next(each for each in registered(file, household_id, context) if _is_file(each))
    assert isinstance(future, HouseholdRegistered)
    yield HouseholdApplied(
        household_id=household_id,
        village_id=file.village_id,
        file=future,
        allowance_reference=command.allowance_reference,
        relatives=command.relatives,
        disqualifying_facts=disqualification.stated(command, future),
        round_id=command.round_id,
        applied_by=person_of(context),
        effective_on=file.effective_on,
    )


def _is_file(decision: Any) -> bool:
    return isinstance(decision, HouseholdRegistered)


def appraise(state: State, command: AppraiseHousehold, context: Context) -> Decisions:
    """The village meeting; voted down, the application ends."""
    require_at(state, HOUSEHOLD_STATUS_APPLIED)
    require_one_level(state, context, VILLAGE)
    require(state.application.proved, "income-not-proved")
    held = command.meeting
    village_id = state.village_id
    earliest = state.application.applied_on
    meeting.require_sound(held, state.household_id, village_id, earliest, context)
    passed = meeting.passed(held, village_id, context)
    yield VillageAppraised(
        household_id=state.household_id,
        village_id=village_id,
        meeting=held,
        passed=passed,
        quorum_percent=meeting.quorum_percent(village_id, context),
        majority_percent=meeting.majority_percent(village_id, context),
        recorded_by=person_of(context),
        effective_on=held.held_on,
        status=HOUSEHOLD_STATUS_VILLAGE_APPRAISED if passed else HOUSEHOLD_STATUS_REJECTED,
    )


def post_in_village(state: State, context: Context) -> Decisions:
    """The notice goes up in the village."""
    require_at(state, HOUSEHOLD_STATUS_VILLAGE_APPRAISED)
    require_one_level(state, context, VILLAGE)
    yield posting.opened(
        state,
        context,
        purpose=POSTING_PURPOSE_IDENTIFICATION_VILLAGE,
        days="identification-village-posting-days",
        status=HOUSEHOLD_STATUS_POSTED_IN_VILLAGE,
        status_if_upheld=HOUSEHOLD_STATUS_REJECTED,
    )


def review_at_township(state: State, command: ReviewAtTownship, context: Context) -> Decisions:
    """The township looks at what the village posted to the end."""
    require_at(state, HOUSEHOLD_STATUS_POSTED_IN_VILLAGE)
    posting.require_passed(state, POSTING_PURPOSE_IDENTIFICATION_VILLAGE)
    require_one_level(state, context, TOWNSHIP)
    posting.require_about(state, command.finding, "finding")
    yes = HOUSEHOLD_STATUS_TOWNSHIP_REVIEWED
    yield TownshipReviewed(
        household_id=state.household_id,
        village_id=state.village_id,
        approved=command.approved,
        finding=command.finding,
        reviewed_by=person_of(context),
        effective_on=context.today.isoformat(),
        status=yes if command.approved else HOUSEHOLD_STATUS_REJECTED,
    )


def post_by_township(state: State, context: Context) -> Decisions:
    """The second posting."""
    require_at(state, HOUSEHOLD_STATUS_TOWNSHIP_REVIEWED)
    require_one_level(state, context, TOWNSHIP)
    yield posting.opened(
        state,
        context,
        purpose=POSTING_PURPOSE_IDENTIFICATION_TOWNSHIP,
        days="identification-township-posting-days",
        status=HOUSEHOLD_STATUS_POSTED_BY_TOWNSHIP,
        status_if_upheld=HOUSEHOLD_STATUS_REJECTED,
    )


def review_at_county(state: State, command: ReviewAtCounty, context: Context) -> Decisions:
    """Approved only when every disqualifying fact was overridden with a reason."""
    require_at(state, HOUSEHOLD_STATUS_POSTED_BY_TOWNSHIP)
    posting.require_passed(state, POSTING_PURPOSE_IDENTIFICATION_TOWNSHIP)
    require_one_level(state, context, COUNTY)
    posting.require_about(state, command.finding, "finding")
    if command.approved:
        disqualification.require_none_open(state)
    yes = HOUSEHOLD_STATUS_COUNTY_REVIEWED
    yield CountyReviewed(
        household_id=state.household_id,
        village_id=state.village_id,
        approved=command.approved,
        finding=command.finding,
        reviewed_by=person_of(context),
        effective_on=context.today.isoformat(),
        status=yes if command.approved else HOUSEHOLD_STATUS_REJECTED,
    )


def announce(state: State, command: AnnounceHousehold, context: Context) -> Decisions:
    """The county tells everybody."""
    require_at(state, HOUSEHOLD_STATUS_COUNTY_REVIEWED)
    require_one_level(state, context, COUNTY)
    disqualification.require_none_open(state)
    yield HouseholdAnnounced(
        household_id=state.household_id,
        village_id=state.village_id,
        announcement=command.announcement,
        announced_by=person_of(context),
        effective_on=context.today.isoformat(),
    )


def register_applicant(state: State, context: Context) -> Decisions:
    """In, as RegisterHousehold would have it: each member is claimed for this household."""
    require_at(state, HOUSEHOLD_STATUS_ANNOUNCED)
    require_one_level(state, context, COUNTY)
    disqualification.require_none_open(state)
    facts: CurrentFiles = context.facts
    event = registration_of(facts.of(state), context.today.isoformat())
    for member in event.members:
        if member.identity_number:
            yield Claim(
                ACTIVE_MEMBER,
                member.identity_number,
                f"{state.household_id}/{member.person_id}",
                PERSON_ALREADY_IN_HOUSEHOLD,
            )
    if state.application.round_id:
        yield HouseholdSupplemented(
            household_id=state.household_id,
            village_id=state.village_id,
            round_id=state.application.round_id,
            member_count=len(event.members),
            effective_on=event.effective_on,
        )
    yield event


def evolve(state: State, event: Event) -> State:
    """What the household is after the event."""
    match event:
        case HouseholdApplied():
            return _applied(state, event)
        case IncomeProved():
            return replace(state, application=replace(state.application, proved=True))
        case VillageAppraised():
            return _acted(state, event.recorded_by, VILLAGE, event.status)
        case TownshipReviewed():
            return _acted(state, event.reviewed_by, TOWNSHIP, event.status)
        case CountyReviewed():
            return _acted(state, event.reviewed_by, COUNTY, event.status)
        case HouseholdAnnounced():
            return replace(state, status=HOUSEHOLD_STATUS_ANNOUNCED)
        case HouseholdSupplemented():
            return state
        case _:
            assert_never(event)


def _applied(state: State, event: HouseholdApplied) -> State:
    return replace(
        filing.evolve(state, event),
        status=HOUSEHOLD_STATUS_APPLIED,
        posting=Posting(),
        application=Application(
            applied_on=event.effective_on,
            proved=bool(event.allowance_reference),
            disqualifying=frozenset(event.disqualifying_facts),
            round_id=event.round_id,
        ),
        relatives=frozenset(event.relatives) | state.relatives,
        acted={},
    )


def _acted(state: State, subject: str, level: str, status: Status) -> State:
    return replace(state, status=status, acted=having_acted(state, subject, level))


IDENTIFICATION = Part(
    decide=decide,
    evolve=evolve,
    commands={
        ApplyHousehold: household_id_of,
        **dict.fromkeys(
            (
                ProveIncome,
                AppraiseHousehold,
                PostInVillage,
                ReviewAtTownship,
                PostByTownship,
                ReviewAtCounty,
                AnnounceHousehold,
                RegisterApplicant,
            ),
            by_household_id,
        ),
    },
    events=(
        HouseholdApplied,
        IncomeProved,
        VillageAppraised,
        TownshipReviewed,
        CountyReviewed,
        HouseholdAnnounced,
        HouseholdSupplemented,
    ),
)
