"""The list of regions in force: an edition is adopted by one event that carries its digest, after
events that say what became of the regions it lacks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from chassis.decider import Context, Decider, Decisions, FactsOutdated
from chassis.rejection import reject, require
from services.registry.decider.mapping import MappingFault
from services.registry.decider.part import require_past
from tuopin.registry.v1.region_pb2 import AdoptRegions, RegionsAdopted, RegionsMapped
from tuopin.registry.v1.rezoning_pb2 import CompleteFollowing, RegionsFollowed
from tuopin.types.v1.types_pb2 import RegionChange

# One tree, one stream.
REGION_TREE = "cn"
# Keeps an event well below what Kafka takes.
CHANGES_PER_EVENT = 500

Command = AdoptRegions | CompleteFollowing
Event = RegionsMapped | RegionsAdopted | RegionsFollowed


@dataclass(frozen=True, slots=True)
class RegionFile:
    """The content-addressed file that an edition names: whether it is here, what is in it, and
    what it does to the regions in force.
    """

    found: bool
    count: int = 0
    sorted: bool = True
    # Edition whose regions it was compared with.
    after: str = ""
    mapping_sha256: str = ""
    faults: tuple[MappingFault, ...] = ()
    changes: tuple[RegionChange, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """Digest of every edition ever adopted by its name; the last one is in force."""

    digests: Mapping[str, str] = field(default_factory=dict)
    in_force: str = ""
    effective_on: str = ""
    # Edition that households and subjects have not all followed yet.
    following: str = ""


def decide(state: State, command: Command, context: Context) -> Decisions:
    """Another edition only when everything has followed the last."""
    match command:
        case AdoptRegions():
            return adopt(state, command, context)
        case CompleteFollowing():
            return complete(state, command)
        case _:
            assert_never(command)


def complete(state: State, command: CompleteFollowing) -> Decisions:
    """Told once."""
    if state.following == command.edition:
        yield RegionsFollowed(
            edition=command.edition,
            households=command.households,
            villages=command.villages,
            counties=command.counties,
        )


def adopt(state: State, command: AdoptRegions, context: Context) -> Decisions:
    """An edition's name stands for one file for ever; the edition in force again is no event. Each
    region that a newer edition lacks has become another.
    """
    edition = command.edition
    if edition.name == state.in_force and edition.sha256 == state.digests[edition.name]:
        return
    require(
        state.digests.get(edition.name, edition.sha256) == edition.sha256,
        "edition-name-already-used",
        name=edition.name,
    )
    require(not state.following, "edition-not-followed-yet", name=state.following)
    file: RegionFile = context.facts
    require(file.found, "edition-file-not-found", field="edition.sha256", sha256=edition.sha256)
    require(
        file.count == edition.count,
        "edition-count-not-of-file",
        field="edition.count",
        count=file.count,
    )
    require_past(command.effective_on, context)
    if state.in_force:
        require(file.sorted, "edition-file-not-sorted", field="edition.sha256")
        require(
            command.effective_on >= state.effective_on,
            "edition-older-than-last",
            field="effective_on",
            on=state.effective_on,
        )
    if file.after != state.in_force:
        raise FactsOutdated(state.in_force)
    for fault in file.faults:
        reject(fault.slug, field="mapping", line=fault.row, column=fault.column, **fault.details)
    for start in range(0, len(file.changes), CHANGES_PER_EVENT):
        yield RegionsMapped(
            edition=edition.name,
            changes=file.changes[start : start + CHANGES_PER_EVENT],
            effective_on=command.effective_on,
        )
    yield RegionsAdopted(
        edition=edition,
        effective_on=command.effective_on,
        mapping_sha256=file.mapping_sha256,
        change_count=len(file.changes),
    )


def evolve(state: State, event: Event) -> State:
    """The edition is in force from here on."""
    match event:
        case RegionsMapped():
            return state
        case RegionsAdopted():
            name = event.edition.name
            digests = {**state.digests, name: event.edition.sha256}
            following = name if event.change_count else ""
            return State(digests, name, event.effective_on, following)
        case RegionsFollowed():
            return replace(state, following="")
        case _:
            assert_never(event)


REGION: Decider[State] = Decider(
    noun="region",
    topic="region",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands=dict.fromkeys((AdoptRegions, CompleteFollowing), lambda command: REGION_TREE),
    events=(RegionsMapped, RegionsAdopted, RegionsFollowed),
    # The list belongs to nobody's region: operators adopt it, for everyone.
    region=lambda state: "",
)
