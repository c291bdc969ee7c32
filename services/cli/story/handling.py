"""Third act: tasks that do not go the straight way, and not one of them is left with nobody."""

from collections import Counter
from datetime import date, timedelta
from functools import partial
from typing import Any

from chassis.envelope import parse
from services.cli.story.chatting import PERSONS, PHONE, finish, in_chat, latest, take, tap
from services.cli.story.helping import appoint, link_chat, linked
from services.cli.story.play import (
    COUNTY,
    PATIENCE_S,
    TOWNSHIP,
    VILLAGE,
    Stage,
    Step,
    command_id,
    expect,
    place,
)
from tuopin.notifier.v1.assignment_pb2 import ASSIGNMENT_STATUS_DONE, ListAssignments
from tuopin.notifier.v1.handling_pb2 import ReassignAssignment
from tuopin.notifier.v1.order_pb2 import OrderTask, PreviewOrder
from tuopin.operations.v1.operations_pb2 import ListTrace, TailEvents
from tuopin.registry.v1.region_pb2 import FindRegions
from tuopin.training.v1.cadre_pb2 import (
    POST_COUNTY_LEADER,
    POST_FIRST_SECRETARY,
    POST_RESIDENT_TEAM,
    RecordDeparture,
)

# By the policy of a task written by hand: a day and a day again to the reminders, two to the level
# above; each a little late, as a message may wait some hours before it counts as sent.
A_REMINDER_H = 29.0
A_LEVEL_H = 60.0
A_DAY_H = 24.0
# Of the act's tasks: none is due while it is asked about, but the one that is to be.
LONG_DAYS, SHORT_DAYS = 60, 3


def gather(stage: Stage) -> str:
    """A neighbouring village with two cadres, a leader of the county, each with a chat."""
    find = FindRegions(ancestor_id=TOWNSHIP, level=len(VILLAGE), page_size=10)
    villages = stage.ask("county", "registry", "FindRegions", find).regions
    stage.facts["neighbour"] = next(v.region_id for v in villages if v.region_id != VILLAGE)
    posts = (
        ("deputy", POST_FIRST_SECRETARY, stage.facts["neighbour"]),
        ("resident", POST_RESIDENT_TEAM, stage.facts["neighbour"]),
        ("leader", POST_COUNTY_LEADER, COUNTY),
    )
    proofs = [f"{who}: {place(appoint(stage, who, post, at))}" for who, post, at in posts]
    link_chat(stage, "deputy")
    link_chat(stage, "resident")
    link_chat(stage, "leader", phone=PHONE)
    return "; ".join(proofs)


def decline(stage: Stage) -> str:
    """A task written by hand; who says why not is no longer asked, the next one is at once."""
    task = stage.facts["declined"] = order(stage, LONG_DAYS)
    person = PERSONS["deputy"]
    message = in_chat(stage, "deputy", task)
    before = latest(stage, "deputy")
    tap(stage, person, message, ":why:")
    reasons = in_chat(stage, "deputy", task, before, ":no.away:")
    tap(stage, person, reasons, ":no.away:")
    found = held_by(stage, task, "resident")
    expect(found.declined_reason == "away", f"declined: {found.declined_reason}")
    in_chat(stage, "resident", task)
    return f"task {task}: declined ({found.declined_reason}), now with {found.cadre_id}"


def reassign(stage: Stage) -> str:
    """The township chooses somebody itself; the chat of the one before says that it moved."""
    task = stage.facts["declined"]
    before = in_chat(stage, "resident", task)
    seen = latest(stage, "deputy")
    command = ReassignAssignment(
        command_id=command_id(), assignment_id=task, cadre_id=stage.facts["deputy"]
    )
    receipt = stage.ask("township", "notifier", "ReassignAssignment", command)
    held_by(stage, task, "deputy")
    in_chat(stage, "deputy", task, seen)
    stage.run(
        stage.chat.wait_for_message(
            PERSONS["resident"],
            lambda m: m["message_id"] == before["message_id"] and not m.get("reply_markup"),
            PATIENCE_S,
        )
    )
    return f"{place(receipt)}; the old message has no buttons any more"


def digest(stage: Stage) -> str:
    """One message in the morning, with counts; its list opens, and the task is done from there."""
    task, person = stage.facts["declined"], PERSONS["deputy"]
    message = in_chat(stage, "deputy", task)
    before = latest(stage, "deputy")
    stage.pass_hours(A_DAY_H)
    day = stage.run(
        stage.chat.wait_for_message(
            person,
            lambda m: ":page.tasks-0:" in str(m.get("reply_markup")),
            PATIENCE_S,
            after=before,
        )
    )
    seen = latest(stage, "deputy")
    tap(stage, person, day, ":page.tasks-0:")
    opened = stage.run(
        stage.chat.wait_for_message(person, lambda m: m["from"]["is_bot"], PATIENCE_S, after=seen)
    )
    take(stage, person, message, task)
    stage.run(stage.chat.say(person, "已查看。", reply_to=message["message_id"]))
    finish(stage, person, message, task, evidence=1)
    stage.until("it is done", lambda: _assignment(stage, task).status == ASSIGNMENT_STATUS_DONE)
    lines = opened["text"].strip().splitlines()
    return f"{day['text'].splitlines()[0]} → {lines[0]}, {len(lines) - 1} lines"


def escalate(stage: Stage) -> str:
    """Nobody answers: two reminders at each level, village, township, county, where it is done."""
    task = order(stage, LONG_DAYS)
    reminders = 0
    for who, above in (("deputy", "specialist"), ("specialist", "leader")):
        in_chat(stage, who, task)
        for _ in range(2):
            reminders += 1
            stage.pass_hours(A_REMINDER_H)
            stage.until(f"{who} was reminded", partial(_reminded, stage, task, reminders))
        stage.pass_hours(A_LEVEL_H)
        held_by(stage, task, above)
    person = PERSONS["leader"]
    message = in_chat(stage, "leader", task)
    take(stage, person, message, task)
    stage.run(stage.chat.say(person, "已到村查看。", reply_to=message["message_id"]))
    finish(stage, person, message, task, evidence=1)
    stage.until("it is done", lambda: _assignment(stage, task).status == ASSIGNMENT_STATUS_DONE)
    happened = _history(stage, task)
    expect(happened["AssignmentEscalated"] == 2, f"escalated: {happened}")
    return f"task {task}: {reminders} reminders, 2 levels up, done by the county's leader"


def outage(stage: Stage) -> str:
    """The provider is away: no answer is missed, the day it is due comes all the same."""
    lost = _seen(stage, "ProviderLost")
    stage.run(stage.chat.fault("500", None, "sendMessage"))
    task = order(stage, SHORT_DAYS)
    stage.until("the outage is known", lambda: _seen(stage, "ProviderLost") > lost)
    found = _seen(stage, "ProviderFound")
    stage.pass_hours(A_REMINDER_H)
    stage.until("the clock stands still", lambda: _history(stage, task)["AnswerClockStarted"])
    stage.pass_hours(SHORT_DAYS * A_DAY_H)
    late = held_by(stage, task, "specialist")
    expect(late.escalated_reason == "overdue", f"escalated: {late.escalated_reason}")
    stage.run(stage.chat.clear_faults())
    in_chat(stage, "specialist", task)
    stage.until("the end of it is known", lambda: _seen(stage, "ProviderFound") > found)
    happened = _history(stage, task)
    expect(not happened["AssignmentReminded"], "somebody was reminded of what could not be sent")
    expect(not happened["MessageFailed"], "a message was given up")
    return f"task {task}: no reminder, due all the same, sent when the provider was back"


def hand_over(stage: Stage) -> str:
    """A cadre leaves: what is open is the next one's at once, and the chat is let go."""
    task = order(stage, LONG_DAYS)
    in_chat(stage, "deputy", task)
    leave = RecordDeparture(
        command_id=command_id(),
        cadre_id=stage.facts["deputy"],
        reason="transferred",
        effective_on=stage.today(),
    )
    receipt = stage.ask("training", "training", "RecordDeparture", leave)
    held_by(stage, task, "resident")
    in_chat(stage, "resident", task)
    stage.until("the chat is let go", lambda: not linked(stage, "deputy"))
    mine = ListAssignments(
        region_id=COUNTY, cadre_id=stage.facts["deputy"], open_only=True, page_size=1
    )

    def nothing_left() -> bool:
        return not stage.ask("county", "notifier", "ListAssignments", mine).total

    stage.until("nothing is left with who is gone", nothing_left)
    return f"{place(receipt)}: task {task} is with {stage.facts['resident']}"


def order(stage: Stage, days: int) -> str:
    """A task written by hand for the neighbouring village; its assignment."""
    village = stage.facts["neighbour"]
    shown = stage.ask(
        "township",
        "notifier",
        "PreviewOrder",
        PreviewOrder(region_id=village, every_village=True),
    )
    order_id = command_id()
    due = date.fromisoformat(stage.today()) + timedelta(days=days)
    command = OrderTask(
        command_id=command_id(),
        order_id=order_id,
        region_id=village,
        every_village=True,
        topic="check-water",
        due_on=due.isoformat(),
        proof="any",
        count=shown.count,
    )
    stage.ask("township", "notifier", "OrderTask", command)

    def offered() -> Any:
        request = ListAssignments(region_id=village, page_size=100)
        page = stage.ask("county", "notifier", "ListAssignments", request)
        return next((a for a in page.assignments if a.subject == order_id), None)

    return str(stage.until("the task is offered", offered).assignment_id)


def held_by(stage: Stage, task: str, who: str) -> Any:
    """The assignment, once it is somebody's."""

    def theirs() -> Any:
        found = _assignment(stage, task)
        return found if found.cadre_id == stage.facts[who] else None

    return stage.until(f"{who} has the task", theirs)


def _assignment(stage: Stage, task: str) -> Any:
    request = ListAssignments(region_id=stage.facts["neighbour"], page_size=100)
    page = stage.ask("county", "notifier", "ListAssignments", request)
    return next(a for a in page.assignments if a.assignment_id == task)


def _reminded(stage: Stage, task: str, times: int) -> bool:
    return _history(stage, task)["AssignmentReminded"] >= times


def _history(stage: Stage, task: str) -> Counter[str]:
    """What the notifier has on record of a task, by kind."""
    stored = stage.callers["operator"].stream(
        "notifier", "ListTrace", ListTrace(reference=task), operations=True
    )
    return _kinds(stored)


def _seen(stage: Stage, kind: str) -> int:
    """How often the provider was lost, or found again."""
    request = TailEvents(topic="message", stream="provider-telegram", from_start=True)
    stored = stage.callers["operator"].stream("notifier", "TailEvents", request, operations=True)
    return _kinds(stored)[kind]


def _kinds(stored: Any) -> Counter[str]:
    return Counter(parse(each.envelope).type.rsplit(".", 1)[-1] for each in stored)


STEPS = [
    Step("a village is given a task by hand, and cadres for it", gather),
    Step("declined with a reason: the next one has it at once", decline),
    Step("an office hands it to somebody else", reassign),
    Step("one digest a day, and its list", digest),
    Step("silence goes up level by level to the county", escalate),
    Step("the provider is away: answers are not missed, the law's days run", outage),
    Step("a cadre leaves and hands over everything", hand_over),
]
