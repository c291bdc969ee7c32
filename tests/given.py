"""Rule tests as sentences: given(*events).when(command, at=...).then(*events).

`given = Given(DECIDER)` at the top of a test module; one decider, one vocabulary.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Generic, Self, TypeVar

import pytest
from google.protobuf.message import Message

from chassis.decider import Actor, Claim, Context, Decider, Elsewhere, Release, derived_id
from chassis.rejection import Rejected
from tuopin.options.v1.options_pb2 import personal

S = TypeVar("S")

NOW = datetime(2020, 3, 2, 1, 0, tzinfo=UTC)
COMMAND_ID = "command-1"
SOMEBODY = Actor(subject="li-office", roles={"county-office": ("433124",)})


def new_id(noun: str, ordinal: int = 0, command_id: str = COMMAND_ID) -> str:
    """What context.new_id gives in a test."""
    return derived_id(command_id, noun, ordinal)


@dataclass
class FixedParameters:
    """Programme data as literals: numbers by name, tables by name."""

    numbers: Mapping[str, int] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    edition: str = "test"

    def number(self, name: str, *, on: date, region: str = "") -> int:
        return self.numbers[name]

    def table(self, name: str) -> Mapping[str, Any]:
        return self.tables[name]


@dataclass(frozen=True)
class Given(Generic[S]):
    """Sentences about one decider; `facts` and `parameters` hold for every sentence of it."""

    decider: Decider[S]
    parameters: FixedParameters = field(default_factory=FixedParameters)
    facts: Any = None

    def __call__(self, *events: Message) -> "Story[S]":
        return Story(self, events)

    def with_facts(self, facts: Any) -> "Given[S]":
        """The same decider where other facts have arrived."""
        return Given(self.decider, self.parameters, facts)


@dataclass(frozen=True)
class Story(Generic[S]):
    """What has happened so far."""

    rules: Given[S]
    events: tuple[Message, ...]

    def state(self) -> S:
        """The fold of the events as the store keeps them: personal fields unreadable."""
        state = self.rules.decider.initial()
        for event in self.events:
            assert type(event) in self.rules.decider.events, f"{type(event)} is not the decider's"
            state = self.rules.decider.evolve(state, sealed(event))
        return state

    def when(
        self,
        command: Message,
        *,
        at: datetime = NOW,
        by: Actor = SOMEBODY,
        facts: Any = None,
        beside: Mapping[str, tuple[Message, ...]] | None = None,
    ) -> "Result":
        """Decide the command; an empty command_id becomes COMMAND_ID. `beside` says what has
        happened to the other streams that it names.
        """
        decider = self.rules.decider
        given_command = _with_command_id(command)
        stream_id = decider.commands[type(given_command)](given_command)
        assert stream_id, "the command does not name its stream"
        context = Context(
            now=at,
            actor=by,
            command_id=given_command.command_id,  # type: ignore[attr-defined]
            parameters=self.rules.parameters,
            facts=self.rules.facts if facts is None else facts,
            others={
                each: Story(self.rules, (beside or {}).get(each, ())).state()
                for each in decider.further.get(type(given_command), lambda _: ())(given_command)
            },
        )
        state = self.state()
        before = repr(state)
        try:
            decisions = tuple(decider.decide(state, given_command, context) or ())
        except Rejected as rejection:
            return Result((), rejection)
        finally:
            assert repr(state) == before, "decide changed the state"
        for decision in decisions:
            if isinstance(decision, Message):
                assert type(decision) in decider.events, f"{type(decision)} is not the decider's"
                state = decider.evolve(state, sealed(decision))
        return Result(decisions, None)


@dataclass(frozen=True)
class Result:
    """What came of the command; every then... returns it, so that sentences go on."""

    decisions: tuple[Message | Claim | Release | Elsewhere, ...]
    rejection: Rejected | None

    @property
    def events(self) -> list[Message]:
        assert self.rejection is None, f"rejected: {self.rejection.slug} {self.rejection.details}"
        return [decision for decision in self.decisions if isinstance(decision, Message)]

    @property
    def elsewhere(self) -> list[tuple[str, Message]]:
        """Events for other streams."""
        assert self.rejection is None, f"rejected: {self.rejection.slug} {self.rejection.details}"
        return [(each.id, each.event) for each in self.decisions if isinstance(each, Elsewhere)]

    def then(self, *events: Message) -> Self:
        """Exactly these events, in this order."""
        assert list(events) == self.events
        return self

    def then_event(self, event: type[Message], **fields: Any) -> Self:
        """One event of this class with these fields; the others do not matter."""
        (found,) = [each for each in self.events if type(each) is event]
        assert fields == {name: getattr(found, name) for name in fields}
        return self

    def then_nothing(self) -> Self:
        """No effect: neither events nor claims."""
        assert self.events == []
        assert self.decisions == ()
        return self

    def then_claims(self, *claims: Claim | Release) -> Self:
        """Exactly these claims and releases, in any order."""
        made = [each for each in self.decisions if isinstance(each, Claim | Release)]
        assert sorted(claims, key=repr) == sorted(made, key=repr)
        return self

    def then_rejected(self, slug: str, **details: object) -> Self:
        """The rule said no, for this reason; details named here must be in it."""
        if self.rejection is None:
            pytest.fail(f"expected {slug}, got {self.events}")
        assert slug == self.rejection.slug
        named = {name: self.rejection.details.get(name) for name in details}
        assert {name: str(value) for name, value in details.items()} == named
        return self


def sealed(event: Message) -> Message:
    """The event as evolve sees it: every personal text replaced."""
    copy = type(event)()
    copy.CopyFrom(event)
    for message in _messages(copy):
        for field_descriptor, value in message.ListFields():
            if field_descriptor.GetOptions().Extensions[personal] and value:
                assert isinstance(value, str), f"{field_descriptor.full_name} is not a string"
                setattr(message, field_descriptor.name, f"sealed:1:{field_descriptor.name}")
    return copy


def _with_command_id(command: Message) -> Message:
    copy = type(command)()
    copy.CopyFrom(command)
    copy.command_id = copy.command_id or COMMAND_ID  # type: ignore[attr-defined]
    return copy


def _messages(message: Message) -> Iterator[Message]:
    yield message
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        if descriptor.message_type.GetOptions().map_entry:
            values = [each for each in value.values() if isinstance(each, Message)]
        elif isinstance(value, Message):
            values = [value]
        else:
            values = list(value)
        for each in values:
            yield from _messages(each)
