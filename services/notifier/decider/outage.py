"""The rules of a provider of chat: lost and found again; in between nobody's answer is missing."""

from collections.abc import Iterator
from dataclasses import dataclass

from chassis.decider import Context, Decider
from tuopin.notifier.v1.outage_pb2 import ProviderFound, ProviderLost, ReportProvider

Event = ProviderLost | ProviderFound
Events = Iterator[Event]


@dataclass(frozen=True, slots=True)
class State:
    """One provider; 0 while it can be reached."""

    lost_at_us: int = 0
    found_at_us: int = 0


def decide(state: State, command: ReportProvider, context: Context) -> Events:
    """Only a change is kept; times never overlap, whatever a clock set back makes of them."""
    if command.away == bool(state.lost_at_us):
        return
    if command.away:
        lost_at_us = max(command.since_us, state.found_at_us)
        yield ProviderLost(provider=command.provider, lost_at_us=lost_at_us)
        return
    yield ProviderFound(
        provider=command.provider,
        lost_at_us=state.lost_at_us,
        found_at_us=max(command.since_us, state.lost_at_us),
    )


def evolve(state: State, event: Event) -> State:
    """What each event changes."""
    match event:
        case ProviderLost():
            return State(lost_at_us=event.lost_at_us, found_at_us=state.found_at_us)
        case ProviderFound():
            return State(found_at_us=event.found_at_us)


DECIDER: Decider[State] = Decider(
    noun="provider",
    topic="message",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={ReportProvider: lambda command: str(command.provider)},
    events=(ProviderLost, ProviderFound),
    region=lambda state: "",
)
