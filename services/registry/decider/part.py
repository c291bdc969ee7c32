"""What the parts of a household's life share: how a part is stated, and rules that all obey."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from chassis.decider import Context, Decisions
from chassis.rejection import require
from services.registry.decider.state import State
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_EXITED,
    HOUSEHOLD_STATUS_MERGED,
    HOUSEHOLD_STATUS_REGISTERED,
    HOUSEHOLD_STATUS_RELAPSED,
)
from tuopin.types.v1.types_pb2 import Consent

SETTLED = frozenset(
    {HOUSEHOLD_STATUS_REGISTERED, HOUSEHOLD_STATUS_EXITED, HOUSEHOLD_STATUS_RELAPSED}
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part: the commands it decides (and how each names its household), the events it alone
    evolves.
    """

    decide: Callable[[State, Any, Context], Decisions]
    evolve: Callable[[State, Any], State]
    commands: Mapping[type[Message], Callable[[Any], str]]
    events: tuple[type[Message], ...]
    # Commands that are for more households than one, and how each names the others.
    further: Mapping[type[Message], Callable[[Any], tuple[str, ...]]] = field(default_factory=dict)


def by_household_id(command: Any) -> str:
    """The household a command names by its id."""
    household_id: str = command.household_id
    return household_id


def require_known(state: State) -> None:
    """There is such a household, and somebody of it can still be read."""
    require(state.household_id, "household-not-known")
    merged = state.status == HOUSEHOLD_STATUS_MERGED
    require(not merged, "household-merged", into=state.file.merged_into)
    require(state.living, "household-erased")


def require_on_file(state: State, day: str, context: Context) -> None:
    """The fact is of a time when the household was on file."""
    require_known(state)
    require_past(day, context)
    since = state.file.registered_on
    require(since, "household-not-registered")
    require(day >= since, "before-registration", field="effective_on", on=since)


def require_settled(state: State) -> None:
    """No procedure is under way whose outcome would hang on who belongs to the household."""
    settled = state.status in SETTLED and not state.posting.running
    require(settled, "household-in-procedure", household_id=state.household_id)


def require_member(state: State, person_id: str, field: str = "person_id") -> None:
    """The person belongs to the household now."""
    require(person_id in state.person_ids, "person-not-in-household", field=field)


def require_past(day: str, context: Context) -> None:
    """A fact has happened when it is told."""
    today = context.today.isoformat()
    require(day <= today, "effective-date-in-the-future", field="effective_on", today=today)


def require_own_paper(state: State, consent: Consent) -> None:
    """The household's own word on its signed paper."""
    require(consent.given_by in state.living, "consent-not-by-member", field="consent.given_by")
    require(consent.HasField("paper"), "consent-without-paper", field="consent.paper")
    paper = consent.paper
    for subject in (paper.household_id, paper.picture.subject_id):
        require(subject == state.household_id, "paper-of-other-household", field="consent.paper")


def require_own_word(state: State, consent: Consent, context: Context) -> None:
    """The household's own word: its signed paper, or a member's own chat, which is heard from the
    notifier's events only.
    """
    if not consent.HasField("chat"):
        require_own_paper(state, consent)
        return
    require(consent.given_by in state.living, "consent-not-by-member", field="consent.given_by")
    require(context.actor.caused_by, "consent-chat-not-heard", field="consent.chat")


def person_of(context: Context) -> str:
    """The person behind the command, also when a service acts for them."""
    return context.actor.on_behalf_of or context.actor.subject
