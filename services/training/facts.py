"""What a rule of training needs to know beyond its own stream."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.rejection import FactMissing
from services.training.views.cadre_queries import get_cadre
from tuopin.training.v1.cadre_pb2 import CompleteTraining


def trainee(connection: Connection, command: CompleteTraining) -> None:
    """Only an appointed cadre has a record; one just appointed may not have arrived yet."""
    if get_cadre(connection, command.cadre_id) is None:
        raise FactMissing("cadre", command.cadre_id)


FACTS: Mapping[type[Message], Callable[[Connection, Any], Any]] = {CompleteTraining: trainee}
