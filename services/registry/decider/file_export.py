"""An export: on record, with who and for what, before any of it leaves."""

from dataclasses import dataclass

from chassis.decider import Context, Decider, Decisions, derived_id
from chassis.rejection import require
from tuopin.registry.v1.export_pb2 import ExportHouseholds, HouseholdsExported

PURPOSES = "export-purpose"


@dataclass(frozen=True, slots=True)
class State:
    """What was taken, once it was."""

    export_id: str = ""
    region_id: str = ""


def decide(state: State, command: ExportHouseholds, context: Context) -> Decisions:
    """For a purpose that is listed; the same export goes on record once."""
    purposes = context.parameters.table("codes")[PURPOSES]
    require(
        command.purpose in purposes,
        "export-purpose-not-listed",
        field="purpose",
        listed=", ".join(purposes),
    )
    today = context.today.isoformat()
    require(command.as_of <= today, "as-of-in-the-future", field="as_of", today=today)
    if not state.export_id:
        yield HouseholdsExported(
            export_id=export_id_of(command),
            region_id=command.region_id,
            purpose=command.purpose,
            as_of=command.as_of or today,
            known_at_us=command.known_at_us,
            status=command.status,
            exported_by=context.actor.on_behalf_of or context.actor.subject,
        )


def evolve(state: State, event: HouseholdsExported) -> State:
    """What the export is after the event."""
    return State(event.export_id, event.region_id)


def export_id_of(command: ExportHouseholds) -> str:
    """The same for a repeated command."""
    return derived_id("export", command.command_id)


EXPORT: Decider[State] = Decider(
    noun="export",
    topic="import",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={ExportHouseholds: export_id_of},
    events=(HouseholdsExported,),
    region=lambda state: state.region_id,
)
