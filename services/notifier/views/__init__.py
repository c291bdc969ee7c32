"""The answers of the notifier, one module per view."""

from chassis.deadlines import DeadlineView
from chassis.views import View
from services.notifier.views import (
    assignments,
    burden,
    cadres,
    complaints,
    editions,
    gone,
    households,
    links,
    messages,
    orders,
    outages,
    questions,
    voice,
)
from services.notifier.views.deadlines import DEADLINES as SILENCE

VIEWS: tuple[View, ...] = (
    assignments.VIEW,
    messages.VIEW,
    links.VIEW,
    cadres.VIEW,
    households.HOUSEHOLD_VIEW,
    households.PLAN_VIEW,
    editions.VIEW,
    orders.VIEW,
    outages.VIEW,
    gone.VIEW,
    voice.VIEW,
    voice.MEMBER_VIEW,
    questions.VIEW,
    complaints.VIEW,
    burden.VIEW,
)

DEADLINES: tuple[DeadlineView, ...] = (*SILENCE, complaints.DEADLINE)

__all__ = ["DEADLINES", "VIEWS"]
