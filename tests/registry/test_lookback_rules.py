"""A look-back: the sample anyone can draw again, one finding each, rates with their intervals."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as samples
from hypothesis import settings
from hypothesis import strategies as st

from services.registry.decider.lookback import LOOKBACK, FrameFacts, lookback_id_of, rates
from services.registry.decider.sampling import E6, digest_of, draw, wilson
from services.registry.views.lookbacks import IN_REGISTER
from tests.given import FixedParameters, Given
from tests.registry.applying import note
from tuopin.registry.v1 import exit_pb2
from tuopin.registry.v1 import lookback_pb2 as pb
from tuopin.registry.v1.household_pb2 import HouseholdStatus

VILLAGE, OTHER = "433124110226", "433124110227"
REGISTERED = {f"h-{number}": VILLAGE if number % 2 else OTHER for number in range(20)}
EXITED = {f"x-{number}": VILLAGE for number in range(5)}
PARAMETERS = FixedParameters({"lookback-confidence-z-e4": 19_600}, {"removal": {"false-file": {}}})
given = Given(LOOKBACK, PARAMETERS, FrameFacts(REGISTERED, EXITED))


def open_lookback(**changes: Any) -> pb.OpenLookback:
    fields: dict[str, Any] = {
        "region_id": "433124",
        "seed": "4 2 6 6 1 3",
        "registered": 3,
        "unregistered": 2,
        "exited": 1,
        "rosters": [pb.Roster(village_id=OTHER, lines=30)],
    }
    return pb.OpenLookback(**{**fields, **changes})


LOOKBACK_ID = lookback_id_of(open_lookback())
OPENED = given().when(open_lookback()).events
SAMPLE: dict[int, list[pb.Subject]] = {}
for subject in OPENED[0].sample:  # type: ignore[attr-defined]
    SAMPLE.setdefault(subject.stratum, []).append(subject)
IN, OMITTED, OUT = (SAMPLE[stratum][0] for stratum in (1, 2, 3))


def finding(subject: pb.Subject = IN, **changes: Any) -> pb.RecordFinding:
    about = LOOKBACK_ID if subject.stratum == pb.STRATUM_UNREGISTERED else subject.subject_id
    fields: dict[str, Any] = {
        "lookback_id": LOOKBACK_ID,
        "subject_id": subject.subject_id,
        "verdict": pb.VERDICT_RIGHT,
        "note": note("入户核查", about),
        "effective_on": "2020-03-02",
    }
    return pb.RecordFinding(**{**fields, **changes})


WRONG_IN = finding(verdict=pb.VERDICT_WRONG, reason="false-file")
CLOSE = pb.CloseLookback(lookback_id=LOOKBACK_ID)


def test_the_sample_is_drawn_from_each_stratum_and_the_frame_is_recorded() -> None:
    said = given().when(open_lookback())
    (event,) = said.events
    assert isinstance(event, pb.LookbackOpened)
    assert [subject.stratum for subject in event.sample] == [1, 1, 1, 2, 2, 3]
    assert [frame.size for frame in event.frames] == [20, 30, 5]
    assert event.frames[0].sha256 == digest_of(REGISTERED)
    drawn = draw(event.seed, pb.STRATUM_REGISTERED, sorted(REGISTERED, reverse=True), 3)
    assert [subject.subject_id for subject in event.sample][:3] == drawn
    assert {subject.village_id for subject in event.sample if subject.stratum == 2} == {OTHER}


def test_another_seed_draws_others() -> None:
    frame = [str(number) for number in range(1000)]
    assert draw("one", 1, frame, 20) != draw("two", 1, frame, 20)
    assert draw("one", 1, frame, 20) != draw("one", 2, frame, 20)


@settings(max_examples=30, deadline=None)
@samples(st.sets(st.text("abc123", min_size=1), max_size=30), st.text(), st.integers(0, 40))
def test_the_sample_depends_on_seed_and_frame_alone(frame: set[str], seed: str, count: int) -> None:
    drawn = draw(seed, 1, frame, count)
    assert drawn == draw(seed, 1, sorted(frame, reverse=True), count)
    assert len(drawn) == len(set(drawn)) == min(count, len(frame))
    # A larger sample only adds to a smaller one.
    assert drawn == draw(seed, 1, frame, count + 5)[: len(drawn)]


def test_every_household_is_drawn_equally_often() -> None:
    frame = [str(number) for number in range(20)]
    times = dict.fromkeys(frame, 0)
    for seed in range(2_000):
        for each in draw(str(seed), 1, frame, 5):
            times[each] += 1
    # 500 expected, standard deviation 19: six of them to either side.
    assert all(380 < each < 620 for each in times.values())


@pytest.mark.parametrize(
    ("wrong", "reached", "low", "high"),
    # Newcombe 1998, table I: 81/263, 15/148, 0/20, 1/29, method 3 (score, uncorrected).
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_the_published_ones(
    wrong: int, reached: int, low: float, high: float
) -> None:
    interval = wilson(wrong, reached, 19_600)
    assert interval.low_e6 == pytest.approx(low * E6, abs=51)
    assert interval.high_e6 == pytest.approx(high * E6, abs=51)


def test_without_anybody_reached_nothing_is_known() -> None:
    assert wilson(0, 0, 19_600) == (0, 0, E6)


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"registered": 0, "unregistered": 0, "exited": 0}, "lookback-sample-empty"),
        ({"registered": 21}, "lookback-frame-too-small"),
        ({"rosters": []}, "lookback-frame-too-small"),
        ({"rosters": [pb.Roster(village_id="51" * 6, lines=9)]}, "lookback-roster-elsewhere"),
        ({"rosters": [pb.Roster(village_id=OTHER, lines=9)] * 2}, "lookback-roster-twice"),
    ],
)
def test_a_sample_that_cannot_be_drawn_is_refused(changes: dict[str, Any], slug: str) -> None:
    given().when(open_lookback(**changes)).then_rejected(slug)


def test_a_seed_is_used_once() -> None:
    given(*OPENED).when(open_lookback()).then_rejected("lookback-seed-already-used")


def test_a_finding_is_recorded_once() -> None:
    said = given(*OPENED).when(finding())
    said.then_event(pb.FindingRecorded, subject_id=IN.subject_id, verdict=pb.VERDICT_RIGHT)
    after = given(*OPENED, *said.events)
    after.when(finding()).then_nothing()
    after.when(WRONG_IN).then_rejected("lookback-finding-already-recorded")


def test_an_omitted_household_is_proposed_for_supplement() -> None:
    (
        given(*OPENED)
        .when(finding(OMITTED, verdict=pb.VERDICT_WRONG))
        .then_event(
            pb.SupplementProposed,
            village_id=OTHER,
            roster_line=int(OMITTED.subject_id.split("/")[1]),
        )
    )


def test_a_wrong_exit_names_the_checks_that_failed() -> None:
    wrong = finding(OUT, verdict=pb.VERDICT_WRONG, failed=[exit_pb2.EXIT_CHECK_INCOME])
    given(*OPENED).when(wrong).then_event(pb.FindingRecorded, failed=[exit_pb2.EXIT_CHECK_INCOME])
    slug = "finding-checks-not-fitting"
    given(*OPENED).when(finding(OUT, verdict=pb.VERDICT_WRONG)).then_rejected(slug)
    given(*OPENED).when(finding(failed=[exit_pb2.EXIT_CHECK_INCOME])).then_rejected(slug)


@pytest.mark.parametrize(
    ("command", "slug"),
    [
        (finding(subject_id="h-other"), "lookback-subject-not-in-sample"),
        (finding(verdict=pb.VERDICT_WRONG), "removal-reason-not-listed"),
        (finding(effective_on="2020-03-03"), "effective-date-in-the-future"),
        (finding(effective_on="2020-03-01"), "finding-before-lookback"),
        (finding(note=note()), "note-of-other-household"),
        (finding(OMITTED, note=note()), "note-of-other-household"),
    ],
)
def test_a_finding_that_says_too_little_is_refused(command: pb.RecordFinding, slug: str) -> None:
    given(*OPENED).when(command).then_rejected(slug)


def test_there_is_nothing_to_find_or_close_without_a_look_back() -> None:
    given().when(finding()).then_rejected("lookback-not-known")
    given().when(CLOSE).then_rejected("lookback-not-known")


def test_it_closes_with_the_last_finding() -> None:
    given(*OPENED).when(CLOSE).then_rejected("lookback-findings-missing", count=6)
    events = list(OPENED)
    for subject in [each for stratum in SAMPLE.values() for each in stratum]:
        events += given(*events).when(finding(subject)).events
    said = given(*events).when(CLOSE)
    (event,) = said.events
    assert isinstance(event, pb.LookbackClosed)
    assert event.z_e4 == 19_600
    assert (event.rates[0].region_id, event.rates[0].reached, event.rates[0].wrong) == (
        "433124",
        3,
        0,
    )
    after = given(*events, event)
    after.when(CLOSE).then_nothing()
    after.when(WRONG_IN).then_rejected("lookback-already-closed")


def test_rates_are_told_for_every_region_of_the_sample() -> None:
    found = [(VILLAGE, 1, 2), (VILLAGE, 1, 1), (OTHER, 1, 1), (OTHER, 1, 3), (OTHER, 2, 2)]
    told = {(each.region_id, each.stratum): each for each in rates("433124", found, 19_600)}
    assert set(told) == {
        (region, stratum) for region in ("433124", "433124110", OTHER) for stratum in (1, 2)
    } | {(VILLAGE, 1)}
    county = told["433124", pb.STRATUM_REGISTERED]
    assert (county.wrong, county.reached, county.not_reached) == (1, 3, 1)
    assert county.low_e6 < county.rate_e6 == 333_333 < county.high_e6


def test_the_frame_of_the_register_is_the_class_poor_of_the_figures() -> None:
    root = Path(__file__).resolve().parents[2]
    figures = tomllib.loads((root / "programme" / "figures.toml").read_text(encoding="utf-8"))
    names = figures["classes"]["poor"]["statuses"]
    values = (f"HOUSEHOLD_STATUS_{name.upper().replace('-', '_')}" for name in names)
    assert frozenset(map(HouseholdStatus.Value, values)) == IN_REGISTER
