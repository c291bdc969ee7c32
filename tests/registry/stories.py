"""The household, the people and the papers that the registry's tests tell of."""

from typing import Any

from chassis.decider import derived_id
from services.registry.decider.identity import check_digit
from tests.given import new_id
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.types.v1.types_pb2 import Blob, Consent, Evidence, Location, Note, Paper

VILLAGE = "433124110226"
SOURCE = "433124"
NUMBER = "S1-0000001"
HOUSEHOLD_ID = derived_id("household", SOURCE, NUMBER)
HEAD_ID = new_id("person", 0)
CHILD_ID = new_id("person", 1)


def identity_number(born: str = "19700101", order: int = 1) -> str:
    """A valid number of a region that does not exist."""
    body = f"990000{born}{order:03d}"
    return body + check_digit(body)


def member(**changes: Any) -> pb.Member:
    """The head, unless told otherwise."""
    fields: dict[str, Any] = {
        "name": "合成阿布",
        "identity_number": identity_number(),
        "phone": "00012345678",
        "relation": pb.RELATION_HEAD,
        "birth_year": 1970,
        "sex": pb.SEX_MALE,
        "health": pb.HEALTH_CHRONIC_ILLNESS,
        "labour": pb.LABOUR_WEAK,
    }
    return pb.Member(**{**fields, **changes})


def child(**changes: Any) -> pb.Member:
    """A child at school."""
    fields: dict[str, Any] = {
        "name": "合成禾米",
        "identity_number": identity_number("20080601"),
        "phone": "",
        "relation": pb.RELATION_CHILD,
        "birth_year": 2008,
        "sex": pb.SEX_FEMALE,
        "health": pb.HEALTH_HEALTHY,
        "labour": pb.LABOUR_NONE,
        "at_school": True,
    }
    return member(**{**fields, **changes})


def register_household(**changes: Any) -> pb.RegisterHousehold:
    """Two people, ill and at school, 3,000 yuan a head."""
    fields: dict[str, Any] = {
        "source": SOURCE,
        "household_number": NUMBER,
        "village_id": VILLAGE,
        "attribute": pb.ATTRIBUTE_ORDINARY_POOR,
        "main_cause": pb.CAUSE_ILLNESS,
        "other_causes": [pb.CAUSE_SCHOOLING],
        "members": [member(), child()],
        "living_conditions": pb.LivingConditions(housing_safety=pb.HOUSING_SAFETY_C),
        "income": pb.Income(year=2019, wages_fen=700_000, production_cost_fen=100_000),
        "address": "合成地址1组1号",
        "effective_on": "2020-01-01",
        "synthetic": True,
    }
    return pb.RegisterHousehold(**{**fields, **changes})


def household_registered(**changes: Any) -> pb.HouseholdRegistered:
    """What register_household() leads to."""
    fields: dict[str, Any] = {
        "household_id": HOUSEHOLD_ID,
        "source": SOURCE,
        "household_number": NUMBER,
        "village_id": VILLAGE,
        "attribute": pb.ATTRIBUTE_ORDINARY_POOR,
        "main_cause": pb.CAUSE_ILLNESS,
        "other_causes": [pb.CAUSE_SCHOOLING],
        "members": [member(person_id=HEAD_ID), child(person_id=CHILD_ID)],
        "living_conditions": pb.LivingConditions(housing_safety=pb.HOUSING_SAFETY_C),
        "income": pb.Income(year=2019, wages_fen=700_000, production_cost_fen=100_000),
        "address": "合成地址1组1号",
        "effective_on": "2020-01-01",
        "synthetic": True,
        "income_per_head_fen": 300_000,
        "poverty_line_fen": 400_000,
    }
    return pb.HouseholdRegistered(**{**fields, **changes})


def exit_proposed(**changes: Any) -> pb.ExitProposed:
    fields = {"reason": "收入稳定", "effective_on": "2020-02-01", "proposed_by": "li-office"}
    return pb.ExitProposed(**{**_household(), **fields, **changes})


def exit_verified(**changes: Any) -> pb.ExitVerified:
    fields: dict[str, Any] = {
        "assignment_id": "assignment-1",
        "cadre_id": "cadre-1",
        "evidence": [note()],
        "effective_on": "2020-02-10",
    }
    return pb.ExitVerified(**{**_household(), **fields, **changes})


def exit_agreed(**changes: Any) -> pb.ExitAgreed:
    fields: dict[str, Any] = {"consent": consent(), "effective_on": "2020-02-12"}
    return pb.ExitAgreed(**{**_household(), **fields, **changes})


def household_exited(**changes: Any) -> pb.HouseholdExited:
    fields: dict[str, Any] = {
        "procedure": pb.PROCEDURE_ABRIDGED,
        "effective_on": "2020-02-15",
        "exited_by": "li-office",
        "support_until": "2020-03-16",
        "member_count": 2,
    }
    return pb.HouseholdExited(**{**_household(), **fields, **changes})


def person_erased(person_id: str = HEAD_ID) -> pb.PersonErased:
    return pb.PersonErased(**_household(), person_id=person_id, ground="request")


def note(household_id: str = HOUSEHOLD_ID) -> Evidence:
    return Evidence(note=Note(text="屋顶已修好", household_id=household_id))


def location(household_id: str = HOUSEHOLD_ID) -> Evidence:
    where = Location(latitude_e7="283000000", longitude_e7="1094000000", household_id=household_id)
    return Evidence(location=where)


def picture(household_id: str = HOUSEHOLD_ID) -> Blob:
    return Blob(sha256="ab" * 32, media_type="image/jpeg", size_bytes=9, subject_id=household_id)


def consent(household_id: str = HOUSEHOLD_ID, **changes: Any) -> Consent:
    paper = Paper(picture=picture(household_id), witness="合成见证人", household_id=household_id)
    fields: dict[str, Any] = {"given_by": HEAD_ID, "paper": paper, "given_on": "2020-02-12"}
    return Consent(**{**fields, **changes})


def propose_exit(**changes: Any) -> pb.ProposeExit:
    fields = {"household_id": HOUSEHOLD_ID, "reason": "收入稳定", "effective_on": "2020-02-01"}
    return pb.ProposeExit(**{**fields, **changes})


def verify_exit(**changes: Any) -> pb.VerifyExit:
    fields: dict[str, Any] = {
        "household_id": HOUSEHOLD_ID,
        "assignment_id": "assignment-1",
        "cadre_id": "cadre-1",
        "evidence": [note()],
        "effective_on": "2020-02-10",
    }
    return pb.VerifyExit(**{**fields, **changes})


def agree_to_exit(**changes: Any) -> pb.AgreeToExit:
    return pb.AgreeToExit(household_id=HOUSEHOLD_ID, consent=consent(**changes))


def exit_household(**changes: Any) -> pb.ExitHousehold:
    fields = {"household_id": HOUSEHOLD_ID, "effective_on": "2020-02-15"}
    return pb.ExitHousehold(**{**fields, **changes})


def erase_person(person_id: str = HEAD_ID, ground: str = "request") -> pb.ErasePerson:
    return pb.ErasePerson(household_id=HOUSEHOLD_ID, person_id=person_id, ground=ground)


def _household() -> dict[str, Any]:
    return {"household_id": HOUSEHOLD_ID, "village_id": VILLAGE}
