"""What a scripted cadre does in the chat: waits for a task, takes it, proves it, is done."""

import base64
import uuid
from typing import Any

from services.cli.story.play import COUNTY, PATIENCE_S, Stage, expect
from tuopin.notifier.v1.assignment_pb2 import ASSIGNMENT_STATUS_VERIFIED, ListAssignments

# Ids of the scripted people at the local chat.
PERSONS = {"helper": 1001, "specialist": 1002, "deputy": 1003, "resident": 1004, "leader": 1005}
# On record of each of them; nobody's number.
PHONE = "10000000000"


def task_in_chat(
    stage: Stage, who: str, kind: str, household_id: str = ""
) -> tuple[str, dict[str, Any]]:
    """The open assignment of this kind (about this household) and the message with its buttons."""

    def newest() -> Any:
        request = ListAssignments(
            region_id=COUNTY, cadre_id=stage.facts[who], open_only=True, page_size=100
        )
        page = stage.ask("county", "notifier", "ListAssignments", request)
        wanted = (a for a in page.assignments if a.kind == kind)
        return next((a for a in wanted if household_id in ("", a.household_id)), None)

    assignment = stage.until(f"a task {kind} for the {who}", newest)
    short = _short(assignment.assignment_id)
    message = stage.run(
        stage.chat.wait_for_message(
            PERSONS[who], lambda m: any(short in data for data in _buttons(m)), PATIENCE_S
        )
    )
    return assignment.assignment_id, message


def message_after(
    stage: Stage, who: str, assignment_id: str, earlier: dict[str, Any]
) -> dict[str, Any]:
    """A later message about the same assignment: it has arrived, so its clock runs."""
    short = _short(assignment_id)
    return stage.run(
        stage.chat.wait_for_message(
            PERSONS[who],
            lambda m: (
                m["message_id"] > earlier["message_id"]
                and any(short in data for data in _buttons(m))
            ),
            PATIENCE_S,
        )
    )


def confirm(stage: Stage, person: int, phone: str = "") -> None:
    """Say that it is oneself; who supervises shares the telephone instead."""
    question = stage.run(
        stage.chat.wait_for_message(
            person, lambda m: any(":yes:" in data for data in _buttons(m)), PATIENCE_S
        )
    )
    if phone:
        stage.run(stage.chat.contact(person, phone))
    else:
        tap(stage, person, question, ":yes:")


def in_chat(stage: Stage, who: str, task: str, after: int = 0, action: str = "") -> dict[str, Any]:
    """The message about this assignment in somebody's chat, newer than what was there; with this
    action among its buttons, for an older one may have been edited meanwhile.
    """
    short = _short(task)
    return stage.run(
        stage.chat.wait_for_message(
            PERSONS[who],
            lambda m: any(short in data and action in data for data in _buttons(m)),
            PATIENCE_S,
            after=after,
        )
    )


def latest(stage: Stage, who: str) -> int:
    """How far somebody's chat is."""
    messages = stage.run(stage.chat.messages(PERSONS[who]))
    return max((int(each["change"]) for each in messages), default=0)


def take(stage: Stage, person: int, message: dict[str, Any], task: str) -> None:
    """Tap the button that takes the task."""
    tap(stage, person, message, ":ack:")


def finish(stage: Stage, person: int, message: dict[str, Any], task: str, *, evidence: int) -> None:
    """Wait until the proofs are in, then tap done."""

    def arrived() -> Any:
        request = ListAssignments(region_id=COUNTY, page_size=1000)
        page = stage.ask("county", "notifier", "ListAssignments", request)
        mine = next(a for a in page.assignments if a.assignment_id == task)
        return mine.evidence_count >= evidence

    stage.until(f"{evidence} proofs are in", arrived)
    tap(stage, person, message, ":done:")


def verified(stage: Stage, task: str) -> Any:
    """The owner's event has come back to the assignment."""

    def settled() -> Any:
        request = ListAssignments(region_id=COUNTY, page_size=1000)
        page = stage.ask("county", "notifier", "ListAssignments", request)
        mine = next(a for a in page.assignments if a.assignment_id == task)
        expect(not mine.returned_slug, f"returned: {mine.returned_slug}")
        return mine if mine.status == ASSIGNMENT_STATUS_VERIFIED else None

    return stage.until(f"task {task} is verified", settled)


def tap(stage: Stage, person: int, message: dict[str, Any], action: str) -> None:
    """Tap the button of this action, once the message has it."""
    current = stage.run(
        stage.chat.wait_for_message(
            person,
            lambda m: (
                m["message_id"] == message["message_id"]
                and any(action in data for data in _buttons(m))
            ),
            PATIENCE_S,
        )
    )
    data = next(data for data in _buttons(current) if action in data)
    stage.run(stage.chat.tap(person, current["message_id"], data))


def _buttons(message: dict[str, Any]) -> list[str]:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button.get("callback_data", "") for row in rows for button in row]


def _short(assignment_id: str) -> str:
    return base64.urlsafe_b64encode(uuid.UUID(assignment_id).bytes).decode().rstrip("=")
