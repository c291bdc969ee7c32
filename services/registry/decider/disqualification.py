"""Facts with which nobody is admitted (a car, a shop, a public salary ...) unless the county gives
a reason; programme/disqualifying.toml lists them.
"""

from dataclasses import replace
from typing import assert_never

from chassis.decider import Context, Decisions
from chassis.rejection import require
from services.registry.decider.duties import require_no_relative
from services.registry.decider.part import Part, by_household_id, person_of, require_known
from services.registry.decider.posting import require_about
from services.registry.decider.state import State
from tuopin.registry.v1.household_pb2 import (
    HOUSEHOLD_STATUS_ANNOUNCED,
    HOUSEHOLD_STATUS_APPLIED,
    HouseholdRegistered,
)
from tuopin.registry.v1.identification_pb2 import (
    ApplyHousehold,
    DisqualifyingFactOverridden,
    DisqualifyingFactRecorded,
    OverrideDisqualifyingFact,
    RecordDisqualifyingFact,
)

Command = RecordDisqualifyingFact | OverrideDisqualifyingFact
Event = DisqualifyingFactRecorded | DisqualifyingFactOverridden

TABLE = "disqualifying"
INCOME_OVER_LINE = "income-over-line"


def require_listed(fact: str, village_id: str, context: Context) -> None:
    """The programme asks about this fact, today and here."""
    entry = context.parameters.table(TABLE).get(fact)
    asked = (
        entry is not None
        and entry["since"] <= context.today
        and village_id.startswith(entry.get("region", ""))
    )
    require(asked, "disqualifying-fact-not-listed", field="fact", fact=fact)


def stated(command: ApplyHousehold, file: HouseholdRegistered) -> list[str]:
    """What the household states, and what its own figures say."""
    facts = set(command.disqualifying_facts)
    if file.income_per_head_fen >= file.poverty_line_fen:
        facts.add(INCOME_OVER_LINE)
    return sorted(facts)


def require_none_open(state: State) -> None:
    """Every recorded fact was overridden with a reason."""
    left = sorted(state.application.disqualifying - state.application.overridden)
    require(not left, "disqualifying-fact-not-overridden", facts=", ".join(left))


def decide(state: State, command: Command, context: Context) -> Decisions:
    """The rules of finding and overriding."""
    match command:
        case RecordDisqualifyingFact():
            return record(state, command, context)
        case OverrideDisqualifyingFact():
            return override(state, command, context)
        case _:
            assert_never(command)


def record(state: State, command: RecordDisqualifyingFact, context: Context) -> Decisions:
    """By anybody of an office, up to the announcement; known already, nothing changes."""
    _require_applying(state)
    require_listed(command.fact, state.village_id, context)
    require_about(state, command.note, "note")
    if command.fact in state.application.disqualifying:
        return
    yield DisqualifyingFactRecorded(
        household_id=state.household_id,
        village_id=state.village_id,
        fact=command.fact,
        note=command.note,
        recorded_by=person_of(context),
        effective_on=context.today.isoformat(),
    )


def override(state: State, command: OverrideDisqualifyingFact, context: Context) -> Decisions:
    """The county alone may (the rpc's access rule), and says why."""
    _require_applying(state)
    require_no_relative(state, context)
    found = command.fact in state.application.disqualifying
    require(found, "override-without-fact", field="fact")
    require_about(state, command.reason, "reason")
    if command.fact in state.application.overridden:
        return
    yield DisqualifyingFactOverridden(
        household_id=state.household_id,
        village_id=state.village_id,
        fact=command.fact,
        reason=command.reason,
        overridden_by=person_of(context),
        effective_on=context.today.isoformat(),
    )


def _require_applying(state: State) -> None:
    require_known(state)
    here = HOUSEHOLD_STATUS_APPLIED <= state.status <= HOUSEHOLD_STATUS_ANNOUNCED
    require(here, "household-not-applying")


def evolve(state: State, event: Event) -> State:
    """What is known against the application, and what was overridden."""
    application = state.application
    match event:
        case DisqualifyingFactRecorded():
            known = application.disqualifying | {event.fact}
            return replace(state, application=replace(application, disqualifying=known))
        case DisqualifyingFactOverridden():
            done = application.overridden | {event.fact}
            return replace(state, application=replace(application, overridden=done))
        case _:
            assert_never(event)


DISQUALIFICATION = Part(
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys((RecordDisqualifyingFact, OverrideDisqualifyingFact), by_household_id),
    events=(DisqualifyingFactRecorded, DisqualifyingFactOverridden),
)
