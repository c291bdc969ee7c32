"""A household speaks for itself: own chat, own page, its yes, its receipt, its complaint."""

import hashlib
import re
from typing import Any

import grpc
import httpx

from chassis.client import problem_of
from services.cli.cadres import new_code
from services.cli.story.helping import YEAR, plan_of
from services.cli.story.play import (
    COUNTY,
    PATIENCE_S,
    VILLAGE,
    Stage,
    Step,
    command_id,
    expect,
    place,
)
from tuopin.funding.v1.ledger_pb2 import (
    SOURCE_CENTRAL,
    AssignMoney,
    CommitMoney,
    ListPayments,
    PayMoney,
)
from tuopin.notifier.v1.complaint_pb2 import AnswerComplaint, GetComplaint, ListComplaints
from tuopin.notifier.v1.voice_pb2 import IssueHouseholdLink, ListHouseholdLinks
from tuopin.planning.v1.plan_pb2 import PLAN_STATUS_CONSENTED, ApprovePlan
from tuopin.registry.v1.household_pb2 import GetHousehold, ListHouseholds

PERSON = 2001
TEXT = "示例投诉:补贴没有到账"
ANSWER = "示例答复:已于5日到账"


def link(stage: Stage) -> str:
    """The township gives a member a code; the member's chat is linked."""
    listed = stage.ask(
        "county", "registry", "ListHouseholds", ListHouseholds(region_id=VILLAGE, page_size=100)
    )
    used = {stage.facts["household_id"], stage.facts["other_household_id"]}
    household_id = next(h.household_id for h in listed.households if h.household_id not in used)
    household = stage.ask(
        "township", "registry", "GetHousehold", GetHousehold(household_id=household_id)
    )
    stage.facts["voice"] = household
    code = new_code()
    issue = IssueHouseholdLink(
        command_id=command_id(),
        household_id=household_id,
        person_id=household.members[0].person_id,
        code_sha256=hashlib.sha256(code.encode()).hexdigest(),
    )
    receipt = stage.ask("township", "notifier", "IssueHouseholdLink", issue)
    stage.run(stage.chat.person(PERSON, "示例农户", stage.language))
    stage.run(stage.chat.say(PERSON, f"/start {code}"))

    def linked() -> bool:
        query = ListHouseholdLinks(household_id=household_id)
        found = stage.ask("township", "notifier", "ListHouseholdLinks", query)
        return any(each.linked for each in found.links)

    stage.until("the member's chat is linked", linked)
    return f"{place(receipt)}; the code is spent"


def look(stage: Stage) -> str:
    """A link of minutes to an own page: file, plan, payments; not a word of it in the chat."""
    page = _open(stage)
    household = stage.facts["voice"]
    name = household.members[0].name
    expect(name in page and household.household_number in page, "the page does not show the file")
    messages = stage.run(stage.chat.messages(PERSON))
    expect(all(name not in str(each) for each in messages), "the chat names a member")
    return f"{len(page.encode())} bytes of HTML, no script; the chat shows a link only"


def agree(stage: Stage) -> str:
    """A press of a button on the page is the household's yes to its plan."""
    household_id = stage.facts["voice"].household_id
    _say(stage, "plan-agreement")

    def consented() -> Any:
        plan = plan_of(stage, household_id)
        return plan if plan and plan.status == PLAN_STATUS_CONSENTED else None

    plan = stage.facts["voice_plan"] = stage.until("planning has the yes", consented)
    approve = ApprovePlan(
        command_id=command_id(), plan_id=plan.plan_id, helper_id=stage.facts["helper"]
    )
    receipt = stage.ask("township", "planning", "ApprovePlan", approve)
    return f"plan {plan.plan_id}: agreed on {plan.consented_on}; {place(receipt)}"


def confirm(stage: Stage) -> str:
    """Money is paid; the household itself says that it arrived."""
    measure = stage.facts["voice_plan"].measures[0]
    where: dict[str, Any] = {
        "region_id": COUNTY,
        "year": YEAR,
        "measure_id": measure.measure_id,
        "amount_fen": measure.amount_fen,
    }
    stage.until("the plan is in force for funding, too", lambda: _assigned(stage, where))
    commit = CommitMoney(command_id=command_id(), **where)
    stage.ask("county-finance", "funding", "CommitMoney", commit)
    stage.ask("county-finance", "funding", "PayMoney", PayMoney(command_id=command_id(), **where))
    _say(stage, "receipt-check")
    household_id = stage.facts["voice"].household_id

    def confirmed() -> Any:
        request = ListPayments(region_id=COUNTY, household_id=household_id)
        found = stage.ask("county-finance", "funding", "ListPayments", request).payments
        return found[0] if found and found[0].confirmed_on else None

    payment = stage.until("the payment is confirmed", confirmed)
    expect(not payment.assignment_id, "a cadre's task confirmed it")
    return f"payment {payment.payment_id}: confirmed on {payment.confirmed_on} by the household"


def complain(stage: Stage) -> str:
    """Anonymous to the village; the township answers in time."""
    page = _open(stage)
    where = stage.facts["page"]
    form = {**_form(page, "complain"), "kind": "money", "text": TEXT, "anonymous": "1"}
    answer = stage.facts["browser"].post(f"{where}/complain", data=form)
    expect(TEXT in answer.text, f"not filed: {answer.status_code}")
    listed = stage.ask(
        "village", "notifier", "ListComplaints", ListComplaints(region_id=VILLAGE, open_only=True)
    )
    (row,) = listed.complaints
    household = stage.facts["voice"]
    shown = str(listed)
    expect(
        household.household_id not in shown and not row.household_number,
        "the village's list shows the household",
    )
    found = stage.ask(
        "township", "notifier", "GetComplaint", GetComplaint(complaint_id=row.complaint_id)
    )
    expect(found.text == TEXT and not found.complainant, "the township reads who it was")
    command = AnswerComplaint(command_id=command_id(), complaint_id=row.complaint_id, answer=ANSWER)
    receipt = stage.ask("township", "notifier", "AnswerComplaint", command)
    stage.until(
        "the answer stands on the page",
        lambda: ANSWER in stage.facts["browser"].get(where).text,
    )
    return f"{place(receipt)}; the village's list shows no household"


def _assigned(stage: Stage, where: dict[str, Any]) -> Any:
    assign = AssignMoney(command_id=command_id(), source=SOURCE_CENTRAL, **where)
    try:
        return stage.ask("county-finance", "funding", "AssignMoney", assign)
    except grpc.RpcError as error:
        expect(problem_of(error).slug == "plan-not-in-force", str(error))
        return None


def _open(stage: Stage) -> str:
    """Ask the bot for the page and open it as a browser does; its HTML."""
    messages = stage.run(stage.chat.messages(PERSON))
    latest = max(each["change"] for each in messages)
    stage.run(stage.chat.say(PERSON, "/file"))
    message = stage.run(
        stage.chat.wait_for_message(PERSON, lambda m: "/h/" in str(m), PATIENCE_S, after=latest)
    )
    found = re.search(r"https?://\S+/h/[\w-]+", message["text"])
    expect(found, f"no address: {message['text']}")
    assert found is not None
    where = stage.facts["page"] = found.group(0)
    browser = stage.facts["browser"] = httpx.Client(follow_redirects=True, trust_env=False)
    door = browser.get(where)
    expect(stage.facts["voice"].members[0].name not in door.text, "the link alone shows the file")
    page = browser.post(f"{where}/open")
    expect(page.status_code == 200, f"{page.status_code}: {page.text[-200:]}")
    return page.text


def _say(stage: Stage, what: str) -> None:
    """Press the button of one question."""

    def asked() -> str:
        page = _open(stage)
        return page if f'value="{what}"' in page else ""

    page = stage.until(f"the page asks {what}", asked)
    where = stage.facts["page"]
    form = _form(page, "say", what)
    answer = stage.facts["browser"].post(f"{where}/say", data=form)
    expect(answer.status_code == 200, f"{answer.status_code}: {answer.text[-200:]}")


def _form(page: str, action: str, holding: str = "") -> dict[str, str]:
    """The hidden fields of the form that posts there."""
    forms = re.findall(rf'<form[^>]*action="[^"]*/{action}[^"]*">(.*?)</form>', page, re.S)
    wanted = next(each for each in forms if holding in each)
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', wanted))


STEPS = [
    Step("a household links its own chat with its own code", link),
    Step("it opens its own page through a link of minutes", look),
    Step("it agrees to its plan there, in its own name", agree),
    Step("it confirms by itself that the money arrived", confirm),
    Step("it complains anonymously and gets an answer", complain),
]
