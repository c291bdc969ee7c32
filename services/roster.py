"""Which services there are; each is loaded only when asked for."""

from functools import cache
from importlib import import_module

from services.wiring import Service

NAMES = ("registry", "planning", "funding", "training", "notifier")


@cache
def service(name: str) -> Service:
    """The wiring of one service, as its worker.py states it."""
    assert name in NAMES, name
    found: Service = import_module(f"services.{name}.worker").SERVICE
    return found


def all_services() -> dict[str, Service]:
    """All five, by name."""
    return {name: service(name) for name in NAMES}
