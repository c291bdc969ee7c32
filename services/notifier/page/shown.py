"""A household's file in the words of its page: nothing but texts, ready for the template."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from chassis.times import day_of, minute_of
from services.notifier.decider.voicestate import POSTING, RECEIPT, State
from services.notifier.page.household import File
from services.notifier.page.words import Words
from tuopin.notifier.v1.complaint_pb2 import Complaint, ComplaintStatus
from tuopin.planning.v1.plan_pb2 import Plan, PlanStatus
from tuopin.registry.v1.household_pb2 import Attribute, Cause, HouseholdStatus, Relation


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the button that answers it."""

    what: str
    subject: str
    text: str
    button: str
    # Whether it takes words of the household's own.
    in_words: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A complaint and what became of it."""

    head: str
    text: str
    state: str
    answer: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Label and value, table by table."""

    number: str
    facts: list[tuple[str, str]]
    members: list[tuple[str, str, str]]
    plan: list[tuple[str, str]]
    measures: list[tuple[str, str, str]]
    payments: list[tuple[str, str, str, str]]
    asked: list[Asked]
    complaints: list[Told]
    kinds: list[tuple[str, str]]
    # What a form sends back: number of the next complaint, version of the household's voice.
    ordinal: int
    turn: int


def yuan(fen: int) -> str:
    """Two decimals and commas."""
    whole, part = divmod(fen, 100)
    return f"{whole:,}.{part:02}"


def shown(file: File, state: State, words: Words) -> Shown:
    """The household's own file."""
    household = file.household
    facts = [
        (words.say("file.number"), household.household_number),
        (words.say("file.village"), household.village_name or household.village_id),
        (
            words.say("file.status"),
            words.code("household-status", HouseholdStatus.Name(household.status)),
        ),
        (words.say("file.since"), household.registered_on),
        (words.say("file.attribute"), words.code("attribute", Attribute.Name(household.attribute))),
        (words.say("file.cause"), words.code("cause", Cause.Name(household.main_cause))),
        (
            words.say("file.income"),
            words.say(
                "file.income-of-line",
                income=yuan(household.income_per_head_fen),
                line=yuan(household.poverty_line_fen),
            ),
        ),
    ]
    if household.support_until:
        facts.append((words.say("file.support-until"), household.support_until))
    return Shown(
        number=household.household_number,
        facts=facts,
        members=[
            (
                each.name or words.say("file.erased"),
                words.code("relation", Relation.Name(each.relation)),
                str(each.birth_year),
            )
            for each in household.members
        ],
        plan=_plan(file.plan, words),
        measures=_measures(file.plan, words),
        payments=_payments(file, words),
        asked=[
            _asked(row, file, words) for row in file.questions if row.asked_by not in state.said
        ],
        complaints=[_told(row, complaint, words) for row, complaint in file.complaints],
        kinds=[
            (kind, words.say(f"complaint.{kind}"))
            for kind in words.programme.table("voice")["complaints"]["kinds"]
        ],
        ordinal=file.next_ordinal,
        turn=state.version,
    )


def _plan(plan: Plan | None, words: Words) -> list[tuple[str, str]]:
    if plan is None:
        return []
    rows = [
        (words.say("plan.status"), words.code("plan-status", PlanStatus.Name(plan.status))),
        (words.say("plan.agreed"), plan.consented_on),
        (words.say("plan.approved"), plan.approved_on),
    ]
    return [row for row in rows if row[1]]


def _measures(plan: Plan | None, words: Words) -> list[tuple[str, str, str]]:
    measures = plan.measures if plan is not None else []
    return [(words.measure(each.code), yuan(each.amount_fen), each.due_on) for each in measures]


def _payments(file: File, words: Words) -> list[tuple[str, str, str, str]]:
    codes = {each.measure_id: each.code for each in file.plan.measures} if file.plan else {}
    return [
        (
            each.paid_on,
            words.measure(codes.get(each.measure_id, "")),
            yuan(each.amount_fen),
            each.confirmed_on or words.say("payment.not-confirmed"),
        )
        for each in file.payments
    ]


def _asked(row: Row[Any], file: File, words: Words) -> Asked:
    values = {"day": day_of(row.asked_at_us)}
    if row.kind == RECEIPT:
        values["amount"] = yuan(row.amount_fen or 0)
    return Asked(
        what=row.kind,
        subject=row.subject,
        text=words.say(f"asked.{row.kind}", **values),
        button=words.say(f"button.{row.kind}"),
        in_words=row.kind == POSTING,
    )


def _told(row: Row[Any], complaint: Complaint, words: Words) -> Told:
    answered = row.status == ComplaintStatus.COMPLAINT_STATUS_ANSWERED
    state = (
        words.say("complaint.answered-on", at=minute_of(row.answered_at_us))
        if answered
        else words.say("complaint.due", day=day_of(row.due_at_us or 0))
    )
    kind = words.say(f"complaint.{row.kind}")
    return Told(
        head=words.say("complaint.head", kind=kind, at=minute_of(row.filed_at_us)),
        text=complaint.text,
        state=state,
        answer=complaint.answer,
    )
