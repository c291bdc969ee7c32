"""`tuopin events | rebuild | verify | status`: the log, its proofs, and how the system is."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from chassis.envelope import event_of, parse
from services.cli.contact import contact, fail
from services.cli.endpoints import SERVICES
from services.cli.options import Json
from services.cli.output import EXIT_FAILED, EXIT_USAGE, as_dict, console
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.operations.v1.operations_pb2 import (
    GetStatus,
    ListTrace,
    RebuildView,
    StoredEvent,
    TailEvents,
    Verify,
)

app = typer.Typer(no_args_is_help=True, help="The log itself; personal fields stay sealed.")

Service = Annotated[str, typer.Option(help=f"One of {', '.join(SERVICES)}; empty: all.")]


def _chosen(service: str) -> tuple[str, ...]:
    if service and service not in SERVICES:
        fail(f"--service {service}: one of {', '.join(SERVICES)}", EXIT_USAGE)
    return (service,) if service else SERVICES


def event_as_dict(stored: StoredEvent) -> dict[str, Any]:
    """Envelope and event as one plain dictionary, with the hash of the lane at that event."""
    envelope = parse(stored.envelope)
    plain = as_dict(envelope)
    plain["data"] = as_dict(event_of(envelope))
    plain["hash"] = stored.hash
    return plain


def _moment(envelope: Envelope) -> str:
    moment = datetime.fromtimestamp(envelope.recorded_at_us / 1e6, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _line(stored: StoredEvent) -> str:
    e = parse(stored.envelope)
    who = f"{e.actor} for {e.on_behalf_of}" if e.on_behalf_of else e.actor
    kind = e.type.rsplit(".", 1)[-1]
    place = f"{e.topic}/{e.partition}/{e.position}"
    return f"{_moment(e)}  {kind:24} {e.id}  {place}  {who}  {stored.hash[:12]}"


def print_lines(events: Iterable[StoredEvent], as_json: bool) -> int:
    """Print events one a line and return how many there were."""
    count = 0
    for stored in events:
        count += 1
        if as_json:
            print(json.dumps(event_as_dict(stored), ensure_ascii=False))
        else:
            console.print(_line(stored), highlight=False, soft_wrap=True)
    return count


@app.command()
def tail(
    service: Service = "",
    topic: Annotated[str, typer.Option(help="e.g. household, plan, fund, task")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for new ones.")] = False,
    last: Annotated[int, typer.Option("-n", min=1, help="Of each lane.")] = 5,
    as_json: Json = False,
) -> None:
    """The last events of each lane.

    Example: tuopin events tail --service notifier --topic task -n 3
    """
    chosen = _chosen(service)
    if follow and len(chosen) > 1:
        fail("--follow needs --service", EXIT_USAGE)
    for name in chosen:
        request = TailEvents(topic=topic, follow=follow, last=last)
        print_lines(contact().stream(name, "TailEvents", request, operations=True), as_json)


@app.command()
def export(
    service: Service = "",
    topic: Annotated[str, typer.Option(help="Only this topic.")] = "",
    stream: Annotated[str, typer.Option(help="Only this stream.")] = "",
) -> None:
    """Every event from the beginning as JSON lines, with the hash of its lane.

    Example: tuopin events export --service funding > funding.jsonl
    """
    for name in _chosen(service):
        request = TailEvents(topic=topic, stream=stream, from_start=True)
        print_lines(contact().stream(name, "TailEvents", request, operations=True), as_json=True)


def print_events(reference: str, as_json: bool) -> None:
    """Everything that belongs to an id, from all services, by recorded time."""
    found = [
        stored
        for name in SERVICES
        for stored in contact().stream(
            name, "ListTrace", ListTrace(reference=reference), operations=True
        )
    ]
    found.sort(key=lambda stored: (parse(stored.envelope).recorded_at_us, stored.hash))
    if print_lines(found, as_json) == 0:
        fail(f"nothing belongs to {reference}", EXIT_FAILED)


def rebuild(
    view: Annotated[str, typer.Argument(help="Name of the view, see `tuopin status`.")],
    service: Annotated[str, typer.Option(help="Whose view it is.")],
    as_json: Json = False,
) -> None:
    """Forget a view and fill it again from the events; its answers are incomplete meanwhile.

    Example: tuopin rebuild cadre_record --service training
    """
    (name,) = _chosen(service)
    started = contact().call(name, "RebuildView", RebuildView(view=view), operations=True)
    if as_json:
        print(json.dumps(as_dict(started)))
    else:
        console.print(f"rebuilding {started.view}; `tuopin status` shows its lag")


def verify(
    service: Service = "",
    views: Annotated[bool, typer.Option(help="Also rebuild every view aside and compare.")] = True,
    as_json: Json = False,
) -> None:
    """Prove the log: hash chain, gapless lanes, and views equal to events. Exits 1 on a finding.

    Example: tuopin verify --service funding
    """
    findings = 0
    for name in _chosen(service):
        report = contact().call(name, "Verify", Verify(views=views), operations=True)
        findings += len(report.findings)
        if as_json:
            print(json.dumps({"service": name, **as_dict(report)}, ensure_ascii=False))
            continue
        mark = "[red]✗[/red]" if report.findings else "[green]✓[/green]"
        console.print(
            f"{mark} {name}: {report.events} events in {report.lanes} lanes, {report.views} views"
        )
        for finding in report.findings:
            console.print(f"   {finding.kind} {finding.where}: {finding.sentence}")
    if findings:
        raise typer.Exit(EXIT_FAILED)


def status(service: Service = "", as_json: Json = False) -> None:
    """Heads, lags, stopped views, waiting reactions. Exits 1 when something is not healthy.

    Example: tuopin status --json
    """
    healthy = True
    table = Table("service", "healthy", "events", "views", "lag", "waiting", "parked", "deadlines")
    for name in _chosen(service):
        report = contact().call(name, "GetStatus", GetStatus(), operations=True)
        healthy = healthy and report.healthy
        if as_json:
            print(json.dumps(as_dict(report), ensure_ascii=False))
            continue
        stopped = [f"{view.view}: {view.stopped}" for view in report.views if view.stopped]
        table.add_row(
            name,
            "yes" if report.healthy else f"no {'; '.join(stopped)}",
            str(sum(lane.head.position for lane in report.lanes)),
            ", ".join(view.view for view in report.views),
            str(max((view.lag for view in report.views), default=0)),
            str(report.reactions_waiting),
            str(report.reactions_parked),
            str(report.deadlines_open),
        )
    if not as_json:
        console.print(table)
    if not healthy:
        raise typer.Exit(EXIT_FAILED)
