"""A complaint is answered in time by the level that must, or by the next one."""

from datetime import timedelta
from typing import Any

from chassis.decider import Actor, Claim
from chassis.times import micros
from services.notifier.decider.complaint import COMPLAINT, DECIDER
from tests.given import NOW, FixedParameters, Given
from tests.notifier import voices as v
from tuopin.notifier.v1.complaint_pb2 import (
    AnswerComplaint,
    ComplainantRevealed,
    ComplaintAnswered,
    ComplaintAssigned,
    ComplaintFiled,
    FileComplaint,
    PassOnComplaint,
    RevealComplainant,
)

given = Given(DECIDER, FixedParameters(tables={"voice": v.TABLE}))
ID = "complaint-1"
COUNTY = Actor("county", {"county-office": ("433124",)})


def file(**fields: Any) -> FileComplaint:
    words: dict[str, Any] = {
        "complaint_id": ID,
        "village_id": v.VILLAGE,
        "kind": "money",
        "text": "the allowance did not come",
        "complainant": f"{v.HOUSEHOLD}/{v.PERSON}",
        "ordinal": 1,
        "household_number": "0001",
    }
    return FileComplaint(**{**words, **fields})


def filed(**fields: Any) -> ComplaintFiled:
    words: dict[str, Any] = {
        "complaint_id": ID,
        "village_id": v.VILLAGE,
        "kind": "money",
        "text": "the allowance did not come",
        "complainant": f"{v.HOUSEHOLD}/{v.PERSON}",
        "household_number": "0001",
    }
    return ComplaintFiled(**{**words, **fields})


def assigned(region_id: str = "433124103", days: int = 1, reason: str = "filed") -> Any:
    return ComplaintAssigned(
        complaint_id=ID,
        village_id=v.VILLAGE,
        region_id=region_id,
        due_at_us=micros(NOW + timedelta(days=days)),
        reason=reason,
        kind="money",
    )


def test_a_complaint_has_a_level_that_must_answer_and_a_time() -> None:
    claim = Claim(COMPLAINT, f"{v.HOUSEHOLD}/1", ID, "complaint-number-taken")
    given().when(file()).then(filed(), assigned()).then_claims(claim)


def test_an_anonymous_one_shows_no_number() -> None:
    result = given().when(file(anonymous=True))
    result.then(filed(anonymous=True, household_number=""), assigned())


def test_whom_it_is_about_does_not_answer_it() -> None:
    county = given().when(file(kind="cadre"))
    county.then_event(ComplaintAssigned, region_id="433124")


def test_a_kind_is_of_the_list() -> None:
    given().when(file(kind="weather")).then_rejected(
        "complaint-kind-not-listed", kinds="money, cadre"
    )


def test_filed_twice_is_filed_once() -> None:
    given(filed(), assigned()).when(file()).then_nothing()


def test_silence_goes_to_the_next_level_and_ends_at_the_last() -> None:
    command = PassOnComplaint(complaint_id=ID)
    county = assigned("433124", 2, "overdue")
    given(filed(), assigned()).when(command).then(county)
    given(filed(), assigned(), county).when(command).then_nothing()


def test_an_answer_is_given_once_and_ends_the_clock() -> None:
    command = AnswerComplaint(complaint_id=ID, answer="paid on the 5th")
    answer = ComplaintAnswered(
        complaint_id=ID,
        village_id=v.VILLAGE,
        region_id="433124103",
        answer="paid on the 5th",
        answered_by="li-office",
        kind="money",
    )
    given(filed(), assigned()).when(command).then(answer)
    given(filed(), assigned(), answer).when(command).then_rejected("complaint-already-answered")
    given(filed(), assigned(), answer).when(PassOnComplaint(complaint_id=ID)).then_nothing()
    given().when(command).then_rejected("complaint-not-known")


def test_who_asks_for_the_household_is_on_record() -> None:
    command = RevealComplainant(complaint_id=ID, reason="the answer needs the account")
    revealed = ComplainantRevealed(
        complaint_id=ID,
        village_id=v.VILLAGE,
        reason="the answer needs the account",
        revealed_to="county",
    )
    given(filed(), assigned()).when(command, by=COUNTY).then(revealed)
    given(filed(), assigned(), revealed).when(command, by=COUNTY).then_nothing()
