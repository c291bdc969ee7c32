"""The answer to: what has happened to this household, in all five services, who did it, when, and
what proves it? Codes and amounts only; nothing personal stands here.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, Text, select

from chassis.enumcodes import code_by_number
from chassis.views import Rows, View
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.funding.v1 import ledger_pb2 as funding
from tuopin.notifier.v1 import assignment_pb2 as notifier
from tuopin.planning.v1 import plan_pb2 as planning
from tuopin.registry.v1 import composition_pb2 as composition
from tuopin.registry.v1 import correction_pb2 as correction
from tuopin.registry.v1 import exit_pb2 as exit
from tuopin.registry.v1 import file_pb2 as file
from tuopin.registry.v1 import household_pb2 as registry
from tuopin.registry.v1 import identification_pb2 as identification
from tuopin.registry.v1 import monitoring_pb2 as watch
from tuopin.registry.v1 import posting_pb2 as posting
from tuopin.registry.v1 import rezoning_pb2 as rezoning
from tuopin.registry.v1 import round_pb2 as rounds
from tuopin.registry.v1.household_pb2 import FileEntry
from tuopin.types.v1.types_pb2 import Consent, Evidence, Paper

METADATA = MetaData()

HOUSEHOLD_FILE = Table(
    "household_file",
    METADATA,
    Column("household_id", String(60), primary_key=True),
    Column("event_id", String(120), primary_key=True),
    Column("type", String(80)),
    Column("effective_on", String(10)),
    Column("recorded_at_us", BigInteger),
    Column("actor", String(200)),
    Column("on_behalf_of", String(200)),
    Column("reference", String(120)),
    Column("detail", Text),
    # A JSON list.
    Column("proofs", Text),
)


@dataclass(frozen=True, slots=True)
class Line:
    """How an event reads in the file: the field it belongs to, the coded fields it shows."""

    reference: str
    shown: tuple[str, ...] = ()


LINES: Mapping[type[Message], Line] = {
    registry.HouseholdRegistered: Line("import_id", ("household_number", "main_cause")),
    registry.ExitProposed: Line("household_id"),
    registry.ExitVerified: Line("assignment_id", ("cadre_id",)),
    registry.ExitAgreed: Line("household_id"),
    registry.HouseholdExited: Line("household_id", ("procedure", "support_until")),
    exit.ExitAppraised: Line("household_id", ("votes_for", "votes_against", "abstentions")),
    exit.ExitFindingsRecorded: Line("household_id", ("cadre_id", "poverty_line_fen")),
    exit.ExitReviewedAtTownship: Line("household_id", ("reviewed_by",)),
    exit.ExitReviewedAtCounty: Line("household_id", ("reviewed_by",)),
    exit.ExitAnnounced: Line("document"),
    exit.ExitStopped: Line("household_id", ("reason", "stopped_by")),
    exit.ExitWithdrawn: Line("household_id", ("reason", "withdrawn_by")),
    exit.SupportEnded: Line("household_id", ("support_until",)),
    exit.ExitDeclaredWrong: Line("household_id", ("found_by", "exited_by", "exited_on")),
    exit.HouseholdReinstated: Line("household_id", ("reason",)),
    watch.DifficultyReported: Line("household_id", ("difficulty", "amount_fen", "source")),
    watch.WarningRaised: Line("warning_id", ("finder", "monitoring_class", "visit_due_on")),
    watch.WarningVisited: Line("assignment_id", ("cadre_id", "check_due_on")),
    watch.WarningChecked: Line("warning_id", ("income_per_head_fen", "monitoring_line_fen")),
    watch.WarningAppraised: Line("warning_id", ("votes_for", "votes_against", "abstentions")),
    watch.MonitoringPosted: Line("posting_id", ("township_due_on",)),
    watch.MonitoringReviewedAtTownship: Line("warning_id", ("reviewed_by",)),
    watch.HouseholdMonitored: Line("warning_id", ("monitoring_class", "decided_by")),
    watch.WarningDismissed: Line("warning_id", ("reason", "dismissed_by")),
    watch.MonitoringClockRanOut: Line("warning_id", ("step", "due_on", "told_region_id")),
    watch.MonitoringClockMoved: Line("warning_id", ("step", "due_on")),
    watch.MonitoredIncomeRecorded: Line("warning_id", ("income_per_head_fen", "steady_since")),
    watch.MonitoringCleared: Line("warning_id", ("steady_since", "cleared_by")),
    watch.HouseholdCovered: Line("warning_id", ("decided_by",)),
    registry.PersonErased: Line("person_id", ("ground",)),
    correction.HouseholdCorrected: Line("corrects_event_id", ("import_id",)),
    correction.DateCorrected: Line("corrects_event_id", ("effective_before",)),
    file.IncomeStated: Line("import_id", ("income_per_head_fen",)),
    file.MemberJoined: Line("from_household_id", ("arrival", "member_count")),
    file.MemberLeft: Line("person_id", ("departure", "member_count")),
    file.MemberChanged: Line("household_id"),
    file.HeadChanged: Line("person_id"),
    file.AddressChanged: Line("household_id"),
    file.HouseholdMoved: Line("household_id", ("from_village_id", "village_id")),
    rezoning.HouseholdRezoned: Line("edition", ("from_village_id", "village_id")),
    file.AttributeChanged: Line("household_id", ("attribute",)),
    file.CausesChanged: Line("household_id", ("main_cause",)),
    file.NeedsChanged: Line("household_id"),
    file.LivingConditionsChanged: Line("household_id"),
    composition.HouseholdSplit: Line("new_household_id", ("member_count",)),
    composition.HouseholdsMerged: Line("merged_household_id", ("member_count",)),
    composition.HouseholdMergedAway: Line("into_household_id"),
    composition.HouseholdsUnmerged: Line("restored_household_id", ("member_count",)),
    composition.HouseholdRestored: Line("from_household_id", ("status",)),
    posting.PostingOpened: Line("posting_id", ("purpose", "days")),
    posting.PostingClosed: Line("posting_id", ("purpose",)),
    posting.ObjectionRaised: Line("objection_id", ("channel", "anonymous")),
    posting.ObjectionUpheld: Line("objection_id", ("judged_by",)),
    posting.ObjectionDismissed: Line("objection_id", ("judged_by",)),
    posting.RelativeDeclared: Line("household_id", ("official",)),
    identification.HouseholdApplied: Line("round_id", ("applied_by",)),
    identification.IncomeProved: Line("household_id"),
    identification.DisqualifyingFactRecorded: Line("household_id", ("fact",)),
    identification.DisqualifyingFactOverridden: Line("household_id", ("fact", "overridden_by")),
    identification.VillageAppraised: Line("household_id", ("passed",)),
    identification.TownshipReviewed: Line("household_id", ("approved", "reviewed_by")),
    identification.CountyReviewed: Line("household_id", ("approved", "reviewed_by")),
    identification.HouseholdAnnounced: Line("announcement", ("announced_by",)),
    identification.HouseholdSupplemented: Line("round_id"),
    rounds.RemovalProposed: Line("lookback_id", ("reason", "proposed_by")),
    rounds.RemovalAppraised: Line("household_id", ("passed",)),
    rounds.HouseholdRemoved: Line("round_id", ("reason", "removed_by")),
    planning.PlanDrafted: Line("plan_id", ("main_cause", "catalogue")),
    planning.PlanConsented: Line("plan_id"),
    planning.PlanApproved: Line("plan_id", ("helper_id",)),
    planning.VisitRecorded: Line("assignment_id", ("plan_id", "cadre_id")),
    funding.MoneyAssigned: Line("measure_id", ("source", "amount_fen")),
    funding.MoneyCommitted: Line("measure_id", ("amount_fen",)),
    funding.MoneyPaid: Line("payment_id", ("measure_id", "amount_fen")),
    funding.ReceiptConfirmed: Line("payment_id", ("assignment_id", "cadre_id", "amount_fen")),
    notifier.AssignmentOffered: Line("assignment_id", ("kind", "cadre_id", "policy")),
    notifier.AssignmentAcknowledged: Line("assignment_id", ("cadre_id",)),
    notifier.EvidenceAdded: Line("assignment_id", ("cadre_id",)),
    notifier.AssignmentDone: Line("assignment_id", ("kind", "cadre_id")),
    notifier.AssignmentReminded: Line("assignment_id", ("cadre_id",)),
    notifier.AssignmentEscalated: Line("assignment_id", ("reason", "region_id", "cadre_id")),
    notifier.AssignmentVerified: Line("assignment_id", ("cadre_id", "event_id")),
    notifier.AssignmentReturned: Line("assignment_id", ("cadre_id", "slug")),
}


def project(rows: Rows, envelope: Envelope, event: Any) -> None:
    """One line per event, whichever service it comes from."""
    if not event.household_id:
        return
    line = LINES[type(event)]
    rows.put(
        HOUSEHOLD_FILE,
        (event.household_id, envelope.id),
        type=event.DESCRIPTOR.name,
        effective_on=envelope.effective_on,
        recorded_at_us=envelope.recorded_at_us,
        actor=envelope.actor,
        on_behalf_of=envelope.on_behalf_of,
        reference=getattr(event, line.reference),
        detail=" ".join(_shown(event, line)),
        proofs=json.dumps(list(_proofs(event))),
    )


def _shown(event: Message, line: Line) -> Iterator[str]:
    for name in line.shown:
        field = event.DESCRIPTOR.fields_by_name[name]
        value = getattr(event, name)
        if value:
            yield f"{name}={_code(field, value)}"


def _code(field: Any, value: Any) -> str:
    """An enum's value as its code, e.g. CAUSE_LACK_OF_LAND -> lack-of-land."""
    if field.enum_type is None:
        return str(value)
    return code_by_number(field.enum_type)[value]


def _proofs(event: Message) -> Iterator[str]:
    """Where the proof is found: addresses of sealed pictures, ids; never what they say."""
    for name, repeated, proofs_of in _proof_fields(event.DESCRIPTOR):
        if repeated:
            for each in getattr(event, name):
                yield from proofs_of(each)
        elif event.HasField(name):
            yield from proofs_of(getattr(event, name))


@cache
def _proof_fields(
    descriptor: Descriptor,
) -> tuple[tuple[str, bool, Callable[[Any], Iterator[str]]], ...]:
    return tuple(
        (field.name, field.is_repeated, _PROOFS_OF[field.message_type.full_name])
        for field in descriptor.fields
        if field.message_type is not None and field.message_type.full_name in _PROOFS_OF
    )


def _consent_proofs(consent: Consent) -> Iterator[str]:
    yield f"given-by:{consent.given_by}"
    if consent.HasField("paper"):
        yield from _paper_proofs(consent.paper)
    elif consent.HasField("chat"):
        yield f"chat:{consent.chat.link_id}/{consent.chat.update_id}"


def _paper_proofs(paper: Paper) -> Iterator[str]:
    if paper.HasField("picture"):
        yield f"paper:{paper.picture.sha256}"


def _evidence_proofs(evidence: Evidence) -> Iterator[str]:
    kind = evidence.WhichOneof("kind")
    if kind == "photo":
        yield f"photo:{evidence.photo.sha256}"
    elif kind is not None:
        yield kind


_PROOFS_OF: Mapping[str, Callable[[Any], Iterator[str]]] = {
    Consent.DESCRIPTOR.full_name: _consent_proofs,
    Evidence.DESCRIPTOR.full_name: _evidence_proofs,
    Paper.DESCRIPTOR.full_name: _paper_proofs,
}

VIEW = View(
    name="household_file",
    tables=(HOUSEHOLD_FILE,),
    topics=("household", "plan", "fund", "task"),
    project=project,
    events=tuple(LINES),
)


def file_of(
    connection: Connection, household_id: str, as_of: str, known_at_us: int
) -> list[FileEntry]:
    """The lines known then, in the order in which the system learnt them."""
    lines = HOUSEHOLD_FILE.c
    found = connection.execute(
        select(HOUSEHOLD_FILE)
        .where(
            lines.household_id == household_id,
            lines.effective_on <= as_of,
            lines.recorded_at_us <= known_at_us,
        )
        .order_by(lines.recorded_at_us, lines.event_id)
    )
    return [
        FileEntry(
            event_id=row.event_id,
            type=row.type,
            effective_on=row.effective_on,
            recorded_at_us=row.recorded_at_us,
            actor=row.actor,
            on_behalf_of=row.on_behalf_of,
            reference=row.reference,
            detail=row.detail,
            proofs=json.loads(row.proofs),
        )
        for row in found
    ]
