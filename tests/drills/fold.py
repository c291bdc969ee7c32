"""A slow fold of the log, by hand and from the contracts alone: what the views must say.

It shares no line with the projections that it judges.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from tests.drills.log import Logged
from tests.drills.people import People
from tuopin.notifier.v1 import assignment_pb2 as task
from tuopin.notifier.v1 import handling_pb2 as handling
from tuopin.planning.v1 import plan_pb2 as plan
from tuopin.registry.v1 import household_pb2 as household
from tuopin.training.v1 import cadre_pb2 as cadre

EVERYWHERE = ""
PAGE = 1000


def by_stream(log: Iterable[Logged], noun: str) -> dict[str, list[Any]]:
    """Events of each stream of a noun, in the order of its versions."""
    streams: dict[str, list[Logged]] = defaultdict(list)
    for each in log:
        if each.envelope.stream.startswith(f"{noun}-"):
            streams[each.envelope.stream.removeprefix(f"{noun}-")].append(each)
    for events in streams.values():
        events.sort(key=lambda each: each.envelope.version)
    return {name: [each.event for each in events] for name, events in streams.items()}


def names(events: Iterable[Any]) -> list[str]:
    """Short names of events."""
    return [type(event).__name__ for event in events]


def households(log: Iterable[Logged]) -> dict[str, tuple[int, int]]:
    """Status and number of members by household."""
    steps = {
        "HouseholdRegistered": household.HOUSEHOLD_STATUS_REGISTERED,
        "ExitProposed": household.HOUSEHOLD_STATUS_EXIT_PROPOSED,
        "ExitVerified": household.HOUSEHOLD_STATUS_EXIT_VERIFIED,
        "ExitAgreed": household.HOUSEHOLD_STATUS_EXIT_AGREED,
        "HouseholdExited": household.HOUSEHOLD_STATUS_EXITED,
    }
    found = {}
    for name, events in by_stream(log, "household").items():
        status = [steps[each] for each in names(events) if each in steps][-1]
        found[name] = (int(status), len(events[0].members))
    return found


def plans(log: Iterable[Logged]) -> dict[str, tuple[int, str, tuple[str, ...]]]:
    """Status, helper and assignments of the visits by household."""
    steps = {
        "PlanDrafted": plan.PLAN_STATUS_DRAFTED,
        "PlanConsented": plan.PLAN_STATUS_CONSENTED,
        "PlanApproved": plan.PLAN_STATUS_IN_FORCE,
    }
    found = {}
    for events in by_stream(log, "plan").values():
        status = [steps[each] for each in names(events) if each in steps][-1]
        helper = "".join(e.helper_id for e in events if isinstance(e, plan.PlanApproved))
        visits = sorted(e.assignment_id for e in events if isinstance(e, plan.VisitRecorded))
        found[events[0].household_id] = (int(status), helper, tuple(visits))
    return found


def assignments(log: Iterable[Logged]) -> dict[str, tuple[int, str, int, bool]]:
    """Status, cadre, number of proofs and whether reminded, by assignment."""
    steps = {
        "AssignmentOffered": task.ASSIGNMENT_STATUS_OFFERED,
        "AssignmentAcknowledged": task.ASSIGNMENT_STATUS_ACKNOWLEDGED,
        "AssignmentDone": task.ASSIGNMENT_STATUS_DONE,
        "AssignmentVerified": task.ASSIGNMENT_STATUS_VERIFIED,
        "AssignmentReturned": task.ASSIGNMENT_STATUS_RETURNED,
        "AssignmentEscalated": task.ASSIGNMENT_STATUS_ESCALATED,
        "AssignmentScheduled": task.ASSIGNMENT_STATUS_SCHEDULED,
        "AssignmentReassigned": task.ASSIGNMENT_STATUS_OFFERED,
        "AssignmentCancelled": task.ASSIGNMENT_STATUS_CANCELLED,
        "AssignmentExpired": task.ASSIGNMENT_STATUS_EXPIRED,
    }
    holders = (
        task.AssignmentOffered,
        task.AssignmentAcknowledged,
        task.AssignmentEscalated,
        handling.AssignmentReassigned,
    )
    found = {}
    for name, events in by_stream(log, "task").items():
        said = names(events)
        status = [steps[each] for each in said if each in steps][-1]
        held = [event.cadre_id for event in events if isinstance(event, holders)]
        holder = held[-1] if held else ""
        reminded = "AssignmentReminded" in said
        found[name] = (int(status), holder, said.count("EvidenceAdded"), reminded)
    return found


def records(log: Iterable[Logged]) -> dict[str, tuple[int, int, int, int, int]]:
    """Hours, open and finished tasks, visits and households helped, by cadre."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    appointed = set()
    for each in log:
        event = each.event
        match event:
            case cadre.CadreAppointed():
                appointed.add(event.cadre_id)
            case cadre.TrainingCompleted():
                counts[event.cadre_id]["hours"] += event.hours
            case plan.PlanApproved():
                counts[event.helper_id]["helped"] += 1
            case plan.VisitRecorded():
                counts[event.cadre_id]["visits"] += 1
            case task.AssignmentDone():
                counts[event.cadre_id].update(finished=1, open=-1)
            case task.AssignmentReturned():
                counts[event.cadre_id].update(finished=-1, open=1)
            case handling.AssignmentCancelled() | handling.AssignmentExpired():
                counts[event.cadre_id]["open"] -= 1
            case (
                task.AssignmentOffered()
                | task.AssignmentEscalated()
                | handling.AssignmentReassigned()
            ) if event.cadre_id:
                counts[event.cadre_id]["open"] += 1
                previous = getattr(event, "previous_cadre_id", "")
                if previous:
                    counts[previous]["open"] -= 1
    shown = ("hours", "open", "finished", "visits", "helped")
    return {
        cadre_id: tuple(counts[cadre_id][name] for name in shown)  # type: ignore[misc]
        for cadre_id in appointed
    }


class Answers:
    """The same from the services' own answers."""

    def __init__(self, people: People) -> None:
        self._people = people

    def households(self) -> dict[str, tuple[int, int]]:
        request = household.ListHouseholds(region_id=EVERYWHERE, page_size=PAGE)
        return {
            row.household_id: (int(row.status), row.member_count)
            for row in self._all("registry", "ListHouseholds", request, "households")
        }

    def plans(self) -> dict[str, tuple[int, str, tuple[str, ...]]]:
        found = {}
        request = plan.ListPlans(region_id=EVERYWHERE, page_size=PAGE)
        for row in self._all("planning", "ListPlans", request, "plans"):
            whole = self._people.ask("planning", "GetPlan", plan.GetPlan(reference=row.plan_id))
            visits = tuple(sorted(visit.assignment_id for visit in whole.visits))
            found[row.household_id] = (int(row.status), row.helper_id, visits)
        return found

    def assignments(self) -> dict[str, tuple[int, str, int, bool]]:
        request = task.ListAssignments(region_id=EVERYWHERE, page_size=PAGE)
        return {
            row.assignment_id: (int(row.status), row.cadre_id, row.evidence_count, row.reminded)
            for row in self._all("notifier", "ListAssignments", request, "assignments")
        }

    def records(self) -> dict[str, tuple[int, int, int, int, int]]:
        request = cadre.ListCadres(region_id=EVERYWHERE, page_size=PAGE)
        found = {}
        for row in self._all("training", "ListCadres", request, "cadres"):
            whole = self._people.ask("training", "GetCadre", cadre.GetCadre(cadre_id=row.cadre_id))
            tasks = (whole.tasks_open, whole.tasks_finished)
            found[row.cadre_id] = (whole.hours, *tasks, whole.visits, whole.households_helped)
        return found

    def _all(self, service: str, rpc: str, request: Any, rows: str) -> list[Any]:
        found: list[Any] = []
        while True:
            page = self._people.ask(service, rpc, request)
            found.extend(getattr(page, rows))
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token
