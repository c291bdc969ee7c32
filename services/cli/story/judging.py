"""Villages and counties exit, by the register and a sample; a decision and figures explained."""

from typing import Any

import grpc
from google.protobuf.message import Message

from chassis.client import problem_of
from services.cli.story.play import (
    COUNTY,
    PROVINCE,
    TOWNSHIP,
    VILLAGE,
    Stage,
    Step,
    command_id,
    expect,
    place,
    position,
)
from tuopin.registry.v1 import county_pb2 as county
from tuopin.registry.v1 import village_pb2 as village
from tuopin.registry.v1.explain_pb2 import ExplainHousehold
from tuopin.registry.v1.figures_pb2 import CountHouseholds, GetFlows
from tuopin.types.v1.types_pb2 import Receipt

PREFECTURE = "4331"
POSTING_H = 24.0 * 7 + 1
# So many that the few poor households of the demo are below two in a hundred.
PEOPLE = 9_000
# Everybody decides once.
PEOPLE_OF_THE_STORY = {
    "village-head": f"village-committee@{VILLAGE}",
    "township-head": f"township-office@{TOWNSHIP}",
    "county-head": f"county-office@{COUNTY}",
    "prefecture-head": f"prefecture-office@{PREFECTURE}",
    "province-head": f"province-office@{PROVINCE}",
    "province-chief": f"province-office@{PROVINCE}",
    "assessor": f"assessor@{COUNTY}",
}


def village_exit(stage: Stage) -> str:
    """A village's file, its incidence in the register, a posting nobody shortens, the approval."""
    for who, role in PEOPLE_OF_THE_STORY.items():
        stage.join(who, f"demo-{who}", role)
    on = stage.today()
    file = village.VillageFile(
        year=int(on[:4]),
        terrain=village.TERRAIN_MOUNTAINS,
        registered_people=PEOPLE,
        registered_households=PEOPLE // 4,
        labour_force=PEOPLE // 2,
        hard_road=True,
        safe_water=True,
        power=True,
        network=True,
        clinic=True,
        school_in_reach=True,
        leading_industry=True,
        economy=village.CollectiveEconomy(undertakings=["synthetic"], income_fen=6_000_000),
        organisation=village.Organisation(
            seats=7, seats_filled=7, meetings_held=4, rating=village.ORGANISATION_RATING_SOUND
        ),
    )
    _send(stage, "village-head", village.StateVillage(village_id=VILLAGE, file=file), on)
    _send(stage, "county-head", village.DesignateVillage(village_id=VILLAGE, document="D-1"), on)
    proposed = _send(stage, "village-head", village.ProposeVillageExit(village_id=VILLAGE), on)
    _send(stage, "township-head", village.PostVillageExit(village_id=VILLAGE), on)
    approve = village.ApproveVillageExit(village_id=VILLAGE, document="D-2")
    approved = _after_posting(stage, "county-head", approve)
    (found,) = stage.ask(
        "county",
        "registry",
        "ListVillages",
        village.ListVillages(region_id=VILLAGE, at_least=position(approved)),
    ).villages
    expect(found.status == village.SUBJECT_STATUS_EXITED, "the village has not exited")
    return f"{place(proposed)}; incidence {found.incidence_e4 / 100:.2f} %; {place(approved)}"


def county_blocked(stage: Stage) -> str:
    """One omitted household behind a door of the sample, and the county stays what it was."""
    on = stage.today()
    designate = county.DesignateCounty(county_id=COUNTY, document="D-3")
    _send(stage, "province-head", designate, on)
    concluded = _sampled(stage, "1DOOR", omitted=True)
    found = _county(stage, concluded)
    expect(found.status == village.SUBJECT_STATUS_POOR, "the county was not blocked")
    expect("omitted" in found.misses, f"missed: {list(found.misses)}")
    return f"blocked by {', '.join(found.misses)}: {place(concluded)}"


def county_exit(stage: Stage) -> str:
    """A second application and a second sample, of which every door is found as it should be."""
    concluded = _sampled(stage, "2DOORS", omitted=False)
    arithmetic = _county(stage, concluded).arithmetic
    _send(stage, "province-head", county.PostCountyExit(county_id=COUNTY), stage.today())
    approve = county.ApproveCountyExit(county_id=COUNTY, document="D-4")
    approved = _after_posting(stage, "province-chief", approve)
    expect(
        _county(stage, approved).status == village.SUBJECT_STATUS_EXITED,
        "the county has not exited",
    )
    return (
        f"combined incidence {arithmetic.combined_incidence_e4 / 100:.2f} %, "
        f"{arithmetic.asked} doors; {place(approved)}"
    )


def explained(stage: Stage) -> str:
    """Why the household is off the list: every step with who, when, and its record's hash."""
    request = ExplainHousehold(household_id=stage.facts["household_id"])
    first = stage.ask("county", "registry", "ExplainHousehold", request)
    again = stage.ask("township", "registry", "ExplainHousehold", request)
    expect(first.digest == again.digest, "two readers of one log were told different things")
    expect(first.status_class == "exited", f"the household is {first.status_class}")
    decisive = [step.title for step in first.steps if step.decisive]
    return f"{len(first.steps)} steps, decisive: {', '.join(decisive)}; sha256 {first.digest[:16]}"


def two_dates(stage: Stage) -> str:
    """The same figure as of yesterday's standing and today's, and who changed class in between."""
    today = stage.today()
    now = _count(stage, today)
    (known,) = {
        step.recorded_at_us
        for step in stage.ask(
            "county",
            "registry",
            "ExplainHousehold",
            ExplainHousehold(household_id=stage.facts["household_id"]),
        ).steps[:1]
    }
    then = _count(stage, today, known_at_us=known)
    expect(now.get("exited", 0) > then.get("exited", 0), f"nobody has exited: {then} {now}")
    expect(_count(stage, today, known_at_us=known) == then, "a figure of the past has changed")
    flows = stage.ask(
        "county",
        "registry",
        "GetFlows",
        GetFlows(region_id=COUNTY, from_on="2013-01-01", to_on=today),
    ).flows
    moves = ", ".join(f"→ {flow.to_class} {flow.households}" for flow in flows)
    return f"known at its registration {then}, known now {now}; {moves}"


def _count(stage: Stage, as_of: str, known_at_us: int = 0) -> dict[str, int]:
    found = stage.ask(
        "county",
        "registry",
        "CountHouseholds",
        CountHouseholds(region_id=COUNTY, as_of=as_of, known_at_us=known_at_us, by=["status"]),
    )
    return {row.codes[0]: row.households for row in found.rows}


def _sampled(stage: Stage, seed: str, *, omitted: bool) -> Receipt:
    """Applied, checked, drawn, every door of the sample visited, concluded."""
    on = stage.today()
    _send(stage, "county-head", county.ApplyForCountyExit(county_id=COUNTY), on)
    check = county.CheckCountyExit(county_id=COUNTY, passed=True)
    _send(stage, "prefecture-head", check, on)
    drawn = _send(stage, "province-head", county.DrawCountySample(county_id=COUNTY, seed=seed), on)
    sample = _county(stage, drawn)
    places: list[dict[str, Any]] = [
        {"village_id": sample.sample_village_ids[0], "household_id": household}
        for household in sample.sample_household_ids
    ]
    places += [
        {"village_id": each, "door": door}
        for each in sample.sample_village_ids
        for door in range(1, 6)
    ]
    for number, where in enumerate(places, 1):
        finding = county.RecordSampleFinding(
            county_id=COUNTY,
            people=4,
            wrong=omitted and number == len(places),
            recognises=True,
            **where,
        )
        _send(stage, "assessor", finding, on)
    conclude = county.ConcludeCountySample(county_id=COUNTY)
    return _send(stage, "province-head", conclude, on)


def _county(stage: Stage, seen: Receipt) -> county.County:
    request = county.GetCounty(county_id=COUNTY, at_least=position(seen))
    found: county.County = stage.ask("county", "registry", "GetCounty", request)
    return found


def _send(stage: Stage, who: str, command: Any, on: str) -> Receipt:
    command.command_id = command_id()
    command.effective_on = on
    sent: Message = command
    receipt: Receipt = stage.ask(who, "registry", type(command).__name__, sent)
    return receipt


def _after_posting(stage: Stage, who: str, command: Any) -> Receipt:
    """Refused while the posting runs; seven days later it is approved."""
    stage.pass_hours(POSTING_H)

    def approved() -> Receipt | None:
        try:
            return _send(stage, who, command, stage.today())
        except grpc.RpcError as error:
            # The service looks at its clock now and then.
            if problem_of(error).slug != "subject-posting-still-open":
                raise
            return None

    return stage.until("the posting is over", approved)


STEPS = [
    Step("a village exits: its file, the register's incidence, a posting", village_exit),
    Step("a county is blocked by one door of its sample", county_blocked),
    Step("and exits by a second sample without a miss", county_exit),
    Step("an explained decision, the same for every reader of the log", explained),
    Step("figures as known at two moments", two_dates),
]
