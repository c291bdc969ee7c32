"""Stories of identification: commands with what a careful office would send, and how far to go."""

from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.decider import Actor
from services.registry.decider.current import CurrentFiles
from services.registry.decider.file_content import registered
from services.registry.decider.household import HOUSEHOLD
from services.registry.decider.identification import ApplicationFacts
from tests.given import COMMAND_ID, FixedParameters, Given, new_id
from tests.registry.stories import HOUSEHOLD_ID, household_registered, register_household
from tuopin.registry.v1 import household_pb2 as household
from tuopin.registry.v1 import identification_pb2 as pb
from tuopin.registry.v1 import posting_pb2 as posting
from tuopin.types.v1.types_pb2 import Evidence, Note

START = datetime(2020, 3, 2, 1, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
VILLAGE = Actor("zhou-village", {"village-committee": ("433124110226",)})
TOWNSHIP = Actor("tang-township", {"township-office": ("433124110",)})
COUNTY = Actor("li-county", {"county-office": ("433124",)})
SERVICE = Actor("registry", {"service": ("",)})
POSTING_ID = new_id("posting")
OBJECTION_ID = new_id("objection")

PARAMETERS = FixedParameters(
    {
        "poverty-line-fen": 400_000,
        "support-grace-days": 30,
        "identification-village-posting-days": 7,
        "identification-township-posting-days": 7,
        "removal-posting-days": 7,
        "village-meeting-quorum-percent": 67,
        "village-meeting-majority-percent": 50,
    },
    {
        "codes": {"erasure-ground": {"request": {}}},
        "disqualifying": {
            "car": {"since": datetime(2010, 1, 1).date()},
            "income-over-line": {"since": datetime(2010, 1, 1).date()},
            "late": {"since": datetime(2030, 1, 1).date()},
            "elsewhere": {"since": datetime(2010, 1, 1).date(), "region": "51"},
        },
        "removal": {"wrongly-admitted": {}},
    },
)
given = Given(HOUSEHOLD, PARAMETERS, ApplicationFacts())


def note(text: str = "已核查", household_id: str = HOUSEHOLD_ID) -> Note:
    return Note(text=text, household_id=household_id)


def apply_household(**changes: Any) -> pb.ApplyHousehold:
    fields: dict[str, Any] = {
        "file": register_household(command_id=COMMAND_ID),
        "allowance_reference": "",
    }
    return pb.ApplyHousehold(**{**fields, **changes})


def meeting(**changes: Any) -> pb.Meeting:
    fields: dict[str, Any] = {
        "held_on": "2020-03-02",
        "entitled": 60,
        "present": 45,
        "votes_for": 40,
        "votes_against": 3,
        "minutes": note("同意纳入"),
    }
    return pb.Meeting(**{**fields, **changes})


def appraise(**changes: Any) -> pb.AppraiseHousehold:
    return pb.AppraiseHousehold(household_id=HOUSEHOLD_ID, meeting=meeting(**changes))


def prove_income(evidence: Evidence | None = None) -> pb.ProveIncome:
    proof = evidence or Evidence(note=note("工资单"))
    return pb.ProveIncome(household_id=HOUSEHOLD_ID, evidence=[proof])


def post_in_village() -> pb.PostInVillage:
    return pb.PostInVillage(household_id=HOUSEHOLD_ID)


def post_by_township() -> pb.PostByTownship:
    return pb.PostByTownship(household_id=HOUSEHOLD_ID)


def review_at_township(approved: bool = True, finding: Note | None = None) -> pb.ReviewAtTownship:
    return pb.ReviewAtTownship(
        household_id=HOUSEHOLD_ID, approved=approved, finding=finding or note()
    )


def review_at_county(approved: bool = True, finding: Note | None = None) -> pb.ReviewAtCounty:
    return pb.ReviewAtCounty(
        household_id=HOUSEHOLD_ID, approved=approved, finding=finding or note()
    )


def announce() -> pb.AnnounceHousehold:
    return pb.AnnounceHousehold(household_id=HOUSEHOLD_ID, announcement="花扶公告〔2020〕1号")


def register_applicant() -> pb.RegisterApplicant:
    return pb.RegisterApplicant(household_id=HOUSEHOLD_ID)


def record_fact(fact: str = "car", about: Note | None = None) -> pb.RecordDisqualifyingFact:
    return pb.RecordDisqualifyingFact(
        household_id=HOUSEHOLD_ID, fact=fact, note=about or note("门前停有小汽车")
    )


def override_fact(fact: str = "car", reason: Note | None = None) -> pb.OverrideDisqualifyingFact:
    return pb.OverrideDisqualifyingFact(
        household_id=HOUSEHOLD_ID, fact=fact, reason=reason or note("残疾人代步车")
    )


def close_posting(closes_at_us: int, posting_id: str = POSTING_ID) -> posting.ClosePosting:
    return posting.ClosePosting(
        household_id=HOUSEHOLD_ID, posting_id=posting_id, closes_at_us=closes_at_us
    )


def raise_objection(**changes: Any) -> posting.RaiseObjection:
    fields: dict[str, Any] = {
        "household_id": HOUSEHOLD_ID,
        "channel": posting.OBJECTION_CHANNEL_IN_PERSON,
        "statement": note("该户有小汽车"),
        "objector_name": "合成村民",
    }
    return posting.RaiseObjection(**{**fields, **changes})


def uphold(objection_id: str = OBJECTION_ID, finding: Note | None = None) -> Any:
    return posting.UpholdObjection(
        household_id=HOUSEHOLD_ID, objection_id=objection_id, finding=finding or note("属实")
    )


def dismiss(objection_id: str = OBJECTION_ID, finding: Note | None = None) -> Any:
    return posting.DismissObjection(
        household_id=HOUSEHOLD_ID, objection_id=objection_id, finding=finding or note("不属实")
    )


def declare_relative(official: str) -> posting.DeclareRelative:
    return posting.DeclareRelative(household_id=HOUSEHOLD_ID, official=official)


def micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


# Events, one step after the other.


def applied(**changes: Any) -> pb.HouseholdApplied:
    fields: dict[str, Any] = {
        "household_id": HOUSEHOLD_ID,
        "village_id": "433124110226",
        "file": household_registered(),
        "applied_by": VILLAGE.subject,
        "effective_on": "2020-01-01",
    }
    return pb.HouseholdApplied(**{**fields, **changes})


def _event(kind: Any, **fields: Any) -> Any:
    return kind(household_id=HOUSEHOLD_ID, village_id="433124110226", **fields)


def proved() -> pb.IncomeProved:
    return _event(pb.IncomeProved, evidence=[Evidence(note=note("工资单"))])  # type: ignore[no-any-return]


def appraised() -> pb.VillageAppraised:
    return _event(  # type: ignore[no-any-return]
        pb.VillageAppraised,
        meeting=meeting(),
        passed=True,
        recorded_by=VILLAGE.subject,
        status=household.HOUSEHOLD_STATUS_VILLAGE_APPRAISED,
    )


def opened(
    purpose: posting.PostingPurpose.ValueType = posting.POSTING_PURPOSE_IDENTIFICATION_VILLAGE,
    at: datetime = START,
    posting_id: str = POSTING_ID,
    **changes: Any,
) -> posting.PostingOpened:
    by_village = purpose == posting.POSTING_PURPOSE_IDENTIFICATION_VILLAGE
    fields: dict[str, Any] = {
        "household_number": "S1-0000001",
        "posting_id": posting_id,
        "purpose": purpose,
        "days": 7,
        "opened_at_us": micros(at),
        "closes_at_us": micros(at + WEEK),
        "opened_by": VILLAGE.subject if by_village else TOWNSHIP.subject,
        "effective_on": at.date().isoformat(),
        "status": household.HOUSEHOLD_STATUS_POSTED_IN_VILLAGE
        if by_village
        else household.HOUSEHOLD_STATUS_POSTED_BY_TOWNSHIP,
        "status_if_upheld": household.HOUSEHOLD_STATUS_REJECTED,
        "main_cause": household.CAUSE_ILLNESS,
    }
    return _event(posting.PostingOpened, **{**fields, **changes})  # type: ignore[no-any-return]


def closed(event: posting.PostingOpened) -> posting.PostingClosed:
    return _event(  # type: ignore[no-any-return]
        posting.PostingClosed,
        posting_id=event.posting_id,
        purpose=event.purpose,
        closed_at_us=event.closes_at_us,
        effective_on="2020-03-09",
    )


def objection_raised(objection_id: str = OBJECTION_ID, **changes: Any) -> posting.ObjectionRaised:
    fields: dict[str, Any] = {
        "posting_id": POSTING_ID,
        "purpose": posting.POSTING_PURPOSE_IDENTIFICATION_VILLAGE,
        "objection_id": objection_id,
        "channel": posting.OBJECTION_CHANNEL_IN_PERSON,
        "statement": note("该户有小汽车"),
        "objector_name": "合成村民",
        "taken_by": VILLAGE.subject,
        "effective_on": "2020-03-02",
    }
    return _event(posting.ObjectionRaised, **{**fields, **changes})  # type: ignore[no-any-return]


def township_reviewed() -> pb.TownshipReviewed:
    return _event(  # type: ignore[no-any-return]
        pb.TownshipReviewed,
        approved=True,
        finding=note(),
        reviewed_by=TOWNSHIP.subject,
        status=household.HOUSEHOLD_STATUS_TOWNSHIP_REVIEWED,
    )


def county_reviewed() -> pb.CountyReviewed:
    return _event(  # type: ignore[no-any-return]
        pb.CountyReviewed,
        approved=True,
        finding=note(),
        reviewed_by=COUNTY.subject,
        status=household.HOUSEHOLD_STATUS_COUNTY_REVIEWED,
    )


BY_TOWNSHIP = posting.POSTING_PURPOSE_IDENTIFICATION_TOWNSHIP
APPLIED = (applied(),)
PROVED = (*APPLIED, proved())
APPRAISED = (*PROVED, appraised())
POSTED = (*APPRAISED, opened())
SHOWN = (*POSTED, closed(opened()))
TOWNSHIP_REVIEWED = (*SHOWN, township_reviewed())
POSTED_AGAIN = (*TOWNSHIP_REVIEWED, opened(BY_TOWNSHIP))
SHOWN_AGAIN = (*POSTED_AGAIN, closed(opened(BY_TOWNSHIP)))
COUNTY_REVIEWED = (*SHOWN_AGAIN, county_reviewed())
ANNOUNCED = (*COUNTY_REVIEWED, _event(pb.HouseholdAnnounced, announced_by=COUNTY.subject))


def applicant(version: int = len(ANNOUNCED)) -> CurrentFiles:
    """The file as the server opens it."""
    file = household.Household()
    registered(file, household_registered())
    return CurrentFiles({HOUSEHOLD_ID: file}, versions={HOUSEHOLD_ID: version})
