"""How a task looks in the chat: text and button follow from the state of assignment and message."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row

from chassis.decider import PROGRAMME_ZONE
from services.notifier.chat.catalogue import Catalogue, joined
from services.notifier.chat.taps import DONE, TAKE, Sign, Tap, encode
from services.notifier.views.assignments import TO_FINISH, TO_TAKE
from tuopin.notifier.v1.assignment_pb2 import AssignmentStatus

LIST_MAX = 20
# So much of an id is enough to tell two cadres of a county apart, and tells a stranger nothing.
CADRE_LEN = 8
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
    if assignment.status == AssignmentStatus.ASSIGNMENT_STATUS_VERIFIED:
        return [_done(assignment, message, catalogue), catalogue.text("task.verified")], ()
    return [_done(assignment, message, catalogue)], ()


def _to_take(assignment: Row[Any], words: Wording) -> tuple[list[str], tuple[Button, ...]]:
    catalogue = words.catalogue
    lines = [
        catalogue.text("task.due", due=day(assignment.due_at_us)),
        catalogue.text(f"task.how-{assignment.proof}"),
    ]
    if not assignment.cadre_id:
        lines.append(catalogue.text("task.to-township"))
    return lines, (_button("take", TAKE, assignment, words),)


def _to_finish(assignment: Row[Any], words: Wording) -> tuple[list[str], tuple[Button, ...]]:
    catalogue = words.catalogue
    lines = [
        catalogue.text("task.due", due=day(assignment.due_at_us)),
        catalogue.text(f"task.how-{assignment.proof}"),
        catalogue.text("task.taken", count=assignment.evidence_count),
    ]
    if assignment.returned_slug:
        lines.append(catalogue.text("task.refused", reason=words.reason))
    return lines, (_button("done", DONE, assignment, words),)


def _done(assignment: Row[Any], message: Row[Any], catalogue: Catalogue) -> str:
    at = minute(assignment.done_at_us)
    if assignment.done_by == message.cadre_id:
        return catalogue.text("task.done-by-you", at=at)
    return catalogue.text("task.done-by-other", at=at, cadre=short_cadre(assignment.done_by))


def holds(assignment: Row[Any], cadre_id: str) -> bool:
    """Whether the assignment is the cadre's to do; where nobody has it, the last one may."""
    return bool((assignment.cadre_id or assignment.previous_cadre_id) == cadre_id)


def kind_of(assignment: Row[Any], catalogue: Catalogue) -> str:
    """The kind in words; a kind without a text is shown as its code."""
    return catalogue.texts.get(f"kind.{assignment.kind}", str(assignment.kind))


def shown_list(
    assignments: Sequence[Row[Any]], places: Mapping[str, str], catalogue: Catalogue
) -> str:
    """What a cadre has to do, at most LIST_MAX lines."""
    if not assignments:
        return catalogue.text("list.none")
    lines = [catalogue.text("list.title", count=len(assignments))]
    for each in assignments[:LIST_MAX]:
        state = "taken" if each.status in TO_FINISH else "to-take"
        lines.append(
            catalogue.text(
                "list.line",
                kind=kind_of(each, catalogue),
                number=each.household_number,
                place=places[each.village_id],
                due=day(each.due_at_us),
                state=catalogue.texts[f"list.{state}"],
            )
        )
    if len(assignments) > LIST_MAX:
        lines.append(catalogue.text("list.more", count=len(assignments) - LIST_MAX))
    return joined(lines)


def short_cadre(cadre_id: str) -> str:
    """A cadre as the chat names it: no name goes through the provider."""
    return cadre_id[:CADRE_LEN]


def minute(at_us: int) -> str:
    """A moment in the programme's zone."""
    return _local(at_us).strftime("%Y-%m-%d %H:%M")


def day(at_us: int) -> str:
    """A day in the programme's zone."""
    return _local(at_us).strftime("%Y-%m-%d")


def _local(at_us: int) -> datetime:
    return (EPOCH + timedelta(microseconds=at_us)).astimezone(PROGRAMME_ZONE)


def _button(name: str, action: str, assignment: Row[Any], words: Wording) -> Button:
    tap = Tap(action, assignment.assignment_id, assignment.turn)
    return Button(words.catalogue.plain(f"button.{name}"), encode(tap, words.sign))
