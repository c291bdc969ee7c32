"""The doors through which something personal comes in, each opened with its own canaries."""

import csv
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from services.cli.story.pictures import paper
from services.registry.synthetic import COLUMNS, invent
from tests.drills.workload import COUNTY, FIRST_PERSON, ON, VILLAGE, Workload
from tests.system.canary import CANARIES, whole
from tuopin.notifier.v1 import assignment_pb2 as task
from tuopin.planning.v1 import plan_pb2 as plan
from tuopin.registry.v1 import household_pb2 as household
from tuopin.registry.v1 import import_pb2 as imports
from tuopin.training.v1.cadre_pb2 import AppointCadre
from tuopin.types.v1.types_pb2 import Consent, Paper

HOUSEHOLDS = 2


def appoint(work: Workload) -> None:
    """A cadre with name and phone."""
    command = AppointCadre(
        command_id="canary-appoint",
        cadre_id="canary-cadre",
        region_id=COUNTY,
        name=CANARIES["cadre's name"],
        phone=CANARIES["cadre's phone"],
        language="zh",
        effective_on=ON,
    )
    work.people.ask("training", "AppointCadre", command)


def import_household(work: Workload, folder: Path) -> None:
    """A file of households, one member of which is the canary; validated and committed."""
    path = folder / "canaries.csv"
    rows = [row for each in invent(HOUSEHOLDS, 77, [VILLAGE]) for row in each]
    head = dict(zip(COLUMNS, rows[0], strict=True))
    number = head["household_number"]
    head |= {
        "name": CANARIES["imported name"],
        "identity_number": whole(CANARIES["imported identity number"]),
        "birth_year": "1979",
        "phone": CANARIES["imported phone"],
        "bank_card": CANARIES["imported bank card"],
    }
    rows[0] = [head[column] for column in COLUMNS]
    address = COLUMNS.index("address")
    for row in rows:
        if row[0] == number:
            row[address] = CANARIES["imported address"]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    _upload(work, path)
    path.unlink()


def _upload(work: Workload, path: Path) -> None:
    def pieces() -> Iterator[imports.UploadImport]:
        header = imports.ImportHeader(
            region_id=COUNTY, source="canary", effective_on=ON, synthetic=True
        )
        yield imports.UploadImport(header=header)
        yield imports.UploadImport(chunk=path.read_bytes())

    report = work.people.upload("registry", "ValidateImport", pieces())
    assert report.fault_count == 0, report.faults
    commit = imports.CommitImport(command_id="canary-import", import_id=report.import_id)
    work.people.ask("registry", "CommitImport", commit)
    listed = household.ListHouseholds(region_id=VILLAGE)
    work.until(
        "the import is complete",
        lambda: work.people.ask("registry", "ListHouseholds", listed).total >= HOUSEHOLDS,
    )


def register(work: Workload) -> str:
    """One household by a single command."""
    member = household.Member(
        name=CANARIES["name"],
        identity_number=whole(CANARIES["identity number"]),
        phone=CANARIES["phone"],
        bank_card=CANARIES["bank card"],
        relation=household.RELATION_HEAD,
        birth_year=1979,
        sex=household.SEX_MALE,
        health=household.HEALTH_HEALTHY,
        labour=household.LABOUR_ORDINARY,
    )
    command = household.RegisterHousehold(
        command_id="canary-register",
        source=COUNTY,
        household_number="C-1",
        village_id=VILLAGE,
        attribute=household.ATTRIBUTE_ORDINARY_POOR,
        main_cause=household.CAUSE_OTHER,
        members=[member],
        income=household.Income(year=2025, wages_fen=100_000),
        address=CANARIES["address"],
        effective_on=ON,
        synthetic=True,
    )
    receipt = work.people.ask("registry", "RegisterHousehold", command)
    return str(receipt.stream.removeprefix("household-"))


def live_with_a_task(work: Workload, household_id: str) -> None:
    """Consent with a witness, a task in the chat, a note, a place, and an exit with a reason."""
    drafted = work.until("the canary's plan", lambda: work.plan(household_id))
    put = household.PutEvidence(household_id=household_id, data=paper("canary"))
    signed = Paper(
        picture=work.people.ask("registry", "PutEvidence", put),
        witness=CANARIES["witness"],
        household_id=household_id,
    )
    consent = Consent(given_by=drafted.member_ids[0], given_on=ON, paper=signed)
    agree = plan.ConsentToPlan(
        command_id="canary-consent", plan_id=drafted.plan_id, consent=consent
    )
    work.people.ask("planning", "ConsentToPlan", agree)
    approve = plan.ApprovePlan(
        command_id="canary-approve", plan_id=drafted.plan_id, helper_id=work.helper(0)
    )
    work.people.ask("planning", "ApprovePlan", approve)
    offered = work.until("the canary's task", lambda: work.task(household_id))
    message = work.message(FIRST_PERSON, offered.assignment_id, ":ack:")
    taken = (task.ASSIGNMENT_STATUS_ACKNOWLEDGED,)
    work.tap_until(FIRST_PERSON, offered.assignment_id, ":ack:", household_id, taken)
    reply_to = message["message_id"]
    work.act(lambda: work.chat.say(FIRST_PERSON, CANARIES["note"], reply_to=reply_to))
    work.act(lambda: work.chat.location(FIRST_PERSON, 28.3741239, 109.4712397, reply_to=reply_to))
    work.until("the proofs", lambda: work.is_so(household_id, evidence_count=2))
    finished = (task.ASSIGNMENT_STATUS_DONE, task.ASSIGNMENT_STATUS_VERIFIED)
    work.tap_until(FIRST_PERSON, offered.assignment_id, ":done:", household_id, finished)
    verified = task.ASSIGNMENT_STATUS_VERIFIED
    work.until("the visit", lambda: work.is_so(household_id, status=verified))
    propose = household.ProposeExit(
        command_id="canary-exit",
        household_id=household_id,
        reason=CANARIES["reason"],
        effective_on=ON,
    )
    work.people.ask("registry", "ProposeExit", propose)
    # Read in clear by those who may: an answer is where it belongs.
    shown = work.people.ask(
        "registry",
        "GetHousehold",
        household.GetHousehold(household_id=household_id),
        purpose="case-work",
    )
    assert shown.members[0].name == CANARIES["name"]
    find = household.FindPerson(identity_number=whole(CANARIES["identity number"]))
    assert work.people.ask("registry", "FindPerson", find).household_id == household_id


def ask_for_a_fault(work: Workload) -> None:
    """Refusals and malformed commands quote nobody either."""
    for command_id, phone in (("canary-again", ""), ("canary-malformed", "not a phone")):
        member = household.Member(
            name=CANARIES["name"],
            identity_number=whole(CANARIES["identity number"]),
            phone=phone or CANARIES["phone"],
            relation=household.RELATION_HEAD,
            birth_year=1979,
            sex=household.SEX_MALE,
            health=household.HEALTH_HEALTHY,
            labour=household.LABOUR_ORDINARY,
        )
        command = household.RegisterHousehold(
            command_id=command_id,
            source=COUNTY,
            household_number=f"C-{command_id}",
            village_id=VILLAGE,
            attribute=household.ATTRIBUTE_ORDINARY_POOR,
            main_cause=household.CAUSE_OTHER,
            members=[member],
            income=household.Income(year=2025, wages_fen=100_000),
            effective_on=ON,
        )
        with pytest.raises(grpc.RpcError) as refused:
            work.people.ask("registry", "RegisterHousehold", command)
        assert CANARIES["name"] not in str(refused.value)
