"""`tuopin events`: the log itself, as it was stored."""

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from chassis.envelope import event_of, parse
from services.cli.contact import contact, fail
from services.cli.endpoints import SERVICES
from services.cli.options import Json, Service, chosen_services
from services.cli.output import EXIT_USAGE, as_dict, console, moment
from services.cli.words import say
from tuopin.operations.v1.operations_pb2 import StoredEvent, TailEvents

app = typer.Typer(no_args_is_help=True, help="The log itself; personal fields stay sealed.")


def event_as_dict(stored: StoredEvent) -> dict[str, Any]:
    """Envelope and event as one plain dictionary, with the hash of the lane at that event."""
    envelope = parse(stored.envelope)
    plain = as_dict(envelope)
    plain["data"] = as_dict(event_of(envelope))
    plain["hash"] = stored.hash
    return plain


def _line(stored: StoredEvent) -> str:
    e = parse(stored.envelope)
    who = f"{e.actor} for {e.on_behalf_of}" if e.on_behalf_of else e.actor
    kind = e.type.rsplit(".", 1)[-1]
    place = f"{e.topic}/{e.partition}/{e.position}"
    return f"{moment(e.recorded_at_us)}  {kind:24} {e.id}  {place}  {who}  {stored.hash[:12]}"


def print_lines(events: Iterable[StoredEvent], as_json: bool) -> int:
    """Print events one a line and return how many there were."""
    count = 0
    for stored in events:
        count += 1
        if as_json:
            print(json.dumps(event_as_dict(stored), ensure_ascii=False), flush=True)
        else:
            console.print(_line(stored), highlight=False, markup=False, soft_wrap=True)
    return count


@app.command()
def tail(
    service: Service = "",
    topic: Annotated[str, typer.Option(help="e.g. household, plan, fund, task")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for new ones.")] = False,
    last: Annotated[int, typer.Option("-n", min=1, max=10_000, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """The last events by time; with --follow new ones as they are stored.

    Example: tuopin events tail --service notifier --topic task -n 3
    """
    names = _owners(service, topic)
    if follow and len(names) > 1:
        fail(say("follow-one-service", allowed=", ".join(SERVICES)), EXIT_USAGE)
    request = TailEvents(topic=topic, follow=follow, last=last)
    found = (stored for name in names for stored in _stream(name, request))
    # Lane by lane is how they are stored; by time is how people read.
    print_lines(found if follow else sorted(found, key=recorded)[-last:], as_json)


@app.command()
def export(
    service: Service = "",
    topic: Annotated[str, typer.Option(help="Only this topic.")] = "",
    stream: Annotated[str, typer.Option(help="Only this stream.")] = "",
) -> None:
    """Every event from the beginning as JSON lines, with the hash of its lane.

    Example: tuopin events export --service funding > funding.jsonl
    """
    for name in _owners(service, topic):
        request = TailEvents(topic=topic, stream=stream, from_start=True)
        print_lines(_stream(name, request), as_json=True)


def _owners(service: str, topic: str) -> tuple[str, ...]:
    """The services asked for; a topic has one owner, which need not be named."""
    from services import roster

    names = chosen_services(service)
    if not topic:
        return names
    topics = {each: name for name in names for each in roster.service(name).topics}
    if topic not in topics:
        fail(say("topic-elsewhere", topic=topic, allowed=", ".join(topics)), EXIT_USAGE)
    return (topics[topic],)


def _stream(name: str, request: TailEvents) -> Iterator[StoredEvent]:
    return contact().stream(name, "TailEvents", request, operations=True)


def recorded(stored: StoredEvent) -> tuple[int, str]:
    """By time, and one order for what came at the same moment."""
    return parse(stored.envelope).recorded_at_us, stored.hash
