"""From what was decided to what is stored: sealed events, hidden keys, the command's marks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chassis.decider import Actor, Claim, Context, Decider, Release
from chassis.sealing import Sealer
from chassis.store.model import Append, ClaimRow, NewEvent, ReleaseRow, StreamWrite
from chassis.telemetry import traceparent
from tuopin.types.v1.types_pb2 import ReactionRefused

RegionCheck = Callable[[str], None]


@dataclass(slots=True)
class Work:
    """One command on its way."""

    command: Any
    actor: Actor
    region_check: RegionCheck | None
    decider: Decider[Any]
    stream: str
    digest: bytes
    context: Context
    # Opaque ids of the other streams it is for.
    further: tuple[str, ...] = ()


@dataclass(slots=True)
class Plan:
    """What was decided on a state and its version, before it is sealed."""

    version: int
    state: Any
    events: list[Any] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)

    @property
    def without_effect(self) -> bool:
        return not (self.events or self.claims or self.releases)


_ALONE: Mapping[str, Plan] = {}


def append_of(
    work: Work, plan: Plan, sealer: Sealer, beside: Mapping[str, Plan] = _ALONE
) -> Append:
    """What a plan writes to its stream, and plans of the same command to the streams `beside`;
    their events are sealed by now.
    """
    others = tuple(_write(work, stream, each) for stream, each in beside.items())
    return _marked(
        work,
        (_write(work, work.stream, plan), *others),
        claims=tuple(
            ClaimRow(
                each.kind,
                _stored_key(sealer, each.kind, each.key, each.personal),
                each.owner,
                each.rejection,
            )
            for each in plan.claims
        ),
        releases=tuple(
            ReleaseRow(
                each.kind,
                each.owner,
                _stored_key(sealer, each.kind, each.key, each.personal) if each.key else None,
            )
            for each in plan.releases
        ),
    )


def _write(work: Work, stream: str, plan: Plan) -> StreamWrite:
    today = work.context.today.isoformat() if plan.events else ""
    events = tuple(
        NewEvent(
            event.DESCRIPTOR.full_name,
            event.SerializeToString(deterministic=True),
            getattr(event, "effective_on", "") or today,
        )
        for event in plan.events
    )
    return StreamWrite(work.decider.topic, stream, plan.version, events)


def refusal_of(work: Work, slug: str, topic: str) -> Append:
    """The owner says no to a reaction: an event, so that others can act on it."""
    refusal = ReactionRefused(
        command_id=work.context.command_id,
        command_type=work.command.DESCRIPTOR.full_name,
        stream=work.stream,
        slug=slug,
        caused_by=work.actor.caused_by,
    )
    event = NewEvent(
        refusal.DESCRIPTOR.full_name,
        refusal.SerializeToString(deterministic=True),
        work.context.today.isoformat(),
    )
    stream = f"refusal-{work.context.command_id}"
    return _marked(work, (StreamWrite(topic, stream, 0, (event,)),), refused=slug)


def _marked(work: Work, writes: tuple[StreamWrite, ...], **rest: Any) -> Append:
    actor = work.actor
    return Append(
        command_id=work.context.command_id,
        digest=work.digest,
        writes=writes,
        actor=actor.subject,
        on_behalf_of=actor.on_behalf_of,
        caused_by=actor.caused_by,
        traceparent=traceparent(),
        programme=work.context.parameters.edition,
        **rest,
    )


def _stored_key(sealer: Sealer, kind: str, key: str, personal: bool) -> bytes:
    return sealer.blind(kind, key) if personal else key.encode()
