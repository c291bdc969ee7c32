"""The whole way out of the household that the registry's tests tell of."""

from datetime import UTC, datetime
from typing import Any

from chassis.decider import Actor
from services.registry.decider.exit import CHECKS, named
from tests.given import new_id
from tests.registry.stories import (
    HOUSEHOLD_ID,
    NUMBER,
    VILLAGE,
    exit_agreed,
    exit_proposed,
    exit_verified,
    household_exited,
    household_registered,
    note,
)
from tuopin.registry.v1 import exit_pb2 as exits
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1 import posting_pb2 as posting

CADRE = "cadre-1"
COMMITTEE = Actor("zhang-village", roles={"village-committee": (VILLAGE,)})
RESIDENT = Actor(CADRE, roles={"cadre": (VILLAGE,)})
TOWNSHIP = Actor("wu-township", roles={"township-office": ("433124110",)})
COUNTY = Actor("li-office", roles={"county-office": ("433124",)})
OTHER_COUNTY = Actor("ma-office", roles={"county-office": ("433124",)})
POSTED = datetime(2020, 2, 13, 1, tzinfo=UTC)
CLOSED = datetime(2020, 2, 20, 1, tzinfo=UTC)
OF = {"household_id": HOUSEHOLD_ID}
WHERE = {**OF, "village_id": VILLAGE}


def us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def findings(**changes: bool) -> list[exits.ExitFinding]:
    """All six passed, unless told otherwise by name: income=False."""
    return [
        exits.ExitFinding(
            check=check,
            passed=changes.get(named([check]).replace("-", "_"), True),
            evidence=[note()],
            income_per_head_fen=500_000,
            steady=True,
        )
        for check in CHECKS
    ]


def proposed(**changes: Any) -> pb.ExitProposed:
    fields = {"proposed_by": COMMITTEE.subject, "procedure": pb.PROCEDURE_FULL}
    return exit_proposed(**{**fields, **changes})


def meeting(**changes: Any) -> dict[str, Any]:
    fields = {"minutes": "会议记录", "votes_for": 9, "votes_against": 1, "abstentions": 1}
    return {**fields, "effective_on": "2020-02-03", **changes}


def appraise(**changes: Any) -> exits.AppraiseExit:
    return exits.AppraiseExit(**OF, **meeting(**changes))


def appraised(**changes: Any) -> exits.ExitAppraised:
    return exits.ExitAppraised(**WHERE, **meeting(), appraised_by=COMMITTEE.subject, **changes)


def record(**changes: Any) -> exits.RecordExitFindings:
    fields = {"cadre_id": CADRE, "findings": findings(), "effective_on": "2020-02-09"}
    return exits.RecordExitFindings(**OF, **{**fields, **changes})


def recorded(**changes: bool) -> exits.ExitFindingsRecorded:
    return exits.ExitFindingsRecorded(
        **WHERE,
        cadre_id=CADRE,
        findings=findings(**changes),
        effective_on="2020-02-09",
        poverty_line_fen=400_000,
    )


def posting_opened(**changes: Any) -> posting.PostingOpened:
    fields: dict[str, Any] = {
        "household_number": NUMBER,
        "posting_id": new_id("posting"),
        "purpose": posting.POSTING_PURPOSE_EXIT,
        "days": 7,
        "opened_at_us": us(POSTED),
        "closes_at_us": us(CLOSED),
        "opened_by": COMMITTEE.subject,
        "effective_on": "2020-02-13",
        "status": pb.HOUSEHOLD_STATUS_EXIT_POSTED,
        "status_if_upheld": pb.HOUSEHOLD_STATUS_REGISTERED,
        "main_cause": pb.CAUSE_ILLNESS,
    }
    return posting.PostingOpened(**WHERE, **{**fields, **changes})


def posting_closed() -> posting.PostingClosed:
    return posting.PostingClosed(
        **WHERE,
        posting_id=new_id("posting"),
        purpose=posting.POSTING_PURPOSE_EXIT,
        closed_at_us=us(CLOSED),
        effective_on="2020-02-20",
    )


def reviewed_at_township(by: Actor = TOWNSHIP) -> exits.ExitReviewedAtTownship:
    on = {"note": "属实", "effective_on": "2020-02-21"}
    return exits.ExitReviewedAtTownship(**WHERE, **on, reviewed_by=by.subject)


def reviewed_at_county() -> exits.ExitReviewedAtCounty:
    on = {"note": "属实", "effective_on": "2020-02-24"}
    return exits.ExitReviewedAtCounty(**WHERE, **on, reviewed_by=COUNTY.subject)


def announced() -> exits.ExitAnnounced:
    on = {"document": "花扶发1号", "effective_on": "2020-02-26"}
    return exits.ExitAnnounced(**WHERE, **on, announced_by=COUNTY.subject)


def exited(**changes: Any) -> pb.HouseholdExited:
    fields = {
        "procedure": pb.PROCEDURE_FULL,
        "effective_on": "2020-02-27",
        "support_until": "2020-03-28",
    }
    return household_exited(**{**fields, **changes})


def declare_wrong(**changes: Any) -> exits.DeclareExitWrong:
    fields: dict[str, Any] = {
        "found_by": exits.WRONG_EXIT_FINDER_LOOK_BACK,
        "failed": [exits.EXIT_CHECK_HOUSING],
        "finding": "住房仍为危房",
        "effective_on": "2020-03-01",
    }
    return exits.DeclareExitWrong(**OF, **{**fields, **changes})


REGISTERED = (household_registered(),)
PROPOSED = (*REGISTERED, proposed())
APPRAISED = (*PROPOSED, appraised())
FOUND = (*APPRAISED, recorded())
VERIFIED = (*FOUND, exit_verified())
AGREED = (*VERIFIED, exit_agreed())
IN_THE_VILLAGE = (*AGREED, posting_opened())
SHOWN = (*IN_THE_VILLAGE, posting_closed())
AT_COUNTY = (*SHOWN, reviewed_at_township())
REVIEWED = (*AT_COUNTY, reviewed_at_county())
ANNOUNCED = (*REVIEWED, announced())
EXITED = (*ANNOUNCED, exited())
