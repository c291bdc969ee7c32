"""The list of regions in force: an edition is adopted by one event that carries its digest."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chassis.decider import Context, Decider, Decisions
from chassis.rejection import require
from tuopin.registry.v1.region_pb2 import AdoptRegions, RegionsAdopted

# One tree, one stream.
REGION_TREE = "cn"


@dataclass(frozen=True, slots=True)
class RegionFile:
    """The content-addressed file that an edition names: whether it is here, what is in it."""

    found: bool
    count: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """Digest of every edition ever adopted by its name; the last one is in force."""

    digests: Mapping[str, str] = field(default_factory=dict)
    in_force: str = ""


def decide(state: State, command: AdoptRegions, context: Context) -> Decisions:
    """An edition's name stands for one file for ever; the edition in force again is no event."""
    edition = command.edition
    if edition.name == state.in_force and edition.sha256 == state.digests[edition.name]:
        return
    require(
        state.digests.get(edition.name, edition.sha256) == edition.sha256,
        "edition-name-already-used",
        name=edition.name,
    )
    file: RegionFile = context.facts
    require(file.found, "edition-file-not-found", field="edition.sha256", sha256=edition.sha256)
    require(
        file.count == edition.count,
        "edition-count-not-of-file",
        field="edition.count",
        count=file.count,
    )
    yield RegionsAdopted(edition=edition, effective_on=command.effective_on)


def evolve(state: State, event: RegionsAdopted) -> State:
    """The edition is in force from here on."""
    name = event.edition.name
    return State({**state.digests, name: event.edition.sha256}, in_force=name)


REGION: Decider[State] = Decider(
    noun="region",
    topic="region",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={AdoptRegions: lambda command: REGION_TREE},
    events=(RegionsAdopted,),
    # The list belongs to nobody's region: operators adopt it, for everyone.
    region=lambda state: "",
)
