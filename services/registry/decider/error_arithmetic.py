"""The error arithmetic of a county's exit, after the rules of the third-party assessment (2016)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from services.registry.decider.standing import e4
from tuopin.registry.v1.county_pb2 import CountyExitApplied, CountyExitArithmetic


class Finding(NamedTuple):
    """What was found at one door: of an exited household, or of one not in the register."""

    exited: bool
    people: int
    wrong: bool
    recognises: bool


def arithmetic(
    applied: CountyExitApplied, findings: Sequence[Finding], number: Callable[[str], int]
) -> CountyExitArithmetic:
    """Rates in 10,000, rounded up; the sample's people carried over to all the county's.

    Wrongly exited counts sampled exits (households), omitted counts people, as the rules say.
    """
    exits = [finding for finding in findings if finding.exited]
    others = [finding for finding in findings if not finding.exited]
    exited_sampled = sum(finding.people for finding in exits)
    exited_wrong = sum(finding.people for finding in exits if finding.wrong)
    others_sampled = sum(finding.people for finding in others)
    omitted = sum(finding.people for finding in others if finding.wrong)
    wrongly = sum(finding.wrong for finding in exits)
    recognised = sum(finding.recognises for finding in findings)
    unregistered = max(0, applied.rural_people - applied.remaining_people - applied.exited_people)
    combined = (
        applied.remaining_people
        + _carried(omitted, others_sampled, unregistered)
        + _carried(exited_wrong, exited_sampled, applied.exited_people)
    )
    return CountyExitArithmetic(
        remaining_people=applied.remaining_people,
        rural_people=applied.rural_people,
        exited_people=applied.exited_people,
        unregistered_people=unregistered,
        sampled_exited=len(exits),
        wrongly_exited=wrongly,
        sampled_unregistered_people=others_sampled,
        omitted_people=omitted,
        asked=len(findings),
        recognised=recognised,
        wrongly_exited_e4=e4(wrongly, len(exits)),
        omitted_e4=e4(omitted, others_sampled),
        # Rounded down, as the others are rounded up.
        recognition_e4=recognised * 10_000 // len(findings),
        combined_incidence_e4=e4(combined, applied.rural_people),
        combined_limit_e4=number("exit-incidence-e4"),
        wrongly_exited_limit_e4=number("county-wrongly-exited-e4"),
        omitted_limit_e4=number("county-omitted-e4"),
        recognition_limit_e4=number("county-recognition-e4"),
    )


def _carried(part: int, sampled: int, whole: int) -> int:
    """People of the whole by the share of the sample, rounded up."""
    return -(-part * whole // sampled) if sampled else 0


def misses(found: CountyExitArithmetic) -> list[str]:
    """Which demands are not met; any of them blocks."""
    demands = {
        "combined-incidence": found.combined_incidence_e4 < found.combined_limit_e4,
        "wrongly-exited": found.wrongly_exited_e4 <= found.wrongly_exited_limit_e4,
        "omitted": found.omitted_e4 <= found.omitted_limit_e4,
        "recognition": found.recognition_e4 >= found.recognition_limit_e4,
    }
    return [name for name, met in demands.items() if not met]
