"""What a rule of the notifier needs to know of other services, read from its own copies."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from services.notifier.decider.policy import Posted, township_of
from services.notifier.views.assignments import village_of
from services.notifier.views.cadres import posted_at, region_of
from tuopin.notifier.v1.assignment_pb2 import EscalateAssignment, OfferAssignment
from tuopin.notifier.v1.link_pb2 import IssueLink


def candidates(connection: Connection, command: OfferAssignment) -> tuple[Posted, ...]:
    """Who holds a post in the village or its township."""
    return posted_at(connection, (command.village_id, township_of(command.village_id)))


def specialists(connection: Connection, command: EscalateAssignment) -> tuple[Posted, ...]:
    """Who holds a post in the township of the assignment's village."""
    village_id = village_of(connection, command.assignment_id)
    return posted_at(connection, (township_of(village_id),))


def appointed_by(connection: Connection, command: IssueLink) -> str:
    """The region the cadre belongs to."""
    return region_of(connection, command.cadre_id)


FACTS: Mapping[type[Message], Callable[[Connection, Any], Any]] = {
    OfferAssignment: candidates,
    EscalateAssignment: specialists,
    IssueLink: appointed_by,
}
