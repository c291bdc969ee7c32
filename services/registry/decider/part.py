"""What the parts of a household's life share: how a part is stated, and rules that all obey."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from chassis.decider import Context, Decisions
from chassis.rejection import require
from services.registry.decider.state import State
from tuopin.types.v1.types_pb2 import Consent


@dataclass(frozen=True, slots=True)
class Part:
    """One part: the commands it decides (and how each names its household), the events it alone
    evolves.
    """

    decide: Callable[[State, Any, Context], Decisions]
    evolve: Callable[[State, Any], State]
    commands: Mapping[type[Message], Callable[[Any], str]]
    events: tuple[type[Message], ...]


def by_household_id(command: Any) -> str:
    """The household a command names by its id."""
    household_id: str = command.household_id
    return household_id


def require_known(state: State) -> None:
    """There is such a household, and somebody of it can still be read."""
    require(state.household_id, "household-not-known")
    require(state.living, "household-erased")


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
