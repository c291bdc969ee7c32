"""The commands of an exit, and where the rules' tests give them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message

from services.registry.decider.household import HOUSEHOLD
from tests.given import FixedParameters, Given
from tests.registry.leaving import (
    COMMITTEE,
    IN_THE_VILLAGE,
    OF,
    OTHER_COUNTY,
    POSTED,
)
from tests.registry.stories import (
    HOUSEHOLD_ID,
    VILLAGE,
    exit_agreed,
    exit_household,
    exit_proposed,
    exit_verified,
    household_exited,
    household_registered,
)
from tuopin.registry.v1 import exit_pb2 as exits
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1 import posting_pb2 as posting
from tuopin.types.v1.types_pb2 import Note

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
