"""Second part: cadres, plan, visit, money, and the answer through the chat."""

import hashlib
from typing import Any

import grpc

from chassis.client import problem_of
from services.cli.cadres import new_code
from services.cli.story.chatting import (
    PERSONS,
    PHONE,
    confirm,
    finish,
    take,
    task_in_chat,
    verified,
)
from services.cli.story.pictures import paper
from services.cli.story.play import (
    COUNTY,
    PROVINCE,
    TOWNSHIP,
    VILLAGE,
    Stage,
    Step,
    command_id,
    expect,
    place,
)
from tuopin.funding.v1.ledger_pb2 import (
    SOURCE_CENTRAL,
    AllocateMoney,
    AppropriateMoney,
    AssignMoney,
    CommitMoney,
    ListAccounts,
    ListPayments,
    PayMoney,
)
from tuopin.notifier.v1.link_pb2 import GetLink, IssueLink
from tuopin.planning.v1.plan_pb2 import (
    PLAN_STATUS_IN_FORCE,
    ApprovePlan,
    ConsentToPlan,
    GetPlan,
    ListPlans,
)
from tuopin.registry.v1.household_pb2 import PutEvidence
from tuopin.training.v1.cadre_pb2 import (
    POST_FIRST_SECRETARY,
    POST_TOWNSHIP_SPECIALIST,
    AppointCadre,
    CompleteTraining,
    GetCadre,
    Post,
    PostCadre,
    ScheduleSession,
)
from tuopin.types.v1.types_pb2 import Consent, Paper

YEAR = 2026
TODAY = "2026-03-01"


def appoint_cadres(stage: Stage) -> str:
    """A first secretary for the village and a specialist for the township."""
    proofs = []
    posts = (
        ("helper", POST_FIRST_SECRETARY, VILLAGE),
        ("specialist", POST_TOWNSHIP_SPECIALIST, TOWNSHIP),
    )
    for who, post, region in posts:
        proofs.append(f"{who}: {place(appoint(stage, who, post, region))}")
    return "; ".join(proofs)


def appoint(stage: Stage, who: str, post: Post.ValueType, region: str) -> Any:
    """One cadre of the county, posted there."""
    cadre_id = stage.facts[who] = command_id()
    command = AppointCadre(
        command_id=command_id(),
        cadre_id=cadre_id,
        region_id=COUNTY,
        name=f"示例干部{who}",
        phone=PHONE,
        language="zh",
        effective_on=TODAY,
    )
    stage.ask("training", "training", "AppointCadre", command)
    move = PostCadre(
        command_id=command_id(),
        cadre_id=cadre_id,
        region_id=region,
        post=post,
        effective_on=TODAY,
    )
    return stage.ask("training", "training", "PostCadre", move)


def train(stage: Stage) -> str:
    """A session is held, the helper completes it, the record moves."""
    session_id = command_id()
    schedule = ScheduleSession(
        command_id=command_id(),
        session_id=session_id,
        region_id=COUNTY,
        course="household-files",
        hours=16,
        places=30,
        held_on=TODAY,
    )
    stage.ask("training", "training", "ScheduleSession", schedule)
    complete = CompleteTraining(
        command_id=command_id(), session_id=session_id, cadre_id=stage.facts["helper"]
    )
    receipt = stage.ask("training", "training", "CompleteTraining", complete)
    record = stage.until("the hours are in the record", lambda: _record(stage, hours=16))
    until = record.certificates[0].valid_until
    return f"{place(receipt)}: {record.hours} hours, certificate until {until}"


def link_chats(stage: Stage) -> str:
    """One-time codes tie the private chats to the cadres."""
    link_chat(stage, "helper")
    link_chat(stage, "specialist", phone=PHONE)
    return "2 chats linked; the codes are spent"


def link_chat(stage: Stage, who: str, *, phone: str = "") -> None:
    """A code, the chat that shows it, and the yes; a supervisor shows the own telephone."""
    code, person = new_code(), PERSONS[who]
    issue = IssueLink(
        command_id=command_id(),
        cadre_id=stage.facts[who],
        code_sha256=hashlib.sha256(code.encode()).hexdigest(),
    )
    stage.ask("training", "notifier", "IssueLink", issue)
    stage.run(stage.chat.person(person, f"示例 {who}", stage.language))
    stage.run(stage.chat.say(person, f"/start {code}"))
    confirm(stage, person, phone)
    stage.until("the chat is linked", lambda: linked(stage, who))


def consent(stage: Stage) -> str:
    """planning drafted a plan for each household; this one agrees on a signed paper."""
    household_id = stage.facts["household_id"]
    plan = stage.until("the plan is drafted", lambda: plan_of(stage, household_id))
    stage.facts["plan"] = plan
    command = ConsentToPlan(
        command_id=command_id(),
        plan_id=plan.plan_id,
        consent=consent_of(stage, household_id, stage.facts["person_id"]),
    )
    receipt = stage.ask("township", "planning", "ConsentToPlan", command)
    measures = ", ".join(f"{m.code} ({m.amount_fen} fen)" for m in plan.measures)
    return f"{place(receipt)}: {measures}"


def approve(stage: Stage) -> str:
    """The township approves: the plan is in force and the helper has a task."""
    command = ApprovePlan(
        command_id=command_id(),
        plan_id=stage.facts["plan"].plan_id,
        helper_id=stage.facts["helper"],
    )
    receipt = stage.until("the cadre is known to planning", lambda: _approve(stage, command))
    return place(receipt)


def visit(stage: Stage) -> str:
    """The cadre takes the task in the chat, sends note, place and photo, and is done."""
    task, message = task_in_chat(stage, "helper", "first-visit")
    person = PERSONS["helper"]
    take(stage, person, message, task)
    stage.run(stage.chat.say(person, "走访完成,住房安全。", reply_to=message["message_id"]))
    stage.run(stage.chat.location(person, 28.37, 109.47, reply_to=message["message_id"]))
    stage.run(stage.chat.photo(person, paper("visit"), reply_to=message["message_id"]))
    finish(stage, person, message, task, evidence=3)
    done = verified(stage, task)
    plan = stage.until(
        "the visit stands in the plan",
        lambda: _plan_with_visit(stage, stage.facts["household_id"]),
    )
    return f"task {task}: {done.result_event_id}; {plan.visits[0].evidence_count} proofs"


def fund(stage: Stage) -> str:
    """Province to county to measure: appropriated, allocated, assigned, committed."""
    measure = stage.facts["plan"].measures[0]
    stage.facts["measure"] = measure
    appropriate = AppropriateMoney(
        command_id=command_id(),
        region_id=PROVINCE,
        year=YEAR,
        source=SOURCE_CENTRAL,
        amount_fen=500_000_000,
        document="demo-2026-1",
    )
    stage.ask("province-finance", "funding", "AppropriateMoney", appropriate)
    allocate = AllocateMoney(
        command_id=command_id(),
        region_id=PROVINCE,
        year=YEAR,
        source=SOURCE_CENTRAL,
        to_region_id=COUNTY,
        amount_fen=100_000_000,
    )
    stage.ask("province-finance", "funding", "AllocateMoney", allocate)
    stage.until("the money has arrived in the county", lambda: _balances(stage, COUNTY))
    assign = AssignMoney(
        command_id=command_id(),
        region_id=COUNTY,
        year=YEAR,
        source=SOURCE_CENTRAL,
        measure_id=measure.measure_id,
        amount_fen=measure.amount_fen,
    )
    stage.ask("county-finance", "funding", "AssignMoney", assign)
    commit = CommitMoney(
        command_id=command_id(),
        region_id=COUNTY,
        year=YEAR,
        measure_id=measure.measure_id,
        amount_fen=measure.amount_fen,
    )
    receipt = stage.ask("county-finance", "funding", "CommitMoney", commit)
    return f"{place(receipt)}: {measure.amount_fen} fen for {measure.code}"


def pay(stage: Stage) -> str:
    """Paid by one-card; the cadre is asked whether it arrived."""
    measure = stage.facts["measure"]
    command = PayMoney(
        command_id=command_id(),
        region_id=COUNTY,
        year=YEAR,
        measure_id=measure.measure_id,
        amount_fen=measure.amount_fen,
    )
    receipt = stage.ask("county-finance", "funding", "PayMoney", command)
    too_much = PayMoney(
        command_id=command_id(),
        region_id=COUNTY,
        year=YEAR,
        measure_id=measure.measure_id,
        amount_fen=measure.amount_fen,
    )
    return f"{place(receipt)}; a second payment: {refusal(stage, 'county-finance', too_much)}"


def confirm_receipt(stage: Stage) -> str:
    """The household's signed paper, with witness and picture, closes the payment."""
    task, message = task_in_chat(stage, "helper", "receipt-check")
    person = PERSONS["helper"]
    take(stage, person, message, task)
    stage.run(stage.chat.photo(person, paper("receipt"), reply_to=message["message_id"]))
    stage.run(stage.chat.say(person, "见证人:示例村民", reply_to=message["message_id"]))
    finish(stage, person, message, task, evidence=2)
    done = verified(stage, task)
    request = ListPayments(region_id=COUNTY, household_id=stage.facts["household_id"])
    payment = stage.ask("county-finance", "funding", "ListPayments", request).payments[0]
    expect(payment.confirmed_on, "the payment is not confirmed")
    return f"task {task}: {done.result_event_id}; payment {payment.payment_id} confirmed"


def record_moved(stage: Stage) -> str:
    """The cadre's record counts the finished tasks."""
    record = stage.until(
        "the record shows two finished tasks",
        lambda: _record(stage, hours=16, tasks_finished=2),
    )
    return (
        f"{record.hours} h, {record.tasks_finished} finished, {record.tasks_open} open, "
        f"{record.visits} visits"
    )


def consent_of(stage: Stage, household_id: str, person_id: str) -> Consent:
    """The household's yes on a signed paper of today, its picture uploaded."""
    picture = stage.ask(
        "township",
        "registry",
        "PutEvidence",
        PutEvidence(household_id=household_id, data=paper(household_id)),
    )
    signed = Paper(picture=picture, witness="示例见证人", household_id=household_id)
    return Consent(given_by=person_id, given_on=stage.today(), paper=signed)


def linked(stage: Stage, who: str) -> bool:
    """Whether somebody has a chat."""
    link = stage.ask("training", "notifier", "GetLink", GetLink(cadre_id=stage.facts[who]))
    return bool(link.linked)


def plan_of(stage: Stage, household_id: str) -> Any:
    """The household's plan in the village's list; None until it is drafted."""
    page = stage.ask(
        "township", "planning", "ListPlans", ListPlans(region_id=VILLAGE, page_size=1000)
    )
    return next((plan for plan in page.plans if plan.household_id == household_id), None)


def _plan_with_visit(stage: Stage, household_id: str) -> Any:
    plan = stage.ask("township", "planning", "GetPlan", GetPlan(reference=household_id))
    expect(plan.status == PLAN_STATUS_IN_FORCE, "the plan is not in force")
    return plan if plan.visits else None


def _approve(stage: Stage, command: ApprovePlan) -> Any:
    return stage.ask("township", "planning", "ApprovePlan", command)


def _record(stage: Stage, **at_least: int) -> Any:
    request = GetCadre(cadre_id=stage.facts["helper"])
    record = stage.ask("training", "training", "GetCadre", request)
    enough = all(getattr(record, name) >= value for name, value in at_least.items())
    return record if enough else None


def _balances(stage: Stage, region_id: str) -> Any:
    request = ListAccounts(region_id=region_id, year=YEAR)
    return stage.ask("county-finance", "funding", "ListAccounts", request).accounts


def refusal(stage: Stage, who: str, command: PayMoney) -> str:
    """The slug with which a rule says no; the step fails when it says yes."""
    try:
        stage.ask(who, "funding", "PayMoney", command)
    except grpc.RpcError as error:
        return problem_of(error).slug
    expect(False, "it was paid twice")
    raise AssertionError


STEPS = [
    Step("cadres are appointed and posted", appoint_cadres),
    Step("a training session is completed and the record moves", train),
    Step("the cadres link their private chats", link_chats),
    Step("the household agrees to its drafted plan", consent),
    Step("the township puts the plan in force", approve),
    Step("the first visit: taken, proven and done in the chat", visit),
    Step("money comes down, is assigned and committed", fund),
    Step("it is paid once, and not a second time", pay),
    Step("the household's signed paper confirms that it arrived", confirm_receipt),
    Step("the cadre's record is current", record_moved),
]
