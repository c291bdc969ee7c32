"""Which event makes which task: bindings in the policy files, made into reactions at the start.

A new event needs a line of data only; its field names are the owner's contract.
"""

import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from importlib import import_module
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor_pool import Default as DefaultPool
from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.decider import Parameters, derived_id
from chassis.programme import Programme, ProgrammeFault
from chassis.reactions import Reaction
from chassis.rejection import FactMissing
from chassis.times import day_of, end_of, micros, start_of
from services.notifier.decider.calendar import Calendar
from services.notifier.decider.policy import Posted, entry_of
from services.notifier.views.cadres import posted_below
from services.notifier.views.households import helper_of, household_row, measures_of
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.assignment_pb2 import OfferAssignment

# A fact of the household, not of the event.
GIVEN_BY = "given_by"
REGION = "village_id"


@dataclass(frozen=True, slots=True)
class Known:
    """What an offer needs besides its event."""

    household_number: str = ""
    head_id: str = ""
    helper_id: str = ""
    # Measures of the plan: id and the day each is due.
    measures: tuple[tuple[str, str], ...] = ()
    # Who holds the posts of `each`.
    everyone: tuple[Posted, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of task and the event that causes it."""

    kind: str
    event: type[Message]
    programme: Parameters = field(repr=False)

    def entry(self, region_id: str, on: date) -> Mapping[str, Any]:
        """The policy there on that day; {} when it knows the kind not, or by another event."""
        found = entry_of(self.kind, region_id, on, self.programme)
        entry = found[1] if found else {}
        return entry if entry.get("event") == self.event.DESCRIPTOR.full_name else {}

    @property
    def any_entry(self) -> Mapping[str, Any]:
        """Which fields name region and people is the same in every file of the kind."""
        name = self.event.DESCRIPTOR.full_name
        rows = (row for _, kind, row in _all_entries(self.programme) if kind == self.kind)
        return next(row for row in rows if row.get("event") == name)


def reactions_of(programme: Programme) -> tuple[Reaction, ...]:
    """A reaction for each kind that an event causes, in the order of their names."""
    found: dict[tuple[str, str], None] = {}
    for file, kind, row in _all_entries(programme):
        if "event" in row:
            found[kind, row["event"]] = None
        elif "from" in row:
            raise ProgrammeFault(f"{file}.toml: {kind} says from what, but not which event")
    return tuple(
        _reaction(Cause(kind, _class_of(event, kind), programme)) for kind, event in sorted(found)
    )


def _reaction(cause: Cause) -> Reaction:
    return Reaction(f"offer-{cause.kind}", cause.event, partial(offer, cause), partial(read, cause))


def read(cause: Cause, connection: Connection, event: Any) -> Known:
    """What the event's household, plan and region are here; parked until they are known."""
    entry = cause.any_entry
    binding = entry["from"]
    if _imported(event):
        return Known()
    everyone: tuple[Posted, ...] = ()
    if "each" in entry:
        region_id = _text(event, binding.get("region", REGION))
        everyone = posted_below(connection, region_id, entry["each"])
    household_id = _text(event, "household_id")
    if "number" in binding:
        # It may be no household of the files yet.
        return Known(_text(event, binding["number"]), everyone=everyone)
    if not household_id:
        return Known(everyone=everyone)
    row = household_row(connection, household_id)
    helper_id = helper_of(connection, household_id)
    if helper_id is None and binding.get("plan"):
        raise FactMissing("plan", household_id)
    measures = measures_of(connection, _text(event, "plan_id")) if binding.get("measures") else ()
    return Known(row.household_number, row.head_id, helper_id or "", measures, everyone)


def offer(cause: Cause, envelope: Envelope, event: Any, known: Known) -> Iterator[OfferAssignment]:
    """The tasks of an event: one, one for each measure, or one for each person.

    An import makes none: what was true before the system came is not news.
    """
    on = date.fromisoformat(day_of(envelope.recorded_at_us))
    region_id = _text(event, cause.any_entry["from"].get("region", REGION))
    entry = cause.entry(region_id, on)
    if not entry or _imported(event):
        return
    binding = entry["from"]
    if any(_text(event, name) != wanted for name, wanted in binding.get("when", {}).items()):
        return
    task = _task(cause.kind, envelope, event, known, binding, region_id)
    if "each" in entry:
        yield from _for_each(task, known.everyone, envelope)
    elif binding.get("measures"):
        yield from _for_measures(task, known.measures, envelope, cause.programme)
    else:
        yield task


def _task(
    kind: str,
    envelope: Envelope,
    event: Any,
    known: Known,
    binding: Mapping[str, Any],
    region_id: str,
) -> OfferAssignment:
    facts = {name: _text(event, name) for name in binding.get("keep", ()) if name != GIVEN_BY}
    if GIVEN_BY in binding.get("keep", ()):
        facts[GIVEN_BY] = known.head_id
    task = OfferAssignment(
        assignment_id=derived_id("assignment", kind, envelope.id),
        kind=kind,
        household_id=_text(event, "household_id"),
        village_id=region_id,
        subject=_text(event, binding["subject"]),
        household_number=known.household_number,
        cadre_id=_text(event, binding["helper"]) if "helper" in binding else known.helper_id,
        facts=facts,
        caused_at_us=envelope.recorded_at_us,
    )
    if "due" in binding:
        task.due_at_us = micros(end_of(_text(event, binding["due"])))
    if "at" in binding:
        task.offer_at_us = micros(start_of(_text(event, binding["at"])))
    return task


def _for_each(
    task: OfferAssignment, everyone: Iterable[Posted], envelope: Envelope
) -> Iterator[OfferAssignment]:
    for each in {posted.cadre_id: posted for posted in everyone}.values():
        own = OfferAssignment()
        own.CopyFrom(task)
        own.assignment_id = derived_id("assignment", task.kind, envelope.id, each.cadre_id)
        own.cadre_id, own.village_id, own.personally = each.cadre_id, each.region_id, True
        yield own


def _for_measures(
    task: OfferAssignment,
    measures: Iterable[tuple[str, str]],
    envelope: Envelope,
    programme: Parameters,
) -> Iterator[OfferAssignment]:
    """On the morning of the day; the policy says how long it then may take."""
    calendar = Calendar(programme.table("calendar"), programme.table("hours"))
    for measure_id, due_on in measures:
        own = OfferAssignment()
        own.CopyFrom(task)
        own.assignment_id = derived_id("assignment", task.kind, envelope.id, measure_id)
        morning = calendar.next_digest(start_of(due_on) - timedelta(microseconds=1))
        own.offer_at_us = micros(morning)
        own.facts["measure_id"] = measure_id
        yield own


def _imported(event: Message) -> bool:
    return bool(_text(event, "import_id"))


def _text(event: Message, name: str) -> str:
    """A field as text, an enum by its name; "" for a field the event does not have."""
    found = event.DESCRIPTOR.fields_by_name.get(name)
    if found is None:
        return ""
    value = getattr(event, name)
    return found.enum_type.values_by_number[value].name if found.enum_type else str(value)


def _all_entries(programme: Parameters) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for file in programme.table("policies")["files"]:
        for kind, row in programme.table(file)["kinds"].items():
            yield file, kind, row


def _class_of(full_name: str, kind: str) -> type[Message]:
    """The event's class; its package's contracts are loaded for it."""
    package = import_module(full_name.rpartition(".")[0])
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.endswith("_pb2"):
            import_module(f"{package.__name__}.{module.name}")
    try:
        return message_factory.GetMessageClass(DefaultPool().FindMessageTypeByName(full_name))
    except KeyError:
        raise ProgrammeFault(f"policies: {kind} names {full_name}, which is no event") from None
