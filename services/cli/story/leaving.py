"""Third part: nobody answers, the exit, one id from end to end, erasing, and the proof."""

from typing import Any

import grpc
from google.protobuf.message import Message

from chassis.client import problem_of
from chassis.envelope import parse
from services.cli.contact import STUBS
from services.cli.story.chatting import PERSONS, finish, message_after, take, task_in_chat, verified
from services.cli.story.helping import consent_of, plan_of
from services.cli.story.pictures import paper
from services.cli.story.play import (
    COUNTY,
    VILLAGE,
    Stage,
    Step,
    StepFailed,
    command_id,
    expect,
    place,
)
from services.cli.tracing import follow
from tuopin.notifier.v1.assignment_pb2 import ListAssignments
from tuopin.operations.v1.operations_pb2 import ListTrace, Verify
from tuopin.planning.v1.plan_pb2 import ApprovePlan, ConsentToPlan
from tuopin.registry.v1.exit_pb2 import (
    AnnounceExit,
    AppraiseExit,
    ExitCheck,
    ExitFinding,
    PostExit,
    RecordExitFindings,
    ReviewExitAtCounty,
    ReviewExitAtTownship,
)
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_EXITED,
    AgreeToExit,
    ErasePerson,
    ExitHousehold,
    FindPerson,
    GetHousehold,
    HouseholdStatus,
    ProposeExit,
)
from tuopin.registry.v1.posting_pb2 import ListPostings
from tuopin.types.v1.types_pb2 import Evidence, Note, Position

# A day after the message was sent, or after it should have been; two days after the reminder.
A_REMINDER_H = 29.0
A_STEP_H = 60.0
VERIFY_TIMEOUT_S = 600.0
POSTING_H = 24.0 * 7 + 1


def nobody_answers(stage: Stage) -> str:
    """A second plan; its helper is silent: one reminder, then the township's specialist has it."""
    household_id = stage.facts["other_household_id"]
    plan = stage.until("the other plan is drafted", lambda: plan_of(stage, household_id))
    consent = ConsentToPlan(
        command_id=command_id(),
        plan_id=plan.plan_id,
        consent=consent_of(stage, household_id, plan.member_ids[0]),
    )
    stage.ask("township", "planning", "ConsentToPlan", consent)
    approve = ApprovePlan(
        command_id=command_id(), plan_id=plan.plan_id, helper_id=stage.facts["helper"]
    )
    stage.ask("township", "planning", "ApprovePlan", approve)
    task, offered = task_in_chat(stage, "helper", "first-visit", household_id)
    stage.pass_hours(A_REMINDER_H)
    stage.until("the helper was reminded", lambda: _assignment(stage, task).reminded)
    message_after(stage, "helper", task, offered)
    stage.pass_hours(A_STEP_H)
    stage.until(
        "the township's specialist has the task",
        lambda: _assignment(stage, task).cadre_id == stage.facts["specialist"],
    )
    _, message = task_in_chat(stage, "specialist", "first-visit", household_id)
    person = PERSONS["specialist"]
    take(stage, person, message, task)
    stage.run(stage.chat.say(person, "已入户走访。", reply_to=message["message_id"]))
    finish(stage, person, message, task, evidence=1)
    done = verified(stage, task)
    return f"task {task}: reminded, escalated, done by the specialist: {done.result_event_id}"


def exit_household(stage: Stage) -> str:
    """The whole procedure; each level takes its own steps, the cadre's task proves the findings."""
    household_id = stage.facts["household_id"]
    propose = ProposeExit(
        command_id=command_id(),
        household_id=household_id,
        reason="收入稳定超过标准",
        effective_on=stage.today(),
    )
    stage.ask("village", "registry", "ProposeExit", propose)
    stage.ask("village", "registry", "AppraiseExit", appraisal(stage, household_id))
    record_findings(stage, household_id)
    task, message = task_in_chat(stage, "helper", "verify-exit")
    person = PERSONS["helper"]
    take(stage, person, message, task)
    stage.run(stage.chat.say(person, "两不愁三保障达标。", reply_to=message["message_id"]))
    stage.run(stage.chat.photo(person, paper("exit"), reply_to=message["message_id"]))
    finish(stage, person, message, task, evidence=2)
    verified(stage, task)
    agree = AgreeToExit(
        command_id=command_id(),
        household_id=household_id,
        consent=consent_of(stage, household_id, stage.facts["person_id"]),
    )
    stage.ask("village", "registry", "AgreeToExit", agree)
    receipt = post_and_leave(stage, household_id)
    request = GetHousehold(household_id=household_id, at_least=receipt.position)
    household = stage.ask("county", "registry", "GetHousehold", request)
    expect(household.status == HOUSEHOLD_STATUS_EXITED, "the household is not out")
    before = GetHousehold(household_id=household_id, as_of="2026-06-30")
    then = stage.ask("county", "registry", "GetHousehold", before)
    expect(then.status != HOUSEHOLD_STATUS_EXITED, "the past has changed")
    status = HouseholdStatus.Name(then.status)
    return f"{place(receipt)}; support until {household.support_until}; in June: {status}"


def appraisal(stage: Stage, household_id: str) -> AppraiseExit:
    """The village's meeting is for it."""
    return AppraiseExit(
        command_id=command_id(),
        household_id=household_id,
        minutes="评议会：收入稳定，同意退出。",
        votes_for=21,
        votes_against=1,
        abstentions=2,
        effective_on=stage.today(),
    )


def record_findings(stage: Stage, household_id: str, failed: tuple[str, ...] = ()) -> None:
    """The first secretary records what each check found, under their own name."""
    cadre_id = stage.facts["helper"]
    stage.join("resident", cadre_id, f"cadre@{VILLAGE}")
    findings = [
        ExitFinding(
            check=check,
            passed=ExitCheck.Name(check) not in failed,
            evidence=[Evidence(note=Note(text="已入户查看。", household_id=household_id))],
            income_per_head_fen=680_000,
            steady=True,
        )
        for check in list(ExitCheck.values())[1:]
    ]
    record = RecordExitFindings(
        command_id=command_id(),
        household_id=household_id,
        cadre_id=cadre_id,
        findings=findings,
        effective_on=stage.today(),
    )
    stage.ask("resident", "registry", "RecordExitFindings", record)


def post_and_leave(stage: Stage, household_id: str) -> Any:
    """Posted for its whole time, reviewed by township and county, announced, out."""
    post = PostExit(command_id=command_id(), household_id=household_id)
    posted = stage.ask("village", "registry", "PostExit", post)
    early = refused(stage, "township", review_at_township(household_id))
    expect(early == "posting-not-over", f"the township did not wait: {early}")
    stage.pass_hours(POSTING_H)
    posting_over(stage, posted.position)
    stage.ask("township", "registry", "ReviewExitAtTownship", review_at_township(household_id))
    review = ReviewExitAtCounty(
        command_id=command_id(), household_id=household_id, approved=True, note="抽查属实。"
    )
    stage.ask("county", "registry", "ReviewExitAtCounty", review)
    announce = AnnounceExit(
        command_id=command_id(), household_id=household_id, document="示例公告2026-1号"
    )
    stage.ask("county", "registry", "AnnounceExit", announce)
    leave = ExitHousehold(
        command_id=command_id(), household_id=household_id, effective_on=stage.today()
    )
    return stage.ask("county", "registry", "ExitHousehold", leave)


def review_at_township(household_id: str) -> ReviewExitAtTownship:
    """The township's yes."""
    return ReviewExitAtTownship(
        command_id=command_id(), household_id=household_id, approved=True, note="程序完整。"
    )


def refused(stage: Stage, who: str, command: Message) -> str:
    """The slug with which the registry says no; the step fails when it says yes."""
    try:
        stage.ask(who, "registry", type(command).__name__, command)
    except grpc.RpcError as error:
        return problem_of(error).slug
    raise StepFailed(f"{type(command).__name__} was not refused")


def posting_over(stage: Stage, opened: Position) -> None:
    """Its own deadline has closed the latest posting of the village."""

    def over() -> bool:
        request = ListPostings(region_id=VILLAGE, page_size=1000, at_least=opened)
        page = stage.ask("county", "registry", "ListPostings", request)
        return all(posting.over for posting in page.postings)

    stage.until("the posting is over", over)


def one_file(stage: Stage) -> str:
    """The household's file holds facts of all services, each with who, when and proof."""
    request = GetHousehold(household_id=stage.facts["household_id"])

    def complete() -> Any:
        household = stage.ask("county", "registry", "GetHousehold", request)
        kinds = {entry.type.rsplit(".", 1)[-1] for entry in household.file}
        wanted = {"HouseholdRegistered", "PlanApproved", "VisitRecorded", "MoneyPaid"}
        return household if wanted | {"ReceiptConfirmed", "HouseholdExited"} <= kinds else None

    household = stage.until("the file shows all of it", complete)
    return f"{len(household.file)} entries from registry, planning, funding and notifier"


def one_trace(stage: Stage) -> str:
    """One id finds it from end to end, with the hashes of the lanes."""
    reference = stage.facts["household_id"]

    def ask(service: str, request: ListTrace) -> Any:
        return stage.callers["operator"].stream(service, "ListTrace", request, operations=True)

    found = [parse(stored.envelope) for stored in follow(reference, ask)]
    topics = {envelope.topic for envelope in found}
    expect({"household", "plan", "fund", "task"} <= topics, f"only {sorted(topics)}")
    return f"{len(found)} events in {', '.join(sorted(topics))}"


def erase(stage: Stage) -> str:
    """The key is destroyed: the name is gone from every answer, the count of members stays."""
    household_id, person_id = stage.facts["household_id"], stage.facts["person_id"]
    command = ErasePerson(
        command_id=command_id(), household_id=household_id, person_id=person_id, ground="request"
    )
    receipt = stage.ask("county", "registry", "ErasePerson", command)
    request = GetHousehold(household_id=household_id, at_least=receipt.position)
    household = stage.ask("county", "registry", "GetHousehold", request)
    member = next(m for m in household.members if m.person_id == person_id)
    expect(not member.name and not member.identity_number, "the person can still be read")
    find = FindPerson(identity_number=stage.facts["identity_number"])
    expect(not stage.ask("county", "registry", "FindPerson", find).found, "still found by number")
    return f"{place(receipt)}; {len(household.members)} members still counted"


def verify(stage: Stage) -> str:
    """Chain, gapless lanes and views equal to events, in all five services."""
    events = 0
    for service in STUBS:
        report = stage.callers["operator"].call(
            service, "Verify", Verify(views=True), operations=True, timeout_s=VERIFY_TIMEOUT_S
        )
        expect(not report.findings, f"{service}: {report.findings}")
        events += report.events
    return f"{events} events in {len(STUBS)} services, no finding"


def foreign_region(stage: Stage) -> str:
    """Somebody else's region: forbidden, and the answer names what is missing."""
    try:
        stage.ask(
            "village",
            "registry",
            "ExitHousehold",
            ExitHousehold(
                command_id=command_id(),
                household_id=stage.facts["household_id"],
                effective_on=stage.today(),
            ),
        )
    except grpc.RpcError as error:
        problem = problem_of(error)
        expect(error.code() is grpc.StatusCode.PERMISSION_DENIED, problem.slug)
        return f"{problem.slug}: {problem.sentence}"
    raise AssertionError("a village committee exited a household")


def _assignment(stage: Stage, task: str) -> Any:
    request = ListAssignments(region_id=COUNTY, page_size=1000)
    page = stage.ask("county", "notifier", "ListAssignments", request)
    return next(a for a in page.assignments if a.assignment_id == task)


STEPS = [
    Step("silence: one reminder, then the township level gets it", nobody_answers),
    Step("who may not is told which role is missing", foreign_region),
    Step("the exit by the whole procedure, verified through the chat", exit_household),
    Step("the household's file shows all of it", one_file),
    Step("one id finds it from end to end", one_trace),
]

# After everything else.
LAST = [
    Step("a person is erased; figures and chain stay", erase),
    Step("the log proves itself", verify),
]
