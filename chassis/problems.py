"""What a caller is told about each thing that can go wrong: status, slug, field, details."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from chassis.access import Forbidden, Unauthenticated
from chassis.fields import InvalidField
from chassis.keys import KeysUnavailable
from chassis.rejection import FactMissing, Rejected
from chassis.store.model import CommandReused, StoreUnavailable
from chassis.viewdb import is_away
from chassis.viewstore import ViewBehind

# A rejection of this form means that there is no such thing.
NOT_KNOWN = "-not-known"


class Contended(Exception):
    """Others changed the stream faster than we could decide, several times over."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that is not the wanted one; `code` is the name of a gRPC status."""

    code: str
    slug: str
    field: str = ""
    details: Mapping[str, str] = dataclasses.field(default_factory=dict)


def fault_of(error: Exception) -> Fault | None:
    """None: nobody foresaw it, so the caller gets a trace id and nothing else."""
    match error:
        case Rejected():
            code = "NOT_FOUND" if error.slug.endswith(NOT_KNOWN) else "FAILED_PRECONDITION"
            return Fault(code, error.slug, error.field, error.details)
        case InvalidField():
            return Fault("INVALID_ARGUMENT", error.slug, error.field_path, error.details)
        case Unauthenticated():
            return Fault("UNAUTHENTICATED", error.slug)
        case Forbidden():
            return Fault("PERMISSION_DENIED", error.slug, details=error.details)
        case FactMissing():
            details = {"noun": error.noun, "key": error.key}
            return Fault("UNAVAILABLE", "fact-missing", details=details)
        case CommandReused():
            details = {"command_id": error.command_id}
            return Fault("ALREADY_EXISTS", "command-reused", "command_id", details)
        case Contended():
            return Fault("ABORTED", "stream-contended")
        case StoreUnavailable():
            return Fault("UNAVAILABLE", "store-unavailable")
        case ViewBehind():
            return Fault("UNAVAILABLE", "view-behind")
        case KeysUnavailable():
            return Fault("UNAVAILABLE", "keys-unavailable")
        case _ if is_away(error):
            return Fault("UNAVAILABLE", "store-unavailable")
        case _:
            return None
