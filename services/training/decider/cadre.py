"""The rules of a cadre: appointed once, then posted to villages or townships of its county."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chassis.decider import Context, Decider
from chassis.rejection import require
from tuopin.training.v1.cadre_pb2 import (
    AppointCadre,
    CadreAppointed,
    CadrePosted,
    Post,
    PostCadre,
)

Command = AppointCadre | PostCadre
Event = CadreAppointed | CadrePosted
Events = Iterator[Event]

COUNTY_DIGITS = 6
TOWNSHIP_DIGITS = 9
VILLAGE_DIGITS = 12
# Digits of the region a post can be at.
LEVELS = {
    Post.POST_FIRST_SECRETARY: (VILLAGE_DIGITS,),
    Post.POST_RESIDENT_TEAM: (VILLAGE_DIGITS,),
    Post.POST_HELPER: (TOWNSHIP_DIGITS, VILLAGE_DIGITS),
    Post.POST_TOWNSHIP_SPECIALIST: (TOWNSHIP_DIGITS,),
    Post.POST_COUNTY_LEADER: (COUNTY_DIGITS,),
}


@dataclass(frozen=True, slots=True)
class State:
    """One cadre."""

    cadre_id: str = ""
    region_id: str = ""
    appointed_on: str = ""
    postings: frozenset[tuple[str, int]] = frozenset()


def decide(state: State, command: Command, context: Context) -> Events:
    """Which rule a command is for."""
    match command:
        case AppointCadre():
            return appoint(state, command)
        case PostCadre():
            return post(state, command)


def appoint(state: State, command: AppointCadre) -> Events:
    """A cadre is appointed once; its id is the caller's."""
    require(not state.cadre_id, "cadre-already-appointed", field="cadre_id", on=state.appointed_on)
    yield CadreAppointed(
        cadre_id=command.cadre_id,
        region_id=command.region_id,
        name=command.name,
        phone=command.phone,
        unit=command.unit,
        language=command.language,
        effective_on=command.effective_on,
    )


def post(state: State, command: PostCadre) -> Events:
    """The same posting again has no effect."""
    require(state.cadre_id, "cadre-not-known", field="cadre_id")
    if (command.region_id, command.post) in state.postings:
        return
    require(
        len(command.region_id) in LEVELS[command.post],
        "post-at-another-level",
        field="region_id",
        digits=" / ".join(str(digits) for digits in LEVELS[command.post]),
    )
    require(
        command.region_id.startswith(state.region_id[:COUNTY_DIGITS]),
        "posting-outside-county",
        field="region_id",
        county=state.region_id[:COUNTY_DIGITS],
    )
    require(
        command.effective_on >= state.appointed_on,
        "posting-before-appointment",
        field="effective_on",
        on=state.appointed_on,
    )
    yield CadrePosted(
        cadre_id=state.cadre_id,
        region_id=command.region_id,
        post=command.post,
        effective_on=command.effective_on,
    )


def evolve(state: State, event: Event) -> State:
    """What an event changes."""
    match event:
        case CadreAppointed():
            return State(event.cadre_id, event.region_id, event.effective_on)
        case CadrePosted():
            return replace(state, postings=state.postings | {(event.region_id, event.post)})


DECIDER: Decider[State] = Decider(
    noun="cadre",
    topic="cadre",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={
        AppointCadre: lambda command: str(command.cadre_id),
        PostCadre: lambda command: str(command.cadre_id),
    },
    events=(CadreAppointed, CadrePosted),
    region=lambda state: state.region_id,
)
