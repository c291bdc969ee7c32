"""The answer to: what was objected to a household's postings, and what came of it? Read from the
events that the households view keeps; the texts stay sealed until the server opens them.
"""

from sqlalchemy import Connection, select

from services.registry.views.versions import HOUSEHOLD_VERSIONS
from tuopin.registry.v1 import posting_pb2 as pb

_KINDS = {
    kind.DESCRIPTOR.full_name: kind
    for kind in (pb.ObjectionRaised, pb.ObjectionUpheld, pb.ObjectionDismissed)
}


def objections_of(connection: Connection, household_id: str) -> pb.Objections:
    """In the order in which they were raised."""
    versions = HOUSEHOLD_VERSIONS.c
    found = connection.execute(
        select(versions.type, versions.event)
        .where(versions.household_id == household_id, versions.type.in_(_KINDS))
        .order_by(versions.version)
    )
    by_id: dict[str, pb.Objection] = {}
    for row in found:
        event = _KINDS[row.type].FromString(row.event)
        match event:
            case pb.ObjectionRaised():
                by_id[event.objection_id] = _raised(event)
            case pb.ObjectionUpheld():
                _judge(by_id[event.objection_id], event, pb.OBJECTION_OUTCOME_UPHELD)
                _end(by_id, event.posting_id)
            case pb.ObjectionDismissed():
                _judge(by_id[event.objection_id], event, pb.OBJECTION_OUTCOME_DISMISSED)
    return pb.Objections(objections=by_id.values())


def _raised(event: pb.ObjectionRaised) -> pb.Objection:
    return pb.Objection(
        household_id=event.household_id,
        objection_id=event.objection_id,
        posting_id=event.posting_id,
        purpose=event.purpose,
        channel=event.channel,
        raised_on=event.effective_on,
        anonymous=event.anonymous,
        objector_id=event.objector_id,
        objector_name=event.objector_name,
        statement=event.statement,
        outcome=pb.OBJECTION_OUTCOME_OPEN,
    )


def _judge(
    objection: pb.Objection,
    event: pb.ObjectionUpheld | pb.ObjectionDismissed,
    outcome: pb.ObjectionOutcome.ValueType,
) -> None:
    objection.outcome = outcome
    objection.finding.CopyFrom(event.finding)
    objection.judged_by = event.judged_by
    objection.judged_on = event.effective_on


def _end(by_id: dict[str, pb.Objection], posting_id: str) -> None:
    """What was open beside the one that was upheld ended with the posting."""
    for objection in by_id.values():
        if (objection.posting_id, objection.outcome) == (posting_id, pb.OBJECTION_OUTCOME_OPEN):
            objection.outcome = pb.OBJECTION_OUTCOME_ENDED
