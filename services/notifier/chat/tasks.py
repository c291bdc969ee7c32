"""How a task looks in the chat: text and button follow from the state of assignment and message."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from chassis.times import day_of, end_of, micros, minute_of
from services.notifier.chat.catalogue import Catalogue, joined
from services.notifier.chat.taps import (
    DETAILS,
    DONE,
    HOW_LONG,
    PAGE,
    PROVE,
    TAKE,
    WHY_NOT,
    Sign,
    Tap,
    encode,
)
from services.notifier.views.assignments import TO_FINISH, TO_TAKE
from tuopin.notifier.v1.assignment_pb2 import AssignmentStatus

# So much of an id is enough to tell two cadres of a county apart, and tells a stranger nothing.
CADRE_LEN = 8
# Ended without an answer.
OVER = {
    AssignmentStatus.ASSIGNMENT_STATUS_EXPIRED: "expired",
    AssignmentStatus.ASSIGNMENT_STATUS_CANCELLED: "cancelled",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Button:
    """An inline button."""

    text: str
    data: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in the chat."""

    text: str
    buttons: tuple[Button, ...] = ()
    # What the keyboard below the chat asks for: "" leaves it, "none" takes it away, any other text
    # is the button by which the own telephone is shared.
    below: str = ""

    @property
    def digest(self) -> str:
        """Equal when nothing would change."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Wording:
    """What rendering needs besides the rows: texts, names of places, why an owner refused."""

    catalogue: Catalogue
    sign: Sign
    place: str
    reason: str = ""
    # Whether declining and putting off are offered: the policies name the reasons.
    choices: bool = False


def shown_task(
    assignment: Row[Any], message: Row[Any], words: Wording, *, repeated: bool = False
) -> Shown:
    """The message about an assignment, as its reader should see it now."""
    catalogue = words.catalogue
    lines = [
        catalogue.text(
            "task.title",
            headline=catalogue.texts[f"task.{message.template}"],
            reference=message.reference,
        ),
        kind_of(assignment, catalogue),
        catalogue.text("task.household", number=assignment.household_number),
        catalogue.text("task.place", place=words.place),
    ]
    state, button = _state(assignment, message, words)
    if repeated:
        lines.append(catalogue.text("task.again"))
    return Shown(joined([*lines, "", *state]), button)


def _state(
    assignment: Row[Any], message: Row[Any], words: Wording
) -> tuple[list[str], tuple[Button, ...]]:
    catalogue, mine = words.catalogue, holds(assignment, message.cadre_id)
    if message.superseded and mine:
        return [catalogue.text("task.superseded")], ()
    if assignment.status in TO_TAKE:
        return _to_take(assignment, words) if mine else ([catalogue.text("task.passed-on")], ())
    if assignment.status in TO_FINISH:
        return _to_finish(assignment, words) if mine else ([catalogue.text("task.passed-on")], ())
    if assignment.status in OVER:
        return [catalogue.text(f"task.{OVER[assignment.status]}")], ()
    if assignment.status == AssignmentStatus.ASSIGNMENT_STATUS_VERIFIED:
        return [_done(assignment, message, catalogue), catalogue.text("task.verified")], ()
    return [_done(assignment, message, catalogue)], ()


def _to_take(assignment: Row[Any], words: Wording) -> tuple[list[str], tuple[Button, ...]]:
    catalogue = words.catalogue
    lines = [
        catalogue.text("task.due", due=day_of(assignment.due_at_us)),
        catalogue.text(f"task.how-{assignment.proof}"),
    ]
    if not assignment.cadre_id:
        lines.append(catalogue.text("task.to-township"))
    return lines, (_button("take", TAKE, assignment, words), *_more(assignment, words))


def _to_finish(assignment: Row[Any], words: Wording) -> tuple[list[str], tuple[Button, ...]]:
    catalogue = words.catalogue
    lines = [
        catalogue.text("task.due", due=day_of(assignment.due_at_us)),
        catalogue.text(f"task.how-{assignment.proof}"),
        catalogue.text("task.taken", count=assignment.evidence_count),
    ]
    if assignment.returned_slug:
        lines.append(catalogue.text("task.refused", reason=words.reason))
    return lines, (
        _button("done", DONE, assignment, words),
        _button("prove", PROVE, assignment, words),
        *_more(assignment, words),
    )


def _more(assignment: Row[Any], words: Wording) -> tuple[Button, ...]:
    """What may be done besides the next step."""
    details = _button("details", DETAILS, assignment, words)
    if not words.choices or not assignment.cadre_id:
        return (details,)
    return (
        _button("later", HOW_LONG, assignment, words),
        _button("decline", WHY_NOT, assignment, words),
        details,
    )


def _done(assignment: Row[Any], message: Row[Any], catalogue: Catalogue) -> str:
    at = minute_of(assignment.done_at_us)
    if assignment.done_by == message.cadre_id:
        return catalogue.text("task.done-by-you", at=at)
    return catalogue.text("task.done-by-other", at=at, cadre=short_cadre(assignment.done_by))


def holds(assignment: Row[Any], cadre_id: str) -> bool:
    """Whether the assignment is the cadre's to do; where nobody has it, the last one may."""
    return bool((assignment.cadre_id or assignment.previous_cadre_id) == cadre_id)


def kind_of(assignment: Row[Any], catalogue: Catalogue) -> str:
    """The kind in words; a kind without a text is shown as its code."""
    return catalogue.texts.get(f"kind.{assignment.kind}", str(assignment.kind))


def shown_details(assignment: Row[Any], cadre_id: str, words: Wording) -> str:
    """A task at length; names and papers stay in the system."""
    catalogue = words.catalogue
    lines = [
        kind_of(assignment, catalogue),
        catalogue.text("task.household", number=assignment.household_number),
        catalogue.text("task.place", place=words.place),
        catalogue.text("task.due", due=day_of(assignment.due_at_us)),
        catalogue.text(f"task.how-{assignment.proof}"),
        catalogue.text("details.offered", at=minute_of(assignment.offered_at_us)),
        catalogue.text("details.evidence", count=assignment.evidence_count),
    ]
    holder = assignment.cadre_id
    if holder and holder != cadre_id:
        lines.append(catalogue.text("details.holder", cadre=short_cadre(holder)))
    if words.reason:
        lines.append(catalogue.text("task.refused", reason=words.reason))
    return joined([*lines, catalogue.text("details.in-system")])


def shown_digest(
    assignments: Sequence[Row[Any]], reference: str, now_us: int, words: Wording
) -> Shown:
    """One message a day: counts, and a button to the list."""
    catalogue = words.catalogue
    taken = sum(each.status in TO_FINISH for each in assignments)
    late = sum(each.due_at_us < now_us for each in assignments)
    title = catalogue.text(
        "task.title", headline=catalogue.texts["task.digest"], reference=reference
    )
    if not assignments:
        return Shown(joined([title, catalogue.text("list.none")]))
    counts = catalogue.text("digest.counts", open=len(assignments) - taken, count=taken, late=late)
    data = encode(Tap(PAGE, choice="tasks-0"), words.sign)
    return Shown(joined([title, counts]), (Button(catalogue.plain("button.list"), data),))


def short_cadre(cadre_id: str) -> str:
    """A cadre as the chat names it: no name goes through the provider."""
    return cadre_id[:CADRE_LEN]


def end_of_day_us(at_us: int) -> int:
    """The last moment of the day in the programme's zone."""
    return micros(end_of(day_of(at_us))) - 1


def _button(name: str, action: str, assignment: Row[Any], words: Wording) -> Button:
    tap = Tap(action, assignment.assignment_id, assignment.turn)
    return Button(words.catalogue.plain(f"button.{name}"), encode(tap, words.sign))
