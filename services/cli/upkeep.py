"""`tuopin rebuild | verify | status`: how the system is, and the proof that it is true."""

import json
import time
from typing import Annotated

import grpc
import typer
from rich.markup import escape
from rich.table import Table

from services.cli.contact import ATTEMPTS, Contact, contact, fail, hint
from services.cli.endpoints import Endpoints
from services.cli.options import Json, Service, chosen_services
from services.cli.output import (
    EXIT_FAILED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    as_dict,
    console,
    print_table,
    show,
)
from services.cli.progress import counted, waiting
from services.cli.words import say
from tuopin.operations.v1.operations_pb2 import (
    GetStatus,
    RebuildView,
    ServiceStatus,
    Verify,
    VerifyReport,
    ViewStatus,
)

# A proof reads every event and builds every view anew: minutes for a county, hours for a nation.
VERIFY_TIMEOUT_S = 24 * 3600.0
LOOK_EVERY_S = 0.2
# What stands for the status of a service that does not answer.
AWAY = "does not answer"


def rebuild(
    view: Annotated[str, typer.Argument(help="Name of the view, see `tuopin status --full`.")],
    service: Annotated[str, typer.Option(help="Whose view it is, when several have it.")] = "",
    wait: Annotated[bool, typer.Option(help="Until it is full again.")] = True,
    as_json: Json = False,
) -> None:
    """Forget a view and fill it again from the events; its answers are incomplete meanwhile.

    Example: tuopin rebuild cadre_record --service training
    """
    caller = contact()
    name = _owner_of_view(caller, view, chosen_services(service))
    started = caller.call(name, "RebuildView", RebuildView(view=view), operations=True)
    if wait:
        _await_rebuilt(caller, name, view)
    if as_json:
        print(json.dumps(as_dict(started)))
    elif wait:
        events = sum(at.position for at in _view(caller, name, view).checkpoints)
        console.print(say("view-rebuilt", view=view, events=events), highlight=False)
    else:
        console.print(say("view-rebuilding", view=view), highlight=False)


def _owner_of_view(caller: Contact, view: str, names: tuple[str, ...]) -> str:
    known = {name: _views(caller, name) for name in names}
    owners = [name for name, views in known.items() if view in views]
    if not owners:
        allowed = ", ".join(sorted({each for views in known.values() for each in views}))
        fail(say("view-unknown", view=view, allowed=allowed), EXIT_USAGE)
    if len(owners) > 1:
        fail(say("view-of-several", view=view, allowed=", ".join(owners)), EXIT_USAGE)
    return owners[0]


def _views(caller: Contact, name: str) -> list[str]:
    """What can be rebuilt; a reaction acts on the world and cannot."""
    views = [each.view for each in _status(caller, name).views]
    return [view for view in views if not view.startswith("reaction:")]


def _await_rebuilt(caller: Contact, name: str, view: str) -> None:
    with counted() as progress:
        task = progress.add_task(f"rebuilding {view}, events", total=None)
        total = 0
        while True:
            now = _view(caller, name, view)
            total = max(total, now.lag)
            progress.update(task, total=total, completed=total - now.lag)
            if now.stopped:
                fail(say("view-stopped", view=view, reason=now.stopped), EXIT_FAILED)
            if now.lag == 0:
                return
            time.sleep(LOOK_EVERY_S)


def _view(caller: Contact, name: str, view: str) -> ViewStatus:
    return next(each for each in _status(caller, name).views if each.view == view)


def _status(caller: Contact, name: str, attempts: int = ATTEMPTS) -> ServiceStatus:
    found: ServiceStatus = caller.call(
        name, "GetStatus", GetStatus(), operations=True, attempts=attempts
    )
    return found


def verify(
    service: Service = "",
    views: Annotated[bool, typer.Option(help="Also rebuild every view aside and compare.")] = True,
    as_json: Json = False,
) -> None:
    """Prove the log: hash chain, gapless lanes, and views equal to events. Exits 1 on a finding.

    Example: tuopin verify --service funding
    """
    caller = contact()
    findings = 0
    for name in chosen_services(service):
        report = _proof(caller, name, views)
        findings += len(report.findings)
        if as_json:
            print(json.dumps({"service": name, **as_dict(report, complete=True)}))
            continue
        mark = "[red]✗[/red]" if report.findings else "[green]✓[/green]"
        console.print(
            f"{mark} {name}: {report.events} events in {report.lanes} lanes, {report.views} views",
            highlight=False,
        )
        for finding in report.findings:
            line = f"   {finding.kind} {finding.where}: {finding.sentence}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    if findings:
        fail(say("findings-next"), EXIT_FAILED)


def _proof(caller: Contact, name: str, views: bool) -> VerifyReport:
    events = sum(lane.head.position for lane in _status(caller, name).lanes)
    with waiting() as progress:
        progress.add_task(f"verifying {name}: {events:,} events", total=None)
        report: VerifyReport = caller.call(
            name, "Verify", Verify(views=views), operations=True, timeout_s=VERIFY_TIMEOUT_S
        )
    return report


def status(
    service: Service = "",
    full: Annotated[bool, typer.Option("--full", help="Every lane and every view.")] = False,
    as_json: Json = False,
) -> None:
    """Heads, lags, stopped views, waiting reactions. Exits 1 when something is not healthy.

    Example: tuopin status --full
    """
    caller = contact()
    found = {name: _status_or_away(caller, name) for name in chosen_services(service)}
    if as_json:
        for report in found.values():
            print(json.dumps(as_dict(report, complete=True), ensure_ascii=False))
    else:
        _print_overview(found, caller.endpoints)
        if full:
            for report in found.values():
                _print_lanes_and_views(report)
    if all(_away(report) for report in found.values()):
        fail(say("server-away"), EXIT_UNAVAILABLE)
    if not all(report.healthy for report in found.values()):
        hint("unhealthy-next")
        raise typer.Exit(EXIT_FAILED)


def _status_or_away(caller: Contact, name: str) -> ServiceStatus:
    try:
        return _status(caller, name, attempts=1)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return ServiceStatus(service=name, views=[ViewStatus(stopped=AWAY)])


def _away(report: ServiceStatus) -> bool:
    return any(view.stopped == AWAY for view in report.views)


def _print_overview(found: dict[str, ServiceStatus], known: Endpoints) -> None:
    table = Table("service", "address", "healthy", "events", "views", "lag", "waiting", "parked")
    table.add_column("deadlines")
    for name, report in found.items():
        stopped = [f"{view.view} {view.stopped}".strip() for view in report.views if view.stopped]
        table.add_row(
            name,
            known.services[name],
            "yes" if report.healthy else escape(f"no: {'; '.join(stopped)}"),
            str(sum(lane.head.position for lane in report.lanes)),
            str(len(report.views)),
            str(max((view.lag for view in report.views), default=0)),
            str(report.reactions_waiting),
            str(report.reactions_parked),
            str(report.deadlines_open),
        )
    console.print(table)
    for url in known.health_urls:
        console.print(f"health {url}/readyz  metrics {url}/metrics", highlight=False)


def _print_lanes_and_views(report: ServiceStatus) -> None:
    lanes = Table("lane", "head", "relayed", "hash")
    for lane in report.lanes:
        place = f"{lane.head.topic}/{lane.head.partition}"
        lanes.add_row(place, str(lane.head.position), str(lane.relayed), lane.hash[:16])
    print_table(f"{report.service}: lanes", lanes)
    title = f"{report.service}: views, deadlines and reactions"
    show(report.views, ("view", "lag", "stopped"), title=title, as_json=False)
