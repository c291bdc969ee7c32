"""Second act: a household applies, somebody objects, nothing can be shortened, it is registered;
then a look-back draws a sample and what it finds has its effect.
"""

from typing import Any

import grpc

from chassis.client import problem_of
from services.cli.story.play import (
    COUNTY,
    VILLAGE,
    Stage,
    Step,
    StepFailed,
    command_id,
    expect,
    place,
)
from services.registry.decider.identity import check_digit
from tuopin.registry.v1 import household_pb2 as household
from tuopin.registry.v1 import identification_pb2 as pb
from tuopin.registry.v1 import lookback_pb2 as lookback
from tuopin.registry.v1 import posting_pb2 as posting
from tuopin.registry.v1 import round_pb2 as rounds
from tuopin.types.v1.types_pb2 import Note, Receipt

POSTING_H = 24.0 * 7 + 1
SEED = "4 2 6 6 1 3"
SAMPLED = {"registered": 4, "unregistered": 3}
ROSTER_LINES = 40


def apply_household(stage: Stage) -> str:
    """On the subsistence-allowance list, so that no income is proved twice."""
    identity = command_id()
    born = "99000919750612001"
    file = household.RegisterHousehold(
        command_id=identity,
        source=COUNTY,
        household_number="A9-0000001",
        village_id=VILLAGE,
        attribute=household.ATTRIBUTE_SUBSISTENCE_ALLOWANCE,
        main_cause=household.CAUSE_ILLNESS,
        members=[
            household.Member(
                name="合成塔娜",
                identity_number=born + check_digit(born),
                relation=household.RELATION_HEAD,
                birth_year=1975,
                sex=household.SEX_FEMALE,
                health=household.HEALTH_SEVERE_ILLNESS,
                labour=household.LABOUR_WEAK,
            )
        ],
        income=household.Income(year=2025, wages_fen=210_000),
        effective_on=stage.today(),
        synthetic=True,
    )
    apply = pb.ApplyHousehold(command_id=identity, file=file, allowance_reference="低保-0007")
    receipt = stage.ask("village", "registry", "ApplyHousehold", apply)
    household_id = receipt.stream.removeprefix("household-")
    stage.facts["applicant_id"] = household_id
    stage.facts["applicant_number"] = born + check_digit(born)
    return f"{place(receipt)}: household {household_id}"


def appraise_and_post(stage: Stage) -> str:
    """A meeting with quorum and majority; then the first notice, on which no name stands."""
    meeting = pb.Meeting(
        held_on=stage.today(),
        entitled=60,
        present=46,
        votes_for=41,
        votes_against=2,
        minutes=_note(stage, "村民代表会议同意"),
    )
    _step(stage, "village", pb.AppraiseHousehold(meeting=meeting))
    posted = _step(stage, "village", pb.PostInVillage())
    notice = _notice(stage, posted)
    stage.facts["posting_id"] = notice.posting_id
    expect("塔娜" not in str(notice), "a name stands on the notice")
    early = _refused(stage, "township", _review(stage, pb.ReviewAtTownship))
    expect(early == "posting-not-over", f"the township did not wait: {early}")
    return f"{notice.household_number}, {notice.days_left} days left; the township waits: {early}"


def object_and_dismiss(stage: Stage) -> str:
    """Anonymous; it stops everything until somebody else has judged it."""
    objection = posting.RaiseObjection(
        channel=posting.OBJECTION_CHANNEL_LETTER,
        statement=_note(stage, "听说她家有小汽车"),
        anonymous=True,
    )
    raised = _step(stage, "village", objection)
    stopped = _notice(stage, raised)
    expect(stopped.stopped and not stopped.days_left, "the clock runs on")
    stage.pass_hours(POSTING_H)
    stopper = _refused(stage, "township", _review(stage, pb.ReviewAtTownship))
    expect(stopper == "objection-open", f"the township was not stopped: {stopper}")
    dismiss = posting.DismissObjection(
        objection_id=_objection(stage), finding=_note(stage, "车辆系邻居所有，已核实")
    )
    dismissed = _step(stage, "township", dismiss)
    again = _notice(stage, dismissed)
    expect(again.days_left == 7, f"{again.days_left} days left after the dismissal")
    return f"stopped by {stopper}; dismissed: the clock starts again, {again.days_left} days left"


def review_and_register(stage: Stage) -> str:
    """Two postings to their end, two reviews by two people, one announcement, the register."""
    _wait_out(stage)
    _step(stage, "township", _review(stage, pb.ReviewAtTownship))
    posted = _step(stage, "township", pb.PostByTownship())
    _remember(stage, posted)
    _wait_out(stage)
    _step(stage, "county", _review(stage, pb.ReviewAtCounty))
    _step(stage, "county", pb.AnnounceHousehold(announcement="花扶公告〔2026〕1号"))
    receipt = _step(stage, "county", pb.RegisterApplicant())
    request = household.GetHousehold(
        household_id=stage.facts["applicant_id"], at_least=receipt.position
    )
    found = stage.ask("county", "registry", "GetHousehold", request)
    registered = found.status == household.HOUSEHOLD_STATUS_REGISTERED
    expect(registered, "the household is not registered")
    find = household.FindPerson(identity_number=stage.facts["applicant_number"])
    expect(stage.ask("county", "registry", "FindPerson", find).found, "nobody claims the number")
    return f"{place(receipt)}: registered on {found.registered_on}, after two postings of 7 days"


def look_back(stage: Stage) -> str:
    """A sample from a seed; a wrong file is proposed for removal, an omitted household noted."""
    year = int(stage.today()[:4])
    opening = rounds.OpenRound(command_id=command_id(), county_id=COUNTY, year=year)
    stage.ask("county", "registry", "OpenRound", opening)
    draw = lookback.OpenLookback(
        command_id=command_id(),
        region_id=VILLAGE,
        seed=SEED,
        rosters=[lookback.Roster(village_id=VILLAGE, lines=ROSTER_LINES)],
        **SAMPLED,
    )
    drawn = stage.ask("county", "registry", "OpenLookback", draw)
    lookback_id = drawn.stream.removeprefix("lookback-")
    report = _report(stage, lookback_id, drawn)
    wrong = _wrong_ones(stage, report.open)
    for subject in report.open:
        receipt = _record(stage, lookback_id, subject, wrong.get(subject.subject_id))
    close = lookback.CloseLookback(command_id=command_id(), lookback_id=lookback_id)
    receipt = stage.ask("county", "registry", "CloseLookback", close)
    rates = _report(stage, lookback_id, receipt).rates

    def effects() -> Any:
        request = rounds.ListRounds(region_id=COUNTY)
        (shown,) = stage.ask("county", "registry", "ListRounds", request).rounds
        return shown if shown.removals_proposed and shown.supplements_proposed else None

    shown = stage.until("the findings have their effect", effects)
    told = "; ".join(
        f"{lookback.Stratum.Name(rate.stratum).removeprefix('STRATUM_').lower()} "
        f"{rate.wrong}/{rate.reached} = {rate.rate_e6 / 10_000:.1f} % "
        f"({rate.low_e6 / 10_000:.1f} - {rate.high_e6 / 10_000:.1f} %)"
        for rate in rates
    )
    return (
        f"seed {SEED}: {told}; proposed: {shown.removals_proposed} removal, "
        f"{shown.supplements_proposed} supplement"
    )


def _wrong_ones(stage: Stage, sample: Any) -> dict[str, str]:
    """The first that can be removed, and the first line of a roster."""
    found: dict[str, str] = {}
    for subject in sample:
        if subject.stratum == lookback.STRATUM_UNREGISTERED:
            if "omitted" not in found.values():
                found[subject.subject_id] = "omitted"
        elif "false-file" not in found.values():
            request = household.GetHousehold(household_id=subject.subject_id)
            status = stage.ask("county", "registry", "GetHousehold", request).status
            if status == household.HOUSEHOLD_STATUS_REGISTERED:
                found[subject.subject_id] = "false-file"
    if len(found) != 2:
        raise StepFailed("nothing in the sample can be found wrong")
    return found


def _record(
    stage: Stage, lookback_id: str, subject: lookback.Subject, wrong: str | None
) -> Receipt:
    on_roster = subject.stratum == lookback.STRATUM_UNREGISTERED
    about = lookback_id if on_roster else subject.subject_id
    finding = lookback.RecordFinding(
        command_id=command_id(),
        lookback_id=lookback_id,
        subject_id=subject.subject_id,
        verdict=lookback.VERDICT_WRONG if wrong else lookback.VERDICT_RIGHT,
        reason="" if on_roster else wrong or "",
        note=Note(text="入户核查", household_id=about),
        effective_on=stage.today(),
    )
    receipt: Receipt = stage.ask("county", "registry", "RecordFinding", finding)
    return receipt


def _report(stage: Stage, lookback_id: str, receipt: Receipt) -> Any:
    request = lookback.GetLookback(lookback_id=lookback_id, at_least=receipt.position)
    return stage.ask("county", "registry", "GetLookback", request)


def _review(stage: Stage, kind: Any) -> Any:
    return kind(approved=True, finding=_note(stage, "材料属实"))


def _note(stage: Stage, text: str) -> Note:
    return Note(text=text, household_id=stage.facts["applicant_id"])


def _step(stage: Stage, who: str, command: Any) -> Receipt:
    command.command_id = command_id()
    command.household_id = stage.facts["applicant_id"]
    receipt: Receipt = stage.ask(who, "registry", type(command).DESCRIPTOR.name, command)
    return receipt


def _refused(stage: Stage, who: str, command: Any) -> str:
    """The slug of the refusal; empty when it was taken."""
    try:
        _step(stage, who, command)
    except grpc.RpcError as error:
        return str(problem_of(error).slug)
    return ""


def _remember(stage: Stage, posted: Receipt) -> None:
    stage.facts["posting_id"] = _notice_of_household(stage, posted).posting_id


def _notice(stage: Stage, receipt: Receipt) -> Any:
    if "posting_id" not in stage.facts:
        return _notice_of_household(stage, receipt)
    request = posting.GetPosting(posting_id=stage.facts["posting_id"], at_least=receipt.position)
    return stage.ask("village", "registry", "GetPosting", request)


def _notice_of_household(stage: Stage, receipt: Receipt) -> Any:
    request = posting.ListPostings(region_id=VILLAGE, at_least=receipt.position)
    listed = stage.ask("village", "registry", "ListPostings", request).postings
    own = [each for each in listed if each.household_number == "A9-0000001"]
    expect(own, "the notice does not hang")
    return own[-1]


def _objection(stage: Stage) -> str:
    """The reference of the latest objection in the household's file."""
    request = household.GetHousehold(household_id=stage.facts["applicant_id"])

    def raised() -> str | None:
        file = stage.ask("county", "registry", "GetHousehold", request).file
        found = [entry.reference for entry in file if entry.type == "ObjectionRaised"]
        return found[-1] if found else None

    return stage.until("the objection is in the file", raised)


def _wait_out(stage: Stage) -> None:
    """Seven days pass; the posting's own deadline takes the notice down."""
    stage.pass_hours(POSTING_H)
    request = posting.GetPosting(posting_id=stage.facts["posting_id"])
    stage.until(
        "the posting is over",
        lambda: stage.ask("village", "registry", "GetPosting", request).over or None,
    )


STEPS = [
    Step("a household applies, taken over from the allowance list", apply_household),
    Step("the village meets and posts; nobody can shorten it", appraise_and_post),
    Step("an anonymous objection stops everything, and is dismissed", object_and_dismiss),
    Step("reviewed at two levels, posted twice, announced, registered", review_and_register),
    Step("a look-back: sample, findings, rates, and what follows", look_back),
]
