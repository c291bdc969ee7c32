"""One id followed through all five services: each is asked for what it has, and asked again with
the events that were new, until nothing more belongs.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from chassis.envelope import event_of, parse
from services.cli.contact import contact, fail
from services.cli.endpoints import SERVICES
from services.cli.logs import event_as_dict, print_lines, recorded
from services.cli.output import EXIT_FAILED, console, moment
from services.cli.words import say
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.assignment_pb2 import FindAssignment
from tuopin.operations.v1.operations_pb2 import ListTrace, StoredEvent

# (service, request) -> events of that service.
Ask = Callable[[str, ListTrace], Iterator[StoredEvent]]

ROUNDS_MAX = 8
IDS_MAX = 500
# Which part of the chain an event of the notifier is; others are causes and results.
MESSAGES, ANSWERS = "message", {"AssignmentAcknowledged", "EvidenceAdded", "AssignmentDone"}
PARTS = ("cause", "assignment", "message", "answer", "result")


def follow(reference: str, ask: Ask) -> list[StoredEvent]:
    """Everything that belongs to an id, by recorded time."""
    found: dict[str, StoredEvent] = {}
    asked: set[str] = set()
    requests = [ListTrace(reference=reference)]
    for _ in range(ROUNDS_MAX):
        for service in SERVICES:
            for request in requests:
                for stored in ask(service, request):
                    found[parse(stored.envelope).id] = stored
        fresh = sorted(_ids(found.values()) - asked)
        asked.update(fresh)
        requests = [
            ListTrace(event_ids=fresh[start : start + IDS_MAX])
            for start in range(0, len(fresh), IDS_MAX)
        ]
        if not requests:
            break
    return sorted(found.values(), key=recorded)


def of_services(service: str, request: ListTrace) -> Iterator[StoredEvent]:
    """Asked of the running system."""
    return contact().stream(service, "ListTrace", request, operations=True)


def print_trace(reference: str, as_json: bool) -> None:
    """All events of an id, one a line."""
    if print_lines(follow(reference, of_services), as_json) == 0:
        fail(say("trace-empty", reference=reference), EXIT_FAILED)


def print_chain(reference: str, as_json: bool) -> None:
    """A task from its cause to what came of it, part by part."""
    query = FindAssignment(reference=reference)
    assignment_id = contact().call("notifier", "FindAssignment", query).assignment_id
    if not assignment_id:
        print_trace(reference, as_json)
        return
    stored = follow(assignment_id, of_services)
    chain = chain_of(assignment_id, stored)
    for part, each in chain:
        if as_json:
            line = {"part": part, **event_as_dict(each)}
            print(json.dumps(line, ensure_ascii=False), flush=True)
        else:
            console.print(_line(part, each), highlight=False, markup=False, soft_wrap=True)


def chain_of(assignment_id: str, stored: Sequence[StoredEvent]) -> list[tuple[str, StoredEvent]]:
    """Each event with its part in the chain; what only shares a cause with the task is left out."""
    envelopes = [(parse(each.envelope), each) for each in stored]
    stream = f"task-{assignment_id}"
    own = {envelope.id for envelope, _ in envelopes if envelope.stream == stream}
    causes = {envelope.caused_by for envelope, _ in envelopes if envelope.id in own}
    chain = []
    for envelope, each in envelopes:
        part = _part(envelope, stream, assignment_id, own, causes)
        if part:
            chain.append((part, each))
    return chain


def _part(
    envelope: Envelope, stream: str, assignment_id: str, own: set[str], causes: set[str]
) -> str:
    event: Any = event_of(envelope)
    if envelope.stream == stream:
        kind = envelope.type.rsplit(".", 1)[-1]
        return "answer" if kind in ANSWERS else "assignment"
    if envelope.topic == MESSAGES:
        return "message" if getattr(event, "assignment_id", "") == assignment_id else ""
    if envelope.caused_by in own:
        return "result"
    return "cause" if envelope.id in causes else ""


def _ids(found: Any) -> set[str]:
    envelopes = [parse(each.envelope) for each in found]
    return {each.id for each in envelopes} | {e.caused_by for e in envelopes if e.caused_by}


def _line(part: str, stored: StoredEvent) -> str:
    envelope = parse(stored.envelope)
    kind = envelope.type.rsplit(".", 1)[-1]
    who = envelope.on_behalf_of or envelope.actor
    place = f"{envelope.topic}/{envelope.partition}/{envelope.position}"
    return (
        f"{part:10} {moment(envelope.recorded_at_us)}  {kind:24} {envelope.id}  {place}  "
        f"{who}  {stored.hash}"
    )
