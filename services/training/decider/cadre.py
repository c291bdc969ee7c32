"""The rules of a cadre: appointed once, posted within its county, and gone one day."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from chassis.decider import Context, Decider
from chassis.rejection import require
from tuopin.training.v1.cadre_pb2 import (
    AppointCadre,
    CadreAppointed,
    CadreDeparted,
    CadrePosted,
    CadrePosting,
    EndPost,
    Post,
    PostCadre,
    PostEnded,
    RecordDeparture,
    RezonePost,
)

Command = AppointCadre | PostCadre | EndPost | RecordDeparture | RezonePost
Event = CadreAppointed | CadrePosted | PostEnded | CadreDeparted
Events = Iterator[Event]

COUNTY_DIGITS = 6
TOWNSHIP_DIGITS = 9
VILLAGE_DIGITS = 12
# Why a post ended whose region is another now: nobody went.
REZONED = "rezoned"
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
    # Region and post -> since when.
    postings: Mapping[tuple[str, Post.ValueType], str] = field(default_factory=dict)
    departed_on: str = ""


def decide(state: State, command: Command, context: Context) -> Events:
    """Which rule a command is for."""
    match command:
        case AppointCadre():
            return appoint(state, command)
        case PostCadre():
            return post(state, command)
        case EndPost():
            return end_post(state, command)
        case RecordDeparture():
            return depart(state, command)
        case RezonePost():
            return rezone_post(state, command)


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
    require(not state.departed_on, "cadre-departed", field="cadre_id", on=state.departed_on)
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


def end_post(state: State, command: EndPost) -> Events:
    """What is over already stays over; nobody leaves a post before having come to it."""
    require(state.cadre_id, "cadre-not-known", field="cadre_id")
    since = state.postings.get((command.region_id, command.post))
    if since is None:
        return
    require(command.effective_on >= since, "end-before-posting", field="effective_on", on=since)
    yield PostEnded(
        cadre_id=state.cadre_id,
        region_id=command.region_id,
        post=command.post,
        reason=command.reason,
        effective_on=command.effective_on,
    )


def rezone_post(state: State, command: RezonePost) -> Events:
    """The same post in what its region has become, whatever county that is in; first the new, so
    that at no moment the cadre is without it.
    """
    since = state.postings.get((command.from_region_id, command.post))
    if since is None:
        return
    on = max(since, command.effective_on)
    if (command.region_id, command.post) not in state.postings:
        yield CadrePosted(
            cadre_id=state.cadre_id, region_id=command.region_id, post=command.post, effective_on=on
        )
    yield PostEnded(
        cadre_id=state.cadre_id,
        region_id=command.from_region_id,
        post=command.post,
        reason=REZONED,
        effective_on=on,
    )


def depart(state: State, command: RecordDeparture) -> Events:
    """Gone once, from every post at the same time."""
    require(state.cadre_id, "cadre-not-known", field="cadre_id")
    if state.departed_on:
        return
    latest = max((state.appointed_on, *state.postings.values()))
    require(command.effective_on >= latest, "end-before-posting", field="effective_on", on=latest)
    yield CadreDeparted(
        cadre_id=state.cadre_id,
        region_id=state.region_id,
        reason=command.reason,
        effective_on=command.effective_on,
        posts=[
            CadrePosting(region_id=region_id, post=post, since=since)
            for (region_id, post), since in sorted(state.postings.items())
        ],
    )


def evolve(state: State, event: Event) -> State:
    """What an event changes."""
    match event:
        case CadreAppointed():
            return State(event.cadre_id, event.region_id, event.effective_on)
        case CadrePosted():
            key = (event.region_id, event.post)
            return replace(state, postings={**state.postings, key: event.effective_on})
        case PostEnded():
            ended = (event.region_id, event.post)
            left = {key: since for key, since in state.postings.items() if key != ended}
            return replace(state, postings=left)
        case CadreDeparted():
            return replace(state, postings={}, departed_on=event.effective_on)


DECIDER: Decider[State] = Decider(
    noun="cadre",
    topic="cadre",
    initial=State,
    decide=decide,
    evolve=evolve,
    commands={
        command: lambda c: str(c.cadre_id)
        for command in (AppointCadre, PostCadre, EndPost, RecordDeparture, RezonePost)
    },
    events=(CadreAppointed, CadrePosted, PostEnded, CadreDeparted),
    region=lambda state: state.region_id,
)
