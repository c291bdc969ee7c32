"""The answers of planning, one module per view."""

from chassis.views import View
from services.planning.views import cadres, plans

VIEWS: tuple[View, ...] = (plans.VIEW, cadres.VIEW)
