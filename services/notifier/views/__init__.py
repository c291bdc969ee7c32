"""The answers of the notifier, one module per view."""

from chassis.views import View
from services.notifier.views import assignments, cadres, editions, households, links, messages
from services.notifier.views.deadlines import DEADLINES

VIEWS: tuple[View, ...] = (
    assignments.VIEW,
    messages.VIEW,
    links.VIEW,
    cadres.VIEW,
    households.HOUSEHOLD_VIEW,
    households.PLAN_VIEW,
    editions.VIEW,
)

__all__ = ["DEADLINES", "VIEWS"]
