"""What a rule of planning needs to know of other services, read from planning's own copies."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from services.planning.decider.plan import CadreFacts
from services.planning.views.cadres import posted_regions
from tuopin.planning.v1.plan_pb2 import ApprovePlan, RecordVisit


def helper(connection: Connection, command: ApprovePlan) -> CadreFacts:
    """Where the helper is posted."""
    return CadreFacts(command.helper_id, posted_regions(connection, command.helper_id))


def visitor(connection: Connection, command: RecordVisit) -> CadreFacts:
    """Where the visitor is posted."""
    return CadreFacts(command.cadre_id, posted_regions(connection, command.cadre_id))


FACTS: Mapping[type[Message], Callable[[Connection, Any], Any]] = {
    ApprovePlan: helper,
    RecordVisit: visitor,
}
